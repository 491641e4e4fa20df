"""What an event of other people's calendars says about one's time: when it begins, for how long, and how firmly."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from app.ical.entries import EntryStatus
from app.ical.foreign_zones import Zones
from app.ical.read import Component, Property, plain
from app.ical.text import one_line
from app.ical.times import Length, When, between, length, when

_LONGEST_SUMMARY = 200
_DAY, _NO_TIME = Length(timedelta(days=1)), Length(timedelta(0))

# Outlook's fifth word, for days at home or at a customer's, says where somebody works, not that they are taken.
_FREE_IN_OUTLOOK = ("FREE", "WORKINGELSEWHERE")


class Why(StrEnum):
    """Why something was left out, or had to be guessed."""

    NO_START = "no_start"
    """Left out: it does not say when it begins."""
    BAD_END = "bad_end"
    """It ends before it begins, or says so in words we don't know: it counts as if it had no end."""
    BAD_RULE = "bad_rule"
    """Its recurrence rule is malformed: only DTSTART counts, and what is listed beside it."""
    BAD_DATE = "bad_date"
    """One of the times that are listed, or left out, is malformed and passed over."""
    UNKNOWN_ZONE = "unknown_zone"
    """Its zone has a name that nothing explains: it was read in the calendar's zone, or the owner's."""


class Skipped(NamedTuple):
    """Something that was left out or guessed, and why."""

    uid: str
    why: Why


class Firmness(NamedTuple):
    """How an event takes its owner's time."""

    summary: str
    status: EntryStatus
    transparent: bool
    """It takes no time, by TRANSP or in Outlook's words."""
    declined: bool
    """The owner will not come."""
    tentative: bool


@dataclass(slots=True, eq=False)
class Event:
    """A VEVENT that can be put in time."""

    uid: str
    component: Component
    zones: Zones
    start: When
    length: Length
    replaces: When | None
    """Its RECURRENCE-ID: the time that the series would have it at."""

    def rank(self) -> tuple[int, str]:
        """Return what the newest version of an event has most of (RFC 5546 section 2.1.5)."""
        sequence, stamp = self.component.word("SEQUENCE"), self.component.word("DTSTAMP")
        return int(sequence) if sequence.isascii() and sequence.isdigit() and len(sequence) < 10 else 0, stamp

    def from_now_on(self) -> bool:
        """Whether it changes all later occurrences too (RANGE=THISANDFUTURE, RFC 5545 section 3.2.13)."""
        found = self.component.first("RECURRENCE-ID")
        return found is not None and found.params.get("RANGE", "").upper() == "THISANDFUTURE"


def event_of(
    component: Component, uid: str, zones: Zones, skipped: list[Skipped], *, literally: bool = False
) -> Event | None:
    """Read a VEVENT. None, and a note in `skipped`, when it does not say when it begins.

    A day that ends on itself takes no time `literally`; but it is what many write who take DTEND for the last day.
    """
    begins = component.first("DTSTART")
    start = when(begins, zones) if begins else None
    if begins is None or start is None:
        skipped.append(Skipped(uid, Why.NO_START))
        return None
    if zones.unknown and begins.params.get("TZID", "").strip() in zones.unknown:
        skipped.append(Skipped(uid, Why.UNKNOWN_ZONE))
    lasts = _length(component, start, zones)
    if lasts is None:
        skipped.append(Skipped(uid, Why.BAD_END))
        lasts = _DAY if start.all_day else _NO_TIME
    if start.all_day and lasts == _NO_TIME and not literally:
        lasts = _DAY
    replaces = None
    if replaced := component.first("RECURRENCE-ID"):
        replaces = when(replaced, zones)
        if replaces is None:  # it is one of a series, whichever: it stands where it says, beside the series
            skipped.append(Skipped(uid, Why.BAD_DATE))
            replaces = start
    return Event(uid, component, zones, start, lasts, replaces)


def _length(component: Component, start: When, zones: Zones) -> Length | None:
    """Return how long it takes (RFC 5545 section 3.6.1): a day that says nothing is one day, a time no time at all."""
    if ends := component.first("DTEND"):
        end = when(ends, zones)
        if end is None:
            return None
        lasts = between(start, end)
    elif lasting := component.first("DURATION"):
        found = length(lasting.value)
        if found is None:
            return None
        lasts = found
    else:
        lasts = _DAY if start.all_day else _NO_TIME
    return lasts if lasts.nominal + lasts.exact >= timedelta(0) else None


def firmness(component: Component, addresses: Collection[str]) -> Firmness:
    """Read how it takes the time of the owner, who has these addresses, in lower case.

    An invitation that the owner has not answered is tentative, as Outlook and Apple have it.
    """
    in_outlook = component.word("X-MICROSOFT-CDO-BUSYSTATUS")
    try:
        status = EntryStatus(component.word("STATUS").lower() or EntryStatus.CONFIRMED)
    except ValueError:
        status = EntryStatus.CONFIRMED
    answer = _answer(component, addresses)
    unsure = in_outlook == "TENTATIVE" or answer in ("TENTATIVE", "NEEDS-ACTION")
    summary = component.first("SUMMARY")
    return Firmness(
        summary=one_line(plain(summary.value))[:_LONGEST_SUMMARY] if summary else "",
        status=status,
        transparent=component.word("TRANSP") == "TRANSPARENT" or in_outlook in _FREE_IN_OUTLOOK,
        declined=answer == "DECLINED",
        tentative=status is EntryStatus.TENTATIVE or unsure,
    )


def _answer(component: Component, addresses: Collection[str]) -> str | None:
    """Return the owner's PARTSTAT; None when they are not asked."""
    if not addresses:
        return None
    for attendee in component.all("ATTENDEE"):
        if _is_one_of(attendee, addresses):
            return attendee.params.get("PARTSTAT", "NEEDS-ACTION").upper()
    return None


def organized_by(component: Component, addresses: Collection[str]) -> bool:
    """Whether its organizer has one of these addresses, in lower case."""
    return bool(addresses) and any(_is_one_of(organizer, addresses) for organizer in component.all("ORGANIZER"))


def _is_one_of(who: Property, addresses: Collection[str]) -> bool:
    """Whether this is somebody who has one of these addresses, which iCloud writes as a parameter."""
    address = who.value.strip().lower().removeprefix("mailto:")
    return address in addresses or who.params.get("EMAIL", "").lower() in addresses
