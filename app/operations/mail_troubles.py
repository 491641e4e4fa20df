"""Remember which addresses take no mail, so that nothing more is sent there, and forget it again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import calendar_entry, mail_trouble, notice, person
from app.operations.changes import check_admin
from app.operations.events import tell
from app.operations.installation import installation_id
from app.rules.access import SYSTEM, Actor
from app.rules.bounces import Bounce, BounceOutcome, blames_address
from app.vocabulary import NoticeStatus

_LONGEST_WHY = 300
_OUR_MAIL = re.compile(
    r"(?:(?P<notice>ntc_[0-9a-z]{26})|(?P<entry>ent_[0-9a-z]{26})\.(?P<sequence>[0-9]{1,9}))@(?P<us>.+)"
)


@dataclass(frozen=True, slots=True)
class BounceTaken:
    """What became of a mail that may report a bounce, and why."""

    outcome: BounceOutcome
    why: str


def note_trouble(db: DbSession, *, email: str, why: str, actor: Actor = SYSTEM, now: datetime) -> bool:
    """Send nothing more to this address; False when that was so already. Safe to repeat."""
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    row = {"email": email.lower(), "why": why[:_LONGEST_WHY], "since": now}
    noted = insert(mail_trouble).values(row).on_conflict_do_nothing().returning(mail_trouble.c.email)
    if db.execute(noted).first() is None:
        return False
    _tell(db, "mail_trouble.noted", email.lower(), actor=actor, now=now)
    return True


def clear_trouble(db: DbSession, *, email: str, actor: Actor, now: datetime) -> None:
    """Send to this address again. What was not sent meanwhile stays unsent. Raises NotFound when there is none."""
    check_admin(actor)
    email = email.lower()
    gone = db.execute(delete(mail_trouble).where(mail_trouble.c.email == email).returning(mail_trouble.c.email))
    if gone.first() is None:
        raise NotFound
    _tell(db, "mail_trouble.cleared", email, actor=actor, now=now)


def take_bounces(db: DbSession, *, found: Sequence[Bounce], actor: Actor, now: datetime) -> BounceTaken:
    """Believe a report that a mail of ours bounced, and remember it. Whatever else it is, is ignored. Safe to repeat.

    Anybody can write to the mailbox where bounces arrive. So a report must name a mail that we sent, by a name that
    only its reader has seen, and say that it did not get to the very person to whom it went.
    """
    check_admin(actor)
    for bounce in found:
        email = _reader(db, bounce)
        if email is not None:
            return _believed(db, bounce, email, actor=actor, now=now)
    return BounceTaken("ignored", "It says of no mail of ours that it never got to its reader.")


def _believed(db: DbSession, bounce: Bounce, email: str, *, actor: Actor, now: datetime) -> BounceTaken:
    why = f"bounced with {bounce.status}: {bounce.words}".rstrip(": ")[:_LONGEST_WHY]
    bounced = {"status": NoticeStatus.BOUNCED, "why": why, "updated_at": now}
    one = notice.c.id == bounce.message_id.partition("@")[0]
    db.execute(update(notice).where(one, notice.c.status != NoticeStatus.BOUNCED).values(bounced))
    if not blames_address(bounce.status):
        return BounceTaken("noted", f"It was this mail's fault, not the address's: {why}.")
    note_trouble(db, email=email, why=why, actor=actor, now=now)
    return BounceTaken("in_trouble", f"Nothing more is sent to this address: {why}.")


def _reader(db: DbSession, bounce: Bounce) -> str | None:
    """Return the address of the person to whom we sent this mail, if the report is about that; else None."""
    ours = _OUR_MAIL.fullmatch(bounce.message_id)
    if ours is None or ours["us"] != installation_id(db):
        return None
    if ours["notice"]:
        sent_to = select(notice.c.person_id).where(notice.c.id == ours["notice"])
    else:
        sent = calendar_entry.c.mailing_sequence >= int(ours["sequence"])
        sent_to = select(calendar_entry.c.person_id).where(calendar_entry.c.id == ours["entry"], sent)
    email = db.execute(select(person.c.email).where(person.c.id.in_(sent_to))).scalar()
    return email if email in bounce.recipients else None


def _tell(db: DbSession, act: str, email: str, *, actor: Actor, now: datetime) -> None:
    """Tell it of the person whose address it is: an address itself has no place in what can't be erased."""
    whose = db.execute(select(person.c.id, person.c.version).where(person.c.email == email)).first()
    if whose:
        tell(db, act, whose.id, version=whose.version, actor=actor, now=now, object_type="person")
