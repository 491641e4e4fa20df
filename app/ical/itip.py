"""The messages an organizer sends (iTIP, RFC 5546). Answers are read elsewhere."""

from dataclasses import replace

from app.ical.entries import Attendee, Entry, EntryStatus
from app.ical.write import calendar, component, vevent


def request(entry: Entry) -> bytes:
    """Invite the attendees, or tell them of a change (RFC 5546 section 3.2.2).

    The first one has SEQUENCE 0; whoever sends an update has added one before. Refuses a cancelled entry, which some
    clients would show as still on, and an entry without attendees.
    """
    if entry.status is EntryStatus.CANCELLED:
        raise ValueError(f"entry {entry.uid!r} is cancelled: send a CANCEL")
    if not entry.attendees:
        raise ValueError(f"entry {entry.uid!r} has nobody to invite")
    return calendar([vevent(entry, rsvp=True)], method="REQUEST")


def cancel(entry: Entry, attendees: tuple[Attendee, ...] | None = None) -> bytes:
    """Call the session off for all, or only for these attendees while it goes on for the others.

    RFC 5546 section 3.2.5: the whole session has STATUS:CANCELLED and every attendee; when only some are let go they
    alone are named, and STATUS must be absent. Neither has an alarm. `entry.sequence` is that of the cancellation:
    the last one sent plus one (section 2.1.4).
    """
    gone = entry.attendees if attendees is None else attendees
    if not gone:
        raise ValueError(f"entry {entry.uid!r} has nobody to tell that it is cancelled")
    event = component(replace(entry, status=EntryStatus.CANCELLED, attendees=gone), rsvp=True)
    if attendees is not None:
        del event["STATUS"]
    return calendar([event.to_ical()], method="CANCEL")
