"""Where a house switches figures about people off, nobody is told any about somebody else: no admin, no manager."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from pydantic import BaseModel

from app.db import transaction
from app.models import Match
from app.operations import match_runs, plan_runs
from app.operations.match_settings import Wanted
from app.operations.person_skills import set_skills
from app.queries.announced import read_models
from app.queries.runs import program_for_run
from app.rules.access import SYSTEM
from app.rules.matching.problem import MatchAnswer, ProposedPair, UnmatchedMentee
from app.rules.planning.problem import PlanAnswer, PlannedSeat, UnmetNeed, UnmetReason
from app.rules.skills import SkillState
from app.schemas.figures import FIGURES, tells_figures
from app.vocabulary import MatchStatus, Role
from tests.described import routes
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api

FIGURE = "skill_7f3a"
POINTS = 7919
"""In no id and no instant, so that it can be looked for."""


@dataclass
class House:
    """Ana is Mara's mentee, and everything that could be said of her in figures is written down."""

    api: Api
    ana: str
    mara: str
    places: dict[str, str]
    match_id: str


@pytest.fixture
def house(sqlite_api: Api) -> House:
    by_machine: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
    with transaction(sqlite_api.engine, writes=True) as db:
        lead = a_person(db, "Lee", role=Role.MANAGER)
        ana = a_person(db, "Ana", manager_id=lead.id)
        mara, ben = a_person(db, "Mara"), a_person(db, "Ben")
        program_id = program_for_run(db, None).id
        stamps: dict[str, Any] = {"created_at": NOW, "updated_at": NOW, "status": MatchStatus.ACTIVE}
        pair: dict[str, Any] = {"mentee_id": ana.id, "mentor_id": mara.id, "program_id": program_id}
        db.add(Match(id="mat_1", **pair, score=POINTS, terms={FIGURE: POINTS}, **stamps))
        call_id = a_call(db, mara)
        set_skills(db, person_id=ana.id, skills={"discovery.questioning": SkillState(level=0, wants=5)}, **by_machine)
        run = match_runs.start_match_run(db, Wanted(), **by_machine)
        proposed = ProposedPair(mentee="a", mentor="m", score=POINTS, terms={FIGURE: POINTS}, pinned=False)
        answer = MatchAnswer(pairs=(proposed,), unmatched=(UnmatchedMentee("b", FIGURE, {FIGURE: 3}),), value=1, gap=0)
        who = {"a": ana.id, "m": mara.id, "b": ben.id}
        match_runs.keep_draft(db, run_id=run.id, answer=answer, person_of=who, inputs_hash="", now=NOW)
        week: dict[str, Any] = {"from_at": MONDAY, "to_at": MONDAY + timedelta(days=7), "team_id": None}
        plan = plan_runs.start_plan_run(db, **week, program_id=None, **by_machine).id
        need = UnmetNeed(ana.id, FIGURE, UnmetReason.SEATS_TAKEN, call=None, limit=None, taken_by=())
        seat = PlannedSeat(ana.id, call_id, POINTS, {FIGURE: POINTS}, (FIGURE,), (FIGURE,), pinned=False)
        made = PlanAnswer(seats=(seat,), unmet=(need,), fairness=0, learning=0, bound=0, timed_out=False)
        plan_runs.keep_draft(db, run_id=plan, answer=made, inputs_hash="", now=NOW)
    places = {
        "match": "/v1/matches/mat_1",
        "matches": "/v1/matches",
        "match run": f"/v1/match-runs/{run.id}",
        "difference": f"/v1/match-runs/{run.id}/diff",
        "plan run": f"/v1/plan-runs/{plan}",
    }
    return House(sqlite_api, ana.id, mara.id, {**places, "suggestions": f"/v1/calls/{call_id}/suggestions"}, "mat_1")


def switched_off(house: House) -> None:
    house.api.admin.patch("/v1/settings/privacy", json={"person_insights": False}).raise_for_status()


def told(answer: httpx.Response) -> list[str]:
    text = answer.raise_for_status().text
    return [figure for figure in (FIGURE, str(POINTS), "wants_skill") if figure in text]


@pytest.mark.parametrize("place", ["match", "matches", "match run", "difference", "plan run", "suggestions"])
def test_an_admin_is_told_figures_until_they_are_switched_off(house: House, place: str) -> None:
    before = told(house.api.admin.get(house.places[place]))

    switched_off(house)

    assert before
    assert told(house.api.admin.get(house.places[place])) == []


def test_one_is_always_told_figures_about_oneself(house: House) -> None:
    switched_off(house)

    assert told(house.api.rep(house.ana).get(house.places["match"]))


def test_who_acts_on_somebodys_behalf_is_told_no_figures_about_them(house: House) -> None:
    switched_off(house)

    assert told(house.api.admin.get(house.places["match"], headers={"On-Behalf-Of": house.ana})) == []


def test_no_receiver_of_webhooks_is_told_any(house: House) -> None:
    switched_off(house)

    with transaction(house.api.engine, writes=False) as db:
        sent = read_models(db, {"match": [house.match_id]}, now=NOW)

    assert sent[house.match_id]["score"] is None
    assert sent[house.match_id]["terms"] == {}


def schemas(answer: Any) -> set[Any]:
    """All schemas that an answer of this type is made of."""
    if isinstance(answer, type) and issubclass(answer, BaseModel):
        return {answer}.union(*(schemas(field.annotation) for field in answer.model_fields.values()))
    return set[Any]().union(*map(schemas, get_args(answer)))


def test_every_kind_of_figure_is_told_by_some_route_and_can_be_empty() -> None:
    told = [schemas(one.response_model) for one in routes() if tells_figures(one.response_model)]

    assert FIGURES.keys() - set().union(*told) == set()
    for schema, figures in FIGURES.items():
        fields: dict[str, Any] = schema.model_fields
        assert {*figures.about, *figures.shows} <= fields.keys()
        for name in figures.shows:
            _takes_nothing(schema, name, fields[name].annotation)


def _takes_nothing(schema: type[BaseModel], name: str, annotation: Any) -> None:
    kinds = str(annotation)
    assert "None" in kinds or kinds.startswith(("dict", "list")), f"{schema.__name__}.{name}"
