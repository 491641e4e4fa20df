"""Read sessions, in the scope of who asks."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, exists, func, null, or_, select, true, union_all

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import account, calendar_entry, call, call_type, participant, person, series, session
from app.queries import calls
from app.queries.pages import Order, PageOf, PageRequest, fetch
from app.queries.rows import first_row
from app.queries.scopes import acted_for
from app.rules.access import Actor, sees_the_house
from app.vocabulary import CallStatus, Part, Response, SessionKind, SessionStatus

EVENTS = select(
    *(column for column in session.c if column not in (session.c.uid, session.c.sequence)),
    func.coalesce(series.c.uid, session.c.uid).label("uid"),
    func.coalesce(series.c.sequence, session.c.sequence).label("sequence"),
).outerjoin(series, series.c.id == session.c.series_id)
"""Sessions with the UID and sequence of the event that calendars know: occurrences have those of their series."""
SORTS = {"starts_at": session.c.starts_at, "updated_at": session.c.updated_at}


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions: values of one field are alternatives, fields are all required."""

    kind: tuple[SessionKind, ...] = ()
    status: tuple[SessionStatus, ...] = ()
    person_id: tuple[str, ...] = ()
    call_id: tuple[str, ...] = ()
    starts_at_gte: datetime | None = None
    starts_at_lt: datetime | None = None
    updated_at_gte: datetime | None = None


def visible(actor: Actor, of: FromClause = session) -> ColumnElement[bool]:
    """Return the condition for the sessions this actor may see: those they, or who reports to them, take part in."""
    if sees_the_house(actor):
        return true()
    return exists().where(participant.c.session_id == of.c.id, acted_for(actor, participant.c.person_id))


def session_by_id(db: DbSession, session_id: str, *, actor: Actor) -> Any:
    """Return one session's row, with the UID and sequence of its event. Raises NotFound when absent or not for this
    actor.
    """
    return first_row(db, EVENTS.where(session.c.id == session_id, visible(actor)))


def session_with_names(db: DbSession, session_id: str, *, actor: Actor) -> Any:
    """Return what `session_by_id` does with the host, company and type of its call, or of the call that a debrief
    follows; all None when there is neither. `call_is_visible` and `followed_is_visible`: whether the actor may know of
    its own call, and of the session that it follows; `meeting_url` as they may know it, and None once the session is
    cancelled.
    Raises NotFound when absent or not for this actor. One statement.
    """
    host, followed = person.alias("host"), session.alias("followed")
    stands = session.c.call_id.is_not(None), session.c.status != SessionStatus.CANCELLED
    query = (
        EVENTS.add_columns(
            call.c.type,
            call.c.host_id,
            host.c.name.label("host_name"),
            account.c.name.label("account_name"),
            call_type.c.name.label("type_name"),
            and_(session.c.call_id.is_not(None), calls.visible(actor)).label("call_is_visible"),
            and_(followed.c.id.is_not(None), visible(actor, followed)).label("followed_is_visible"),
            case((and_(calls.takes_part(actor), *stands), call.c.meeting_url)).label("meeting_url"),
        )
        .outerjoin(followed, followed.c.id == session.c.follows_id)
        .outerjoin(call, call.c.id == func.coalesce(session.c.call_id, followed.c.call_id))
        .outerjoin(host, host.c.id == call.c.host_id)
        .outerjoin(call_type, call_type.c.slug == call.c.type)
        .outerjoin(account, account.c.id == call.c.account_id)
    )
    found = db.execute(query.where(session.c.id == session_id, visible(actor))).first()
    if found is None:
        raise NotFound
    return found


def named_participants(db: DbSession, session_id: str) -> list[Any]:
    """Return who takes part in a session with their names and zones, hosts first, then by name. One statement."""
    query = select(*participant.c, person.c.name, person.c.time_zone)
    query = query.join(person, person.c.id == participant.c.person_id).where(participant.c.session_id == session_id)
    return list(db.execute(query.order_by(participant.c.part, person.c.name, person.c.id)))


def list_sessions(
    db: DbSession, wanted: SessionFilter, page: PageRequest, *, sort: str, descending: bool, actor: Actor
) -> PageOf[Any]:
    """Return a page of sessions that the actor may see, as `session_by_id` does each. One statement."""
    column = SORTS[sort]
    return fetch(db, _filtered(EVENTS.where(visible(actor)), wanted), page, Order(column, session.c.id, descending))


