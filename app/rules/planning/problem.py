"""What a plan run is asked and what it answers: plain, picklable values, built without numpy.

Instants are whole minutes since the plan's start and intervals are half-open, `[starts_at, ends_at)`. Days and weeks
are ordinals of local dates and ISO weeks: any numbering will do as long as equal means the same day or week. `key` is
the name that survives a re-import (external id, else e-mail) and is unique among calls and among observers: answers
depend on keys, never on ids or on the order of rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PlanLimit(StrEnum):
    """Why a pair that booking would accept by itself cannot join the seats already in a plan."""

    DROPPED = "dropped"
    SEATS = "seats"
    HOST_DAY = "host_day"
    HOST_WEEK = "host_week"
    GOAL = "goal"
    DAY = "day"
    WEEK = "week"
    TIME = "time"
    ACCOUNT = "account"
    HOST_VARIETY = "host_variety"


class UnmetReason(StrEnum):
    """Why an observer will not hear what they need in this plan."""

    NO_CALL_IN_FREE_TIME = "no_call_in_free_time"
    DROPPED = "dropped"
    SEATS_TAKEN = "seats_taken"
    HOST_FULL = "host_full"
    LIMIT_REACHED = "limit_reached"
    TIME_TAKEN = "time_taken"


@dataclass(frozen=True, slots=True)
class PlanCall:
    """An upcoming call with seats to give; `host_day` and `host_week` are in the host's zone."""

    id: str
    key: str
    host: str
    account: str | None
    type: str
    skills: tuple[str, ...]
    segment: str | None
    starts_at: int
    ends_at: int
    host_day: int
    host_week: int
    seats_free: int


@dataclass(frozen=True, slots=True)
class PlanObserver:
    """A junior rep to plan for.

    `wants` holds a priority of 0 to 5 and `levels` a level of 0 to 4 per skill. `weekly_goal` is how many seats this
    plan should give them: what is still missing, not what is booked already. `gap_minutes` is what they keep free
    between two sessions: after the one and before the other. `per_day_left` and `per_week_left` say what is left of
    their load limit on each local day and in each week of their pairs. `heard_before` and `heard_types` count sessions
    of the last weeks. `needs` are call types and skills still to hear.
    """

    id: str
    key: str
    weekly_goal: int
    gap_minutes: int
    wants: Mapping[str, int]
    levels: Mapping[str, int]
    needs: tuple[str, ...]
    mentor: str | None
    manager: str | None
    segments: frozenset[str]
    heard_before: int
    heard_types: Mapping[str, int]
    accounts_taken: frozenset[str]
    per_day_left: Mapping[int, int]
    per_week_left: Mapping[int, int]

    def needs_call(self, call: PlanCall) -> tuple[str, ...]:
        """What they still need that this call lets them hear, in order: its type, or a skill that it exercises."""
        return tuple(need for need in sorted(set(self.needs)) if need == call.type or need in call.skills)


@dataclass(frozen=True, slots=True)
class PlanPair:
    """Observer and call, as indices, that booking would accept by themselves; day and week in the observer's zone."""

    observer: int
    call: int
    day: int
    week: int


@dataclass(frozen=True, slots=True)
class HostLoad:
    """How many more observers a host may take on each day and in each week of theirs that has a call in a pair."""

    per_day_left: Mapping[int, int]
    per_week_left: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """One plan run.

    `hosts` and `strengths` go by person id; a strength is the host's level, 0 to 4, at a skill. An observer sits in on
    at most `per_host` calls of one host. `pins` are the pairs, as (observer, call) indices, that every answer must
    hold, `dropped` those that none may: somebody took them out by hand.
    """

    calls: tuple[PlanCall, ...]
    observers: tuple[PlanObserver, ...]
    pairs: tuple[PlanPair, ...]
    hosts: Mapping[str, HostLoad]
    strengths: Mapping[str, Mapping[str, int]]
    per_host: int
    pins: tuple[tuple[int, int], ...] = ()
    dropped: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """A problem, and for how many seconds to search before the best plan so far will do."""

    problem: PlanProblem
    time_limit_seconds: float


@dataclass(frozen=True, slots=True)
class PlannedSeat:
    """A proposed seat. `terms` sum to `value`; `teaches`: skills they want and the host shows; `meets`: needs heard."""

    observer: str
    call: str
    value: int
    terms: Mapping[str, int]
    teaches: tuple[str, ...]
    meets: tuple[str, ...]
    pinned: bool


@dataclass(frozen=True, slots=True)
class UnmetNeed:
    """A need that the plan leaves open.

    `call` is the allowed call that came closest and `limit` what keeps them off it, both None when there is no such
    call. `taken_by` are the observers whom this plan seats there instead: on that call when its seats ran out, with
    that host when the host's load limit did. Nobody is named when it was full before the plan began.
    """

    observer: str
    need: str
    reason: UnmetReason
    call: str | None
    limit: PlanLimit | None
    taken_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanAnswer:
    """Seats and open needs, in order of the observers' and calls' keys.

    `objective` = `fairness` (the bonus per session) + `learning` (seat values and needs met). No plan can be worth more
    than `bound`. `timed_out`: the clock, or a failure of the library, cut the search short, so another run may answer
    differently.
    """

    seats: tuple[PlannedSeat, ...]
    unmet: tuple[UnmetNeed, ...]
    fairness: int
    learning: int
    bound: int
    timed_out: bool

    @property
    def objective(self) -> int:
        """What the plan is worth, in points."""
        return self.fairness + self.learning

    @property
    def gap_percent(self) -> float:
        """How far the plan can be from the best one, in percent of its worth."""
        return 100 * (self.bound - self.objective) / max(self.objective, 1)

    @property
    def learning_gap_percent(self) -> float:
        """How much more could be learnt, in percent of what is: a plan at least as fair teaches `bound - fairness` at
        most. The bonuses are most of the objective, so this is the sterner figure.
        """
        return 100 * (self.bound - self.objective) / max(self.learning, 1)


class ContradictoryPin(ValueError):
    """A pinned pair that booking would refuse (`limit` is None), or that the pins before it leave no room for."""

    def __init__(self, observer: str, call: str, limit: PlanLimit | None) -> None:
        super().__init__(f"the pin of {observer} on {call} cannot be kept: {limit or 'not_allowed'}")
        self.observer = observer
        self.call = call
        self.limit = limit

    def __reduce__(self) -> tuple[type["ContradictoryPin"], tuple[str, str, PlanLimit | None]]:
        """Cross a process boundary: an exception is otherwise rebuilt from its message alone."""
        return type(self), (self.observer, self.call, self.limit)
