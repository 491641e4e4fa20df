"""Words of the floor: where calls are under way, and who may walk up to them."""

from enum import StrEnum


class Door(StrEnum):
    """Whether a host lets people drop in on a call of theirs that is under way."""

    OPEN = "open"
    CLOSED = "closed"


class Presence(StrEnum):
    """What somebody says of themselves while they are at work. Who says nothing is open."""

    HEADS_DOWN = "heads_down"
    """Working on their own: not now, please."""
    DIALLING = "dialling"
    """Calling one prospect after the other: whoever wants to listen is in luck."""
    OPEN = "open"
    """To be asked."""


class DiallerStatus(StrEnum):
    """Whether what a dialler says is heard."""

    ACTIVE = "active"
    PAUSED = "paused"
