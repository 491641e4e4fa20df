"""Match runs and plans in the houses in which pages are looked at: drafts whose answers are given, none is solved."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.models import PersonSkill
from app.operations import match_runs, plan_runs
from app.operations.accounts import create_account
from app.operations.match_settings import Wanted
from app.queries import runs
from app.rules.access import SYSTEM
from app.rules.matching.problem import MatchAnswer, ProposedPair, UnmatchedMentee
from app.rules.planning.problem import PlanAnswer, PlannedSeat, UnmetNeed, UnmetReason
from app.vocabulary import Side
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.pools import enrolled
from tests.web.houses import LOOKED_AT, Furnishing

_BY: dict[str, Any] = {"actor": SYSTEM, "now": LOOKED_AT}
_TERMS = {"skill": 3400, "co_availability": 1200, "overlap": 900, "language": 500, "fresh": 300}


def match_runs_of_the_house(house: Furnishing) -> Mapping[str, str]:
    """A run that waits, and a draft after another one: 6 pairs, 180 in a huge house, and two who are left."""
    mentees = [house.person(_name(n)) for n in range(_many(house))]
    mentors = [house.person(_name(40 + n)) for n in range(max(len(mentees) // 3, 2))]
    for who in mentees:
        enrolled(house.db, who, Side.MENTEE)
        house.db.add(PersonSkill(person_id=who.id, skill="discovery.questioning", level=1, wants=5))
    for who in mentors:
        enrolled(house.db, who, Side.MENTOR, 4)
        house.db.add(PersonSkill(person_id=who.id, skill="discovery.questioning", level=4, teaches=True))
    house.db.flush()
    pairs = [(one.id, mentors[n % len(mentors)].id) for n, one in enumerate(mentees[2:])]
    before, draft = (_draft(house, pairs, [one.id for one in mentees[:2]], shift) for shift in (1, 0))
    waiting = match_runs.start_match_run(house.db, Wanted(), **_BY).id
    return {"run_before": before, "run_id": draft, "waiting_run": waiting}


_FIRST = ("Amir", "Bea", "Carla", "Dan", "Elif", "Femi", "Gita", "Hugo", "Ines")
_LAST = ("Abara", "Brandt", "Castellanos", "Dvořák", "Eriksen", "Ferrari", "Grewal", "Hoang")


def _name(number: int) -> str:
    return f"{_FIRST[(2 * number + 3) % len(_FIRST)]} {_LAST[number % len(_LAST)]}"


def _many(house: Furnishing) -> int:
    return house.many(8, huge=182)


def _draft(house: Furnishing, pairs: list[tuple[str, str]], left: list[str], shift: int) -> str:
    run = match_runs.start_match_run(house.db, Wanted(), **_BY)
    mentors = [mentor for _, mentor in pairs]
    found = [_proposed(mentee, mentors[(n + shift) % len(mentors)], 90 * n) for n, (mentee, _) in enumerate(pairs)]
    answer = MatchAnswer(
        pairs=tuple(found),
        unmatched=tuple(
            UnmatchedMentee(who, "no_shared_hours", {"no_shared_hours": 3, "grade_gap": 1}) for who in left
        ),
        value=sum(pair.score for pair in found),
        gap=0,
    )
    everybody = {who: who for pair in found for who in (pair.mentee, pair.mentor)} | {who: who for who in left}
    match_runs.keep_draft(
        house.db, run_id=run.id, answer=answer, person_of=everybody, inputs_hash=f"given {shift}", now=NOW
    )
    return str(run.id)


def _proposed(mentee: str, mentor: str, less: int) -> ProposedPair:
    terms = {**_TERMS, "skill": max(_TERMS["skill"] - less, 0)}
    return ProposedPair(mentee=mentee, mentor=mentor, score=sum(terms.values()), terms=terms, pinned=False)


def plans_of_the_house(house: Furnishing) -> Mapping[str, str]:
    """A plan that waits, and one of next week: two seats for each of 5 mentees, of 60 in a huge house."""
    week: dict[str, Any] = {"from_at": MONDAY + _WEEK, "to_at": MONDAY + 2 * _WEEK, "team_id": None, "program_id": None}
    hosts = [house.person(_name(50 + n)) for n in range(3)]
    account = create_account(house.db, fields={"name": house.text("Fjord Ferries")}, **_BY).id
    mentees = [house.person(_name(60 + n)) for n in range(house.many(5, huge=60))]
    for who in mentees:
        enrolled(house.db, who, Side.MENTEE)
    calls = [
        a_call(house.db, host, starts_at=MONDAY + _WEEK + timedelta(days=n, hours=11), seats=50, account_id=account)
        for n, host in enumerate(hosts)
    ]
    seats = [
        PlannedSeat(
            observer=who.id,
            call=calls[(n + more) % len(calls)],
            value=650 - 40 * more,
            terms={"skill": 400 - 40 * more, "new_type": 150, "mentor": 100},
            teaches=("discovery.questioning",),
            meets=("demo",),
            pinned=False,
        )
        for n, who in enumerate(mentees)
        for more in range(2)
    ]
    need = UnmetNeed(mentees[0].id, "negotiation", UnmetReason.SEATS_TAKEN, calls[0], None, (mentees[1].id,))
    answer = PlanAnswer(tuple(seats), (need,), fairness=9000, learning=4000, bound=13_010, timed_out=False)
    run = plan_runs.start_plan_run(house.db, **week, **_BY)
    plan_runs.keep_draft(house.db, run_id=run.id, answer=answer, inputs_hash="given", now=LOOKED_AT)
    planned = runs.plan_seats(house.db, run.id)[0].id
    waits = plan_runs.start_plan_run(house.db, **week, **_BY).id
    return {"plan_id": run.id, "planned_seat": planned, "waiting_plan": waits}


_WEEK = timedelta(days=7)
