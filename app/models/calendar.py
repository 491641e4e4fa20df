"""What calendars were told, and the feeds that tell them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.models.fields import key, one_of, ref
from app.vocabulary import EntryStatus, FeedKind, FeedPrivacy, Part


class CalendarEntry(SQLModel, table=True):
    """One event in one person's calendar: a session, a series of them, or a host's call with its observers.

    `sequence` counts the revisions: `mailing_sequence` is the last that was handed to mail, `mailed_sequence` the last
    that it took. `vevent` holds the bytes of this revision once they were rendered by renderer `renderer`, and is only
    a cache of the row.
    """

    __tablename__ = "calendar_entry"
    __table_args__ = (
        UniqueConstraint("person_id", "uid", name="calendar_entry_once"),
        Index("calendar_entry_window", "person_id", "ends_at"),
        Index("calendar_entry_of_call", "call_id"),
        CheckConstraint("call_id IS NOT NULL OR session_id IS NOT NULL OR series_id IS NOT NULL", name="entry_of_what"),
    )

    id: str = key()
    person_id: str = ref("person.id")
    uid: str = Field(max_length=255)
    part: Part = one_of(Part)
    call_id: str | None = ref("call.id", nullable=True)
    session_id: str | None = ref("session.id", nullable=True, index=True)
    series_id: str | None = ref("series.id", nullable=True, index=True)
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
    kind: FeedKind = one_of(FeedKind)
    privacy: FeedPrivacy = one_of(FeedPrivacy)
    secret_digest: str = Field(max_length=64, unique=True)
    revoked_at: datetime | None = None
    last_fetched_at: datetime | None = None
    last_fetched_by: str | None = Field(default=None, max_length=200)
    version: int = 1
    created_at: datetime
    updated_at: datetime
