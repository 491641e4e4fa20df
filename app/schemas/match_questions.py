"""What is asked about match runs, as it travels: simulations, differences, why not, and who waits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict

from app.rules.matching.changes import Difference
from app.rules.matching.problem import MatchAnswer, ProposedPair, WhyNot
from app.schemas.match_runs import MENTEE, MENTOR, PAIR, SETTINGS, UnmatchedRead
from app.schemas.shapes import Read
from app.vocabulary import Disruption, Objective, PairChange

_SIMULATED: dict[str, Any] = {name: value for name, value in PAIR.items() if name not in ("id", "by_hand", "match_id")}


class DifferenceRead(Read):
    """What becomes of one mentee. `difference` is points after minus points before, 0 where there are none."""

    mentee_id: str
    change: PairChange
    mentor_id: str | None
    score: int | None
    before_mentor_id: str | None
    before_score: int | None
    difference: int | None

    @classmethod
    def of(cls, one: Difference) -> "DifferenceRead":
        """Build from what was compared."""
        return cls(
            mentee_id=one.mentee,
            change=one.change,
            mentor_id=one.after and one.after.mentor,
            score=one.after and one.after.score,
            before_mentor_id=one.before and one.before.mentor,
            before_score=one.before and one.before.score,
            difference=one.difference,
        )


_CHANGES: dict[str, Any] = {
    "kept": 0,
    "added": 0,
    "moved": 1,
    "unmatched": 0,
    "difference": 423,
    "changes": [
        {
            "mentee_id": MENTEE,
            "change": "moved",
            "mentor_id": MENTOR,
            "score": 8123,
            "before_mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qc",
            "before_score": 7700,
            "difference": 423,
        }
    ],
}


class ChangesRead(Read):
    """How many mentees keep their mentor, get one, move to another or lose theirs, and each of them."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_CHANGES]})

    kept: int
    added: int
    moved: int
    unmatched: int
    difference: int | None
    changes: list[DifferenceRead]

    @classmethod
    def of(cls, found: Sequence[Difference]) -> "ChangesRead":
        """Build from what becomes of each mentee."""
        counts = Counter(one.change for one in found)
        return cls(
            **{str(change): counts[change] for change in PairChange},
            difference=sum(one.difference for one in found),
            changes=[DifferenceRead.of(one) for one in found],
        )


class SimulatedPairRead(Read):
    """A pair that a run would propose; `terms` sum to `score`."""

    mentee_id: str
    mentor_id: str
    score: int | None
    terms: dict[str, int]
    pinned: bool


class SimulationRead(Read):
    """What a run would say, and what publishing it would make of the matches that stand. It has no id: it is gone."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
                    **SETTINGS,
                    "value": 8123,
                    "bound": 8123,
                    "matched": 1,
                    "unmatched": [],
                    "matches": [_SIMULATED],
                    "diff": _CHANGES,
                }
            ]
        },
    )

    program_id: str
    objective: Objective
    disruption: Disruption
    weights: dict[str, int]
    constraints: dict[str, Any]
    value: int
    bound: int
    matched: int
    unmatched: list[UnmatchedRead]
    matches: list[SimulatedPairRead]
    diff: ChangesRead

    @classmethod
    def of(
        cls, asked: Any, answer: MatchAnswer, person_of: Mapping[str, str], found: Sequence[Difference]
    ) -> "SimulationRead":
        """Build from what was asked, the answer by key, and the differences to what stands."""
        names = ("program_id", "objective", "disruption", "weights", "constraints")
        return cls(
            **{name: getattr(asked, name) for name in names},
            value=answer.value,
            bound=answer.value + answer.gap,
            matched=len(answer.pairs),
            unmatched=[
                UnmatchedRead(mentee_id=person_of[one.mentee], reason=one.reason, excluded=dict(one.excluded))
                for one in answer.unmatched
            ],
            matches=[_simulated(pair, person_of) for pair in answer.pairs],
            diff=ChangesRead.of(found),
        )


def _simulated(pair: ProposedPair, person_of: Mapping[str, str]) -> SimulatedPairRead:
    return SimulatedPairRead(
        mentee_id=person_of[pair.mentee],
        mentor_id=person_of[pair.mentor],
        score=pair.score,
        terms=dict(pair.terms),
        pinned=pair.pinned,
    )


class HurdleRead(Read):
    """A constraint that keeps the two apart: where they stand, what would do, and what would have to change."""

    constraint: str
    has: int | None
    limit: int | None
    change: str


class MoveRead(Read):
    """A mentee whose mentor changes when the pair is forced; without a mentor, the score is 0."""

    mentee_id: str
    from_mentor_id: str | None
    to_mentor_id: str | None
    score_before: int | None
    score_after: int | None


class WhyNotRead(Read):
    """Why a run does not give a mentee this mentor, asked again over people as they are now.

    With `hurdles`, all the rest is about the same people if there were none: whether ending them would be enough.
    `moves`, `matched_fewer` and `value_lost` say who would lose what if the pair were forced; `points_needed` and
    `place_needed` what else would have it proposed.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "run_id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg",
                    "inputs_changed": False,
                    "hurdles": [],
                    "proposed": False,
                    "asked": _SIMULATED,
                    "instead": None,
                    "score_gap": -8123,
                    "moves": [
                        {
                            "mentee_id": MENTEE,
                            "from_mentor_id": None,
                            "to_mentor_id": MENTOR,
                            "score_before": 0,
                            "score_after": 8123,
                        }
                    ],
                    "matched_fewer": 0,
                    "value_lost": 120,
                    "points_needed": 121,
                    "place_needed": True,
                }
            ]
        },
    )

    run_id: str
    inputs_changed: bool
    hurdles: list[HurdleRead]
    proposed: bool
    asked: SimulatedPairRead
    instead: SimulatedPairRead | None
    score_gap: int | None
    moves: list[MoveRead]
    matched_fewer: int
    value_lost: int | None
    points_needed: int | None
    place_needed: bool

    @classmethod
    def of(cls, run_id: str, why: WhyNot, person_of: Mapping[str, str], *, inputs_changed: bool) -> "WhyNotRead":
        """Build from the answer, people by key."""
        plain = ("proposed", "score_gap", "matched_fewer", "value_lost", "points_needed", "place_needed")
        return cls(
            **{name: getattr(why, name) for name in plain},
            run_id=run_id,
            inputs_changed=inputs_changed,
            hurdles=[
                HurdleRead(constraint=one.blocker, has=one.has, limit=one.limit, change=one.change)
                for one in why.hurdles
            ],
            asked=_simulated(why.asked, person_of),
            instead=why.instead and _simulated(why.instead, person_of),
            moves=[
                MoveRead(
                    mentee_id=person_of[one.mentee],
                    from_mentor_id=one.from_mentor and person_of[one.from_mentor],
                    to_mentor_id=one.to_mentor and person_of[one.to_mentor],
                    score_before=one.score_before,
                    score_after=one.score_after,
                )
                for one in why.moves
            ],
        )


class WaitingRead(Read):
    """A mentee without a match. `reason` is a constraint, `no_capacity`, `no_mentors` or `by_hand` as the newest run
    that looked at them said, with how many mentors each constraint excluded; or `proposed` by that draft, `match_ended`
    since that run was published, `paused`, or `never_run`.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "mentee_id": MENTEE,
                    "reason": "no_shared_hours",
                    "excluded": {"no_shared_hours": 6},
                    "run_id": "mrn_01jd6x0000e8r9sv4kz2m7n5qg",
                }
            ]
        },
    )

    mentee_id: str
    reason: str | None
    excluded: dict[str, int]
    run_id: str | None
