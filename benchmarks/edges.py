"""What the edges of the server cost: p95 of a client beside 1,000 half-open connections."""

import argparse
import http.client
from contextlib import ExitStack
from pathlib import Path

from benchmarks.databases import copies
from benchmarks.figures import Figure
from tests.faults.commands import earshot_serve
from tests.faults.slow_clients import Asking, half_open, p95_of_each


def add_options(options: argparse.ArgumentParser) -> None:
    """Say how many."""
    options.add_argument("--lines", type=int, default=1_000, help="half-open connections")
    options.add_argument("--requests", type=int, default=300)


def run(chosen: argparse.Namespace) -> list[Figure]:
    """Measure a service under attack beside another one that is not, in turns."""
    with ExitStack() as stack:
        _, copy = stack.enter_context(copies("sqlite", lambda _engine: None))
        template = Path(copy().removeprefix("sqlite:///"))
        port, _, key = stack.enter_context(earshot_serve(template, template.with_name("attacked")))
        quiet_port, _, quiet_key = stack.enter_context(earshot_serve(template, template.with_name("quiet")))
        asks = [
            stack.enter_context(Asking(http.client.HTTPConnection("127.0.0.1", at, timeout=20), its_key))
            for at, its_key in ((port, key), (quiet_port, quiet_key))
        ]
        p95_of_each(asks, times=50, meanwhile=lambda: None)  # warm
        with half_open(("127.0.0.1", port), chosen.lines) as crowd:
            attacked, quiet = p95_of_each(asks, times=chosen.requests, meanwhile=crowd.breathe)
            assert crowd.all_out(within=20)
        last = max(crowd.seconds)
    return [
        Figure("p95 beside half-open lines", 1000 * attacked, "ms", 1000 * quiet, "without them", at_most=2),
        Figure("the last of them closed after", last, "s", at_most=10),
    ]
