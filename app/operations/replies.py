"""Take what people answer in their own calendars (RFC 5546): it counts as if they had answered here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.config import Settings
from app.db import DbSession
from app.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from app.ical.reply import Reply, ReplyMail
from app.models.tables import calendar_entry as entry
from app.models.tables import calendar_reply, event, participant, person, session
from app.operations.changes import check_admin
from app.operations.events import tell
from app.operations.jobs import enqueue
from app.operations.notices import NewNotice, write_notices
from app.operations.reply_addresses import ReplyTo
from app.operations.responses import respond
from app.operations.session_locks import lock_session
from app.operations.session_rows import change_session
from app.queries.series import OFF, timetables
from app.rules.access import Actor
from app.vocabulary import MessageKind, Part, Response, Role

ReplyOutcome = Literal["answered", "suggested", "refused", "ignored"]
"""The answer counts; another time is suggested; it can't be done; or it was no answer to what stands now."""

_ANSWERS = {"ACCEPTED": Response.ACCEPTED, "DECLINED": Response.DECLINED, "TENTATIVE": Response.TENTATIVE}
_CLOCKS_DIFFER = timedelta(days=1)
_REFUSALS = (Conflict, Forbidden, Gone, Invalid, NotFound)


class NotVouchedFor(Forbidden):
    """Nobody whom we believe says that this mail is from whom it says."""

    code = "reply_not_vouched_for"
    title = "Nobody vouches for the sender of this reply"


@dataclass(frozen=True, slots=True)
class ReplyTaken:
    """What became of an answer, and why."""

    uid: str
    outcome: ReplyOutcome
    why: str


@dataclass(frozen=True, slots=True)
class Gate:
    """Who is believed about the sender of a mail: the gateway of this name, and who has the address of an invite."""

    authserv_id: str
    reply_to: ReplyTo

    @classmethod
    def of(cls, settings: Settings) -> "Gate":
        """Return the gate of this installation."""
        return cls(settings.mail_authserv_id, ReplyTo.of(settings))

    def lets_in(self, mail: ReplyMail, *, address: str, entry_id: str) -> bool:
        """Whether this mail is from who has this address, or from who got the invite of this entry."""
        return mail.authenticated(self.authserv_id) == address or self.reply_to.is_among(mail.recipients, entry_id)


def take_mail(db: DbSession, *, mail: ReplyMail, gate: Gate, actor: Actor, now: datetime) -> list[ReplyTaken]:
    """Take the answers in a mail, each in the name of who gives it. Safe to repeat, in any order: what is earlier than
    an answer that was taken, by SEQUENCE and DTSTAMP (section 2.1.5), changes nothing, and nobody is added.

    Refused as `reply_not_vouched_for` when the mail is about an invite of ours but may be anybody's. Locks who answers
    with everybody in the session.
    """
    check_admin(actor)
    taken = []
    for reply in mail.replies:
        found = _invited(db, reply, mail.sender)
        if found is not None and not gate.lets_in(mail, address=found.email, entry_id=found.id):
            raise NotVouchedFor("Hand in a mail that our gateway has checked, or one to the address of the invite.")
        taken.append(_take(db, reply, found, mail.sender, now=now))
    return taken


def take_calendar(db: DbSession, *, replies: Sequence[Reply], actor: Actor, now: datetime) -> list[ReplyTaken]:
    """Take answers for whose senders the actor vouches. As `take_mail` in everything else."""
    check_admin(actor)
    return [_take(db, reply, _invited(db, reply, None), None, now=now) for reply in replies]


