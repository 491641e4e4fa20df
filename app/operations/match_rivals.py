"""Who else could mentor a mentee of a draft, and what speaks against it, without solving anything again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.db import DbSession
from app.operations.match_edits import mentees_of
from app.operations.match_feasibility import obstacle, wishes_of
from app.operations.match_settings import capacities
from app.queries import matching, pool, runs
from app.rules.matching.points import points
from app.vocabulary import Side


@dataclass(frozen=True, slots=True)
class Rival:
    """A mentor whom the draft gives somebody else. `score` is what the pair would have, as people are now."""

    mentor_id: str
    score: int
    obstacle: str | None
    """What a swap would be refused for; None when nothing stands against it."""
    mentees: tuple[str, ...]
    """Whom they would have once the draft was published, by id."""


def rivals(db: DbSession, run: Any, mentee_id: str, *, now: datetime) -> Sequence[Rival]:
    """Return every other mentor who is here, first those whom nothing stands against, then by score. Two dozen
    statements however many there are; O(mentors).
    """
    proposed = {row.mentee_id: row for row in runs.proposed_matches(db, run.id)}
    mine = proposed.pop(mentee_id, None)
    mentors = [who for who, side in capacities(db, run.program_id) if side is Side.MENTOR]
    people = matching.close_up(db, run.program_id, among={mentee_id, *mentors}, now=now)
    mentee, standing = people.mentees.get(mentee_id), pool.standing_matches(db, run.program_id)
    if mentee is None:
        return []
    wishes = wishes_of(db, run, despite=())
    found = []
    for mentor_id, mentor in people.mentors.items():
        if mine is not None and mentor_id == mine.mentor_id:
            continue
        taken = mentees_of(mentor_id, run, proposed, standing)
        why = obstacle(people, (mentee_id, mentor_id), wishes, taken=len(taken | {mentee_id}))
        score = sum(points(mentee, mentor, run.weights).values())
        found.append(Rival(mentor_id, score, why, tuple(sorted(taken - {mentee_id}))))
    return sorted(found, key=lambda one: (one.obstacle is not None, -one.score, one.mentor_id))
