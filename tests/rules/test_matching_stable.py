"""Stable runs: no two who would both rather have each other, and the best such answer for the mentees."""

from itertools import product

from hypothesis import given, settings

from app.rules.matching.problem import ContradictoryPins, MatchProblem
from app.rules.matching.solve import Scored, scored, solve
from tests.rules.matching_cases import a_mentee, a_mentor, a_problem, problems
from tests.worlds import worlds

Matches = dict[int, int]


def pairs(problem: MatchProblem) -> dict[str, str]:
    return {pair.mentee: pair.mentor for pair in solve(problem).pairs}


def test_a_pair_that_like_each_other_best_is_matched_whatever_it_costs_others() -> None:
    mentees = [a_mentee("a", prefers=("n",)), a_mentee("b")]
    mentors = [a_mentor("m", teaches=frozenset()), a_mentor("n", prefers=("a",))]

    assert pairs(a_problem(mentees, mentors, objective="stable")) == {"a": "n", "b": "m"}


def test_a_mentor_gives_a_place_to_whom_they_listed_and_the_other_goes_on() -> None:
    mentees = [a_mentee("a", prefers=("m", "n")), a_mentee("b", prefers=("m",))]
    mentors = [a_mentor("m", prefers=("b", "a")), a_mentor("n")]

    assert pairs(a_problem(mentees, mentors, objective="stable")) == {"a": "n", "b": "m"}


def test_least_disruption_leaves_standing_pairs_who_would_rather_move() -> None:
    mentees = [a_mentee("a", prefers=("n",), current_mentor="m"), a_mentee("b", current_mentor="n")]
    mentors = [a_mentor("m"), a_mentor("n", prefers=("a",))]
    problem = a_problem(mentees, mentors, objective="stable", disruption="least")

    assert pairs(problem) == {"a": "m", "b": "n"}


def mentee_ranks(run: Scored, j: int, m: int) -> tuple[int, ...]:
    """What the mentee thinks of the mentor: less is better."""
    listed, mentor = run.mentees[j].prefers, run.mentors[m].key
    stands = run.problem.disruption == "least" and run.mentees[j].current_mentor == mentor
    score = int(run.pool.score[run.pool.edge(j, m)])
    return (not stands, listed.index(mentor) if mentor in listed else len(listed) + 99, -score, m)


def mentor_ranks(run: Scored, m: int, j: int) -> tuple[int, ...]:
    listed, mentee = run.mentors[m].prefers, run.mentees[j].key
    stands = run.problem.disruption == "least" and run.mentees[j].current_mentor == run.mentors[m].key
    score = int(run.pool.score[run.pool.edge(j, m)])
    return (not stands, listed.index(mentee) if mentee in listed else len(listed) + 99, -score, j)


def blocking(run: Scored, matches: Matches) -> list[tuple[int, int]]:
    """Pairs who would both rather have each other; the pinned take no part."""
    pin, found = run.pool.pin, []
    for j, m in product(range(len(run.mentees)), range(len(run.mentors))):
        if pin[j] >= 0 or run.pool.edge(j, m) < 0 or matches.get(j) == m:
            continue
        if j in matches and mentee_ranks(run, j, matches[j]) < mentee_ranks(run, j, m):
            continue
        theirs = [other for other, mentor in matches.items() if mentor == m]
        free = len(theirs) < run.pool.cap[m]
        if free or any(pin[o] < 0 and mentor_ranks(run, m, j) < mentor_ranks(run, m, o) for o in theirs):
            found.append((j, m))
    return found


@given(problem=problems(objectives=("stable",)))
@settings(max_examples=worlds(200))
def test_no_pair_would_rather_have_each_other_and_no_stable_answer_is_better_for_a_mentee(
    problem: MatchProblem,
) -> None:
    try:
        answer = pairs(problem)
    except ContradictoryPins:
        return
    run = scored(problem)
    row = {mentee.key: j for j, mentee in enumerate(run.mentees)}
    column = {mentor.key: m for m, mentor in enumerate(run.mentors)}
    matches = {row[mentee]: column[mentor] for mentee, mentor in answer.items()}

    assert not blocking(run, matches)
    choices = [
        [int(run.pool.pin[j])]
        if run.pool.pin[j] >= 0
        else [-1, *(m for m in range(len(column)) if run.pool.edge(j, m) >= 0)]
        for j in range(len(row))
    ]
    for every in product(*choices):
        other = {j: m for j, m in enumerate(every) if m >= 0}
        if any(every.count(m) > run.pool.cap[m] for m in set(other.values())) or blocking(run, other):
            continue
        assert other.keys() == matches.keys()
        assert all(mentee_ranks(run, j, matches[j]) <= mentee_ranks(run, j, m) for j, m in other.items())
