"""Read whom people would like as a mentor or mentee, in the scope of who asks."""

from sqlalchemy import select

from app.db import DbSession
from app.errors import NotFound
from app.models.tables import preference
from app.queries import people
from app.rules.access import Actor, sees_program, sees_theirs
from app.vocabulary import Side


def check_private(db: DbSession, person_id: str, program_id: str, *, actor: Actor) -> None:
    """Raise NotFound unless there is this person and the actor may see whom they would like in this program: it is
    theirs to know, and for those who see the program from inside. Who leads them is not told.
    """
    people.person_by_id(db, person_id, actor=actor)
    if not (sees_theirs(actor, person_id) or sees_program(actor, program_id)):
        raise NotFound


def preferred(db: DbSession, program_id: str, person_id: str, side: Side) -> list[str]:
    """Return whom somebody on one side of a program would like, best first. One statement."""
    mine = preference.c.program_id == program_id, preference.c.person_id == person_id, preference.c.side == side
    return list(db.execute(select(preference.c.preferred_id).where(*mine).order_by(preference.c.rank)).scalars())
