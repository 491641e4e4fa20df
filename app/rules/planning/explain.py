"""Why each seat was chosen and why a need stays open."""

import numpy as np

from app.rules.planning.limits import heard_needs
from app.rules.planning.model import IntArray, SeatModel, blocked
from app.rules.planning.problem import PlanCall, PlanLimit, PlannedSeat, PlanProblem, UnmetNeed, UnmetReason
from app.rules.planning.score import TERMS, taught_skills

_REASON = {
    PlanLimit.DROPPED: UnmetReason.DROPPED,
    PlanLimit.SEATS: UnmetReason.SEATS_TAKEN,
    PlanLimit.HOST_DAY: UnmetReason.HOST_FULL,
    PlanLimit.HOST_WEEK: UnmetReason.HOST_FULL,
    PlanLimit.GOAL: UnmetReason.LIMIT_REACHED,
    PlanLimit.DAY: UnmetReason.LIMIT_REACHED,
    PlanLimit.WEEK: UnmetReason.LIMIT_REACHED,
    PlanLimit.TIME: UnmetReason.TIME_TAKEN,
    PlanLimit.ACCOUNT: UnmetReason.LIMIT_REACHED,
    PlanLimit.HOST_VARIETY: UnmetReason.LIMIT_REACHED,
}


def planned_seats(problem: PlanProblem, terms: IntArray, chosen: IntArray) -> tuple[PlannedSeat, ...]:
    """The chosen pairs with what they are worth and teach."""
    pins = set(problem.pins)
    seats = []
    for edge in chosen:
        pair = problem.pairs[edge]
        observer, call = problem.observers[pair.observer], problem.calls[pair.call]
        seats.append(
            PlannedSeat(
                observer=observer.id,
                call=call.id,
                value=int(terms[edge].sum()),
                terms=dict(zip(TERMS, terms[edge].tolist(), strict=True)),
                teaches=taught_skills(problem, observer, call),
                meets=observer.needs_call(call),
                pinned=(pair.observer, pair.call) in pins,
            )
        )
    return tuple(seats)


def unmet_needs(problem: PlanProblem, model: SeatModel, chosen: IntArray) -> tuple[UnmetNeed, ...]:
    """Each need that no chosen seat meets, explained by the allowed call that came closest.

    Closest = fewest limits in the way, then worth most, then first by key. Of several limits in its way the first in
    the order of PlanLimit is given. A call without any in its way would have been taken: `chosen` must be complete.
    """
    names, masks = zip(*blocked(model, chosen), strict=True)
    in_the_way = np.array(masks)
    hurdles = in_the_way.sum(axis=0)
    helpful: dict[tuple[int, str], list[int]] = {}
    for edge, (pair, needs) in enumerate(zip(problem.pairs, heard_needs(problem), strict=True)):
        for need in needs:
            helpful.setdefault((pair.observer, need), []).append(edge)
    taken = set(chosen.tolist())
    unmet = []
    for i, observer in enumerate(problem.observers):
        for need in sorted(set(observer.needs)):
            edges = helpful.get((i, need), [])
            if not edges:
                unmet.append(UnmetNeed(observer.id, need, UnmetReason.NO_CALL_IN_FREE_TIME, None, None, ()))
            elif taken.isdisjoint(edges):
                closest = min(edges, key=lambda e: (hurdles[e], -model.value[e], e))
                limit = names[int(np.argmax(in_the_way[:, closest]))]
                unmet.append(_blocked_need(problem, chosen, need, closest, limit))
    return tuple(unmet)


def _blocked_need(problem: PlanProblem, chosen: IntArray, need: str, closest: int, limit: PlanLimit) -> UnmetNeed:
    """The need that `limit` keeps open, naming whom the plan seats on that call or with that host instead."""
    pair = problem.pairs[closest]
    call = problem.calls[pair.call]
    seated = (problem.pairs[edge] for edge in chosen)
    rivals = {seat.observer for seat in seated if _uses_up(limit, call, problem.calls[seat.call])}
    return UnmetNeed(
        observer=problem.observers[pair.observer].id,
        need=need,
        reason=_REASON[limit],
        call=call.id,
        limit=limit,
        taken_by=tuple(problem.observers[rival].id for rival in sorted(rivals - {pair.observer})),
    )


def _uses_up(limit: PlanLimit, call: PlanCall, other: PlanCall) -> bool:
    """Whether a seat on the other call counts towards this limit of the call or its host."""
    match limit:
        case PlanLimit.SEATS:
            return other.key == call.key
        case PlanLimit.HOST_DAY:
            return (other.host, other.host_day) == (call.host, call.host_day)
        case PlanLimit.HOST_WEEK:
            return (other.host, other.host_week) == (call.host, call.host_week)
        case _:
            return False
