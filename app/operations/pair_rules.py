"""Keep what a program always says of two people: that they are a match, or never are."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Conflict, Extra, NotFound
from app.models.tables import pair_rule
from app.operations.changes import from_to
from app.operations.enrollments import check_enrolled
from app.operations.events import tell
from app.operations.matches import hold_programs
from app.operations.programs import check_runs_program
from app.queries import programs
from app.queries.rows import first_row
from app.rules.access import Actor
from app.vocabulary import PairRuleKind, Side


class AlreadyForced(Conflict):
    """A mentee has one mentor at a time in a program."""

    code = "already_forced"
    title = "The program forces another mentor on this mentee"


def put_pair_rule(
    db: DbSession,
    *,
    program_id: str,
    mentee_id: str,
    mentor_id: str,
    kind: PairRuleKind,
    actor: Actor,
    now: datetime,
) -> Any:
    """Say of two people in a program that runs always or never match them, in place of what was said of them before,
    and return it. A match of theirs stays until a run is published. Refused as `already_forced`, naming the rule.
    Repeating it changes nothing.
    """
    programs.program_by_id(db, program_id)
    check_runs_program(actor, program_id)
    hold_programs(db, [program_id])
    sides = {"/mentee_id": (mentee_id, Side.MENTEE), "/mentor_id": (mentor_id, Side.MENTOR)}
    check_enrolled(db, program_id, sides)
    if kind is PairRuleKind.FORCED:
        _check_not_forced(db, program_id, mentee_id, mentor_id)
    mine = _of_pair(program_id, mentee_id, mentor_id)
    known = db.execute(select(pair_rule).where(*mine)).first()
    if known is not None and known.kind is kind:
        return known
    if known is None:
        pair = {"program_id": program_id, "mentee_id": mentee_id, "mentor_id": mentor_id}
        db.execute(insert(pair_rule).values(id=ids.new("prl", now), **pair, kind=kind, created_at=now))
    else:
        db.execute(update(pair_rule).where(*mine).values(kind=kind))
    found = first_row(db, select(pair_rule).where(*mine))
    act, detail = "pair_rule.changed" if known else "pair_rule.created", from_to(_said(known), _said(found))
    tell(db, act, found.id, version=1, actor=actor, now=now, detail=detail)
    return found


def delete_pair_rule(
    db: DbSession, *, program_id: str, mentee_id: str, mentor_id: str, actor: Actor, now: datetime
) -> None:
    """Take back what a program says of two people. Raises NotFound when it says nothing of them."""
    programs.program_by_id(db, program_id)
    check_runs_program(actor, program_id)
    hold_programs(db, [program_id])
    gone = db.execute(delete(pair_rule).where(*_of_pair(program_id, mentee_id, mentor_id)).returning(pair_rule)).first()
    if gone is None:
        raise NotFound
    tell(db, "pair_rule.deleted", gone.id, version=1, actor=actor, now=now, detail=from_to(_said(gone), {}))


def _said(rule: Any | None) -> dict[str, Any]:
    """Return what the audit says of a rule: by its id alone nobody would know whose it was, once it is deleted."""
    return (
        {} if rule is None else {name: getattr(rule, name) for name in ("program_id", "mentee_id", "mentor_id", "kind")}
    )


def _check_not_forced(db: DbSession, program_id: str, mentee_id: str, mentor_id: str) -> None:
    theirs = pair_rule.c.program_id == program_id, pair_rule.c.mentee_id == mentee_id
    other = pair_rule.c.mentor_id != mentor_id, pair_rule.c.kind == PairRuleKind.FORCED
    if known := db.execute(select(pair_rule).where(*theirs, *other)).first():
        extra: dict[str, Extra] = {"pair_rule_id": known.id, "mentor_id": known.mentor_id}
        raise AlreadyForced("Take that rule back first.", extra=extra)


def _of_pair(program_id: str, mentee_id: str, mentor_id: str) -> tuple[Any, ...]:
    return (
        pair_rule.c.program_id == program_id,
        pair_rule.c.mentee_id == mentee_id,
        pair_rule.c.mentor_id == mentor_id,
    )
