"""The bytes as they leave the house. After a wanted change raise `RENDERER` and write them
anew with `python -m tests.ical.test_ical_golden`."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.ical.entries import EntryStatus, Override
from app.ical.freebusy import freebusy
from app.ical.imip import message
from app.ical.itip import cancel, decline_counter, request
from app.ical.write import RENDERER, feed, vevent
from tests.ical.entry_examples import CALENDAR_DESK, COLLEAGUE, JUNIOR, a_series, an_entry

GOLDEN = Path(__file__).parent / "golden"

ENTRY = an_entry(
    summary="Listen in: Technik-Demo, Müller & Söhne; with Ana 🎧",
    description="Listen for: how Ana answers “too expensive”.\nhttps://earshot.example/sessions/ses_1",
    attendees=(JUNIOR, COLLEAGUE),
)
HOUR = timedelta(hours=1)
MOVED = replace(
    ENTRY,
    sequence=1,
    changed_at=ENTRY.changed_at + HOUR,
    starts_at=ENTRY.starts_at + HOUR,
    ends_at=ENTRY.ends_at + HOUR,
)
OFF = replace(MOVED, sequence=2, changed_at=MOVED.changed_at + HOUR)
ELSEWHERE = Override(
    datetime(2026, 11, 3, 15, tzinfo=UTC),
    datetime(2026, 11, 4, 19, tzinfo=UTC),
    datetime(2026, 11, 4, 19, 30, tzinfo=UTC),
)
SERIES = a_series(
    an_entry(number=4, sequence=2, summary="1:1: Aisha & Mara"),
    dropped=(datetime(2026, 10, 20, 14, tzinfo=UTC),),
    overrides=(ELSEWHERE,),
)


def written() -> dict[str, bytes]:
    invite = request(ENTRY)
    fragments = [
        vevent(ENTRY, rsvp=False),
        vevent(an_entry(number=2, status=EntryStatus.TENTATIVE, transparent=True, attendees=()), rsvp=False),
        vevent(an_entry(number=3, sequence=4, status=EntryStatus.CANCELLED), rsvp=False),
        vevent(SERIES, rsvp=False),
    ]
    return {
        "invite.ics": invite,
        "update.ics": request(MOVED),
        "cancel.ics": cancel(OFF),
        "series.ics": request(SERIES),
        "cancelled_series.ics": cancel(replace(SERIES, sequence=3, changed_at=SERIES.changed_at + HOUR)),
        "counter_declined.ics": decline_counter(SERIES, ELSEWHERE),
        "freebusy.ics": freebusy(
            [(ENTRY.starts_at, ENTRY.ends_at), (ELSEWHERE.starts_at, ELSEWHERE.ends_at)],
            uid="busy-per_1@7f3a.earshot",
            start=datetime(2026, 3, 1, tzinfo=UTC),
            end=datetime(2026, 12, 1, tzinfo=UTC),
            now=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        ),
        "feed.ics": feed(fragments, name="Jo: Earshot", time_zone="Europe/Berlin"),
        "invite.eml": message(
            calendar=invite,
            method="REQUEST",
            sender=CALENDAR_DESK,
            recipient=JUNIOR,
            subject="Invitation: Technik-Demo with Ana",
            text="You listen in on Ana’s demo.\n",
            html="<p>You listen in on Ana’s demo.</p>\n",
            message_id="ses_1.0.request@7f3a.earshot",
            date=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        ),
    }


def golden() -> dict[str, bytes]:
    """All files as they were agreed, by name."""
    return {path.name: path.read_bytes() for path in sorted(GOLDEN.iterdir()) if path.suffix in {".ics", ".eml"}}


def test_the_bytes_are_those_that_were_agreed() -> None:
    assert RENDERER == 3
    assert written() == golden()


if __name__ == "__main__":
    for name, content in written().items():
        (GOLDEN / name).write_bytes(content)
