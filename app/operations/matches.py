"""How matches begin and end: what runs, requests and people who leave have in common."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, insert, update

from app.db import DbSession, one_at_a_time
from app.models.tables import match
from app.operations.changes import check_version
from app.operations.events import tell_many
from app.queries import matches as queries
from app.rules.access import Actor, runs_program
from app.rules.matching.lives import awaited
from app.vocabulary import Approver, EndedBecause, MatchApproval, MatchStatus

_AT_ONCE = 500
"""How many matches a sweep changes in one transaction."""
_TOLD: Mapping[EndedBecause, str] = {
    EndedBecause.DECLINED: "match.declined",
    EndedBecause.EXPIRED: "match.expired",
    EndedBecause.WITHDRAWN: "match.withdrawn",
}
"""The acts of matches that end before anybody was matched."""


def hold_programs(db: DbSession, program_ids: Iterable[str]) -> None:
    """Make everybody else wait who changes the matches of these programs, or who may have one, until this is over.

    Whoever locks people besides does so before it, and locks matches and runs after it: nobody then waits for somebody
    who waits for them.
    """
    for program_id in sorted(set(program_ids)):
        one_at_a_time(db, f"program {program_id}")


def lock_match(db: DbSession, match_id: str, *, expected_version: int | None, actor: Actor) -> Any:
    """Lock the program's matches, then this one, and return its row. Raises NotFound, and Stale."""
    seen = queries.match_by_id(db, match_id, actor=actor)
    hold_programs(db, [seen.program_id])  # so that nobody gives a mentor's last place away twice
    found = queries.match_for_update(db, match_id)
    check_version(found, expected_version)
    return found


def lock_due(db: DbSession, which: ColumnElement[bool]) -> list[Any]:
    """Return the rows of those that stand of which this is true, of every program, up to so many at once. Locks their
    programs, then them.
    """
    seen = queries.some_of(db, which, most=_AT_ONCE)
    hold_programs(db, {row.program_id for row in seen})
    return queries.standing_for_update(db, match.c.id.in_([row.id for row in seen]), which)


def begun(
    db: DbSession, run: Any, proposed: Sequence[Any], *, approval: MatchApproval, actor: Actor, now: datetime
) -> None:
    """Make these proposed pairs of a run, as rows, matches with the same ids, and tell: active, or pending where the
    program's `approval` wants a yes of mentor or mentee. That of an admin is publishing it, by whoever runs the
    program. The caller holds its matches and has ended those that are in the way.
    """
    waits_for = awaited(approval, asked_by_mentee=False, by_admin=runs_program(actor, run.program_id))
    pairs = [
        {
            "id": row.id,
            "program_id": run.program_id,
            "run_id": run.id,
            "mentee_id": row.mentee_id,
            "mentor_id": row.mentor_id,
            "score": row.score,
            "terms": row.terms,
            "pinned": row.pinned,
        }
        for row in proposed
    ]
    add_matches(db, pairs, waits_for=waits_for, actor=actor, now=now)


def add_matches(
    db: DbSession, pairs: Sequence[Mapping[str, Any]], *, waits_for: Sequence[Approver], actor: Actor, now: datetime
) -> None:
    """Write matches down and tell: active, or pending while they wait for somebody's yes."""
    if not pairs:
        return
    status = MatchStatus.PENDING if waits_for else MatchStatus.ACTIVE
    since = {"asked_at": now} if waits_for else {"started_at": now}
    life = {"status": status, "awaiting": list(waits_for), **since, "version": 1, "created_at": now, "updated_at": now}
    db.execute(insert(match), [{**pair, **life} for pair in pairs])
    act = "match.requested" if waits_for else "match.started"
    tell_many(db, act, [(pair["id"], 1) for pair in pairs], actor=actor, now=now)


def end_matches(db: DbSession, ended: Sequence[Any], *, because: EndedBecause, actor: Actor, now: datetime) -> None:
    """End these matches, given by their locked rows, and tell."""
    life: dict[str, Any] = {"status": MatchStatus.ENDED, "ended_because": because, "awaiting": []}
    change_matches(db, ended, _TOLD.get(because, "match.ended"), **life, actor=actor, now=now)


def change_matches(
    db: DbSession, changed: Sequence[Any], act: str, *, actor: Actor, now: datetime, **values: Any
) -> None:
    """Change columns of these matches, given by their locked rows, count their versions and tell."""
    if not changed:
        return
    counted = {"version": match.c.version + 1, "updated_at": now}
    db.execute(update(match).where(match.c.id.in_([row.id for row in changed])).values(**values, **counted))
    tell_many(db, act, [(row.id, row.version + 1) for row in changed], actor=actor, now=now)