def decline_suggestion(
    db: DbSession,
    *,
    session_id: str,
    person_id: str,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Let a session stay at its time although somebody in it suggests another. Whoever takes part does it; who
    suggested it is told: their calendar, when it was there that they did. Repeating it changes nothing. Locks everybody
    in it.
    """
    locked = lock_session(db, session_id, expected_version=expected_version, actor=actor, now=now)
    mine = next((one for one in locked.participants if one.person_id == person_id), None)
    if mine is None or mine.proposed_starts_at is None:
        return
    which = participant.c.session_id == session_id, participant.c.person_id == person_id
    db.execute(update(participant).where(*which).values(proposed_starts_at=None))
    version = change_session(db, session_id, {}, now=now)
    tell(db, "session.changed", session_id, version=version, actor=actor, now=now)
    about = entry.c.series_id == locked.row.series_id if locked.row.series_id else entry.c.session_id == session_id
    occurrence = _name(locked.row.occurrence_at)
    suggested = (
        select(entry.c.id, entry.c.uid, calendar_reply.c.stamped_at)
        .join(calendar_reply, and_(calendar_reply.c.uid == entry.c.uid, calendar_reply.c.person_id == person_id))
        .where(about, entry.c.person_id == person_id)
        .where(calendar_reply.c.occurrence == occurrence, calendar_reply.c.method == "COUNTER")
    )
    if (found := db.execute(suggested).first()) is not None:
        _turn_down(db, found.id, found.stamped_at, session_id if occurrence else None, now=now)
        # Dealt with: the next one that they make here is not declined in their calendar.
        counter = calendar_reply.c.uid == found.uid, calendar_reply.c.person_id == person_id
        dealt_with = update(calendar_reply).where(*counter, calendar_reply.c.occurrence == occurrence)
        db.execute(dealt_with.values(method="REPLY"))
    elif actor.person_id != person_id:
        stays = NewNotice(
            kind=MessageKind.TIME_STAYS,
            person_id=person_id,
            about_id=session_id,
            starts_at=locked.row.starts_at,
            once=f"{MessageKind.TIME_STAYS}:{session_id}:{person_id}:{version}",
            due_at=now,
        )
        write_notices(db, [stays], now=now)


def _invited(db: DbSession, reply: Reply, sender: str | None) -> Any:
    """Return the calendar entry that is answered; None when who answers has none of this UID."""
    who = reply.of(sender)
    if who is None:
        return None
    names = ("id", "uid", "person_id", "part", "call_id", "session_id", "series_id", "sequence", "starts_at")
    query = select(*(entry.c[name] for name in names), person.c.email).join(person, person.c.id == entry.c.person_id)
    return db.execute(query.where(entry.c.uid == reply.uid, person.c.email == who[0])).first()


def _take(db: DbSession, reply: Reply, found: Any, sender: str | None, *, now: datetime) -> ReplyTaken:
    who = reply.of(sender)
    if found is None or who is None:
        return ReplyTaken(reply.uid, "ignored", "Nobody of that address was invited to anything of this UID.")
    about = _sessions(db, found, reply, now=now)
    why = _no_answer(reply, found, who[1], now=now) or _out_of_date(db, reply, found, about)
    if why is None and not _note(db, reply, found, who[1], now=now):
        why = "This answer, or a later one, is known."
    if why is not None:
        return ReplyTaken(reply.uid, "ignored", why)
    if reply.method == "COUNTER":
        return ReplyTaken(reply.uid, *_suggest(db, reply, found, about, who[1], now=now))
    return ReplyTaken(reply.uid, *_answer(db, found.person_id, about, _ANSWERS[who[1]], now=now))


def _no_answer(reply: Reply, found: Any, word: str, *, now: datetime) -> str | None:
    """Return why nobody could take this for an answer; None when it is one."""
    if reply.stamped_at > now + _CLOCKS_DIFFER:
        return "Its DTSTAMP lies in the future."
    if reply.method == "COUNTER":
        return None
    if word == "DELEGATED":
        return "Nobody else can be sent instead: answer yourself."
    if word not in _ANSWERS:
        return "It does not say whether its sender comes."
    return "A call takes place whether or not its host answers." if _hosts(found) else None


def _out_of_date(db: DbSession, reply: Reply, found: Any, about: Sequence[Any]) -> str | None:
    """Return why it answers nothing that stands now; None when it does."""
    if not about and not _hosts(found):
        return "There is nothing to come that it could be about."
    if reply.sequence == found.sequence:
        return None
    if reply.starts_at is None:
        if reply.sequence < found.sequence and not _moved(db, about):
            return None
        return "It answers another revision, and does not say which time."
    return None if _same_time(db, found, reply, about) else "It answers another revision, of another time."


def _hosts(found: Any) -> bool:
    return found.call_id is not None and found.part is Part.HOST


def _sessions(db: DbSession, found: Any, reply: Reply, *, now: datetime) -> Sequence[Any]:
    """Return the sessions that are answered: of a series the occurrence, or all that stand and are not over."""
    if found.series_id is None:
        one = session.c.id == found.session_id if reply.occurrence is None else session.c.id.is_(None)
    elif reply.occurrence is not None:
        one = and_(session.c.series_id == found.series_id, session.c.occurrence_at == reply.occurrence)
    else:
        to_come = session.c.status.not_in(OFF), session.c.ends_at > now
        one = and_(session.c.series_id == found.series_id, *to_come)
    columns = (session.c.id, session.c.kind, session.c.starts_at)
    return db.execute(select(*columns).where(one).order_by(session.c.starts_at, session.c.id)).all()


def _moved(db: DbSession, about: Sequence[Any]) -> bool:
    """Whether any of these sessions ever had another time, which an answer that tells none may be about: DTSTART is
    optional in one (section 3.2.3), and Apple's calendars leave it out.
    """
    moves = event.c.object_id.in_([one.id for one in about]), event.c.act == "session.moved"
    return db.execute(select(event.c.id).where(*moves).limit(1)).first() is not None


def _same_time(db: DbSession, found: Any, reply: Reply, about: Sequence[Any]) -> bool:
    """Whether an answer to another revision says the time of this one. A suggestion says what it wants instead."""
    if reply.method == "COUNTER":
        return False
    if found.series_id is None:
        ours = found.starts_at
    elif reply.occurrence is not None:
        ours = about[0].starts_at
    else:
        ours = timetables(db, {found.series_id})[found.series_id].starts_at
    return bool(reply.starts_at == ours)


def _note(db: DbSession, reply: Reply, found: Any, answer: str, *, now: datetime) -> bool:
    """Remember the answer as the last one; False when it is not. Whoever else notes one for them waits.

    A SEQUENCE above ours counts as ours: programs that count up when they answer would have us ignore the next answer.
    """
    sequence = min(reply.sequence, found.sequence)
    insert = postgresql.insert if db.get_bind().dialect.name == "postgresql" else sqlite.insert
    known = calendar_reply.c
    row = {
        "sequence": sequence,
        "stamped_at": reply.stamped_at,
        "method": reply.method,
        "answer": answer[:20],
        "received_at": now,
    }
    key = {"person_id": found.person_id, "uid": reply.uid, "occurrence": _name(reply.occurrence)}
    earlier = and_(known.sequence == sequence, known.stamped_at < reply.stamped_at)
    noted = insert(calendar_reply).values(key | row)
    noted = noted.on_conflict_do_update(
        index_elements=list(key), set_=row, where=or_(known.sequence < sequence, earlier)
    )
    return db.execute(noted.returning(known.uid)).first() is not None


def _answer(
    db: DbSession, person_id: str, about: Sequence[Any], said: Response, *, now: datetime
) -> tuple[ReplyOutcome, str]:
    """Answer, of a series all that is to come; refused when that can be done to none of it."""
    refusals = [_refusal(db, one.id, person_id, said, None, now=now) for one in about]
    why = refusals[0] if None not in refusals else None
    return ("answered", f"Noted as {said.value}.") if why is None else ("refused", why)


def _suggest(
    db: DbSession, reply: Reply, found: Any, about: Sequence[Any], word: str, *, now: datetime
) -> tuple[ReplyOutcome, str]:
    """Keep another time as a suggestion to the others, or turn it down at once where it can't be had."""
    one = about[0] if len(about) == 1 else None
    if found.call_id is not None:
        why: str | None = "A seat has the time of its call."
    elif one is None or (found.series_id is not None and reply.occurrence is None):
        why = "A series moves as a whole only here."
    elif reply.starts_at is None or reply.starts_at.second or reply.starts_at == one.starts_at:
        why = "Only another start, in whole minutes, can be suggested."
    else:
        response = Response.DECLINED if word == "DECLINED" else Response.TENTATIVE
        why = _refusal(db, one.id, found.person_id, response, reply.starts_at, now=now)
    if why is None:
        return "suggested", "The others are asked."
    _turn_down(db, found.id, reply.stamped_at, one.id if one and reply.occurrence else None, now=now)
    return "refused", why


def _refusal(
    db: DbSession,
    session_id: str,
    person_id: str,
    response: Response,
    proposed_starts_at: datetime | None,
    *,
    now: datetime,
) -> str | None:
    """Answer in somebody's name; return why it can't be done, and then nothing has changed."""
    try:
        with db.begin_nested():
            respond(
                db,
                session_id=session_id,
                person_id=person_id,
                response=response,
                proposed_starts_at=proposed_starts_at,
                actor=Actor(credential_id="calendar", role=Role.REP, person_id=person_id),
                now=now,
            )
    except _REFUSALS as refusal:
        return " ".join((refusal.detail, *(fault.detail for fault in refusal.faults)))
    return None


def _turn_down(db: DbSession, entry_id: str, stamped_at: datetime, session_id: str | None, *, now: datetime) -> None:
    """Leave the mail that says that the time stays (DECLINECOUNTER). `session_id` is which occurrence of a series."""
    once = hashlib.sha256(f"{session_id} {_name(stamped_at)}".encode()).hexdigest()[:16]
    payload = {"entry_id": entry_id, "session_id": session_id, "once": once}
    enqueue(db, "counter_mail", payload, singleton=f"counter_mail:{entry_id}.{once}", now=now)


def _name(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" if at else ""
