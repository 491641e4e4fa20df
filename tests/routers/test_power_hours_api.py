"""Power hours over the API: made by who leads their people, seen by those, and whose turn is when."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.db import transaction
from app.operations.people import patch_person
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import PersonStatus, Role
from tests.factories import MONDAY, a_person
from tests.harness import NOW, Api

PATH = "/v1/power-hours"
TEN = MONDAY + timedelta(hours=10)


class Scene:
    """Lea leads Mara, Tom, Aisha and Leo; Ben is led by nobody."""

    def __init__(self, api: Api) -> None:
        with transaction(api.engine, writes=True) as db:
            lea = a_person(db, "Lea", role=Role.MANAGER)
            names = ("Mara", "Tom", "Aisha", "Leo")
            self.ids = {name: a_person(db, name, manager_id=lea.id).id for name in names}
            self.ids |= {"Lea": lea.id, "Ben": a_person(db, "Ben").id}
            self.team_id = create_team(db, name="West", actor=SYSTEM, now=NOW).id
        self.api, self.lea = api, api.client(api.key(Role.MANAGER, lea.id))

    def who(self, *names: str) -> list[str]:
        return [self.ids[name] for name in names]

    def body(self, **other: Any) -> dict[str, Any]:
        people = {"host_ids": self.who("Mara", "Tom"), "observer_ids": self.who("Aisha", "Leo")}
        times = {"starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T10:40:00Z"}
        return {"name": "Monday power hour", **times, **people, **other}

    def make(self, **other: Any) -> httpx.Response:
        return self.lea.post(PATH, json=self.body(**other))

    def rep(self, name: str) -> httpx.Client:
        return self.api.rep(self.ids[name])


@pytest.fixture
def scene(api: Api) -> Scene:
    return Scene(api)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_what_makes_no_power_hour_is_refused_with_the_field_that_is_wrong(scene: Scene) -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("/name", {"name": " "}),
        ("/ends_at", {"ends_at": "2026-11-23T10:00:00Z"}),
        ("/ends_at", {"ends_at": "2026-11-23T14:01:00Z"}),
        ("/starts_at", {"starts_at": "2026-11-20T10:00:00Z", "ends_at": "2026-11-20T11:00:00Z"}),
        ("/starts_at", {"starts_at": "2026-11-23T10:00:30Z"}),
        ("/rotation_minutes", {"rotation_minutes": 4}),
        ("/rotation_minutes", {"rotation_minutes": 41}),
        ("/rotation_minutes", {"rotation_minutes": 20.0}),
        ("/host_ids", {"host_ids": []}),
        ("/observer_ids", {"observer_ids": []}),
        ("/observer_ids", {"observer_ids": scene.who("Aisha", "Mara")}),
        ("/team_id", {"team_id": "team_none"}),
    ]

    for pointer, given in wrong:
        refused = scene.make(**given)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer), given
    unknown = scene.api.admin.post(PATH, json=scene.body(observer_ids=["per_none"]))
    assert (said(unknown), unknown.json()["errors"][0]["pointer"]) == ((422, "unknown_reference"), "/observer_ids/0")
    assert scene.lea.get(PATH).json()["data"] == []


def test_only_who_leads_all_of_its_people_makes_one_or_an_admin(scene: Scene) -> None:
    refused = [
        scene.make(observer_ids=scene.who("Aisha", "Ben")),
        scene.rep("Mara").post(PATH, json=scene.body()),
        scene.rep("Ben").post(PATH, json=scene.body()),
    ]

    assert [said(one) for one in refused] == [(403, "forbidden")] * 3
    assert "leave out" in refused[0].json()["detail"]
    assert scene.api.admin.post(PATH, json=scene.body(observer_ids=scene.who("Aisha", "Ben"))).status_code == 201


def test_everybody_in_it_reads_whose_turn_is_when_and_nobody_else_knows_of_it(scene: Scene) -> None:
    made = scene.make(team_id=scene.team_id)
    place = made.headers["location"]

    assert (made.status_code, made.headers["etag"]) == (201, '"v1"')
    turns = {(turn["observer_id"], turn["starts_at"]): turn["host_id"] for turn in made.json()["turns"]}
    mara, tom, aisha, leo = scene.who("Mara", "Tom", "Aisha", "Leo")
    first, second = "2026-11-23T10:00:00Z", "2026-11-23T10:20:00Z"
    assert turns == {(aisha, first): mara, (leo, first): tom, (aisha, second): tom, (leo, second): mara}
    for name in ("Mara", "Aisha"):
        assert scene.rep(name).get(place).json() == made.json()
        assert [one["id"] for one in scene.rep(name).get(PATH).json()["data"]] == [made.json()["id"]]
    assert said(scene.rep("Ben").get(place)) == (404, "not_found")
    assert scene.rep("Ben").get(PATH).json()["data"] == []


def test_a_list_is_looked_through_by_person_team_and_time(scene: Scene) -> None:
    first = scene.make(team_id=scene.team_id).json()["id"]
    times = {"starts_at": "2026-11-24T10:00:00Z", "ends_at": "2026-11-24T11:00:00Z"}
    second = scene.make(**times, observer_ids=scene.who("Leo")).json()["id"]

    def found(**query: Any) -> list[str]:
        return [one["id"] for one in scene.lea.get(PATH, params=query).json()["data"]]

    assert found() == [first, second]
    assert found(sort="-starts_at") == [second, first]
    assert found(person_id=scene.ids["Aisha"]) == [first]
    assert found(person_id=scene.ids["Ben"]) == []
    assert found(team_id=scene.team_id) == [first]
    assert found(starts_at_gte="2026-11-24T00:00:00Z") == [second]
    assert found(starts_at_lt="2026-11-24T00:00:00Z") == [first]
    assert found(ends_at_gte="2026-11-23T10:41:00Z") == [second]


def test_nobody_is_in_two_power_hours_at_once_and_who_is_in_the_way_is_named(scene: Scene) -> None:
    scene.make()
    overlapping = scene.make(starts_at="2026-11-23T10:30:00Z", ends_at="2026-11-23T11:30:00Z")
    following = scene.make(starts_at="2026-11-23T10:40:00Z", ends_at="2026-11-23T11:30:00Z")
    moved = scene.lea.patch(following.headers["location"], json={"starts_at": "2026-11-23T10:39:00Z"})

    for refused in (overlapping, moved):
        assert said(refused) == (409, "slot_taken")
        assert refused.json()["person_id"] in scene.ids.values()
        assert refused.json()["blocking_ends_at"] == "2026-11-23T10:40:00Z"
    assert following.status_code == 201


def test_of_several_made_at_once_for_the_same_people_one_stands(scene: Scene) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: scene.make().status_code, range(4)))

    assert sorted(answers) == [201, 409, 409, 409]


def test_it_is_changed_by_who_saw_it_as_it_is_and_turns_follow_anew(scene: Scene) -> None:
    place = scene.make().headers["location"]

    stale = scene.lea.patch(place, json={"name": "X"}, headers={"If-Match": '"v7"'})
    changed = scene.lea.patch(place, json={"observer_ids": scene.who("Leo")}, headers={"If-Match": '"v1"'})
    again = scene.lea.patch(place, json={"observer_ids": scene.who("Leo")})
    by_who_is_in_it = scene.rep("Leo").patch(place, json={"name": "Mine"})
    beyond = scene.lea.patch(place, json={"observer_ids": scene.who("Leo", "Ben")})

    assert said(stale) == (412, "stale")
    assert (changed.headers["etag"], again.headers["etag"]) == ('"v2"', '"v2"')
    assert {turn["observer_id"] for turn in changed.json()["turns"]} == {scene.ids["Leo"]}
    assert said(scene.rep("Aisha").get(place)) == (404, "not_found")
    assert (said(by_who_is_in_it), said(beyond)) == ((403, "forbidden"), (403, "forbidden"))


def test_what_is_over_stays_as_it_was(scene: Scene) -> None:
    place = scene.make().headers["location"]
    scene.api.clock.at = TEN + timedelta(minutes=5)
    during = scene.lea.patch(place, json={"rotation_minutes": 10})
    scene.api.clock.at = TEN + timedelta(minutes=40)

    assert during.status_code == 200
    assert said(scene.lea.patch(place, json={"rotation_minutes": 20})) == (422, "past")
    assert said(scene.lea.delete(place)) == (422, "past")


def test_it_is_cancelled_once_and_for_all(scene: Scene) -> None:
    place = scene.make().headers["location"]

    assert said(scene.rep("Aisha").delete(place)) == (403, "forbidden")
    assert said(scene.lea.delete(place, headers={"If-Match": '"v2"'})) == (412, "stale")
    assert scene.lea.delete(place, headers={"If-Match": '"v1"'}).status_code == 204
    assert said(scene.lea.get(place)) == (404, "not_found")
    assert scene.make().status_code == 201


def test_a_key_makes_one_hour_however_often_it_is_sent(scene: Scene) -> None:
    first, second = (scene.lea.post(PATH, json=scene.body(), headers={"Idempotency-Key": "k1"}) for _ in range(2))

    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert len(scene.lea.get(PATH).json()["data"]) == 1


def test_who_leaves_is_taken_off_what_is_to_come_and_not_off_what_was(scene: Scene) -> None:
    place, aisha = scene.make().headers["location"], scene.ids["Aisha"]
    times = {"starts_at": "2026-11-24T10:00:00Z", "ends_at": "2026-11-24T11:00:00Z"}
    ahead = scene.make(**times).headers["location"]
    scene.api.clock.at = TEN + timedelta(hours=1)

    with transaction(scene.api.engine, writes=True) as db:
        left = {"status": PersonStatus.LEFT}
        patch_person(db, person_id=aisha, changes=left, actor=SYSTEM, now=scene.api.clock())

    assert scene.lea.get(place).json()["observer_ids"] == scene.who("Aisha", "Leo")
    after = scene.lea.get(ahead)
    assert (after.json()["observer_ids"], after.headers["etag"]) == (scene.who("Leo"), '"v2"')
    assert {turn["observer_id"] for turn in after.json()["turns"]} == {scene.ids["Leo"]}


def test_an_hour_that_everybody_left_is_for_admins_to_cancel(scene: Scene) -> None:
    place = scene.make(host_ids=scene.who("Tom"), observer_ids=scene.who("Aisha")).headers["location"]
    auditor = scene.api.client(scene.api.key(Role.AUDITOR))
    with transaction(scene.api.engine, writes=True) as db:
        for who in scene.who("Tom", "Aisha"):
            patch_person(db, person_id=who, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)

    assert (auditor.get(place).json()["turns"], said(scene.lea.get(place))) == ([], (404, "not_found"))
    assert said(auditor.delete(place)) == (403, "forbidden")
    assert scene.api.admin.delete(place).status_code == 204


def test_the_audit_has_a_line_of_each_act(scene: Scene) -> None:
    place = scene.make().headers["location"]
    scene.lea.patch(place, json={"name": "Another"})
    scene.lea.delete(place)

    told = scene.api.admin.get("/v1/audit", params={"act": "power_hour.*"}).json()["data"]

    assert [one["act"] for one in told] == ["power_hour.cancelled", "power_hour.changed", "power_hour.created"]
