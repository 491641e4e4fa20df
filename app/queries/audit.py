"""Read the audit: who did what to what, on whose behalf, from where, and what it was before and after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, false, func, or_, select

from app.db import DbSession, retrying, transaction
from app.errors import NotFound
from app.models.tables import api_key, browser_session, event, event_detail, person
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.rules.access import Actor, reads_the_audit

_AT_ONCE = 500
"""Events of one transaction, when all of them are asked for: who reads slowly holds none open meanwhile."""
_actor, _behalf, _object = (person.alias(name) for name in ("acting", "on_behalf", "object"))
_key = api_key.alias("by_key")


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events: all that is given is required. Times are half-open."""

    actor: str | None = None
    """The id of a person, or of a key without one."""
    on_behalf_of: str | None = None
    act: tuple[str, ...] = ()
    """Acts, or `noun.*` for all of a noun."""
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def list_audit(db: DbSession, wanted: AuditFilter, page: PageRequest, *, actor: Actor) -> PageOf[Any]:
    """Return a page of events, the newest first. One statement. Raises NotFound for whom the audit is not for."""
    check_reads(actor)
    return fetch(db, _found(wanted), page, Order(event.c.sequence, event.c.sequence, descending=True))


def all_audit(engine: Engine, wanted: AuditFilter) -> Iterator[Sequence[Any]]:
    """Return the events, the newest first, in parts that are each read in a transaction of its own. Ask first whether
    they may be read (`check_reads`).
    """
    last: int | None = None
    while rows := retrying(partial(_part, engine, wanted, last)):
        yield rows
        last = rows[-1].sequence


def check_reads(actor: Actor) -> None:
    """Raise NotFound unless the audit is for this actor."""
    if not reads_the_audit(actor):
        raise NotFound


def _part(engine: Engine, wanted: AuditFilter, last: int | None) -> Sequence[Any]:
    query = _found(wanted).order_by(event.c.sequence.desc()).limit(_AT_ONCE)
    if last is not None:
        query = query.where(event.c.sequence < last)
    with transaction(engine, writes=False) as db:
        return db.execute(query).all()


def _found(wanted: AuditFilter) -> Select[Any]:
    query = (
        select(
            event,
            func.coalesce(_actor.c.name, _key.c.name).label("actor_name"),
            _behalf.c.name.label("on_behalf_of_name"),
            func.coalesce(_key.c.name, browser_session.c.device).label("credential_name"),
            browser_session.c.address,
            _object.c.name.label("object_name"),
            event_detail.c.detail,
        )
        .outerjoin(_actor, _actor.c.id == event.c.actor)
        .outerjoin(_behalf, _behalf.c.id == event.c.on_behalf_of_id)
        .outerjoin(_key, _key.c.id == event.c.credential_id)
        .outerjoin(browser_session, browser_session.c.id == event.c.credential_id)
        .outerjoin(_object, _object.c.id == event.c.object_id)
        .outerjoin(event_detail, event_detail.c.event_id == event.c.id)
    )
    return query.where(*_conditions(wanted))


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (event.c.actor, wanted.actor),
        (event.c.on_behalf_of_id, wanted.on_behalf_of),
        (event.c.object_id, wanted.object_id),
    ):
        if value is not None:
            yield column == value
    if wanted.act:
        nouns = [act.removesuffix("*") for act in wanted.act if act.endswith(".*")]
        yield event.c.act.in_(wanted.act) | _begins_with_any(nouns)
    if wanted.since is not None:
        yield event.c.at >= wanted.since
    if wanted.until is not None:
        yield event.c.at < wanted.until


def _begins_with_any(beginnings: Sequence[str]) -> ColumnElement[bool]:
    return or_(false(), *(event.c.act.startswith(beginning, autoescape=True) for beginning in beginnings))
