"""Why not that mentor: the rule, the gap, or who would lose; and changing what is named changes the answer."""

import pickle
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.rules.matching.columns import Ints
from app.rules.matching.explain import why_not
from app.rules.matching.problem import (
    ContradictoryPins,
    MatchConstraints,
    MatchProblem,
    WhyNot,
    WhyNotQuestion,
)
from app.rules.matching.solve import scored, solve
from tests.rules.matching_cases import a_mentee, a_mentor, a_problem, problems, weeks
from tests.worlds import worlds

FORBIDDEN = frozenset({("a", "n")})


def asked(problem: MatchProblem, mentee: str = "a", mentor: str = "n") -> WhyNot:
    return why_not(WhyNotQuestion(problem=problem, mentee=mentee, mentor=mentor))


def pairs(problem: MatchProblem) -> dict[str, str]:
    return {pair.mentee: pair.mentor for pair in solve(problem).pairs}


def test_whom_the_problem_does_not_know_nobody_can_ask_about() -> None:
    problem = a_problem([a_mentee("a")], [a_mentor("m")])

    for mentee, mentor in (("gone", "m"), ("a", "gone")):
        with pytest.raises(KeyError):
            asked(problem, mentee, mentor)


@pytest.mark.parametrize(
    ("blocker", "has", "limit", "before", "after"),
    [
        ("forbidden_pair", None, None, {"forbidden": FORBIDDEN}, {"forbidden": frozenset()}),
        (
            "never_repeat",
            None,
            None,
            {"constraints": MatchConstraints(never_repeat=True)},
            {"constraints": MatchConstraints(never_repeat=False)},
        ),
        (
            "grade_gap",
            5,
            4,
            {"constraints": MatchConstraints(max_grade_gap=4)},
            {"constraints": MatchConstraints(max_grade_gap=5)},
        ),
        (
            "zone_gap",
            330,
            300,
            {"constraints": MatchConstraints(max_zone_gap_hours=5)},
            {"constraints": MatchConstraints(max_zone_gap_hours=6)},
        ),
        (
            "no_shared_hours",
            300,
            301,
            {"constraints": MatchConstraints(min_shared_minutes_per_week=301)},
            {"constraints": MatchConstraints(min_shared_minutes_per_week=300)},
        ),
        ("team_rule", None, None, {"constraints": MatchConstraints(same_team="same")}, {}),
        ("pinned_elsewhere", None, None, {"pins": frozenset({("a", "m")})}, {"pins": frozenset()}),
        ("places_pinned", 1, 2, {"pins": frozenset({("b", "n")})}, {"pins": frozenset()}),
    ],
)
def test_what_keeps_two_apart_is_named_with_its_numbers_and_lifting_it_changes_the_answer(
    blocker: str, has: int | None, limit: int | None, before: dict[str, object], after: dict[str, object]
) -> None:
    mentee = a_mentee("a", past_mentors=frozenset({"n"}), grade=1, team="north")
    mentor = a_mentor("n", grade=6, zone_offset_minutes=330, team="south", weeks=weeks(start=16, end=17))
    problem = a_problem([mentee, a_mentee("b", wants={})], [mentor, a_mentor("m", teaches=frozenset())])
    apart = replace(problem, **{"constraints": MatchConstraints(), **before})  # type: ignore[arg-type]

    why = asked(apart)

    (hurdle,) = why.hurdles
    assert (hurdle.blocker, hurdle.has, hurdle.limit) == (blocker, has, limit)
    assert hurdle.change
    assert why.proposed
    assert pairs(apart).get("a") != "n"
    assert pairs(replace(apart, **{"constraints": MatchConstraints(), **after}))["a"] == "n"  # type: ignore[arg-type]


def test_every_hurdle_is_named_not_the_first_alone() -> None:
    night = weeks("Australia/Sydney")
    mentor = a_mentor("n", languages=frozenset({"de"}), weeks=night, capacity=0)

    why = asked(a_problem([a_mentee("a")], [mentor], forbidden=FORBIDDEN))

    assert [hurdle.blocker for hurdle in why.hurdles] == [
        "forbidden_pair",
        "no_shared_language",
        "no_shared_hours",
        "no_capacity",
    ]
    assert (why.proposed, why.instead, why.moves) == (True, why.asked, ())
    assert why.asked.terms["skill"] == 4500


def test_a_better_mentor_is_told_with_both_scores_and_their_terms() -> None:
    mentors = [a_mentor("m"), a_mentor("n", levels={"discovery.agenda": 3})]
    problem = a_problem([a_mentee("a")], mentors, objective="total")

    why = asked(problem)

    assert (why.hurdles, why.proposed, why.score_gap, why.matched_fewer, why.value_lost) == ((), False, 2250, 0, 2250)
    assert why.instead is not None
    assert (why.instead.mentor, why.instead.terms["skill"], why.asked.terms["skill"]) == ("m", 4500, 2250)
    assert (why.points_needed, why.place_needed) == (2251, False)
    (move,) = why.moves
    assert (move.from_mentor, move.to_mentor, move.score_before - move.score_after) == ("m", "n", 2250)


