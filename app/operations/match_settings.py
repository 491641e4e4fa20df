"""What a match run is asked: the program's settings with what is said differently, and no two things that clash."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.errors import Extra, Fault, Invalid
from app.models.tables import enrollment, person
from app.operations.programs import WeightsAllZero, check_runs_program
from app.operations.runs import ContradictoryPins
from app.queries import matching, pool, runs
from app.queries.matching import Asked
from app.rules.access import Actor
from app.rules.matching.pairs import blockers
from app.rules.matching.problem import DEFAULT_WEIGHTS, Blocker, MatchConstraints
from app.vocabulary import Disruption, Objective, PairRuleKind, PersonStatus, Side

Pairs = Sequence[tuple[str, str]]
"""(mentee id, mentor id)."""


class NotEnrolled(Invalid):
    """A pair names somebody who is not in the program on that side."""

    code = "not_enrolled"
    title = "Somebody in a pair is not enrolled on that side of the program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants of a run; of weights and constraints, only what they say differently from the program (the
    default one unless named).
    """

    program_id: str | None = None
    objective: Objective = Objective.UTIL
    disruption: Disruption = Disruption.SOME
    weights: Mapping[str, int] = field(default_factory=dict)
    constraints: Mapping[str, Any] = field(default_factory=dict)
    pins: Pairs = ()
    forbidden: Pairs = ()


def settings_of(db: DbSession, wanted: Wanted, *, actor: Actor, now: datetime) -> Asked:
    """Return what a run is asked, with all that the program says now. Who runs the program asks. Refused when no
    criterion counts, for people who are not enrolled, and for pins that can't hold, naming the pair and what stands
    against it.
    """
    program = runs.program_for_run(db, wanted.program_id)
    check_runs_program(actor, program.id)
    in_force = {**DEFAULT_WEIGHTS, **program.weights, **wanted.weights}
    if not any(in_force.values()):
        fault = Fault("/weights", "all_zero", "At least one criterion must have a weight.")
        raise WeightsAllZero("Give one criterion more than 0.", faults=(fault,))
    asked = Asked(
        program_id=program.id,
        objective=wanted.objective,
        disruption=wanted.disruption,
        weights=in_force,
        constraints=asdict(MatchConstraints(**{**program.constraints, **wanted.constraints})),
        pins=wanted.pins,
        forbidden=wanted.forbidden,
    )
    check_pairs(db, asked, now=now)
    return asked


def check_pairs(db: DbSession, asked: Asked, *, now: datetime) -> None:
    """Refuse pairs of people who are not enrolled, and pins that can't hold."""
    capacity = capacities(db, asked.program_id)
    for name, pairs in (("pins", asked.pins), ("forbidden", asked.forbidden)):
        for number, (mentee, mentor) in enumerate(pairs):
            if (mentee, Side.MENTEE) not in capacity or (mentor, Side.MENTOR) not in capacity:
                fault = Fault(f"/{name}/{number}", "not_enrolled", "names somebody who is not enrolled on that side")
                raise NotEnrolled(faults=(fault,))
    rules = [
        rule
        for rule in pool.pair_rules(db, asked.program_id)
        if (rule.mentee_id, Side.MENTEE) in capacity and (rule.mentor_id, Side.MENTOR) in capacity
    ]
    places = {who: places for (who, side), places in capacity.items() if side is Side.MENTOR}
    for pointer, (mentee, mentor), why, rule in _clashes(db, asked, rules, places, now=now):
        extra: dict[str, Extra] = {"mentee_id": mentee, "mentor_id": mentor, "constraint": why}
        if rule is not None:
            extra["pair_rule_id"] = rule.id
        fault = Fault(pointer, "contradictory", f"can't hold: {why}")
        raise ContradictoryPins("Take it out, or what stands against it.", faults=(fault,), extra=extra)


Clash = tuple[str, tuple[str, str], str, Any]
"""Where it is said, the pair, what stands against it, and the program's rule that says so, if one does."""


def _clashes(
    db: DbSession, asked: Asked, rules: Sequence[Any], places: Mapping[str, int], *, now: datetime
) -> Iterator[Clash]:
    """Go through what the run pins and the program forces, first against each other, then against constraints."""
    pinned = Counter(mentee for mentee, _ in asked.pins)
    forced = {rule.mentee_id: rule for rule in rules if rule.kind is PairRuleKind.FORCED}
    never = {(rule.mentee_id, rule.mentor_id): rule for rule in rules if rule.kind is PairRuleKind.FORBIDDEN}
    wanted = [(f"/pins/{number}", (mentee, mentor), None) for number, (mentee, mentor) in enumerate(asked.pins)]
    wanted += [("", (who, rule.mentor_id), rule) for who, rule in forced.items() if who not in pinned]
    refused = {(mentee, mentor) for mentee, mentor in asked.forbidden}
    taken = Counter(mentor for _, (_, mentor), _ in wanted)
    for pointer, pair, rule in wanted:
        mentee, mentor = pair
        if pinned[mentee] > 1:
            yield pointer, pair, "pinned_twice", rule
        if pair in refused or pair in never:
            yield pointer, pair, Blocker.FORBIDDEN, rule or never.get(pair)
        if mentee in forced and forced[mentee].mentor_id != mentor:
            yield pointer, pair, "forced_pair", forced[mentee]
        if taken[mentor] > places[mentor]:
            yield pointer, pair, Blocker.CAPACITY, rule
    if not wanted:
        return
    people = matching.pool_of(db, asked.program_id, among={who for _, pair, _ in wanted for who in pair}, now=now)
    constraints = MatchConstraints(**asked.constraints)
    for pointer, (mentee, mentor), rule in wanted:
        if mentee in people.mentees and mentor in people.mentors:
            for why in blockers(people.mentees[mentee], people.mentors[mentor], constraints):
                yield pointer, (mentee, mentor), why, rule
        elif rule is None:  # a program's rule waits until both are here
            yield pointer, (mentee, mentor), "away", rule


def capacities(db: DbSession, program_id: str) -> dict[tuple[str, Side], int]:
    """Return how many mentees everybody takes who is enrolled and works here, by person and side."""
    query = select(enrollment.c.person_id, enrollment.c.side, enrollment.c.capacity).join(
        person, person.c.id == enrollment.c.person_id
    )
    rows = db.execute(query.where(enrollment.c.program_id == program_id, person.c.status == PersonStatus.ACTIVE))
    return {(row.person_id, row.side): row.capacity for row in rows}
