"""Send notices: read again whether there is still something to say, then load, talk, record."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.config import Settings
from app.db import DbSession, transaction
from app.errors import NotFound
from app.ical import imip
from app.ical.entries import Attendee
from app.jobs.context import JobContext
from app.jobs.posting import Refused, post
from app.operations.installation import installation_id
from app.operations.notices import CAN_WAIT, end_notice
from app.queries import notices, reminders
from app.queries.entries import Desk
from app.queries.mail_settings import unsubscribe_url
from app.queries.message_templates import words_for
from app.queries.notices import Pointless, Reader
from app.rules.reminders import TOPICS
from app.rules.templates import Words, fill, html
from app.vocabulary import MessageKind, NoticeStatus, PersonStatus

READERS: Mapping[MessageKind, Reader] = {**notices.READERS, **reminders.READERS}
_NEWS = timedelta(days=3)
"""For how long something is worth writing about; most is over sooner."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail without a calendar entry, in the words that its reader is to have."""

    message_id: str
    to: Attendee
    words: Words
    date: datetime
    unsubscribe_url: str | None
    """Where its topic is switched off, if it has one."""
    can_wait: bool

    def written(self, desk: Desk) -> bytes:
        """Return the whole mail. Pure."""
        return imip.letter(
            sender=desk.organizer,
            recipient=self.to,
            subject=self.words.subject,
            text=self.words.text,
            html=html(self.words.text),
            message_id=self.message_id,
            date=self.date,
            unsubscribe_url=self.unsubscribe_url,
        )


def send_notice(context: JobContext) -> None:
    """Send the notice `notice_id`, unless that was done, or there is nothing to say any more.

    At least once: after a crash it goes again under the same Message-ID. Raises what `post` does where another attempt
    may go better; that nobody will ever take it is kept with the notice.
    """
    notice_id, desk = context.payload["notice_id"], Desk.of(context.settings)
    with transaction(context.engine, writes=False) as db:
        found = _opened(db, notice_id, context.settings, now=context.clock())
    if found is not None:
        status, why = _post(context, found, desk)
        context.write(lambda db: end_notice(db, notice_id, status, why, now=context.clock()))


def _post(context: JobContext, found: Letter | Pointless, desk: Desk) -> tuple[NoticeStatus, str | None]:
    """Return what becomes of a notice, and why it is not sent if it is not."""
    if isinstance(found, Pointless):
        return NoticeStatus.DROPPED, found.why
    try:
        post(
            context,
            message_id=found.message_id,
            recipient=found.to.email,
            message=found.written(desk),
            can_wait=found.can_wait,
        )
    except Refused as refusal:
        return NoticeStatus.REFUSED, str(refusal)
    return NoticeStatus.SENT, None


def _opened(db: DbSession, notice_id: str, settings: Settings, *, now: datetime) -> Letter | Pointless | None:
    """Return the mail that this notice is now; None when there is nothing left to do about it."""
    one = notices.notice_to_send(db, notice_id)
    if one is None or one.status is not NoticeStatus.WAITING:
        return None
    if one.person_status is not PersonStatus.ACTIVE:
        return Pointless(f"whom it is for is {_STATUS[one.person_status]}")
    if now - one.due_at > _NEWS:
        return Pointless("nobody took it while it was news")
    try:
        said = READERS[one.kind](db, one, desk=Desk.of(settings), now=now)
    except NotFound:
        return Pointless("what it was about is gone")
    if isinstance(said, Pointless):
        return said
    topic = TOPICS.get(one.kind)
    url = unsubscribe_url(settings, one.person_id, topic) if topic else None
    facts = {**said.facts, "name": one.name, "settings_link": url or ""}
    words = fill(words_for(db, one.kind, one.language), facts)
    return Letter(
        f"{one.id}@{installation_id(db)}", Attendee(one.name, one.email), words, one.due_at, url, one.kind in CAN_WAIT
    )


_STATUS: Mapping[PersonStatus, str] = {PersonStatus.ON_LEAVE: "on leave", PersonStatus.LEFT: "here no more"}
