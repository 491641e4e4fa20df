"""How many worlds the property tests try: a third of what they name, and with `--soak` all."""

from hypothesis import HealthCheck, settings

_FEWEST = 10


def let_try(*, all_of_them: bool) -> None:
    """Say so once, before tests are collected: their decorators ask. With `--soak` they are others each time; without,
    the same. How long one takes says something of the machine, and nothing of the world.
    """
    usual = settings.get_profile("default")
    unhurried = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
    settings.register_profile("all", usual, deadline=None, suppress_health_check=unhurried)
    some, every = usual.max_examples // 3, settings.get_profile("all")
    settings.register_profile("some", every, max_examples=some, derandomize=True, database=None)
    settings.load_profile("all" if all_of_them else "some")


def worlds(most: int) -> int:
    """Return how many to try of so many."""
    return most if settings.get_current_profile_name() == "all" else min(most, max(most // 3, _FEWEST))
