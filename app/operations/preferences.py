"""Keep whom people would like as a mentor or mentee."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, update

from app import ids
from app.db import DbSession
from app.errors import Forbidden
from app.models.tables import person, preference
from app.operations.changes import from_to
from app.operations.enrollments import check_enrolled
from app.operations.events import tell
from app.operations.matches import hold_programs
from app.queries import preferences, runs
from app.queries.access import check_acts
from app.queries.people import lock_people
from app.rules.access import Actor, is_theirs
from app.vocabulary import Side

_CHANGED = "preferences.changed"


def set_preferences(
    db: DbSession,
    *,
    person_id: str,
    program_id: str | None,
    side: Side,
    preferred: Sequence[str],
    actor: Actor,
    now: datetime,
) -> None:
    """Replace whom somebody on one side of a program would like of the other side, best first. They say it themselves,
    an admin for anybody. Refused as `not_enrolled` for whoever is not there. Saying the same again changes nothing.
    Locks the person, then the program's matches.
    """
    program = runs.program_for_run(db, program_id)
    preferences.check_private(db, person_id, program.id, actor=actor)
    if not is_theirs(actor, person_id):
        check_acts(actor)
        raise Forbidden("Whom they would like, they say themselves.")
    row = lock_people(db, [person_id])[person_id]
    hold_programs(db, [program.id])  # nobody is taken off it meanwhile
    other = Side.MENTOR if side is Side.MENTEE else Side.MENTEE
    named = {f"/preferred/{number}": (who, other) for number, who in enumerate(preferred)}
    check_enrolled(db, program.id, {"query:as": (person_id, side), **named})
    before = preferences.preferred(db, program.id, person_id, side)
    if before == list(preferred):
        return
    mine = preference.c.program_id == program.id, preference.c.person_id == person_id, preference.c.side == side
    db.execute(delete(preference).where(*mine))
    if preferred:
        whose = {"program_id": program.id, "person_id": person_id, "side": side}
        ranked = [
            {"id": ids.new("prf", now), **whose, "preferred_id": who, "rank": rank}
            for rank, who in enumerate(preferred, start=1)
        ]
        db.execute(insert(preference), ranked)
    version = row.version + 1
    db.execute(update(person).where(person.c.id == person_id).values(version=version, updated_at=now))
    where = {"program_id": program.id, "side": side}
    detail = from_to({**where, "preferred": before}, {**where, "preferred": preferred})
    tell(db, _CHANGED, person_id, version=version, actor=actor, now=now, object_type="person", detail=detail)
