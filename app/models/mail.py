"""What people are told by mail beside their calendar, in which words, and what they want to hear."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.models.fields import Key, key, one_of, ref
from app.vocabulary import MessageKind, NoticeStatus


class Notice(SQLModel, table=True):
    """One mail to one person about one thing, written when there is a reason and read again when it is sent. `once`
    makes it one, whoever finds the reason and however often.
    """

    __table_args__ = (Index("notice_of_person", "person_id", "id"),)

    id: str = key()
    person_id: str = ref("person.id")
    kind: MessageKind = one_of(MessageKind)
    about_id: str | None = Field(default=None, sa_type=Key, index=True, nullable=True)
    """The seat, session, call or other object that it is about."""
    starts_at: datetime | None = None
    """When what it is about began, as far as was known; if that has changed since, there is nothing to say."""
    once: str = Field(max_length=200, unique=True)
    status: NoticeStatus = one_of(NoticeStatus, default=NoticeStatus.WAITING)
    why: str | None = Field(default=None, max_length=300)
    """Why it was not sent, or did not arrive."""
    due_at: datetime
    sent_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class MailSetting(SQLModel, table=True):
    """What mail somebody wants; without a row, what holds for everybody."""

    __tablename__ = "mail_setting"

    person_id: str = ref("person.id", primary_key=True)
    reminders: bool = True
    digest: bool = True
    quiet_from: str | None = Field(default="20:00", max_length=5)
    """Wall time at home, such as 20:00; None: no quiet hours."""
    quiet_to: str | None = Field(default="07:00", max_length=5)
    language: str | None = Field(default=None, max_length=35)
    """Which words they read first, if there are any in it."""
    version: int = 1
    updated_at: datetime


class MailTrouble(SQLModel, table=True):
    """An address that does not take mail: nothing goes there until somebody says it does, or the person has another."""

    __tablename__ = "mail_trouble"

    email: str = Field(primary_key=True, max_length=254)
    why: str = Field(max_length=300)
    since: datetime


class MessageTemplate(SQLModel, table=True):
    """Words of the house in place of ours, in one language."""

    __tablename__ = "message_template"

    kind: MessageKind = one_of(MessageKind, primary_key=True)
    language: str = Field(primary_key=True, max_length=35)
    subject: str = Field(max_length=200)
    text: str = Field(max_length=5000)
    version: int = 1
    updated_at: datetime
