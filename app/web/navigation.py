"""Where the navigation leads: every place once, in its order, and who finds it there. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from app.rules.access import (
    Actor,
    acts,
    decides_access,
    leads,
    makes_plans,
    reads_the_audit,
    runs_the_house,
    sees_the_house,
)


def everybody(_actor: Actor) -> bool:
    """Whether a place is for who is signed in."""
    return True


def as_oneself(actor: Actor) -> bool:
    """Whether somebody acts as themselves: how they sign in is nobody else's."""
    return actor.behind is None


def leads_or_sees_all(actor: Actor) -> bool:
    """Whether others are theirs to look after, or to look at."""
    return leads(actor.role) or sees_the_house(actor)


@dataclass(frozen=True, slots=True)
class Place:
    """A page to which the navigation leads."""

    href: str
    icon: str
    """Of `parts.icon`."""
    words: str
    is_for: Callable[[Actor], bool] = everybody
    key: str = ""
    """What leads there after `g`."""


@dataclass(frozen=True, slots=True)
class Section:
    """Places that belong together."""

    title: str
    places: tuple[Place, ...]


_SECTIONS = (
    Section(
        "",
        (
            Place("/", "ear", "The floor", key="f"),
            Place("/week", "week", "Week", key="w"),
            Place("/calls", "call", "Calls", key="c"),
            Place("/book", "plus", "Book a session", acts, key="b"),
            Place("/power-hours", "bolt", "Power hours"),
            Place("/matches", "match", "Matches", key="m"),
            Place("/plans", "plan", "Plans", makes_plans, key="l"),
            Place("/people", "people", "People", leads_or_sees_all, key="p"),
        ),
    ),
    Section(
        "Set up",
        (
            Place("/setup", "list", "First steps", decides_access),
            Place("/import", "import", "Import", runs_the_house),
            Place("/connections", "plug", "Connections", sees_the_house),
            Place("/settings", "settings", "Settings", sees_the_house),
        ),
    ),
    Section(
        "You",
        (
            Place("/me", "person", "About you"),
            Place("/me/feeds", "feed", "Calendar feeds", acts),
            Place("/me/calendars", "clock", "Your calendars", acts),
            Place("/me/security", "device", "Devices", as_oneself),
            Place("/privacy", "shield", "Privacy"),
        ),
    ),
    Section(
        "Build",
        (
            Place("/audit", "audit", "Audit", reads_the_audit),
            Place("/jobs", "swap", "Jobs", sees_the_house),
            Place("/keys", "key", "API keys", sees_the_house),
            Place("/webhooks", "hook", "Webhooks", sees_the_house),
            Place("/docs", "code", "API docs"),
        ),
    ),
)
FOR_STRANGERS = (Section("", (Place("/login", "key", "Sign in"), Place("/docs", "code", "API docs"))),)
"""What somebody sees who is not signed in, on the pages that they may read."""


def sections_for(actor: Actor) -> tuple[Section, ...]:
    """Return what the navigation shows them, without sections that would be empty."""
    found = (Section(one.title, tuple(place for place in one.places if place.is_for(actor))) for one in _SECTIONS)
    return tuple(one for one in found if one.places)
