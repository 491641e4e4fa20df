"""The bytes as they leave the house. After a wanted change raise `RENDERER` and write them
anew with `python -m tests.ical.test_ical_golden`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.ical.entries import EntryStatus, Override
from app.ical.imip import message
from app.ical.itip import cancel, request
from app.ical.write import RENDERER, feed, vevent
from tests.ical.entry_examples import CALENDAR_DESK, COLLEAGUE, JUNIOR, a_series, an_entry

GOLDEN = Path(__file__).parent / "golden"

ENTRY = an_entry(
    summary="Listen in: Technik-Demo, Müller & Söhne; with Ana 🎧",
    description="Listen for: how Ana answers “too expensive”.\nhttps://earshot.example/sessions/ses_1",
    attendees=(JUNIOR, COLLEAGUE),
)
SERIES = a_series(
    an_entry(number=4, sequence=2, summary="1:1: Aisha & Mara"),
    dropped=(datetime(2026, 10, 20, 14, tzinfo=UTC),),
    overrides=(
        Override(
            datetime(2026, 11, 3, 15, tzinfo=UTC),
            datetime(2026, 11, 4, 19, tzinfo=UTC),
            datetime(2026, 11, 4, 19, 30, tzinfo=UTC),
        ),
    ),
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
        "cancel.ics": cancel(an_entry(sequence=1)),
        "series.ics": request(SERIES),
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


@pytest.mark.parametrize("name", ["invite.ics", "cancel.ics", "series.ics", "feed.ics", "invite.eml"])
def test_the_bytes_are_those_that_were_agreed(name: str) -> None:
    assert RENDERER == 2
    assert written()[name] == (GOLDEN / name).read_bytes()


if __name__ == "__main__":
    for name, content in written().items():
        (GOLDEN / name).write_bytes(content)
