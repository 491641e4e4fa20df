"""The hard rules of a match: each names itself and the pairs that it excludes, as one mentees × mentors matrix."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from app.rules.availability import QUARTER_MINUTES, WEEK_CELLS
from app.rules.matching.columns import Bools, bits, index, members
from app.rules.matching.problem import Blocker, MatchConstraints, Mentee, Mentor, Pair


def exclusions(
    mentees: Sequence[Mentee],
    mentors: Sequence[Mentor],
    rules: MatchConstraints,
    forbidden: Iterable[Pair],
    shared: NDArray[np.int16],
) -> dict[Blocker, Bools]:
    """For every constraint the pairs that it excludes, whatever the others say. `shared` is from `shared_minutes`."""
    languages = index(language for mentee in mentees for language in mentee.languages)
    spoken = members([mentee.languages for mentee in mentees], languages)
    return {
        Blocker.SELF: _same_person(mentees, mentors),
        Blocker.FORBIDDEN: _named(mentees, mentors, forbidden),
        Blocker.REPEAT: _had_before(mentees, mentors, rules),
        Blocker.REPORTING_LINE: _in_line(mentees, mentors),
        Blocker.TEAM: _off_team(mentees, mentors, rules),
        Blocker.GRADE_GAP: _grades_apart(mentees, mentors, rules),
        Blocker.LANGUAGE: spoken @ members([mentor.languages for mentor in mentors], languages).T == 0,
        Blocker.ZONE_GAP: _far(mentees, mentors, rules),
        Blocker.SHARED_HOURS: shared < rules.min_shared_minutes_per_week,
        Blocker.CAPACITY: np.broadcast_to(
            np.array([mentor.capacity <= 0 for mentor in mentors], bool), (len(mentees), len(mentors))
        ),
    }


def shared_minutes(mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> NDArray[np.int16]:
    """Minutes of working time that each pair shares in its leanest week (at most 10,080).

    Per week one float32 product of 672-bit rows, faster than counting bits. Weeks that are the same for everybody and
    people with the same weeks are computed once: of 26 weeks about six differ, around the changes of the clocks.
    """
    mentee_kinds = {weeks: n for n, weeks in enumerate(dict.fromkeys(mentee.weeks for mentee in mentees))}
    mentor_kinds = {weeks: n for n, weeks in enumerate(dict.fromkeys(mentor.weeks for mentor in mentors))}
    leanest: NDArray[np.float32] | None = None
    # Refuses people with different numbers of weeks.
    for week in dict.fromkeys(zip(*mentee_kinds, *mentor_kinds, strict=True)):
        worked = bits(week, WEEK_CELLS).astype(np.float32)
        cells = worked[: len(mentee_kinds)] @ worked[len(mentee_kinds) :].T
        leanest = cells if leanest is None else np.minimum(leanest, cells, out=leanest)
    if leanest is None:
        return np.zeros((len(mentees), len(mentors)), np.int16)
    rows = [mentee_kinds[mentee.weeks] for mentee in mentees]
    columns = [mentor_kinds[mentor.weeks] for mentor in mentors]
    return (leanest * QUARTER_MINUTES).astype(np.int16)[np.ix_(rows, columns)]


def _named(mentees: Sequence[Mentee], mentors: Sequence[Mentor], pairs: Iterable[Pair]) -> Bools:
    """The pairs named by key; names that are not in the pool are no matter."""
    row = {mentee.key: n for n, mentee in enumerate(mentees)}
    column = {mentor.key: n for n, mentor in enumerate(mentors)}
    return _marked((len(mentees), len(mentors)), ((row[j], column[m]) for j, m in pairs if j in row and m in column))


def _had_before(mentees: Sequence[Mentee], mentors: Sequence[Mentor], rules: MatchConstraints) -> Bools:
    """Pairs that ended once, where nobody gets a mentor again; a current mentor may stay."""
    if not rules.never_repeat:
        return np.zeros((len(mentees), len(mentors)), bool)
    past = ((mentee.key, mentor) for mentee in mentees for mentor in mentee.past_mentors - {mentee.current_mentor})
    return _named(mentees, mentors, past)


def _in_line(mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> Bools:
    """Pairs of which one reports to the other, directly or not. Walks reporting lines, not pairs."""

    def pairs() -> Iterator[tuple[int, int]]:
        rows, columns = _by_person(mentees), _by_person(mentors)
        for j, mentee in enumerate(mentees):
            yield from ((j, m) for manager in mentee.reporting_line for m in columns.get(manager, ()))
        for m, mentor in enumerate(mentors):
            yield from ((j, m) for manager in mentor.reporting_line for j in rows.get(manager, ()))

    return _marked((len(mentees), len(mentors)), pairs())


def _same_person(mentees: Sequence[Mentee], mentors: Sequence[Mentor]) -> Bools:
    columns = _by_person(mentors)
    return _marked(
        (len(mentees), len(mentors)),
        ((j, m) for j, mentee in enumerate(mentees) for m in columns.get(mentee.person, ())),
    )


def _by_person(group: Sequence[Mentee | Mentor]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for n, side in enumerate(group):
        found.setdefault(side.person, []).append(n)
    return found


def _marked(shape: tuple[int, int], pairs: Iterable[tuple[int, int]]) -> Bools:
    marks = np.zeros(shape, bool)
    for pair in pairs:
        marks[pair] = True
    return marks


def _off_team(mentees: Sequence[Mentee], mentors: Sequence[Mentor], rules: MatchConstraints) -> Bools:
    """Pairs that the team rule excludes. A person without a team shares it with nobody."""
    if rules.same_team == "any":
        return np.zeros((len(mentees), len(mentors)), bool)
    teams = index(mentee.team for mentee in mentees if mentee.team is not None)
    row = np.array([-1 if mentee.team is None else teams[mentee.team] for mentee in mentees], int)
    column = np.array([-2 if mentor.team is None else teams.get(mentor.team, -2) for mentor in mentors], int)
    same: Bools = row[:, None] == column[None, :]
    return ~same if rules.same_team == "same" else same


def _grades_apart(mentees: Sequence[Mentee], mentors: Sequence[Mentor], rules: MatchConstraints) -> Bools:
    """Pairs with more grades between them than allowed; a grade that is unknown is apart from nothing."""
    if rules.max_grade_gap is None:
        return np.zeros((len(mentees), len(mentors)), bool)
    row = np.array([np.nan if mentee.grade is None else mentee.grade for mentee in mentees], float)
    column = np.array([np.nan if mentor.grade is None else mentor.grade for mentor in mentors], float)
    apart: Bools = np.abs(row[:, None] - column[None, :]) > rules.max_grade_gap
    return apart


def _far(mentees: Sequence[Mentee], mentors: Sequence[Mentor], rules: MatchConstraints) -> Bools:
    """Pairs whose clocks differ by more than allowed, the short way round: +13 and -11 hours show the same time."""
    if rules.max_zone_gap_hours is None:
        return np.zeros((len(mentees), len(mentors)), bool)
    row = np.array([mentee.zone_offset_minutes for mentee in mentees], int)
    column = np.array([mentor.zone_offset_minutes for mentor in mentors], int)
    gap = np.abs(row[:, None] - column[None, :]) % 1440
    far: Bools = np.minimum(gap, 1440 - gap) > rules.max_zone_gap_hours * 60
    return far
