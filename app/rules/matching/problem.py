"""What a match run is given and what it answers: plain, frozen and picklable, so that it can cross to a child process.

No numpy here: the server builds problems and reads answers, only the child imports the solver.
A `key` is the canonical name of a mentee or mentor in the run (external id, else e-mail; unique on its side): people
are sorted by it before anything else, so that the order in which they arrive cannot decide a tie.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Objective = Literal["total", "util", "lex", "stable"]
Disruption = Literal["some", "least"]
Pair = tuple[str, str]
"""(mentee key, mentor key)."""


class Blocker(StrEnum):
    """Why a mentee cannot have a mentor: every constraint names itself. In the order in which ties are told."""

    SELF = "self"
    FORBIDDEN = "forbidden_pair"
    REPEAT = "never_repeat"
    REPORTING_LINE = "reporting_line"
    TEAM = "team_rule"
    GRADE_GAP = "grade_gap"
    LANGUAGE = "no_shared_language"
    ZONE_GAP = "zone_gap"
    SHARED_HOURS = "no_shared_hours"
    CAPACITY = "no_capacity"


NO_MENTORS = "no_mentors"

PINNED_ELSEWHERE = "pinned_elsewhere"
PLACES_PINNED = "places_pinned"

DEFAULT_WEIGHTS: Mapping[str, int] = MappingProxyType(
    {
        "skill": 4500,  # learning is the point: outweighs any two other terms together
        "co_availability": 2000,  # a mentor whose calls one can really hear is worth more than shared hours on paper
        "segment": 1500,  # knows the mentee's customers
        "overlap": 1000,  # the minimum is a constraint already; more is comfort
        "affinity": 700,  # who would like whom: counts, but less than what there is to learn
        "language": 500,  # one shared language is a constraint already
        "fresh": 300,  # variety decides between near equals
    }
)
"""The most points that each criterion gives: 10,500 in all, the scale for which the bands of `solve` are set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentee:
    """A mentee in the pool."""

    key: str
    person: str
    reporting_line: frozenset[str] = frozenset()
    """Ids of the managers above, direct and indirect."""
    team: str | None = None
    languages: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    levels: Mapping[str, int] = field(default_factory=dict)
    """Skill to level 0..4; a skill that is absent is at 0."""
    wants: Mapping[str, int] = field(default_factory=dict)
    """Skill to priority 0..5."""
    weeks: tuple[int, ...] = ()
    """`availability.week_masks`: as many weeks for everybody in the problem."""
    free: int = 0
    """Working and not busy: quarter hours of the four weeks ahead, bit *i* = cell *i*."""
    zone_offset_minutes: int = 0
    """East of UTC."""
    current_mentor: str | None = None
    """Mentor key; staying is worth `solve.CONTINUITY`."""
    past_mentors: frozenset[str] = frozenset()
    """Mentor keys of ended matches; they earn no points for `fresh`, and `never_repeat` excludes them."""
    grade: int | None = None
    """Seniority; one that is unknown excludes nobody."""
    prefers: tuple[str, ...] = ()
    """Mentor keys, best first, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mentor:
    """A mentor in the pool."""

    key: str
    person: str
    reporting_line: frozenset[str] = frozenset()
    team: str | None = None
    languages: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    levels: Mapping[str, int] = field(default_factory=dict)
    teaches: frozenset[str] = frozenset()
    """Skills they are willing to teach; their level in it says how well."""
    capacity: int
    """Mentees at a time, those who stay included; 0 = out."""
    weeks: tuple[int, ...] = ()
    calls: tuple[tuple[int, int], ...] = ()
    """Their upcoming calls as half-open ranges of the cells of `Mentee.free`."""
    zone_offset_minutes: int = 0
    grade: int | None = None
    prefers: tuple[str, ...] = ()
    """Mentee keys, best first, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConstraints:
    """A program's adjustable constraints."""

    min_shared_minutes_per_week: int = 120
    """In the leanest of the weeks given."""
    same_team: Literal["any", "same", "different"] = "any"
    max_zone_gap_hours: int | None = None
    max_grade_gap: int | None = None
    """The most grades between the two, whoever is above."""
    never_repeat: bool = False
    """Nobody gets a mentor again whom they had before; a current mentor may stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchProblem:
    """One match run's inputs."""

    mentees: tuple[Mentee, ...]
    mentors: tuple[Mentor, ...]
    weights: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    """Criterion to the most points it gives; one that is absent gives none."""
    objective: Objective = "util"
    disruption: Disruption = "some"
    """`least`: once most mentees are matched, as few current mentors change as can be; only then the objective."""
    constraints: MatchConstraints = MatchConstraints()
    pins: frozenset[Pair] = frozenset()
    forbidden: frozenset[Pair] = frozenset()


