"""Who runs a program, and what else they may do: nothing. Who leads a tree, and what they may do in its matches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.db import transaction
from app.models.tables import event, event_detail, person
from app.operations.enrollments import enroll
from app.operations.programs import create_program
from app.operations.teams import create_team
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import Role, Side
from app.worker import Worker
from tests.factories import a_call, a_person
from tests.harness import NOW, Api
from tests.pools import a_mentee, a_mentor
from tests.statements import assert_same_cost

ROLES = {"Pia": Role.PROGRAM_MANAGER, "Max": Role.MANAGER, "Lena": Role.MANAGER}
WEEK = {"from": "2026-11-23T00:00:00Z", "to": "2026-11-30T00:00:00Z"}
ONLY_READS = 403, "only_reads"


@dataclass
class World:
    """Two programs: Pia runs the first, nobody the second. Max leads Tom, who is alone in West; Lena leads nobody."""

    api: Api
    ids: dict[str, str]

    def as_(self, name: str) -> httpx.Client:
        return self.api.client(self.api.key(ROLES.get(name, Role.REP), self.ids[name]))

    def reports_to(self, name: str, manager: str) -> None:
        moved = self.api.admin.patch(f"/v1/people/{self.ids[name]}", json={"manager_id": self.ids[manager]})
        assert moved.status_code == 200, moved.text

    @property
    def auditor(self) -> httpx.Client:
        return self.api.client(self.api.key(Role.AUDITOR))


@pytest.fixture
def world(sqlite_api: Api) -> World:
    api = sqlite_api
    with transaction(api.engine, writes=True) as db:
        by: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
        west = create_team(db, name="West", **by).id
        mixed = create_team(db, name="Mixed", **by).id
        people = {name: a_person(db, name, role=role) for name, role in ROLES.items()}
        tom = a_mentee(db, "Tom", manager_id=people["Max"].id, team_id=west)
        ann = a_mentee(db, "Ann", manager_id=people["Max"].id, team_id=mixed)
        zoe = a_mentee(db, "Zoe", team_id=mixed)
        mara = a_mentor(db, "Mara", capacity=3)
        eve = a_person(db, "Eve")
        other = create_program(db, name="Other", weights={}, **by).id
        for who, side in ((tom, Side.MENTEE), (mara, Side.MENTOR)):
            enroll(db, program_id=other, person_id=who.id, side=side, capacity=2, **by)
        call = a_call(db, mara, seats=2)
        rows = {**people, "Tom": tom, "Ann": ann, "Zoe": zoe, "Mara": mara, "Eve": eve}
        ids = {name: row.id for name, row in rows.items()}
        ids |= {"own": runs.program_for_run(db, None).id, "other": other, "west": west, "mixed": mixed, "call": call}
    put = api.admin.put(f"/v1/programs/{ids['own']}/managers/{ids['Pia']}")
    assert put.status_code == 200, put.text
    return World(api, ids)


def work(api: Api) -> None:
    worker = Worker(api.engine, api.settings, api.clock)
    while worker.run_one():
        continue


def told(answer: httpx.Response) -> tuple[int, str | None]:
    problem = answer.headers.get("content-type", "").startswith("application/problem")
    return answer.status_code, answer.json()["code"] if problem else None


# Who is put down


def test_an_admin_says_who_runs_a_program_and_it_is_told_once(world: World) -> None:
    managers = f"/v1/programs/{world.ids['own']}/managers"

    again = world.api.admin.put(f"{managers}/{world.ids['Pia']}")
    listed = world.as_("Pia").get(managers)
    gone = world.api.admin.delete(f"{managers}/{world.ids['Pia']}")
    twice = world.api.admin.delete(f"{managers}/{world.ids['Pia']}")

    assert (again.status_code, gone.status_code, told(twice)) == (200, 204, (404, "not_found"))
    assert [row["person_id"] for row in listed.json()["data"]] == [world.ids["Pia"]]
    with transaction(world.api.engine, writes=False) as db:
        query = select(event.c.act, event_detail.c.detail).join(event_detail, event_detail.c.event_id == event.c.id)
        acts = db.execute(query.where(event.c.act.like("program.manager%")).order_by(event.c.sequence)).all()
    assert [tuple(row) for row in acts] == [
        ("program.manager_added", {"person_id": world.ids["Pia"]}),
        ("program.manager_removed", {"person_id": world.ids["Pia"]}),
    ]


def test_somebody_of_another_role_is_not_put_down_and_the_refusal_says_what_would_work(world: World) -> None:
    managers = f"/v1/programs/{world.ids['own']}/managers"

    refused = world.api.admin.put(f"{managers}/{world.ids['Tom']}")
    nobody = world.api.admin.put(f"{managers}/per_none")
    nowhere = world.api.admin.put(f"/v1/programs/prg_none/managers/{world.ids['Pia']}")

    assert told(refused) == (422, "no_program_manager")
    assert "program_manager" in refused.json()["detail"]
    assert (told(nobody)[0], told(nowhere)[0]) == (404, 404)


def test_who_runs_a_program_puts_nobody_else_down_nor_does_an_integration(world: World) -> None:
    place = f"/v1/programs/{world.ids['own']}/managers/{world.ids['Pia']}"
    crm = world.api.client(world.api.key(Role.INTEGRATION))

    for client in (world.as_("Pia"), world.as_("Max"), world.as_("Tom"), world.auditor, crm):
        assert told(client.put(place)) == (403, "forbidden")
        assert told(client.delete(place)) == (403, "forbidden")


def test_who_is_taken_off_runs_it_no_longer_from_the_next_request_on(world: World) -> None:
    pia = world.as_("Pia")
    assert pia.get("/v1/match-runs").status_code == 200

    world.api.admin.delete(f"/v1/programs/{world.ids['own']}/managers/{world.ids['Pia']}")

    assert told(pia.get("/v1/match-runs")) == (404, "not_found")
    assert told(pia.post("/v1/match-runs", json={})) == (403, "forbidden")


@pytest.mark.parametrize("changes", [{"role": "manager"}, {"role": "rep"}, {"role": "auditor"}, {"status": "left"}])
def test_who_gets_a_role_that_runs_none_or_leaves_is_put_down_anew_to_run_it_again(
    world: World, changes: dict[str, str]
) -> None:
    admin, pia = world.api.admin, f"/v1/people/{world.ids['Pia']}"
    managers = f"/v1/programs/{world.ids['own']}/managers"

    assert admin.patch(pia, json=changes).status_code == 200
    listed = admin.get(managers).json()["data"]
    assert admin.patch(pia, json={"role": "program_manager", "status": "active"}).status_code == 200

    assert listed == []
    assert world.as_("Pia").get("/v1/me").json()["program_ids"] == []
    with transaction(world.api.engine, writes=False) as db:
        acts = db.execute(select(event.c.act).where(event.c.act.like("program.manager%")).order_by(event.c.sequence))
        assert list(acts.scalars()) == ["program.manager_added", "program.manager_removed"]


def test_an_admin_who_was_put_down_runs_it_as_a_program_manager_and_never_as_a_manager(world: World) -> None:
    admin, pia = world.api.admin, f"/v1/people/{world.ids['Pia']}"

    admin.patch(f"/v1/people/{world.ids['Eve']}", json={"role": "admin"})  # Pia is not the last one
    for role in ("admin", "program_manager"):
        assert admin.patch(pia, json={"role": role}).status_code == 200

    assert world.as_("Pia").get("/v1/me").json()["program_ids"] == [world.ids["own"]]
    with transaction(world.api.engine, writes=True) as db:  # as if somebody had put a manager down
        db.execute(update(person).where(person.c.id == world.ids["Pia"]).values(role=Role.MANAGER))
    assert world.as_("Pia").get("/v1/me").json()["program_ids"] == []


# The program and its runs


def test_who_runs_a_program_runs_all_of_it_and_nothing_of_another(world: World) -> None:
    pia, ids = world.as_("Pia"), world.ids
    own, other = f"/v1/programs/{ids['own']}", f"/v1/programs/{ids['other']}"
    rule = {"mentee_id": ids["Tom"], "mentor_id": ids["Mara"], "kind": "forbidden"}
    taken_back = {"mentee_id": ids["Tom"], "mentor_id": ids["Mara"]}
    enrolls = {"person_id": ids["Eve"], "as": "mentee"}
    acts: list[tuple[str, Callable[[str], httpx.Response], int]] = [
        ("change", lambda at: pia.patch(at, json={"approval": "mentor"}), 200),
        ("enrol", lambda at: pia.post(f"{at}/enrollments", json=enrolls), 201),
        ("rule", lambda at: pia.put(f"{at}/pair-rules", json=rule), 200),
        ("no rule", lambda at: pia.delete(f"{at}/pair-rules", params=taken_back), 204),
        ("run", lambda at: pia.post("/v1/match-runs", json={"program_id": at.rpartition("/")[2]}), 202),
        ("simulate", lambda at: pia.post("/v1/match-runs/simulate", json={"program_id": at.rpartition("/")[2]}), 200),
        ("plan", lambda at: pia.post("/v1/plan-runs", json={**WEEK, "program_id": at.rpartition("/")[2]}), 202),
    ]
    for name, act, works in acts:
        assert (name, told(act(other))) == (name, (403, "forbidden"))
        assert (name, act(own).status_code) == (name, works)
    for path in ("pair-rules", "unmatched", "managers"):
        assert pia.get(f"{own}/{path}").status_code == 200
        assert told(pia.get(f"{other}/{path}")) == (404, "not_found")
    seen = [len(pia.get(f"{at}/enrollments").json()["data"]) for at in (own, other)]
    assert seen == [5, 0]


def test_who_runs_a_program_publishes_its_runs_and_finds_no_others(world: World) -> None:
    pia, ids = world.as_("Pia"), world.ids
    api = world.api
    started = pia.post("/v1/match-runs", json={})
    assert pia.get(started.headers["location"]).status_code == 200, "the operation that works for it"
    foreign = api.admin.post("/v1/match-runs", json={"program_id": ids["other"]})
    work(api)
    own, others = (f"/v1/match-runs/{run.json()['id']}" for run in (started, foreign))

    listed = pia.get("/v1/match-runs").json()["data"]
    published = pia.post(f"{own}/publish")

    assert [run["id"] for run in listed] == [started.json()["id"]]
    assert (published.status_code, published.json()["status"]) == (200, "published")
    for answer in (
        pia.get(others),
        pia.get(f"{others}/diff"),
        pia.get(f"{own}/diff", params={"against": foreign.json()["id"]}),
        pia.post(f"{others}/publish"),
        pia.post(f"{others}/rerun"),
        pia.post(f"{others}/cancel"),
        pia.put(f"{others}/pairs/{ids['Tom']}", json={"mentor_id": None}),
        pia.get(foreign.headers["location"]),
        pia.post(f"{foreign.headers['location']}/cancel"),
    ):
        assert told(answer) == (404, "not_found"), answer.request.url


def test_who_runs_a_program_calls_its_run_off_while_it_waits(world: World) -> None:
    pia = world.as_("Pia")
    started = pia.post("/v1/match-runs", json={})

    off = pia.post(f"/v1/match-runs/{started.json()['id']}/cancel")

    assert (off.status_code, off.json()["status"]) == (200, "cancelled")


def test_an_auditor_reads_every_run_and_changes_none(world: World) -> None:
    api, auditor = world.api, world.auditor
    match_run = api.admin.post("/v1/match-runs", json={})
    plan_run = api.admin.post("/v1/plan-runs", json=WEEK)
    waiting = match_run.headers["location"]
    assert told(auditor.post(f"{waiting}/cancel")) == ONLY_READS
    work(api)
    match_path, plan_path = f"/v1/match-runs/{match_run.json()['id']}", f"/v1/plan-runs/{plan_run.json()['id']}"

    for path in (match_path, plan_path, "/v1/match-runs", "/v1/plan-runs", f"{match_path}/diff", waiting):
        assert auditor.get(path).status_code == 200, path
    for path in (match_path, plan_path):
        for act in ("publish", "cancel"):
            assert told(auditor.post(f"{path}/{act}")) == (403, "forbidden"), (path, act)
    assert told(auditor.put(f"{match_path}/pairs/{world.ids['Tom']}", json={"mentor_id": None})) == (403, "forbidden")
    assert told(auditor.post(f"{match_path}/rerun")) == (403, "forbidden")
    assert told(auditor.post(f"{plan_path}/replan")) == (403, "forbidden")
    assert told(auditor.post("/v1/match-runs", json={})) == (403, "forbidden")
    assert api.admin.get(match_path).json()["status"] == "draft"


# Plans for a team


def test_who_leads_a_whole_team_plans_and_publishes_for_it(world: World) -> None:
    boss, ids = world.as_("Max"), world.ids

    started = boss.post("/v1/plan-runs", json={**WEEK, "team_id": ids["west"]})
    work(world.api)
    path = f"/v1/plan-runs/{started.json()['id']}"
    draft = boss.get(path)
    published = boss.post(f"{path}/publish")
    work(world.api)

    assert started.status_code == 202, started.text
    assert [seat["observer_id"] for seat in draft.json()["seats"]] == [ids["Tom"]]
    assert published.status_code == 202, published.text
    (seat,) = boss.get(path).json()["seats"]
    assert seat["refusal"] is None
    assert seat["seat_id"]
    assert [run["id"] for run in boss.get("/v1/plan-runs").json()["data"]] == [started.json()["id"]]
    with transaction(world.api.engine, writes=False) as db:
        booked = db.execute(select(event.c.actor).where(event.c.act == "seat.booked")).scalars().all()
    assert booked == [ids["Max"]], "the audit says who published"


def test_nobody_plans_for_a_team_in_which_somebody_reports_to_others(world: World) -> None:
    boss, ids = world.as_("Max"), world.ids
    of_admin = world.api.admin.post("/v1/plan-runs", json={**WEEK, "team_id": ids["mixed"]}).json()["id"]

    for body in ({**WEEK, "team_id": ids["mixed"]}, {**WEEK, "team_id": "team_none"}, WEEK):
        refused = boss.post("/v1/plan-runs", json=body)
        assert told(refused) == (403, "forbidden")
        assert "team_id" in refused.json()["detail"]
    assert told(boss.get(f"/v1/plan-runs/{of_admin}")) == (404, "not_found")
    assert told(boss.post(f"/v1/plan-runs/{of_admin}/publish")) == (404, "not_found")
    assert boss.get("/v1/plan-runs").json()["data"] == []
    assert world.as_("Lena").get("/v1/plan-runs").json()["data"] == []
    assert told(world.as_("Lena").post("/v1/plan-runs", json={**WEEK, "team_id": ids["west"]})) == (403, "forbidden")


def test_lists_of_runs_cost_the_same_for_three_rows(world: World) -> None:
    boss = world.as_("Max")
    for _ in range(3):
        assert boss.post("/v1/plan-runs", json={**WEEK, "team_id": world.ids["west"]}).status_code == 202

    assert_same_cost(world.api, boss, "/v1/plan-runs")


# Matches


@pytest.fixture
def matched(world: World) -> str:
    """Tom asked Mara, who has yet to say yes."""
    asked = world.as_("Tom").post("/v1/matches", json={"mentor_id": world.ids["Mara"]})
    assert asked.status_code == 201, asked.text
    return f"/v1/matches/{asked.json()['id']}"


def test_a_match_is_seen_by_its_two_who_leads_one_and_who_runs_the_program(world: World, matched: str) -> None:
    for name in ("Tom", "Mara", "Max", "Pia"):
        assert world.as_(name).get(matched).status_code == 200, name
    assert world.auditor.get(matched).status_code == 200
    for name in ("Lena", "Zoe", "Eve"):
        assert told(world.as_(name).get(matched)) == (404, "not_found"), name
        assert world.as_(name).get("/v1/matches").json()["data"] == []


def test_nobody_says_yes_or_no_in_the_place_of_a_mentor_but_who_runs_the_program(world: World, matched: str) -> None:
    world.reports_to("Mara", "Lena")
    for client, refused in (
        (world.as_("Max"), "forbidden"),
        (world.as_("Lena"), "forbidden"),
        (world.auditor, "only_reads"),
    ):
        assert told(client.post(f"{matched}/approve")) == (403, refused)
        assert told(client.post(f"{matched}/approve", json={"as": "mentor"})) == (403, refused)
        assert told(client.post(f"{matched}/decline")) == (403, refused)

    said = world.as_("Pia").post(f"{matched}/approve", json={"as": "mentor"})

    assert (said.status_code, said.json()["status"]) == (200, "active")


def test_who_leads_somebody_asks_and_withdraws_for_them_but_for_nobody_else(world: World) -> None:
    boss, ids = world.as_("Max"), world.ids

    asked = boss.post("/v1/matches", json={"mentee_id": ids["Ann"], "mentor_id": ids["Mara"]})
    refused = boss.post("/v1/matches", json={"mentee_id": ids["Zoe"], "mentor_id": ids["Mara"]})
    match = f"/v1/matches/{asked.json()['id']}"
    by_others = [world.as_("Mara").post(f"{match}/withdraw"), world.auditor.post(f"{match}/withdraw")]
    withdrawn = boss.post(f"{match}/withdraw")

    assert (asked.status_code, asked.json()["asked_by_id"], asked.json()["awaiting"]) == (201, ids["Ann"], ["mentor"])
    assert told(refused) == (403, "forbidden")
    assert [told(answer) for answer in by_others] == [(403, "forbidden")] * 2
    assert withdrawn.json()["ended_because"] == "withdrawn"


def test_who_leads_one_of_the_two_pauses_and_ends_and_an_auditor_does_not(world: World, matched: str) -> None:
    world.as_("Mara").post(f"{matched}/approve")

    for act in ("pause", "resume", "end"):
        assert told(world.auditor.post(f"{matched}/{act}")) == ONLY_READS, act
        assert told(world.as_("Lena").post(f"{matched}/{act}")) == (404, "not_found"), act
        assert world.as_("Max").post(f"{matched}/{act}").status_code == 200, act


def test_how_it_feels_is_between_the_two_and_who_runs_the_program(world: World, matched: str) -> None:
    world.as_("Mara").post(f"{matched}/approve")
    world.as_("Tom").post(f"{matched}/fit", json={"answer": "deciding"})

    shown = {name: world.as_(name).get(matched).json()["mentee_fit"] for name in ("Tom", "Mara", "Max", "Pia")}

    assert shown == {"Tom": "deciding", "Mara": None, "Max": None, "Pia": "deciding"}
    assert told(world.as_("Max").post(f"{matched}/fit", json={"answer": "good", "as": "mentee"})) == (403, "forbidden")
    assert told(world.auditor.post(f"{matched}/fit", json={"answer": "good", "as": "mentee"})) == ONLY_READS


def test_whom_somebody_would_like_is_told_to_who_runs_the_program_and_not_to_who_leads_them(world: World) -> None:
    ids = world.ids
    wishes = f"/v1/people/{ids['Tom']}/preferences?as=mentee"
    world.as_("Tom").put(wishes, json={"preferred": [ids["Mara"]]})

    for client in (world.as_("Tom"), world.as_("Pia"), world.auditor):
        assert client.get(wishes).json()["preferred"] == [ids["Mara"]]
    assert told(world.as_("Pia").put(wishes, json={"preferred": []})) == (403, "forbidden")
    assert told(world.auditor.put(wishes, json={"preferred": []})) == ONLY_READS
    for name in ("Max", "Eve"):
        assert told(world.as_(name).get(wishes)) == (404, "not_found")
        assert told(world.as_(name).put(wishes, json={"preferred": []})) == (404, "not_found")
    elsewhere = f"{wishes}&program_id={ids['other']}"
    assert told(world.as_("Pia").get(elsewhere)) == (404, "not_found")


def test_who_leads_a_mentor_says_how_many_they_take_and_of_a_mentee_nothing(world: World) -> None:
    world.reports_to("Mara", "Max")
    enrollments = f"/v1/programs/{world.ids['own']}/enrollments"
    seen = {row["person_id"]: row["id"] for row in world.as_("Max").get(enrollments).json()["data"]}

    mentor = world.as_("Max").patch(f"{enrollments}/{seen[world.ids['Mara']]}", json={"capacity": 1})
    mentee = world.as_("Max").patch(f"{enrollments}/{seen[world.ids['Tom']]}", json={"capacity": 1})
    audited = world.auditor.patch(f"{enrollments}/{seen[world.ids['Mara']]}", json={"capacity": 0})
    off = world.as_("Max").delete(f"{enrollments}/{seen[world.ids['Tom']]}")

    assert set(seen) == {world.ids[name] for name in ("Tom", "Ann", "Mara")}
    assert (mentor.status_code, mentor.json()["capacity"]) == (200, 1)
    assert [told(answer) for answer in (mentee, audited, off)] == [(403, "forbidden")] * 3
