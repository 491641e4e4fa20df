"""Whether pairs that somebody wants to stand still may: what a run asked of them, asked again."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from app.db import DbSession
from app.errors import Conflict, Extra
from app.queries import matching
from app.queries.matching import Pool
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import Blocker, MatchConstraints

AWAY, FORCED, PINNED = "away", "forced_pair", "pinned"
"""What stands against a pair besides a `Blocker`: one of them is not here, a rule of the program gives the mentee
somebody else, or the mentee's match that stands is pinned.
"""
NOT_MOVED = "not_moved_yet"
"""Why a pair that a draft has room for can't be accepted alone: who has the mentor's place is still to move."""
BY_HAND = "by_hand"
"""Why a mentee of a draft has no mentor: an admin said so."""
_SENTENCES: Mapping[str, str] = {
    AWAY: "One of them has left, is away, or is not enrolled on that side",
    FORCED: "The program forces the mentee to have another mentor",
    Blocker.SELF: "Nobody mentors themselves",
    Blocker.FORBIDDEN: "They are kept apart by a rule, or one has said no to the other",
    Blocker.REPEAT: "They have been matched before",
    Blocker.REPORTING_LINE: "One of them reports to the other",
    Blocker.TEAM: "Their teams break the run's team rule",
    Blocker.GRADE_GAP: "Their grades are too far apart",
    Blocker.LANGUAGE: "They share no language",
    Blocker.ZONE_GAP: "Their time zones are too far apart",
    Blocker.SHARED_HOURS: "They do not share enough working hours",
    Blocker.CAPACITY: "The mentor has no capacity left",
    PINNED: "The mentee's match with another mentor is pinned",
    NOT_MOVED: "Somebody whom the draft moves has the place: accept that pair first, or publish the whole draft",
}


class InfeasiblePair(Conflict):
    """A proposed pair is not possible, or no longer."""

    code = "infeasible_pair"
    title = "A proposed pair is not possible"


def check_feasible(
    db: DbSession,
    run: Any,
    new: Sequence[Any],
    standing: Mapping[str, Any],
    ended: Collection[Any],
    *,
    now: datetime,
) -> None:
    """Raise InfeasiblePair for the first of these `new` proposals of a run that it could not propose as people are
    now, when of the matches `standing`, by mentee, those `ended` are over. Pairs that are kept are nobody's trouble.
    """
    pinned = {(row.mentee_id, row.mentor_id) for row in new if row.pinned or row.by_hand}
    settled = {mentee for mentee, _ in pinned} | {one["mentee_id"] for one in run.unmatched if one["reason"] == BY_HAND}
    for row in ended:
        if row.pinned and row.mentee_id not in settled:
            refuse(row.mentee_id, row.mentor_id, PINNED)
    wishes = wishes_of(db, run, despite=pinned)
    among = {who for row in new for who in (row.mentee_id, row.mentor_id)}
    people = matching.pool_of(db, run.program_id, among=among, now=now)
    over = {row.id for row in ended}
    taken = Counter(row.mentor_id for row in standing.values() if row.id not in over)
    for row in new:
        taken[row.mentor_id] += 1
        pair = row.mentee_id, row.mentor_id
        if (why := obstacle(people, pair, wishes, taken=taken[row.mentor_id])) is not None:
            refuse(*pair, why)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a run and its program say of pairs."""

    constraints: MatchConstraints
    apart: frozenset[tuple[str, str]]
    forced: Mapping[str, str]


def wishes_of(db: DbSession, run: Any, *, despite: Iterable[tuple[str, str]]) -> Wishes:
    """Return what keeps people apart in a run, but for these pairs if it is only that one once said no. Three
    statements.
    """
    apart = matching.kept_apart(db, run.program_id, despite=despite) | {(a, b) for a, b in run.forbidden}
    forced = matching.forced_mentors(db, run.program_id)
    return Wishes(MatchConstraints(**run.constraints), frozenset(apart), forced)


def obstacle(people: Pool, pair: tuple[str, str], wishes: Wishes, *, taken: int) -> str | None:
    """Return what stands against this pair; None when nothing does. `taken` are the places of the mentor, this one
    included.
    """
    mentee, mentor = people.mentees.get(pair[0]), people.mentors.get(pair[1])
    if mentee is None or mentor is None:
        return AWAY
    if wishes.forced.get(*pair) != pair[1]:
        return FORCED
    if pair in wishes.apart:
        return Blocker.FORBIDDEN
    if why := next(blockers(mentee, mentor, wishes.constraints), None):
        return why
    return Blocker.CAPACITY if taken > mentor.capacity else None


def refuse(mentee_id: str, mentor_id: str, why: str) -> NoReturn:
    """Raise InfeasiblePair, naming the pair and what keeps it apart."""
    pair: dict[str, Extra] = {"mentee_id": mentee_id, "mentor_id": mentor_id, "constraint": why}
    raise InfeasiblePair(f"{_SENTENCES[why]}.", extra=pair)
