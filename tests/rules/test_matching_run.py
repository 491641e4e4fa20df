"""A whole match run: people in, proposed pairs and reasons out."""

import pickle
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules import availability
from app.rules.matching.assign import BANDS, CONTINUITY
from app.rules.matching.problem import (
    DEFAULT_WEIGHTS,
    ContradictoryPins,
    MatchAnswer,
    MatchConstraints,
    MatchProblem,
)
from app.rules.matching.solve import solve
from tests.rules.matching_cases import FOUR_WEEKS, OFFICE, a_mentee, a_mentor, a_problem, problems, weeks
from tests.worlds import worlds


def reasons(problem: MatchProblem) -> dict[str, str]:
    return {left.mentee: left.reason for left in solve(problem).unmatched}


def pairs(problem: MatchProblem) -> dict[str, str]:
    return {pair.mentee: pair.mentor for pair in solve(problem).pairs}


def test_an_empty_problem_has_an_empty_answer() -> None:
    answer = solve(a_problem([], []))

    assert (answer.pairs, answer.unmatched, answer.value, answer.gap) == ((), (), 0, 0)
    assert solve(a_problem([], [a_mentor("m")])).pairs == ()


def test_without_mentors_every_mentee_is_told_so() -> None:
    assert reasons(a_problem([a_mentee("a"), a_mentee("b")], [])) == {"a": "no_mentors", "b": "no_mentors"}


def test_capacity_0_everywhere_leaves_everybody_for_want_of_capacity() -> None:
    problem = a_problem([a_mentee("a"), a_mentee("b")], [a_mentor("m", capacity=0), a_mentor("n", capacity=0)])

    answer = solve(problem)

    assert [left.reason for left in answer.unmatched] == ["no_capacity", "no_capacity"]
    assert answer.unmatched[0].excluded == {"no_capacity": 2}


def test_the_mentee_for_whom_no_place_was_left_is_told_of_capacity() -> None:
    answer = solve(a_problem([a_mentee("a"), a_mentee("b")], [a_mentor("m")]))

    assert len(answer.pairs) == 1
    assert [(left.reason, left.excluded) for left in answer.unmatched] == [("no_capacity", {})]


@pytest.mark.parametrize(
    ("reason", "mentee", "mentor", "rules"),
    [
        ("self", {"person": "per_x"}, {"person": "per_x"}, {}),
        ("reporting_line", {"reporting_line": frozenset({"per_boss", "per_m"})}, {}, {}),
        ("reporting_line", {}, {"reporting_line": frozenset({"per_a"})}, {}),
        ("team_rule", {"team": "north"}, {"team": "south"}, {"same_team": "same"}),
        ("team_rule", {"team": None}, {"team": None}, {"same_team": "same"}),
        ("team_rule", {"team": "north"}, {"team": "north"}, {"same_team": "different"}),
        ("never_repeat", {"past_mentors": frozenset({"m", "gone"})}, {}, {"never_repeat": True}),
        ("grade_gap", {"grade": 2}, {"grade": 6}, {"max_grade_gap": 3}),
        ("grade_gap", {"grade": 6}, {"grade": 2}, {"max_grade_gap": 3}),
        ("no_shared_language", {"languages": frozenset({"de"})}, {}, {}),
        ("no_shared_language", {"languages": frozenset()}, {"languages": frozenset()}, {}),
        ("zone_gap", {"zone_offset_minutes": -300}, {"zone_offset_minutes": 61}, {"max_zone_gap_hours": 6}),
        ("no_shared_hours", {"weeks": weeks("Australia/Sydney")}, {}, {}),
        ("no_capacity", {}, {"capacity": 0}, {}),
    ],
)
def test_every_constraint_names_itself_when_it_excludes(
    reason: str, mentee: dict[str, object], mentor: dict[str, object], rules: dict[str, object]
) -> None:
    problem = a_problem([a_mentee("a", **mentee)], [a_mentor("m", **mentor)])
    constrained = replace(problem, constraints=replace(MatchConstraints(), **rules))  # type: ignore[arg-type]

    assert reasons(constrained) == {"a": reason}


def test_a_forbidden_pair_is_never_matched_and_unknown_ones_are_no_matter() -> None:
    forbidden = frozenset({("a", "m"), ("gone", "m"), ("a", "gone")})

    assert reasons(a_problem([a_mentee("a")], [a_mentor("m")], forbidden=forbidden)) == {"a": "forbidden_pair"}


