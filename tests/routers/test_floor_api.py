"""The floor over the API: look, open the door, drop in, raise a hand, leave; and say how one works."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.db import transaction
from app.operations.call_outcomes import follow_clock
from tests.factories import MONDAY, a_call, a_person
from tests.harness import Api

TEN = MONDAY + timedelta(hours=10)
FIVE_PAST = TEN + timedelta(minutes=5)


class Scene:
    """Mara hosts a call at ten, Jo would like to listen, and it is five past."""

    def __init__(self, api: Api) -> None:
        with transaction(api.engine, writes=True) as db:
            mara, jo = a_person(db, "Mara"), a_person(db, "Jo")
            self.call_id = a_call(db, mara, meeting_url="https://meet.example/1")
            self.mara_id, self.jo_id = mara.id, jo.id
        self.mara, self.jo = api.rep(self.mara_id), api.rep(self.jo_id)
        self.at = f"/v1/calls/{self.call_id}"
        api.clock.at = FIVE_PAST

    def door(self, door: str, **given: Any) -> httpx.Response:
        return self.mara.post(f"{self.at}/door", json={"door": door}, **given)


@pytest.fixture
def scene(api: Api) -> Scene:
    return Scene(api)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_what_makes_no_sense_is_refused(api: Api, scene: Scene) -> None:
    hand, presence = f"{scene.at}/hand", f"/v1/people/{scene.jo_id}/presence"
    bodies: list[tuple[str, str, Any]] = [
        ("POST", f"{scene.at}/door", {}),
        ("POST", f"{scene.at}/door", {"door": "ajar"}),
        ("POST", f"{scene.at}/door", {"door": "open", "for": "Jo"}),
        ("PUT", hand, {"why": "x" * 141}),
        ("PUT", hand, {"why": "one line\nand another"}),
        ("PUT", hand, {"why": ""}),
        ("PUT", presence, {}),
        ("PUT", presence, {"presence": "asleep"}),
        ("PUT", presence, {"presence": "dialling", "until": "2026-11-23T11:00:00"}),
        ("PUT", presence, {"presence": "dialling", "until": "2026-11-23T10:05:00Z"}),
        ("PATCH", f"/v1/people/{scene.jo_id}", {"door_default": "ajar"}),
        ("PATCH", f"/v1/people/{scene.jo_id}", {"door_default": None}),
        ("PATCH", f"/v1/people/{scene.jo_id}", {"shortcuts": "yes"}),
    ]

    for method, path, body in bodies:
        assert api.admin.request(method, path, json=body).status_code == 422, (path, body)


def test_who_stands_before_a_closed_door_is_told_what_would_work(scene: Scene) -> None:
    refused = scene.jo.post(f"{scene.at}/drop-in")

    assert said(refused) == (409, "door_closed")
    assert "Ask the host to open it" in refused.json()["detail"]
    (shown,) = scene.jo.get("/v1/floor").json()["calls"]
    assert (shown["door"], shown["drops_in"], shown["why_not"]["code"]) == ("closed", False, "door_closed")


def test_from_an_open_door_to_a_session_with_its_minutes(api: Api, scene: Scene) -> None:
    opened = scene.door("open")
    (before,) = scene.jo.get("/v1/floor").json()["calls"]
    dropped = scene.jo.post(f"{scene.at}/drop-in")
    again = scene.jo.post(f"{scene.at}/drop-in")
    raised = scene.jo.put(f"{scene.at}/hand", json={"why": "Price"})
    (hosts,) = scene.mara.get("/v1/floor").json()["calls"]
    api.clock.advance(timedelta(minutes=12))
    left = scene.jo.post(f"/v1/seats/{dropped.json()['id']}/release")

    assert (opened.status_code, opened.json()["door"], opened.json()["status"]) == (200, "open", "live")
    assert (before["drops_in"], before["meeting_url"]) == (True, None)
    assert (dropped.status_code, dropped.json()["kind"]) == (201, "drop_in")
    assert scene.jo.get(dropped.headers["location"]).json() == left.json()
    assert (said(again), again.json()["seat_id"]) == ((409, "already_booked"), dropped.json()["id"])
    assert raised.json()["why"] == "Price"
    assert [one["name"] for one in hosts["listeners"]] == ["Jo"]
    assert (hosts["hand"], hosts["hands"]) == ("Price", 1)
    assert left.json()["status"] == "attended"
    heard = scene.jo.get(f"/v1/sessions/{dropped.json()['session_id']}").json()
    assert (heard["status"], heard["starts_at"]) == ("completed", "2026-11-23T10:05:00Z")
    assert heard["ends_at"] == "2026-11-23T10:17:00Z"
    (after,) = scene.mara.get("/v1/floor").json()["calls"]
    assert (after["listeners"], after["hands"]) == ([], 0)


def test_a_door_is_changed_by_who_saw_it_as_it_is_and_once_for_one_key(scene: Scene) -> None:
    stale = scene.door("open", headers={"If-Match": '"v7"'})
    first = scene.door("open", headers={"If-Match": '"v1"'})
    second = scene.door("open", headers={"If-Match": first.headers["etag"]})

    assert said(stale) == (412, "stale")
    assert first.headers["etag"] == second.headers["etag"]
    assert first.json()["version"] == second.json()["version"]


def test_a_call_that_the_clock_opens_is_told_anew_to_who_has_it(api: Api, scene: Scene) -> None:
    api.clock.at = TEN - timedelta(minutes=1)
    liked = scene.mara.patch(f"/v1/people/{scene.mara_id}", json={"door_default": "open"})
    ahead = scene.jo.get(scene.at)
    api.clock.at = FIVE_PAST
    on = scene.jo.get(scene.at, headers={"If-None-Match": ahead.headers["etag"]})
    with transaction(api.engine, writes=True) as db:
        follow_clock(db, call_id=scene.call_id, now=FIVE_PAST)
    live = scene.jo.get(scene.at)

    assert liked.json()["door_default"] == "open"
    assert (ahead.json()["door"], on.status_code, on.json()["door"]) == ("closed", 200, "open")
    assert (live.json()["door"], live.json()["status"], live.json()["began_at"]) == ("open", "live", None)
    assert scene.jo.get(scene.at, headers={"If-None-Match": live.headers["etag"]}).status_code == 304


def test_hands_and_presence_come_and_go(scene: Scene) -> None:
    mine = f"/v1/people/{scene.mara_id}/presence"
    hand = scene.mara.put(f"{scene.at}/hand", json={})
    lowered = [scene.mara.delete(f"{scene.at}/hand").status_code for _ in "ab"]
    dialling = scene.mara.put(mine, json={"presence": "dialling", "until": "2026-11-23T11:00:00Z"})
    seen = scene.jo.get(mine)
    cleared = [scene.mara.delete(mine).status_code for _ in "ab"]

    assert (hand.json()["why"], lowered, cleared) == (None, [204, 204], [204, 204])
    assert seen.json() == dialling.json()
    assert (seen.json()["presence"], seen.json()["is_on_call"]) == ("dialling", True)
    assert scene.jo.get(mine).json()["presence"] == "open"


def test_a_key_of_nobody_looks_at_the_floor_and_does_not_listen(api: Api, scene: Scene) -> None:
    scene.door("open")

    floor = api.admin.get("/v1/floor").json()

    assert ([one["id"] for one in floor["calls"]], floor["mine"], floor["next_calls"]) == ([scene.call_id], None, [])
    assert said(api.admin.post(f"{scene.at}/drop-in")) == (403, "forbidden")
