"""Write to people about what happened to them, once for each reason."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite

from app import ids
from app.db import DbSession
from app.models.tables import notice
from app.operations.events import Told
from app.operations.jobs import LATER, USUAL, enqueue_each
from app.queries import addressees
from app.queries.addressees import Addressee
from app.vocabulary import MessageKind, NoticeStatus

CAN_WAIT = frozenset({MessageKind.DIGEST, MessageKind.REMINDER_DAY})
"""What goes to everybody at once, and is as good an hour later."""
_TRIES = 500
"""How often mail is tried. It gives up by itself once there is nothing to say any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A reason to write to somebody: about what, and the key that makes it one reason however often it is found."""

    kind: MessageKind
    person_id: str
    about_id: str
    starts_at: datetime | None = None
    """When what it is about begins, where a notice says nothing once that has changed."""
    once: str
    due_at: datetime


Who = Callable[[DbSession, Collection[str]], Iterable[Addressee]]

_TOLD: Sequence[tuple[str, MessageKind, Who]] = (
    ("seat.requested", MessageKind.SEAT_REQUESTED, addressees.hosts_asked),
    ("session.moved", MessageKind.SEAT_REQUESTED, addressees.hosts_asked_now),
    ("seat.declined", MessageKind.SEAT_DECLINED, addressees.observers_who_asked),
    ("seat.expired", MessageKind.SEAT_EXPIRED, addressees.observers_who_asked),
    ("seat.cancelled", MessageKind.REQUEST_OVER, addressees.observers_who_asked),
    ("seat.released", MessageKind.REQUEST_OVER, addressees.observers_who_asked),
    ("waitlist_entry.offered", MessageKind.SEAT_OFFERED, addressees.those_offered),
    ("waitlist_entry.lapsed", MessageKind.OFFER_LAPSED, addressees.those_passed_by),
    ("waitlist_entry.lapsed", MessageKind.REQUEST_OVER, addressees.those_waiting_in_vain),
    ("session.answered", MessageKind.SESSION_DECLINED, addressees.those_let_down),
    ("session.answered", MessageKind.TIME_SUGGESTED, addressees.those_asked_to_move),
    ("match.requested", MessageKind.MATCH_REQUESTED, addressees.those_whose_yes_is_missing),
    ("match.reminded", MessageKind.MATCH_REMINDER, addressees.those_whose_yes_is_missing),
    ("match.declined", MessageKind.MATCH_DECLINED, addressees.those_not_matched),
    ("match.expired", MessageKind.MATCH_DECLINED, addressees.those_not_matched),
    ("match.withdrawn", MessageKind.MATCH_DECLINED, addressees.those_not_matched),
    ("match.ended", MessageKind.MATCH_DECLINED, addressees.those_not_matched),
    ("match.ended", MessageKind.MATCH_ENDED, addressees.those_parted),
    ("match.fit_asked", MessageKind.FIT_CHECK, addressees.mentees),
    ("match.fit_asked", MessageKind.FIT_CHECK, addressees.mentors),
    ("match.started", MessageKind.MATCH_STARTED, addressees.mentees),
    ("match.started", MessageKind.MATCH_STARTED, addressees.mentors),
    ("webhook_endpoint.disabled", MessageKind.WEBHOOK_DISABLED, addressees.admins),
)
"""Which act is told to whom, as what. Calendars tell the rest: what stands, moves or is off is an invite
(`operations/invites`), and a `session.requested` asks nobody anything that its seat does not ask.
"""


def notify(db: DbSession, told: Sequence[Told], *, now: datetime) -> None:
    """Write down a notice for each person who should read of one of these events: never for who did it themselves, nor
    for who has left. One statement per line of `_TOLD` that is concerned, and three more.
    """
    found: list[tuple[MessageKind, Addressee]] = []
    for act, kind, who in _TOLD:
        actors: dict[str, set[str]] = {}
        for event in told:
            if event.act == act:
                actors.setdefault(event.object_id, set()).add(event.actor)
        if actors:
            found += [(kind, one) for one in who(db, actors) if actors[one.object_id] != {one.person_id}]
    if found:
        gone = addressees.gone(db, {one.person_id for _, one in found})
        write_notices(db, (_new(kind, one, now) for kind, one in found if one.person_id not in gone), now=now)


def _new(kind: MessageKind, one: Addressee, now: datetime) -> NewNotice:
    reason = [kind, one.about_id, one.person_id, one.state]
    if one.starts_at is not None:
        reason.append(f"{one.starts_at:%Y-%m-%dT%H:%MZ}")
    return NewNotice(
        kind=kind,
        person_id=one.person_id,
        about_id=one.about_id,
        starts_at=one.starts_at,
        once=":".join(filter(None, reason)),
        due_at=now,
    )


def write_notices(db: DbSession, several: Iterable[NewNotice], *, now: datetime) -> int:
    """Write these notices down, each with the job that sends it, and return how many nobody had written yet. Safe to
    repeat. Two statements, and one more for each further time at which some are due, or urgency.
    """
    rows = [
        {
            "id": ids.new("ntc", now),
            "kind": one.kind,
            "person_id": one.person_id,
            "about_id": one.about_id,
            "starts_at": one.starts_at,
            "once": one.once,
            "status": NoticeStatus.WAITING,
            "due_at": one.due_at,
            "created_at": now,
            "updated_at": now,
        }
        for one in several
    ]
    if not rows:
        return 0
    made = postgresql.insert(notice) if db.get_bind().dialect.name == "postgresql" else sqlite.insert(notice)
    new = db.execute(made.on_conflict_do_nothing().returning(notice.c.id, notice.c.kind, notice.c.due_at), rows).all()
    jobs: dict[tuple[datetime, int], dict[str, dict[str, str]]] = {}
    for row in new:
        turn = row.due_at, LATER if row.kind in CAN_WAIT else USUAL
        jobs.setdefault(turn, {})[f"notice_mail:{row.id}"] = {"notice_id": row.id}
    for (due_at, priority), payloads in sorted(jobs.items()):
        enqueue_each(db, "notice_mail", payloads, due_at=due_at, priority=priority, max_attempts=_TRIES, now=now)
    return len(new)


def end_notice(db: DbSession, notice_id: str, status: NoticeStatus, why: str | None, *, now: datetime) -> None:
    """Note what became of a notice that waits, and why it was not sent if it was not. Safe to repeat."""
    waiting = notice.c.id == notice_id, notice.c.status == NoticeStatus.WAITING
    values = {"status": status, "why": why and why[:300], "sent_at": now if status is NoticeStatus.SENT else None}
    db.execute(update(notice).where(*waiting).values(**values, updated_at=now))
