"""What the feeds show that are not of one's own calendar: what a team takes part in, and the seats one could take.

Both are to look at: nothing in them blocks time, rings, or leads into a call, which is for who has a seat alone. Their
UIDs are their own, so that the same person's calendar may hold them beside the entries of their invites.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.db import DbSession
from app.errors import NotFound
from app.ical.entries import Entry, EntryStatus
from app.ical.write import vevent
from app.models.tables import account, call, installation, person
from app.models.tables import team as teams
from app.queries import joinable
from app.queries.entries import Desk, Drawn, drawn_entries
from app.rules.access import Actor, leads, sees_the_house
from app.vocabulary import FeedPrivacy, PersonStatus

Seats = tuple[tuple[str, datetime], ...]
"""Id, and moment of the last change, of each call on which somebody could take a seat."""

_AHEAD = timedelta(days=28)
_MOST = 200
"""Open seats of four weeks, the next first: a longer list is one that nobody chooses from."""


def may_see_team(db: DbSession, *, team_id: str, person_id: str) -> bool:
    """Whether this person is in the team, leads somebody in it, directly or through others, or sees everything."""
    role, own_team = db.execute(select(person.c.role, person.c.team_id).where(person.c.id == person_id)).one()
    if own_team == team_id or sees_the_house(Actor("feed", role, person_id)):
        return True
    if not leads(role):
        return False
    line = select(person.c.manager_id).where(_in_team(team_id)).cte("line", recursive=True)
    line = line.union(select(person.c.manager_id).where(person.c.id == line.c.manager_id))
    return db.execute(select(line.c.manager_id).where(line.c.manager_id == person_id)).first() is not None


def team(db: DbSession, *, team_id: str, person_id: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of a team, and who is in it now. Raises NotFound for who may not see it. Four statements."""
    name = db.execute(select(teams.c.name).where(teams.c.id == team_id)).scalar()
    if name is None or not may_see_team(db, team_id=team_id, person_id=person_id):
        raise NotFound
    members = select(person.c.id).where(_in_team(team_id)).order_by(person.c.id)
    return name, tuple(db.execute(members).scalars())


def team_vevents(db: DbSession, entry_ids: Iterable[str], *, privacy: FeedPrivacy, desk: Desk) -> list[bytes]:
    """Return the VEVENTs of these entries as colleagues may read them, by start."""
    drawn = drawn_entries(db, entry_ids, desk=desk)
    return [vevent(_for_colleagues(one, privacy), rsvp=False) for one in drawn]


def _for_colleagues(one: Drawn, privacy: FeedPrivacy) -> Entry:
    busy_only = privacy is FeedPrivacy.BUSY_ONLY
    return replace(
        one.entry,
        uid=f"team-{one.id}@{one.entry.uid.rpartition('@')[2]}",
        summary=f"{one.recipient.name}: {'Busy' if busy_only else one.entry.summary}",
        description="" if busy_only else one.entry.url or "",
        location=None,
        url=None if busy_only else one.entry.url,
        conference_url=None,
        transparent=True,
        attendees=(),
        alarm_minutes=None,
    )


def open_seats(db: DbSession, *, person_id: str, now: datetime) -> Seats:
    """Return the calls of the next four weeks on which this person could take a seat now, at most 200.

    A seat that is gone leaves no trace: what was never taken can't be cancelled (decision 18).
    """
    observer = db.execute(select(person).where(person.c.id == person_id)).one()
    ids = joinable.joinable_ids(db, now, now + _AHEAD, observer=observer, now=now, limit=_MOST)
    query = select(call.c.id, call.c.updated_at, person.c.updated_at, account.c.updated_at)
    query = query.join(person, person.c.id == call.c.host_id).outerjoin(account, account.c.id == call.c.account_id)
    rows = db.execute(query.where(call.c.id.in_(ids)).order_by(call.c.id))
    return tuple((id_, max(at for at in moments if at is not None)) for id_, *moments in rows)


def open_seat_vevents(db: DbSession, seats: Seats, *, desk: Desk) -> list[bytes]:
    """Return the VEVENTs of the seats that are open on these calls, by start. Two statements."""
    place = db.execute(select(installation.c.id)).scalar_one()
    changed_at = dict(seats)
    columns = (call.c.id, call.c.version, call.c.created_at, call.c.starts_at, call.c.ends_at, call.c.type)
    query = select(*columns, person.c.name.label("host_name"), func.coalesce(account.c.name, "").label("company"))
    query = query.join(person, person.c.id == call.c.host_id).outerjoin(account, account.c.id == call.c.account_id)
    rows = db.execute(query.where(call.c.id.in_(list(changed_at))).order_by(call.c.starts_at, call.c.id))

    def drawn(row: Any) -> Entry:
        what = row.type.replace("_", " ").replace(".", " ")
        url = f"{desk.public_url}/calls/{row.id}"
        return Entry(
            uid=f"open-{row.id}@{place}",
            sequence=row.version,
            changed_at=changed_at[row.id],
            created_at=row.created_at,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            summary=f"Open seat: {row.host_name} · {f'{row.company} ({what})' if row.company else what}",
            description=url,
            location=None,
            url=url,
            conference_url=None,
            status=EntryStatus.TENTATIVE,
            transparent=True,
            organizer=desk.organizer,
            attendees=(),
            alarm_minutes=None,
        )

    return [vevent(drawn(row), rsvp=False) for row in rows]


def _in_team(team_id: str) -> ColumnElement[bool]:
    return (person.c.team_id == team_id) & (person.c.status != PersonStatus.LEFT)
