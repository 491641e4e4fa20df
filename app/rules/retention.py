"""How long each kind of record is kept: as it ships, and between which bounds a house may choose."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Kind:
    """Records that are deleted some days after they were over."""

    says: str
    """What these are, and from when the days count; a sentence for who sets them."""
    days: int
    """As it ships."""
    least: int
    most: int


KINDS: Mapping[str, Kind] = {
    "idempotency": Kind("What keyed requests were answered, from the request on.", 7, 1, 7),
    "jobs": Kind("Jobs that are done or cancelled. Those that were given up stay.", 7, 1, 365),
    "deliveries": Kind("Webhooks that arrived or were given up, with every try.", 30, 1, 365),
    "notices": Kind("Mails without a calendar entry, from when they were sent or dropped.", 90, 7, 730),
    "import_rows": Kind("What imports changed. As long as it is kept, an import can be undone.", 7, 1, 7),
    "imports": Kind("Who imported what, and how many rows did what.", 365, 30, 3650),
    "browser_sessions": Kind("From where people signed in, from the last use on.", 90, 1, 730),
    "busy": Kind("Time that other calendars said was taken, from its end on.", 90, 1, 730),
    "match_runs": Kind("Match runs, from their last change on. One of which a match is stays.", 180, 30, 3650),
    "plan_runs": Kind("Plan runs, from their last change on. One of which a seat is stays.", 180, 30, 3650),
    "operations": Kind("Long work that ended, and what it did.", 365, 30, 3650),
    "event_details": Kind("What changes changed: values before and after.", 365, 30, 3650),
    "calls": Kind("Calls with their seats and sessions, from their end on.", 1095, 180, 3650),
    "sessions": Kind("Sessions without a call, from their end on; a series goes as a whole.", 1095, 180, 3650),
    "events": Kind("The audit: who did what to what. It goes with whole seals, oldest first.", 1095, 365, 3650),
}


def kept(chosen: Mapping[str, int]) -> dict[str, timedelta]:
    """Return for how long each kind is kept: as the house chose, else as it ships. A choice outside the bounds, from a
    version with others, counts as the nearest bound.
    """
    return {
        name: timedelta(days=min(max(chosen.get(name, kind.days), kind.least), kind.most))
        for name, kind in KINDS.items()
    }


def faults(chosen: Mapping[str, int | None]) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with a choice, as (kind, code, sentence)."""
    for name, days in chosen.items():
        kind = KINDS.get(name)
        if kind is None:
            yield name, "unknown", f"is none of: {', '.join(KINDS)}"
        elif days is not None and not kind.least <= days <= kind.most:
            yield name, "out_of_range", f"is kept for {kind.least} to {kind.most} days"
