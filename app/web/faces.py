"""How a person is shown: initials in one of six hues, which mean nothing but help the eye."""

import zlib
from dataclasses import dataclass

_HUES = 6


@dataclass(frozen=True, slots=True)
class Face:
    """One person in a list."""

    name: str
    initials: str
    hue: int
    """0 to 5, the same for the same person everywhere."""

    @classmethod
    def of(cls, person_id: str, name: str) -> "Face":
        """Return the face of a person."""
        words = name.split() or ["?"]
        letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
        return cls(name, letters.upper(), zlib.crc32(person_id.encode()) % _HUES)


@dataclass(frozen=True, slots=True)
class ViewerFace(Face):
    """Who looks at a page."""

    is_acted_for: bool = False
    """Whether somebody else looks and acts on their behalf."""

    @classmethod
    def of_viewer(cls, person_id: str, name: str, *, is_acted_for: bool) -> "ViewerFace":
        """Return the face of who looks."""
        face = Face.of(person_id, name)
        return cls(face.name, face.initials, face.hue, is_acted_for)
