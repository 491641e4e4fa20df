"""Entries, people and hostile words for the tests of calendars and mails."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from app.ical.entries import Attendee, Entry, EntryStatus, Organizer, Override, Recurrence

INSTALLATION = "7f3a.earshot"
CUSTOMER = "buyer@customer.example"
CALENDAR_DESK = Organizer("Earshot", "calendar@earshot.example")
JUNIOR = Attendee("Jo Müller", "jo@acme.example")
COLLEAGUE = Attendee("Ana", "ana@acme.example", role="OPT-PARTICIPANT", partstat="ACCEPTED")
IN_SUMMER = datetime.fromisoformat("2026-10-13T10:00")
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

HOSTILE_WORDS = (
    "\r\nATTENDEE:mailto:buyer@customer.example",
    "\r\nBcc: buyer@customer.example\r\n\r\n",
    "\nEND:VEVENT\nBEGIN:VEVENT\n",
    "=?utf-8?q?=0D=0ABcc:_buyer=40customer.example?=",
    r"C:\New\now",
    r"\\;\,",
    '"quoted" ^n ^\' ^^',
    ";,:=",
    "\u202eelpmaxe.live\u202c",
    "🎧👩‍💻" * 40,
    "é" * 75,
    "\x00\x07\x0b\x1b\x7f\x85",
    "\ud800",
    "\u2028\u2029\ufeff",
    "  \t ",
    "long" * 2_500,
)


def an_entry(
    *,
    number: int = 1,
    sequence: int = 0,
    summary: str = "Listen in: demo with Ana",
    description: str = "https://earshot.example/sessions/ses_1",
    location: str | None = "Video call",
    conference_url: str | None = "https://video.example/j/1",
    status: EntryStatus = EntryStatus.CONFIRMED,
    transparent: bool = False,
    organizer: Organizer = CALENDAR_DESK,
    attendees: tuple[Attendee, ...] = (JUNIOR,),
    alarm_minutes: int | None = 10,
    starts_at: datetime = NOON,
) -> Entry:
    """A session of 45 minutes."""
    return Entry(
        uid=f"ses_{number}@{INSTALLATION}",
        sequence=sequence,
        changed_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        created_at=datetime(2026, 3, 1, 8, 0, tzinfo=UTC),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=45),
        summary=summary,
        description=description,
        location=location,
        url=f"https://earshot.example/sessions/ses_{number}",
        conference_url=conference_url,
        status=status,
        transparent=transparent,
        organizer=organizer,
        attendees=attendees,
        alarm_minutes=alarm_minutes,
    )


def a_series(
    entry: Entry | None = None,
    *,
    rrule: str = "FREQ=WEEKLY;COUNT=6",
    time_zone: str = "America/New_York",
    local_start: datetime = IN_SUMMER,
    minutes: int = 30,
    dropped: tuple[datetime, ...] = (),
    overrides: tuple[Override, ...] = (),
    exact: tuple[Override, ...] = (),
) -> Entry:
    """Half an hour on Tuesdays at 10:00 in New York, from summer time into winter."""
    starts_at = local_start.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
    return replace(
        entry or an_entry(summary="1:1: Aisha & Mara"),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        recurrence=Recurrence(rrule, time_zone, local_start, dropped, overrides, exact),
    )


def hostile_text() -> st.SearchStrategy[str]:
    """Any characters at all, surrogates and controls too, around words that once broke somebody's calendar."""
    pieces = st.one_of(st.text(st.characters(), max_size=100), st.sampled_from(HOSTILE_WORDS))
    return st.lists(pieces, max_size=4).map("".join)
