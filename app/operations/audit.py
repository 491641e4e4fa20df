"""Tell the audit of what changed nothing: requests that were refused, and reads of what is private to somebody else."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Engine, select

from app import db as database
from app.db import DbSession
from app.errors import Unavailable
from app.models.tables import event
from app.operations.events import tell, tell_many
from app.rules.access import Actor
from app.vocabulary import Role

log = structlog.get_logger("earshot.http")

READ_ANEW = timedelta(hours=1)
"""Who reads the same again within this time leaves one line."""
_STRANGER = Actor(credential_id="anonymous", role=Role.REP, person_id=None)
"""Who shows a credential that is worth nothing is nobody in particular."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that the audit has a line about. `path` is as its route is written, `by` the known credential shown."""

    request_id: str
    code: str
    method: str
    path: str
    address: str
    signing_in: bool
    by: str | None


def note_refusal(db: DbSession, refused: Refused, *, passed_over: int, now: datetime) -> None:
    """Tell of one refusal. `passed_over` are others before it that came too quickly to be told of one by one."""
    act = "sign_in.refused" if refused.signing_in else "request.refused"
    detail = {
        "code": refused.code,
        "method": refused.method,
        "path": refused.path,
        "address": refused.address,
        "passed_over": passed_over,
    }
    actor = _STRANGER if refused.by is None else Actor(refused.by, Role.REP, None)
    tell(db, act, refused.request_id, version=1, actor=actor, now=now, detail=detail)


def reads_to_note(db: DbSession, act: str, object_ids: Collection[str], *, actor: Actor, now: datetime) -> list[str]:
    """Return those of which the audit does not say that this actor read them within the hour. One statement."""
    noted = select(event.c.object_id).where(
        event.c.object_id.in_(object_ids),
        event.c.act == act,
        event.c.actor == actor.name,
        event.c.on_behalf_of_id.is_not_distinct_from(actor.on_behalf_of_id),
        event.c.at > now - READ_ANEW,
    )
    known = set(db.execute(noted).scalars())
    return [object_id for object_id in object_ids if object_id not in known]


def note_reads(
    db: DbSession, act: str, object_ids: Collection[str], *, object_type: str, actor: Actor, now: datetime
) -> None:
    """Tell that the actor read what is private to somebody else, once in an hour for each."""
    missing = reads_to_note(db, act, object_ids, actor=actor, now=now)
    tell_many(db, act, [(one, 1) for one in missing], actor=actor, now=now, object_type=object_type)


def note_reads_after(
    engine: Engine, act: str, object_ids: Collection[str], *, object_type: str, actor: Actor, now: datetime
) -> None:
    """Note reads in transactions of their own, after what was read; nothing is written when the last hour has them. A
    busy database is no reason to refuse what was read.
    """
    note = partial(note_reads, act=act, object_ids=object_ids, object_type=object_type, actor=actor, now=now)
    try:
        with database.transaction(engine, writes=False) as reading:
            missing = reads_to_note(reading, act, object_ids, actor=actor, now=now)
        if missing:
            database.written(engine, note)
    except Unavailable:
        log.warning("read not noted", act=act, actor=actor.name)
