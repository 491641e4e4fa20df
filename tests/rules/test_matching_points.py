"""The points of one pair are those that it gets among all pairs."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.rules.availability import WEEK_CELLS
from app.rules.matching.constraints import shared_minutes
from app.rules.matching.points import points
from app.rules.matching.problem import DEFAULT_WEIGHTS, Mentee, Mentor
from app.rules.matching.score import terms

SKILLS = ("demo.technical", "closing.ask", "craft.listening")
levels = st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 4))
calls = st.tuples(st.integers(0, 40), st.integers(1, 4)).map(lambda call: (call[0], call[0] + call[1]))
shared = {
    "person": st.just("per_a"),
    "languages": st.frozensets(st.sampled_from(("de", "en", "ja"))),
    "segments": st.frozensets(st.sampled_from(("smb", "enterprise"))),
    "levels": levels,
    "weeks": st.tuples(*[st.sampled_from((0, 0xFF, 0xFFF0, 1 << (WEEK_CELLS - 1) | 0xFF00))] * 2),
}
mentees = st.fixed_dictionaries(
    {
        **shared,
        "wants": st.dictionaries(st.sampled_from(SKILLS), st.integers(0, 5)),
        "free": st.integers(0, 1 << 48),
        "past_mentors": st.frozensets(st.sampled_from(("m0", "m1", "gone"))),
        "prefers": st.lists(st.sampled_from(("m0", "m1", "m2", "gone")), unique=True).map(tuple),
    }
)
mentors = st.fixed_dictionaries(
    {
        **shared,
        "teaches": st.frozensets(st.sampled_from(SKILLS)),
        "calls": st.lists(calls, max_size=5).map(tuple),
        "prefers": st.lists(st.sampled_from(("j0", "j1", "j2", "gone")), unique=True).map(tuple),
    }
)
weights = st.fixed_dictionaries({name: st.integers(0, 10_000) for name in DEFAULT_WEIGHTS})


@given(st.lists(mentees, min_size=1, max_size=3), st.lists(mentors, min_size=1, max_size=3), weights)
def test_one_pair_gets_the_points_that_it_gets_among_all(
    given_mentees: list[dict[str, Any]], given_mentors: list[dict[str, Any]], weight: dict[str, int]
) -> None:
    juniors = [Mentee(key=f"j{n}", **fields) for n, fields in enumerate(given_mentees)]
    seniors = [Mentor(key=f"m{n}", capacity=1, **fields) for n, fields in enumerate(given_mentors)]
    pairs = [(j, m) for j in range(len(juniors)) for m in range(len(seniors))]
    feasible = np.ones((len(juniors), len(seniors)), bool)

    among_all = terms(juniors, seniors, weight, shared_minutes(juniors, seniors), feasible)

    for edge, (j, m) in enumerate(pairs):
        its = {name: int(each[edge]) for name, each in among_all.items()}
        assert points(juniors[j], seniors[m], weight) == its