@pytest.mark.parametrize(
    ("mentee", "mentor"),
    [
        ({"past_mentors": frozenset({"m"}), "current_mentor": "m"}, {}),
        ({"grade": None}, {"grade": 9}),
        ({"grade": 1}, {"grade": None}),
        ({"grade": 4}, {"grade": 4}),
    ],
)
def test_a_current_mentor_is_no_repeat_and_an_unknown_grade_no_gap(
    mentee: dict[str, object], mentor: dict[str, object]
) -> None:
    rules = MatchConstraints(never_repeat=True, max_grade_gap=0)

    assert pairs(a_problem([a_mentee("a", **mentee)], [a_mentor("m", **mentor)], constraints=rules)) == {"a": "m"}


def test_the_zone_gap_is_taken_the_short_way_round() -> None:
    mentee, mentor = a_mentee("a", zone_offset_minutes=13 * 60), a_mentor("m", zone_offset_minutes=-11 * 60)

    assert pairs(a_problem([mentee], [mentor], constraints=MatchConstraints(max_zone_gap_hours=0))) == {"a": "m"}


def test_shared_hours_are_those_of_the_leanest_week() -> None:
    # Eight hours a day together, but for the last of the weeks.
    short = (*OFFICE[:-1], 0b1111111)

    problem = a_problem([a_mentee("a", weeks=short)], [a_mentor("m")])

    assert reasons(problem) == {"a": "no_shared_hours"}
    assert pairs(replace(problem, constraints=MatchConstraints(min_shared_minutes_per_week=0))) == {"a": "m"}


def test_the_reason_is_the_constraint_whose_end_would_open_most_mentors() -> None:
    # Two mentors are excluded by language alone; three by hours, but those speak no shared language either.
    night = weeks("Australia/Sydney")
    foreign = frozenset({"de"})
    mentors = [a_mentor(f"m{n}", languages=foreign) for n in range(2)]
    mentors += [a_mentor(f"n{n}", languages=foreign, weeks=night) for n in range(3)]

    (left,) = solve(a_problem([a_mentee("a")], mentors)).unmatched

    assert left.reason == "no_shared_language"
    assert left.excluded == {"no_shared_language": 5, "no_shared_hours": 3}


def test_contradictory_pins_are_all_named_with_the_reason() -> None:
    mentees = [a_mentee(key) for key in "abcdef"]
    mentors = [a_mentor("m"), a_mentor("n"), a_mentor("o", languages=frozenset({"de"}))]
    pins = frozenset(
        {("a", "m"), ("b", "m"), ("c", "n"), ("c", "o"), ("d", "gone"), ("gone", "n"), ("e", "o"), ("f", "n")}
    )

    with pytest.raises(ContradictoryPins) as refused:
        solve(a_problem(mentees, mentors, pins=pins, forbidden=frozenset({("f", "n")})))

    assert refused.value.pairs == (
        ("a", "m", "no_capacity"),
        ("b", "m", "no_capacity"),
        ("c", "n", "pinned_twice"),
        ("c", "o", "no_shared_language"),
        ("d", "gone", "unknown"),
        ("e", "o", "no_shared_language"),
        ("f", "n", "forbidden_pair"),
        ("gone", "n", "unknown"),
    )
    assert "a with m: no_capacity" in str(refused.value)


def test_a_key_used_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="key is used twice"):
        solve(a_problem([a_mentee("a"), a_mentee("a")], [a_mentor("m")]))


def test_an_unknown_criterion_is_refused() -> None:
    with pytest.raises(ValueError, match="no such criterion: charm"):
        solve(a_problem([a_mentee("a")], [a_mentor("m")], weights={"charm": 100}))


def test_a_pin_holds_against_a_better_score() -> None:
    mentors = [a_mentor("m"), a_mentor("n", teaches=frozenset())]

    (pair,) = solve(a_problem([a_mentee("a")], mentors, pins=frozenset({("a", "n")}))).pairs

    assert (pair.mentor, pair.pinned, pair.terms["skill"]) == ("n", True, 0)


def test_between_equals_the_current_mentor_stays() -> None:
    problem = a_problem([a_mentee("a", current_mentor="n"), a_mentee("b")], [a_mentor("m"), a_mentor("n")])

    assert pairs(problem) == {"a": "n", "b": "m"}
    assert pairs(replace(problem, objective="total")) == {"a": "n", "b": "m"}


def test_an_ideal_pair_earns_every_weight_in_full() -> None:
    calls = tuple((cell, cell + 2) for cell in range(0, 80, 4))
    mentee = a_mentee("a", segments=frozenset({"smb"}), free=(1 << FOUR_WEEKS) - 1, prefers=("m",))
    mentor = a_mentor("m", segments=frozenset({"smb"}), calls=calls, prefers=("a",))

    (pair,) = solve(a_problem([mentee], [mentor])).pairs

    assert pair.terms == DEFAULT_WEIGHTS
    assert pair.score == 10_500


