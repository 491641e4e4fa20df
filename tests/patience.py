"""How long tests wait for what is bound to happen. How fast it happens is for `./dev bench`, and for `--soak`."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 120.0
"""What a machine that does much else besides may take."""


def until(look: Callable[[], Found]) -> Found:
    """Look again and again until there is something, and return it."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < give_up_at, f"not within {PATIENCE_SECONDS:.0f} seconds"
        time.sleep(0.005)
    return found