@dataclass(frozen=True, slots=True)
class ProposedPair:
    """A mentee and the mentor proposed; `terms` sum to `score` exactly."""

    mentee: str
    mentor: str
    score: int
    terms: Mapping[str, int]
    pinned: bool


@dataclass(frozen=True, slots=True)
class UnmatchedMentee:
    """A mentee left without a mentor and the most telling reason: a `Blocker`, or `no_mentors` for an empty pool."""

    mentee: str
    reason: str
    excluded: Mapping[str, int]
    """Blocker to the number of mentors it excludes; a mentor may be excluded by several. Zeros left out."""


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """The proposed pairs, in order of mentee key, and who is left."""

    pairs: tuple[ProposedPair, ...]
    unmatched: tuple[UnmatchedMentee, ...]
    value: int
    """The objective's points; the number of people matched comes before it."""
    gap: int
    """Proven upper bound of `value` minus `value`; 0 = optimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNotQuestion:
    """Why a run over this problem does not give the mentee this mentor. Both are in the problem."""

    problem: MatchProblem
    mentee: str
    mentor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hurdle:
    """One constraint that keeps the two apart, and what would have to change for it to end."""

    blocker: str
    """A `Blocker`; `pinned_elsewhere` when the mentee is pinned to somebody else, `places_pinned` when all the mentor's
    places are."""
    change: str
    """A sentence."""
    has: int | None = None
    """Where the two stand, for constraints with a number: minutes shared in the leanest week, minutes between their
    clocks, grades between them, places of the mentor."""
    limit: int | None = None
    """The least of it (shared minutes, places) or the most (zone gap, grade gap) that would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A mentee whose mentor changes when the pair asked about is forced, and what that is worth to them in points."""

    mentee: str
    from_mentor: str | None
    to_mentor: str | None
    score_before: int
    """0 without a mentor."""
    score_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Why a mentee does not get a mentor: constraints, a better mentor, or others who would lose more.

    With hurdles, the rest of the answer is about the same pool if there were none: it says whether ending them would
    be enough. Without, `proposed` says whether the best answer has the pair.
    """

    mentee: str
    mentor: str
    hurdles: tuple[Hurdle, ...]
    proposed: bool
    """Whether the best answer has this pair, once the hurdles have gone."""
    asked: ProposedPair
    """The pair's own score and terms, with or without hurdles."""
    instead: ProposedPair | None
    """Whom the best answer gives the mentee; None = nobody."""
    score_gap: int
    """Points of `instead` (0 for nobody) minus points of the pair; negative when the pair alone would be better."""
    moves: tuple[Move, ...]
    """Who moves when the pair is forced: the mentee first, then who gives way to whom. Empty when `proposed`."""
    matched_fewer: int
    """How many fewer mentees are matched when the pair is forced."""
    value_lost: int
    """By how much less the objective's points are then. Negative where something comes before the points: the number
    of people matched, the standing pairs with `least` disruption, the worst pair in `lex`, stability."""
    points_needed: int | None
    """The fewest points more for the pair that would have it proposed; None when `proposed`, and where points alone
    don't decide."""
    place_needed: bool
    """Whether one more place at the mentor would have the pair proposed."""


class ContradictoryPins(ValueError):
    """Pins that cannot all hold; `pairs` names each with why: a `Blocker`, `unknown` or `pinned_twice`."""

    def __init__(self, pairs: tuple[tuple[str, str, str], ...]) -> None:
        super().__init__(pairs)
        self.pairs = pairs

    def __str__(self) -> str:
        return "; ".join(f"{mentee} with {mentor}: {why}" for mentee, mentor, why in self.pairs)
