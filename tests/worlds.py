"""How many worlds the property tests try: a third of what they name, and with `--soak` all."""

from hypothesis import settings

_FEWEST = 10


def let_try(*, all_of_them: bool) -> None:
    """Say so once, before tests are collected: their decorators ask."""
    usual = settings.get_profile(settings.get_current_profile_name())  # another one where CI is set
    settings.register_profile("all", usual)
    settings.register_profile("some", usual, max_examples=usual.max_examples // 3)
    settings.load_profile("all" if all_of_them else "some")


def worlds(most: int) -> int:
    """Return how many to try of so many."""
    return most if settings.get_current_profile_name() == "all" else min(most, max(most // 3, _FEWEST))