def participants(db: DbSession, session_ids: Iterable[str]) -> dict[str, list[Any]]:
    """Return who takes part in each of these sessions, hosts first. One statement."""
    query = select(participant).where(participant.c.session_id.in_(list(session_ids)))
    found: dict[str, list[Any]] = {}
    for row in db.execute(query.order_by(participant.c.session_id, participant.c.part, participant.c.person_id)):
        found.setdefault(row.session_id, []).append(row)
    return found


def parts_in(db: DbSession, session_id: str) -> dict[str, Part]:
    """Return who takes part in a session, as what. One statement."""
    return {one.person_id: one.part for one in participants(db, [session_id]).get(session_id, ())}


def elsewhere(db: DbSession, person_ids: Collection[str], starts_at: datetime, ends_at: datetime) -> Any:
    """Return the first of what kept one of these people during [starts_at, ends_at), as far as we know: a session that
    nobody says they missed, or, with the session None, a call that they hosted. None when there was nothing. Who
    dropped in was there from when they came, whether or not their seat is closed. One statement.
    """
    met = (SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS, SessionStatus.COMPLETED)
    came_later = session.c.kind == SessionKind.DROP_IN, session.c.created_at > session.c.starts_at
    begins = case((and_(*came_later), session.c.created_at), else_=session.c.starts_at)
    took_part = (
        select(participant.c.person_id, begins.label("starts_at"), session.c.ends_at, session.c.id.label("session_id"))
        .join(session, session.c.id == participant.c.session_id)
        .where(participant.c.person_id.in_(person_ids), participant.c.response != Response.DECLINED)
        .where(or_(session.c.call_id.is_(None), participant.c.part != Part.HOST), session.c.status.in_(met))
        .where(begins < ends_at, session.c.ends_at > starts_at)
    )
    held = (CallStatus.SCHEDULED, CallStatus.LIVE, CallStatus.ENDED)
    hosted = (
        select(call.c.host_id, call.c.starts_at, call.c.ends_at, null())
        .where(call.c.host_id.in_(person_ids), call.c.status.in_(held))
        .where(call.c.starts_at < ends_at, call.c.ends_at > starts_at)
    )
    return db.execute(union_all(took_part, hosted).order_by("starts_at", "person_id").limit(1)).first()


def entry_id_of_session(db: DbSession, session_id: str, *, actor: Actor) -> str:
    """Return the calendar entry through which this actor sees a session: their own of it or of its series, else theirs
    as the host of its call; who sees everything and takes no part is shown the observer's, or anybody's. Not who leads
    them: an entry holds the way into the call. Raises NotFound when there is none for them.
    """
    found = session_by_id(db, session_id, actor=actor)
    ways = [calendar_entry.c.session_id == found.id]
    if found.call_id is not None:
        ways.append(and_(calendar_entry.c.call_id == found.call_id, calendar_entry.c.part == Part.HOST))
    if found.series_id is not None:
        ways.append(calendar_entry.c.series_id == found.series_id)
    query = select(calendar_entry.c.id, calendar_entry.c.person_id, calendar_entry.c.session_id)
    rows = db.execute(query.where(or_(*ways)).order_by(calendar_entry.c.id)).all()
    # Somebody who gave a seat back and hosts the call by now has both, of two parts.
    own = {row.session_id: row.id for row in rows if row.person_id == actor.person_id}
    if not own and sees_the_house(actor):
        own = {row.session_id: row.id for row in rows}
    entry_id: str | None = own.get(session_id) or own.get(None)
    if entry_id is None:
        raise NotFound
    return entry_id


def _filtered(query: Select[Any], wanted: SessionFilter) -> Select[Any]:
    for column, values in (
        (session.c.kind, wanted.kind),
        (session.c.status, wanted.status),
        (session.c.call_id, wanted.call_id),
    ):
        if values:
            query = query.where(column.in_(values))
    if wanted.person_id:
        theirs = participant.c.session_id == session.c.id, participant.c.person_id.in_(wanted.person_id)
        query = query.where(exists().where(*theirs))
    if wanted.starts_at_gte:
        query = query.where(session.c.starts_at >= wanted.starts_at_gte)
    if wanted.starts_at_lt:
        query = query.where(session.c.starts_at < wanted.starts_at_lt)
    if wanted.updated_at_gte:
        query = query.where(session.c.updated_at >= wanted.updated_at_gte)
    return query
