"""What webhooks say of objects is what the API says of them to an admin."""

from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession, transaction
from app.models.tables import match
from app.operations.accounts import create_account
from app.operations.enrollments import enroll
from app.operations.programs import create_program
from app.operations.seats import book_seat
from app.operations.teams import create_team
from app.queries.announced import read_models
from app.rules.access import SYSTEM
from app.rules.published import PUBLISHED
from app.vocabulary import Side
from app.worker import Worker
from tests.calls_and_seats import a_scene, a_seat
from tests.endpoints import an_endpoint
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.pools import a_mentee, a_mentor
from tests.statements import counted

AT_ONCE = 3


def three_of_each(db: DbSession) -> dict[str, tuple[str, list[str]]]:
    """Return by type where the API shows one, and the ids of three."""
    scene, numbers = a_scene(db), range(AT_ONCE)
    people = [a_person(db, f"Jo {n}") for n in numbers]
    seats = [a_seat(db, scene.call_id, jo) for jo in people]
    full = a_call(db, scene.host, starts_at=MONDAY.replace(hour=14), seats=1)
    book_seat(db, call_id=full, observer_id=a_person(db, "Kim").id, actor=SYSTEM, now=NOW)
    program = create_program(db, name="Ramp", weights={}, actor=SYSTEM, now=NOW)
    enrolled = [
        enroll(db, program_id=program.id, person_id=jo.id, side=Side.MENTEE, capacity=1, actor=SYSTEM, now=NOW)
        for jo in people
    ]
    teams = [create_team(db, name=f"Team {n}", refs=[("crm", str(n))], actor=SYSTEM, now=NOW) for n in numbers]
    accounts = [create_account(db, fields={"name": f"A{n}"}, actor=SYSTEM, now=NOW) for n in numbers]
    later = a_call(db, scene.host, starts_at=MONDAY.replace(hour=16))
    return {
        "account": ("/v1/accounts/{}", [one.id for one in accounts]),
        "call": ("/v1/calls/{}", [scene.call_id, full, later]),
        "enrollment": (f"/v1/programs/{program.id}/enrollments/{{}}", [one.id for one in enrolled]),
        "person": ("/v1/people/{}", [one.id for one in people]),
        "seat": ("/v1/seats/{}", [one.id for one in seats]),
        "session": ("/v1/sessions/{}", [one.session_id for one in seats]),
        "team": ("/v1/teams/{}", [one.id for one in teams]),
        "webhook_endpoint": ("/v1/webhook-endpoints/{}", [an_endpoint(db) for _ in numbers]),
    }


def read(api: Api, wanted: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    with transaction(api.engine, writes=False) as db:
        return read_models(db, wanted, now=api.clock())


def shown(api: Api, path: str) -> Any:
    answer = api.admin.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_objects_are_as_the_api_shows_them(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        made = three_of_each(db)

    found = read(api, {kind: ids for kind, (_, ids) in made.items()})

    seen = {one: shown(api, path.format(one)) for path, ids in made.values() for one in ids}
    for one in made["webhook_endpoint"][1]:
        seen[one]["url"] = None  # all that one needs to write to a chat; and what is sent is kept as it is
    assert found == seen


def test_places_in_line_are_as_the_api_shows_them(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        call_id = a_call(db, seats=1)
        first, second = a_person(db, "Jo").id, a_person(db, "Kim").id
    path = f"/v1/calls/{call_id}/seats"
    seat = api.admin.post(path, json={"observer_id": first}).json()
    entry = api.admin.post(path, json={"observer_id": second, "waitlist": True}).json()
    api.admin.post(f"/v1/seats/{seat['id']}/release")
    Worker(api.engine, api.settings, api.clock).run_one()

    found = read(api, {"waitlist_entry": [entry["id"]]})

    assert found == {entry["id"]: shown(api, f"/v1/waitlist-entries/{entry['id']}")}


def test_runs_are_told_in_short_and_matches_whole(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        a_mentee(db, "Aisha")
        a_call(db, a_mentor(db, "Mara"), seats=2)
    week = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
    run = api.admin.post("/v1/match-runs", json={}).json()["id"]
    plan = api.admin.post("/v1/plan-runs", json=week).json()["id"]
    worker = Worker(api.engine, api.settings, api.clock)
    while worker.run_one():
        pass
    api.admin.post(f"/v1/match-runs/{run}/publish")
    with transaction(api.engine, writes=False) as db:
        (pair,) = db.execute(select(match.c.id)).scalars().all()

    found = read(api, {"match_run": [run], "plan_run": [plan], "match": [pair]})

    assert found[run] == shown(api, "/v1/match-runs")["data"][0]
    assert found[plan] == shown(api, "/v1/plan-runs")["data"][0]
    assert found[pair] == shown(api, f"/v1/matches/{pair}")


def test_three_of_a_type_cost_no_more_statements_than_one(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        made = three_of_each(db)

    for kind, (_, ids) in made.items():
        costs = []
        for some in (ids[:1], ids):
            with counted(api.engine) as statements:
                assert read(api, {kind: some}).keys() == set(some)
            costs.append(len(statements))
        assert costs[0] == costs[1], kind


def test_what_is_no_more_is_left_out(db: DbSession) -> None:
    assert read_models(db, {"team": ["team_gone"], "call": ["call_gone"]}, now=NOW) == {}


@pytest.mark.parametrize("object_type", sorted({published.object_type for published in PUBLISHED.values()}))
def test_every_published_type_can_be_read(db: DbSession, object_type: str) -> None:
    assert read_models(db, {object_type: ["x_gone"]}, now=NOW) == {}
