"""How a person is shown: initials in one of six hues, which mean nothing but help the eye."""

import zlib
from dataclasses import dataclass
from typing import Self

from app.web.navigation import Section

_HUES = 6


@dataclass(frozen=True, slots=True)
class Face:
    """One person in a list."""

    name: str
    initials: str
    hue: int
    """0 to 5, the same for the same person everywhere."""

    @classmethod
    def of(cls, person_id: str, name: str) -> Self:
        """Return the face of a person."""
        words = name.split() or ["?"]
        letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
        return cls(name, letters.upper(), zlib.crc32(person_id.encode()) % _HUES)


@dataclass(frozen=True, slots=True)
class ViewerFace(Face):
    """Who looks at a page."""

    place: str = ""
    """What people call the zone in whose time they see everything."""
    is_acted_for: bool = False
    """Whether somebody else looks and acts on their behalf."""
    has_keys: bool = True
    """Whether single keys do something on pages: people can switch that off."""
    navigation: tuple[Section, ...] = ()