def test_terms_are_the_stated_fractions() -> None:
    mentee = a_mentee(
        "a",
        languages=frozenset({"en", "de", "fr"}),
        segments=frozenset({"smb", "public"}),
        levels={"demo.technical": 2},
        wants={"discovery.agenda": 2, "demo.technical": 4, "closing.ask": 4},
        free=0b0111_1101,
        past_mentors=frozenset({"m"}),
        weeks=weeks(start=16, end=18),
        prefers=("gone", "away", "m"),
    )
    mentor = a_mentor(
        "m",
        languages=frozenset({"en", "de"}),
        segments=frozenset({"smb", "mid"}),
        levels={"discovery.agenda": 4, "demo.technical": 3, "closing.ask": 2},
        teaches=frozenset({"discovery.agenda", "demo.technical", "closing.ask"}),
        calls=((2, 4), (0, 2), (4, 7), (6, 8)),
        prefers=(*(f"other{n}" for n in range(12)), "a"),
    )

    (pair,) = solve(a_problem([mentee], [mentor])).pairs

    # Need 2×4, 4×2 and 4×4 = 32; taught in full, by half and not at all: 8 + 4. Free: cells 0 and 2 to 6.
    assert pair.terms == {
        "skill": 4500 * 12 // 32,
        "co_availability": 2000 * 2 // 20,
        "segment": 1500 // 2,
        "overlap": 1000 * 300 // 1200,
        "affinity": 700 * (8 + 1) // 20,
        "language": 500 * 2 // 3,
        "fresh": 0,
    }


def answered(problem: MatchProblem) -> MatchAnswer | ContradictoryPins:
    try:
        return solve(problem)
    except ContradictoryPins as refused:
        return refused


@given(problem=problems())
@settings(max_examples=worlds(150))
def test_every_answer_keeps_the_hard_rules_and_adds_up(problem: MatchProblem) -> None:
    mentee = {each.key: each for each in problem.mentees}
    mentor = {each.key: each for each in problem.mentors}

    answer = answered(problem)

    if isinstance(answer, ContradictoryPins):
        assert {(j, m) for j, m, _ in answer.pairs} == problem.pins
        return
    assert [*mentee] == sorted([*(pair.mentee for pair in answer.pairs), *(left.mentee for left in answer.unmatched)])
    assert {(pair.mentee, pair.mentor) for pair in answer.pairs if pair.pinned} == problem.pins
    value = 0
    for pair in answer.pairs:
        one, other = mentee[pair.mentee], mentor[pair.mentor]
        assert one.person != other.person
        assert other.person not in one.reporting_line
        assert one.languages & other.languages
        assert availability.shared_minutes(one.weeks, other.weeks) >= 120
        assert (pair.mentee, pair.mentor) not in problem.forbidden
        if problem.constraints.never_repeat:
            assert other.key not in one.past_mentors - {one.current_mentor}
        if problem.constraints.max_grade_gap is not None and one.grade is not None and other.grade is not None:
            assert abs(one.grade - other.grade) <= problem.constraints.max_grade_gap
        assert sum(pair.terms.values()) == pair.score
        assert all(0 <= points <= DEFAULT_WEIGHTS[name] for name, points in pair.terms.items())
        value += pair.score
        if problem.objective == "util":
            value += CONTINUITY * (one.current_mentor == other.key)
            value -= sum(penalty for band, penalty in BANDS if pair.score < band)
    assert answer.value == value
    for key, each in mentor.items():
        assert sum(pair.mentor == key for pair in answer.pairs) <= each.capacity


@given(problem=problems(), data=st.data())
@settings(max_examples=worlds(100))
def test_any_input_order_gives_the_same_answer(problem: MatchProblem, data: st.DataObject) -> None:
    shuffled = replace(
        problem,
        mentees=tuple(data.draw(st.permutations(problem.mentees))),
        mentors=tuple(data.draw(st.permutations(problem.mentors))),
        weights=dict(reversed([*problem.weights.items()])),
    )

    answer, again = answered(problem), answered(shuffled)

    if isinstance(answer, ContradictoryPins):
        assert isinstance(again, ContradictoryPins)
        assert again.pairs == answer.pairs
    else:
        assert again == answer


def test_problems_and_answers_cross_to_another_process() -> None:
    problem = a_problem([a_mentee("a"), a_mentee("b")], [a_mentor("m")])

    answer = solve(pickle.loads(pickle.dumps(problem)))  # noqa: S301

    assert pickle.loads(pickle.dumps(answer)) == solve(problem)  # noqa: S301
    refused = ContradictoryPins((("a", "m", "unknown"),))
    assert pickle.loads(pickle.dumps(refused)).pairs == refused.pairs  # noqa: S301


def test_the_server_reads_problems_without_loading_numpy() -> None:
    code = "import sys, app.rules.matching.problem; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