def test_somebody_who_would_lose_more_is_told_with_the_whole_chain() -> None:
    # a would rather have n, but b can have nobody else.
    mentees = [a_mentee("a"), a_mentee("b"), a_mentee("c", languages=frozenset({"fr"}))]
    french = frozenset({"en", "fr"})
    mentors = [
        a_mentor("m", levels={"discovery.agenda": 3}),
        a_mentor("n", languages=french),
        a_mentor("o", languages=frozenset({"fr"})),
    ]
    problem = a_problem(mentees, mentors, forbidden=frozenset({("b", "m")}))

    why = asked(problem)

    assert pairs(problem) == {"a": "m", "b": "n", "c": "o"}
    assert (why.matched_fewer, why.points_needed, why.place_needed) == (1, None, True)
    assert [(move.mentee, move.from_mentor, move.to_mentor) for move in why.moves] == [
        ("a", "m", "n"),
        ("b", "n", None),
    ]
    more = [replace(one, capacity=2) if one.key == "n" else one for one in mentors]
    assert pairs(replace(problem, mentors=tuple(more)))["a"] == "n"
    assert pairs(replace(problem, mentees=(mentees[0], mentees[2])))["a"] == "n"


def test_questions_and_answers_cross_to_another_process() -> None:
    question = WhyNotQuestion(problem=a_problem([a_mentee("a")], [a_mentor("n")]), mentee="a", mentor="n")

    why = why_not(pickle.loads(pickle.dumps(question)))  # noqa: S301

    assert pickle.loads(pickle.dumps(why)) == why  # noqa: S301
    assert why.proposed


@given(problem=problems(), data=st.data())
@settings(max_examples=worlds(150))
def test_the_answer_is_what_running_again_with_the_change_gives(problem: MatchProblem, data: st.DataObject) -> None:
    assume(problem.mentees and problem.mentors)
    mentee = data.draw(st.sampled_from(problem.mentees))
    mentor = data.draw(st.sampled_from(problem.mentors))
    try:
        best = solve(problem)
    except ContradictoryPins:
        assume(False)

    why = asked(problem, mentee.key, mentor.key)

    now = {pair.mentee: pair.mentor for pair in best.pairs}
    assert sum(why.asked.terms.values()) == why.asked.score
    assert why.score_gap == (why.instead.score if why.instead else 0) - why.asked.score
    if why.hurdles:
        assert now.get(mentee.key) != mentor.key
        return
    assert why.proposed == (now.get(mentee.key) == mentor.key)
    assert (why.instead.mentor if why.instead else None) == now.get(mentee.key)
    forced = solve(replace(problem, pins=problem.pins | {(mentee.key, mentor.key)}))
    assert why.matched_fewer == len(best.pairs) - len(forced.pairs)
    assert why.value_lost == best.value - forced.value
    after = now | {move.mentee: move.to_mentor for move in why.moves}
    assert after[mentee.key] == mentor.key
    taken = [each for each in after.values() if each is not None]
    assert len(taken) == len(forced.pairs)
    assert all(taken.count(each.key) <= max(each.capacity, 0) for each in problem.mentors)
    assert all(move.from_mentor == now.get(move.mentee) for move in why.moves)
    assert not why.proposed or why.moves == ()
    if problem.objective == "total" and problem.disruption == "some":
        gained = sum(move.score_after - move.score_before for move in why.moves)
        assert gained == -why.value_lost
    more = [replace(each, capacity=each.capacity + (each == mentor)) for each in problem.mentors]
    wider = {pair.mentee: pair.mentor for pair in solve(replace(problem, mentors=tuple(more))).pairs}
    assert why.proposed or why.place_needed == (wider.get(mentee.key) == mentor.key)


@given(problem=problems(objectives=("total", "util")))
@settings(max_examples=worlds(60))
def test_so_many_points_more_propose_the_pair_and_fewer_gain_nothing(problem: MatchProblem) -> None:
    try:
        run = scored(problem)
    except ContradictoryPins:
        return
    for (j, mentee), (m, mentor) in product(enumerate(run.mentees), enumerate(run.mentors)):
        why = asked(problem, mentee.key, mentor.key)
        if why.hurdles or why.points_needed is None:
            continue

        def with_more(points: int, edge: int = run.pool.edge(j, m)) -> tuple[Ints, int]:
            score = run.pool.score.copy()
            score[edge] += points
            changed = replace(run, pool=replace(run.pool, score=score))
            answer = changed.best(changed.pool)
            return answer, changed.value(answer)

        assert why.points_needed > 0
        assert with_more(why.points_needed)[0][j] == m
        if problem.disruption == "some":
            assert with_more(why.points_needed - 1)[1] == with_more(0)[1]
