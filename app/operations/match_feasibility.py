"""Whether pairs that somebody wants to stand still may: what a run asked of them, asked again."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from app.db import DbSession
from app.errors import Conflict, Extra
from app.queries import matching
from app.queries.matching import Pool
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import Blocker, MatchConstraints

AWAY, PINNED = "away", "pinned"
"""What keeps people apart besides a `Blocker`: one of them is not here, or the mentee's match is pinned."""
_SENTENCES: Mapping[str, str] = {
    AWAY: "One of them has left, is away, or is not enrolled on that side",
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
    settled = {mentee for mentee, _ in pinned}
    for row in ended:
        if row.pinned and row.mentee_id not in settled:
            refuse(row.mentee_id, row.mentor_id, PINNED)
    among = {who for row in new for who in (row.mentee_id, row.mentor_id)}
    people = matching.pool_of(db, run.program_id, among=among, now=now)
    apart = matching.kept_apart(db, run.program_id, despite=pinned)
    rules, taken = MatchConstraints(**run.constraints), places_taken(standing.values(), ended)
    for row in new:
        taken[row.mentor_id] += 1
        pair = row.mentee_id, row.mentor_id
        if (why := obstacle(people, pair, rules, apart=apart, taken=taken[row.mentor_id])) is not None:
            refuse(*pair, why)


def obstacle(
    people: Pool, pair: tuple[str, str], rules: MatchConstraints, *, apart: Container[tuple[str, str]], taken: int
) -> str | None:
    """Return what keeps these two `apart`, who may be among the pairs that are; None when nothing does. `taken` are the
    places of the mentor, this one included.
    """
    mentee, mentor = people.mentees.get(pair[0]), people.mentors.get(pair[1])
    if mentee is None or mentor is None:
        return AWAY
    if pair in apart:
        return Blocker.FORBIDDEN
    if why := next(blockers(mentee, mentor, rules), None):
        return why
    return Blocker.CAPACITY if taken > mentor.capacity else None


def refuse(mentee_id: str, mentor_id: str, why: str) -> NoReturn:
    """Raise InfeasiblePair, naming the pair and what keeps it apart."""
    pair: dict[str, Extra] = {"mentee_id": mentee_id, "mentor_id": mentor_id, "constraint": why}
    raise InfeasiblePair(f"{_SENTENCES[why]}.", extra=pair)


def places_taken(standing: Iterable[Any], ended: Iterable[Any]) -> Counter[str]:
    """Return how many mentees each mentor keeps of the matches that stand, when some have ended."""
    over = {row.id for row in ended}
    return Counter(row.mentor_id for row in standing if row.id not in over)


def left_out(run: Any, standing: Mapping[str, Any]) -> list[str]:
    """Return the mentees whom the run left without a mentor although their match stood: it gave their places away.

    A match that began after the run did is none of its business.
    """
    left = (one["mentee_id"] for one in run.unmatched)
    return [who for who in left if who in standing and standing[who].created_at < run.created_at]
