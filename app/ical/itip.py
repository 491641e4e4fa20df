"""The messages an organizer sends (iTIP, RFC 5546). Answers are read elsewhere."""

from dataclasses import replace

from app.ical.entries import Entry, EntryStatus, Override
from app.ical.write import calendar, occurrence, vevent


def request(entry: Entry) -> bytes:
    """Invite the attendees, or tell them of a change (RFC 5546 section 3.2.2).

    An update has a greater `entry.sequence` than what was sent before; the first one may have any. Refuses a cancelled
    entry, which some clients would show as still on, and an entry without attendees.
    """
    if entry.status is EntryStatus.CANCELLED:
        raise ValueError(f"entry {entry.uid!r} is cancelled: send a CANCEL")
    if not entry.attendees:
        raise ValueError(f"entry {entry.uid!r} has nobody to invite")
    return calendar([vevent(entry, rsvp=True)], method="REQUEST")


def cancel(entry: Entry) -> bytes:
    """Call the entry off for all its attendees, with STATUS:CANCELLED and no alarm (RFC 5546 section 3.2.5).

    `entry.sequence` is that of the cancellation: greater than the last one sent (section 2.1.4).
    """
    if not entry.attendees:
        raise ValueError(f"entry {entry.uid!r} has nobody to tell that it is cancelled")
    return calendar([vevent(replace(entry, status=EntryStatus.CANCELLED), rsvp=True)], method="CANCEL")


def decline_counter(entry: Entry, one: Override | None = None) -> bytes:
    """Turn down another time that was suggested for the entry, or for one occurrence of its series: it stays as it is
    (RFC 5546 section 3.2.8).
    """
    quiet = replace(entry, alarm_minutes=None)
    stays = vevent(quiet, rsvp=False) if one is None else occurrence(quiet, one)
    return calendar([stays], method="DECLINECOUNTER")
