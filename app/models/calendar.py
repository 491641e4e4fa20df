"""What calendars were told, the feeds that tell them, and what they tell us."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.models.fields import Key, key, one_of, ref
from app.vocabulary import CalendarHealth, CalendarKind, CalendarUse, EntryStatus, FeedKind, FeedPrivacy, Part

_READ = text("health <> 'disabled'")
_OF_HOUR = text("power_hour_id IS NOT NULL")


class CalendarEntry(SQLModel, table=True):
    """One event in one person's calendar: a session, a series of them, a power hour, or a host's call with observers.

    `sequence` counts the revisions: `mailing_sequence` is the last that was handed to mail, `mailed_sequence` the last
    that it took. `vevent` holds the bytes of this revision once they were rendered by renderer `renderer`, and is only
    a cache of the row.
    """

    __tablename__ = "calendar_entry"
    __table_args__ = (
        UniqueConstraint("person_id", "uid", name="calendar_entry_once"),
        # All that tells the states of somebody's feed apart: rows are wide, and this is read by every poll.
        Index("calendar_entry_window", "person_id", "ends_at", "status", "changed_at", "part", "call_id"),
        Index("calendar_entry_of_call", "call_id"),
        Index("calendar_entry_of_hour", "power_hour_id", sqlite_where=_OF_HOUR, postgresql_where=_OF_HOUR),
        CheckConstraint(
            "call_id IS NOT NULL OR session_id IS NOT NULL OR series_id IS NOT NULL OR power_hour_id IS NOT NULL",
            name="entry_of_what",
        ),
    )

    id: str = key()
    person_id: str = ref("person.id")
    uid: str = Field(max_length=255)
    part: Part = one_of(Part)
    call_id: str | None = ref("call.id", nullable=True)
    session_id: str | None = ref("session.id", nullable=True, index=True)
    series_id: str | None = ref("series.id", nullable=True, index=True)
    power_hour_id: str | None = Field(default=None, sa_type=Key)
    """No reference: of one that is cancelled this is all that is left."""
    status: EntryStatus = one_of(EntryStatus)
    starts_at: datetime
    ends_at: datetime
    sequence: int = 0
    mailing_sequence: int | None = None
    mailed_sequence: int | None = None
    changed_at: datetime
    created_at: datetime
    renderer: int | None = None
    vevent: bytes | None = Field(default=None, sa_type=LargeBinary)


class Feed(SQLModel, table=True):
    """A calendar subscription. The secret in its URL is stored as a digest and shown once."""

    id: str = key()
    person_id: str = ref("person.id", index=True)
    """Who subscribes."""
    kind: FeedKind = one_of(FeedKind)
    team_id: str | None = ref("team.id", index=True, nullable=True)
    """Of a team feed: whose sessions it shows."""
    privacy: FeedPrivacy = one_of(FeedPrivacy)
    secret_digest: str = Field(max_length=64, unique=True)
    revoked_at: datetime | None = None
    last_fetched_at: datetime | None = None
    last_fetched_by: str | None = Field(default=None, max_length=200)
    version: int = 1
    created_at: datetime
    updated_at: datetime


class ConnectedCalendar(SQLModel, table=True):
    """A calendar outside that we read: when its owner is taken, and which calls they host. What was read last stays
    when it can't be read.
    """

    __tablename__ = "connected_calendar"
    __table_args__ = (
        UniqueConstraint("person_id", "url_digest", name="connected_calendar_once"),
        Index("connected_calendar_due", "due_at", sqlite_where=_READ, postgresql_where=_READ),
        CheckConstraint("failures >= 0", name="connected_calendar_failures"),
    )

    id: str = key()
    person_id: str = ref("person.id")
    name: str = Field(max_length=200)
    kind: CalendarKind = one_of(CalendarKind)
    url: str = Field(max_length=4000)
    """A secret, sealed: whoever has it can read the calendar."""
    url_digest: str = Field(max_length=64)
    """Tells the same URL again without opening it."""
    username: str | None = Field(default=None, max_length=1200)
    password: str | None = Field(default=None, max_length=3000)
    """Sealed, as the user name is."""
    use: CalendarUse = one_of(CalendarUse, default=CalendarUse.BUSY)
    title_contains: str | None = Field(default=None, max_length=200)
    """Only events whose title holds this become calls; None: all that have somebody from outside."""
    health: CalendarHealth = one_of(CalendarHealth, default=CalendarHealth.NEW)
    why: str | None = Field(default=None, max_length=300)
    """Why it can't be read, or not in whole."""
    failures: int = 0
    """In a row."""
    etag: str | None = Field(default=None, max_length=500)
    last_modified: str | None = Field(default=None, max_length=100)
    content_digest: str | None = Field(default=None, max_length=64)
    """Of what was read last, and in which window: the same again changes nothing."""
    due_at: datetime
    checked_at: datetime | None = None
    read_at: datetime | None = None
    version: int = 1
    created_at: datetime
    updated_at: datetime


class CalendarReply(SQLModel, table=True):
    """The last answer from somebody's calendar to one event. Answers come late, twice and out of order: (`sequence`,
    `stamped_at`) says which is later (RFC 5546 section 2.1.5).
    """

    __tablename__ = "calendar_reply"

    person_id: str = ref("person.id", primary_key=True)
    uid: str = Field(primary_key=True, max_length=255)
    occurrence: str = Field(default="", primary_key=True, max_length=32)
    """RECURRENCE-ID in UTC, or empty."""
    sequence: int
    stamped_at: datetime
    method: str = Field(max_length=20)
    answer: str = Field(max_length=20)
    received_at: datetime
