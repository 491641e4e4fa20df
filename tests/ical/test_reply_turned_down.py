"""A suggestion is turned down as RFC 5546 has it, and mails say where to answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import pytest

from app.ical import imip, itip
from app.ical.entries import Attendee, Entry, EntryStatus, Organizer, Override, Recurrence
from tests.ical.checker import problems

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
HALF = timedelta(minutes=30)
MIA = Attendee("Mia", "mia@acme.example", partstat="TENTATIVE")
ONCE = Entry(
    uid="ses_1@us.earshot",
    sequence=3,
    changed_at=TEN - timedelta(days=2),
    created_at=TEN - timedelta(days=3),
    starts_at=TEN,
    ends_at=TEN + HALF,
    summary="1:1: Max & Mia",
    description="https://earshot.example/s/ses_1",
    location=None,
    url=None,
    conference_url=None,
    status=EntryStatus.CONFIRMED,
    transparent=False,
    organizer=Organizer("Earshot", "earshot@earshot.example"),
    attendees=(MIA,),
    alarm_minutes=10,
)
WEEKLY = replace(ONCE, recurrence=Recurrence("FREQ=WEEKLY;COUNT=4", "Europe/London", TEN.replace(tzinfo=None)))


def test_one_occurrence_of_what_happens_once_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="happens once"):
        itip.decline_counter(ONCE, Override(TEN, TEN, TEN + HALF))


def test_the_time_stays_and_nobody_is_asked_or_rung() -> None:
    written = itip.decline_counter(ONCE).decode()

    for line in ("METHOD:DECLINECOUNTER", "UID:ses_1@us.earshot", "SEQUENCE:3", "DTSTART:20261123T100000Z"):
        assert f"\r\n{line}\r\n" in written
    assert "ORGANIZER" in written
    assert not any(word in written for word in ("RSVP", "VALARM", "RECURRENCE-ID"))


def test_of_a_series_only_the_one_occurrence_is_named() -> None:
    slot = TEN + timedelta(weeks=1)

    message = itip.decline_counter(WEEKLY, Override(slot, slot + HALF, slot + 2 * HALF))

    assert problems(message, method="DECLINECOUNTER", recipient=MIA.email) == []
    written = message.decode()
    assert written.count("BEGIN:VEVENT") == 1
    assert "\r\nRECURRENCE-ID;TZID=Europe/London:20261130T100000\r\n" in written
    assert "\r\nDTSTART:20261130T103000Z\r\n" in written
    assert "RRULE:FREQ=WEEKLY" not in written


@pytest.mark.parametrize("reply_to", [None, "earshot+0123456789abcdefghjkmnpqrs@earshot.example"])
def test_an_invite_says_where_to_answer_if_anywhere(reply_to: str | None) -> None:
    mail = imip.message(
        calendar=itip.request(ONCE),
        method="REQUEST",
        sender=ONCE.organizer,
        recipient=MIA,
        subject="1:1",
        text="",
        html="",
        message_id="ent_1.3@us.earshot",
        date=TEN,
        reply_to=reply_to,
    )

    assert message_from_bytes(mail)["Reply-To"] == (reply_to and f"<{reply_to}>")


@pytest.mark.parametrize("reply_to", ["", "a@b.example>\r\nBcc: <eve@evil.example", "a" * 300 + "@b.example"])
def test_where_to_answer_is_an_address(reply_to: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        imip.message(
            calendar=itip.request(ONCE),
            method="REQUEST",
            sender=ONCE.organizer,
            recipient=MIA,
            subject="1:1",
            text="",
            html="",
            message_id="ent_1.3@us.earshot",
            date=TEN,
            reply_to=reply_to,
        )
