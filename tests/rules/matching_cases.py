"""Mentees, mentors and whole problems of matching, planted and at random."""

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from app.rules import availability
from app.rules.availability import WorkingHours, week_masks
from app.rules.matching.problem import MatchConstraints, MatchProblem, Mentee, Mentor, Objective

MONDAY = date(2026, 1, 5)
FOUR_WEEKS = 4 * availability.WEEK_CELLS


def weeks(time_zone: str = "Europe/Berlin", start: int = 9, end: int = 17) -> tuple[int, ...]:
    return week_masks(WorkingHours(time_zone, tuple((day, start * 60, end * 60) for day in range(1, 6))), MONDAY)


OFFICE = weeks()
KINDS = [OFFICE, weeks("America/New_York"), weeks("Asia/Kolkata"), weeks("Europe/London", 16, 18)]


def a_mentee(key: str, **changes: object) -> Mentee:
    mentee = Mentee(
        key=key, person=f"per_{key}", languages=frozenset({"en"}), weeks=OFFICE, wants={"discovery.agenda": 5}
    )
    return replace(mentee, **changes)  # type: ignore[arg-type]


def a_mentor(key: str, **changes: object) -> Mentor:
    mentor = Mentor(
        key=key,
        person=f"per_{key}",
        languages=frozenset({"en"}),
        weeks=OFFICE,
        levels={"discovery.agenda": 4},
        teaches=frozenset({"discovery.agenda"}),
        capacity=1,
    )
    return replace(mentor, **changes)  # type: ignore[arg-type]


def a_problem(mentees: list[Mentee], mentors: list[Mentor], **changes: object) -> MatchProblem:
    return replace(MatchProblem(mentees=tuple(mentees), mentors=tuple(mentors)), **changes)  # type: ignore[arg-type]


names = st.sampled_from(["north", "south", None])
tongues = st.frozensets(st.sampled_from(["en", "de"]), max_size=2)
topics = st.sampled_from(["demo.technical", "closing.ask", "craft.product"])
grades = st.sampled_from([None, 1, 2, 3])
people = st.sampled_from([f"per_{n}" for n in range(8)])


@st.composite
def problems(
    draw: st.DrawFn, *, objectives: tuple[Objective, ...] = ("total", "util", "lex", "stable")
) -> MatchProblem:
    """Small pools in which every rule and every criterion counts."""
    mentees = [
        a_mentee(
            f"a{n}",
            person=draw(people),
            reporting_line=draw(st.frozensets(people, max_size=1)),
            team=draw(names),
            languages=draw(tongues),
            wants=draw(st.dictionaries(topics, st.integers(0, 5))),
            levels=draw(st.dictionaries(topics, st.integers(0, 4))),
            weeks=draw(st.sampled_from(KINDS)),
            free=draw(st.integers(0, (1 << 16) - 1)),
            current_mentor=draw(st.sampled_from([None, "m0", "m1", "gone"])),
            past_mentors=draw(st.frozensets(st.sampled_from(["m0", "m1", "gone"]), max_size=2)),
            grade=draw(grades),
            prefers=tuple(draw(st.lists(st.sampled_from(["m0", "m1", "m2", "gone"]), max_size=3, unique=True))),
        )
        for n in range(draw(st.integers(0, 5)))
    ]
    mentors = [
        a_mentor(
            f"m{n}",
            person=draw(people),
            team=draw(names),
            languages=draw(tongues),
            levels=draw(st.dictionaries(topics, st.integers(0, 4))),
            teaches=draw(st.frozensets(topics)),
            weeks=draw(st.sampled_from(KINDS)),
            capacity=draw(st.integers(0, 2)),
            grade=draw(grades),
            prefers=tuple(draw(st.lists(st.sampled_from(["a0", "a1", "a2", "gone"]), max_size=3, unique=True))),
            calls=tuple((cell, cell + 2) for cell in draw(st.lists(st.integers(0, 14), max_size=3, unique=True))),
        )
        for n in range(draw(st.integers(0, 4)))
    ]
    keys = st.tuples(st.sampled_from([f"a{n}" for n in range(5)]), st.sampled_from([f"m{n}" for n in range(4)]))
    return MatchProblem(
        mentees=tuple(mentees),
        mentors=tuple(mentors),
        objective=draw(st.sampled_from(objectives)),
        disruption=draw(st.sampled_from(["some", "least"])),
        constraints=MatchConstraints(
            same_team=draw(st.sampled_from(["any", "any", "same", "different"])),
            never_repeat=draw(st.booleans()),
            max_grade_gap=draw(st.sampled_from([None, 1])),
        ),
        pins=draw(st.frozensets(keys, max_size=1)),
        forbidden=draw(st.frozensets(keys, max_size=3)),
    )
