"""How much somebody needs to hear a call: what they want to learn of what it shows, and how far they have to go."""

from collections.abc import Iterable, Mapping

TOP_LEVEL = 4


def need(wants: Mapping[str, int], levels: Mapping[str, int], skills: Iterable[str]) -> int:
    """Σ want (0-5) × what is missing to level 4 (0-4) over the skills that the call lets an observer hear; 0 = none."""
    return sum(wants.get(skill, 0) * (TOP_LEVEL - levels.get(skill, 0)) for skill in skills)
