"""The rule for one pair says what the matrices of all pairs say."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.rules.availability import WEEK_CELLS
from app.rules.matching.constraints import exclusions, shared_minutes
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import Blocker, MatchConstraints, Mentee, Mentor

PEOPLE = ("per_a", "per_b", "per_c")
NOT_BETWEEN_TWO = {Blocker.FORBIDDEN, Blocker.CAPACITY}

sides = st.fixed_dictionaries(
    {
        "person": st.sampled_from(PEOPLE),
        "reporting_line": st.frozensets(st.sampled_from(PEOPLE)),
        "team": st.sampled_from((None, "north", "south")),
        "languages": st.frozensets(st.sampled_from(("de", "en", "ja"))),
        "weeks": st.tuples(*[st.sampled_from((0, 0xFF, 0xFFF0, 1 << (WEEK_CELLS - 1) | 0xFF00))] * 2),
        "grade": st.sampled_from((None, 1, 2, 4)),
        "zone_offset_minutes": st.integers(-12 * 4, 14 * 4).map(lambda quarters: 15 * quarters),
    }
)
rules_of_a_run = st.builds(
    MatchConstraints,
    min_shared_minutes_per_week=st.sampled_from((0, 15, 60, 120, 121, 180)),
    same_team=st.sampled_from(("any", "same", "different")),
    max_zone_gap_hours=st.sampled_from((None, 0, 1, 9, 12)),
    max_grade_gap=st.sampled_from((None, 0, 1, 2)),
    never_repeat=st.booleans(),
)


past = st.fixed_dictionaries(
    {
        "past_mentors": st.frozensets(st.sampled_from(("m0", "m1", "gone"))),
        "current_mentor": st.sampled_from((None, "m0")),
    }
)


@given(
    mentees=st.lists(st.builds(dict.__or__, sides, past), max_size=4),
    mentors=st.lists(sides, max_size=4),
    rules=rules_of_a_run,
)
def test_one_pair_is_kept_apart_by_what_excludes_it_among_all(
    mentees: list[dict[str, object]], mentors: list[dict[str, object]], rules: MatchConstraints
) -> None:
    juniors = [Mentee(key=f"j{n}", **fields) for n, fields in enumerate(mentees)]  # type: ignore[arg-type]
    seniors = [Mentor(key=f"m{n}", capacity=1, **fields) for n, fields in enumerate(mentors)]  # type: ignore[arg-type]

    excluded = exclusions(juniors, seniors, rules, frozenset(), shared_minutes(juniors, seniors))

    for j, junior in enumerate(juniors):
        for m, senior in enumerate(seniors):
            among_all = [name for name in Blocker if name not in NOT_BETWEEN_TWO and excluded[name][j, m]]
            assert list(blockers(junior, senior, rules)) == among_all


def test_every_constraint_between_two_people_names_itself() -> None:
    junior = Mentee(key="j", person="per_a", reporting_line=frozenset({"per_a"}), team="north", grade=1)
    junior = replace(junior, past_mentors=frozenset({"m"}))
    senior = Mentor(key="m", person="per_a", team="north", capacity=1, zone_offset_minutes=120, grade=4)
    strict = MatchConstraints(same_team="different", max_zone_gap_hours=1, max_grade_gap=2, never_repeat=True)

    said = set(blockers(junior, senior, strict))

    assert said == set(Blocker) - NOT_BETWEEN_TWO
