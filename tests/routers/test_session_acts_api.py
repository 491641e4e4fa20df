"""Sessions over the API, planned and changed: what is refused and how, then a session from the plan to its end."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.db import transaction
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from tests.factories import a_call, a_person
from tests.harness import NOW, Api
from tests.sessions_and_people import HALF, TEN


class Pair:
    """Mia and Max, who may meet, Tom, and a call of Max's on Tuesday."""

    def __init__(self, api: Api) -> None:
        with transaction(api.engine, writes=True) as db:
            people = [a_person(db, name) for name in ("Mia", "Max", "Tom")]
            self.call_id = a_call(db, people[1], starts_at=TEN + timedelta(days=1))
        self.mia, self.max, self.tom = (one.id for one in people)
        self.as_mia, self.as_max, self.as_tom = (api.rep(one.id) for one in people)

    def plan(self, **fields: Any) -> dict[str, Any]:
        who = [{"person_id": self.mia, "as": "mentee"}, {"person_id": self.max, "as": "mentor"}]
        given = {"kind": "one_on_one", "participants": who, "starts_at": "2026-11-23T10:00:00Z", "duration_minutes": 30}
        return {name: value for name, value in {**given, **fields}.items() if value is not None}

    def sit_in(self, **fields: Any) -> dict[str, Any]:
        who = [{"person_id": self.mia, "as": "observer"}]
        times: dict[str, Any] = {"starts_at": None, "duration_minutes": None}
        return self.plan(**{"kind": "shadow", "participants": who, "call_id": self.call_id, **times, **fields})


@pytest.fixture
def pair(api: Api) -> Pair:
    return Pair(api)


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def booked(client: httpx.Client, body: dict[str, Any]) -> str:
    made = client.post("/v1/sessions", json=body)
    assert made.status_code == 201, made.text
    return str(made.headers["location"])


def test_a_plan_that_makes_no_sense_is_refused(api: Api, pair: Pair) -> None:
    mia, max_ = pair.plan()["participants"]
    one_of = {"as": "mentor", "person_ids": [pair.tom, pair.max]}
    nonsense = [
        pair.plan(kind="party"),
        pair.plan(kind="drop_in"),
        pair.plan(starts_at=None),
        pair.plan(starts_at="2026-11-23T10:00:00"),
        pair.plan(starts_at="2026-11-23"),
        pair.plan(starts_at="2026-11-23T10:00:30Z"),
        pair.plan(starts_at="2026-11-23T10:00:00.5Z"),
        pair.plan(duration_minutes=None),
        pair.plan(duration_minutes=0),
        pair.plan(duration_minutes=-30),
        pair.plan(duration_minutes="30"),
        pair.plan(duration_minutes=100_000),
        pair.plan(time_zone="Mars/Olympus"),
        pair.plan(call_id=pair.call_id),
        pair.plan(participants=[]),
        pair.plan(participants=[mia]),
        pair.plan(participants=[mia, mia]),
        pair.plan(participants=[mia, {**max_, "as": "friend"}]),
        pair.plan(participants=[mia, {**max_, "person_id": "per_none"}]),
        pair.plan(participants=[mia, max_, {**max_, "person_id": pair.tom}]),
        pair.plan(one_of=one_of),
        pair.plan(kind="role_play", one_of=one_of),
        pair.plan(participants=[mia], one_of={**one_of, "person_ids": []}),
        pair.plan(surprise=1),
        pair.sit_in(call_id=None),
        pair.sit_in(participants=[mia]),
        pair.sit_in(participants=[{**mia, "as": "observer"}, {**max_, "as": "observer"}]),
        pair.sit_in(participants=[{**mia, "as": "observer"}, {"person_id": pair.tom, "as": "host"}]),
        pair.sit_in(participants=[{**mia, "as": "observer"}, {**mia, "as": "host"}]),
        pair.sit_in(participants=[{**max_, "as": "host"}, {**mia, "as": "observer"}, {**mia, "as": "host"}]),
        pair.sit_in(participants=[{**max_, "as": "host"}, {**mia, "as": "observer"}, {**max_, "as": "host"}]),
        pair.sit_in(participants=[{**max_, "as": "host"}]),
        pair.sit_in(starts_at="2026-11-23T10:00:00Z"),
        pair.sit_in(duration_minutes=45),
        pair.sit_in(one_of=one_of),
    ]

    for body in nonsense:
        refused = api.admin.post("/v1/sessions", json=body)
        assert refused.status_code == 422, (body, refused.text)
    assert api.admin.get("/v1/sessions").json()["data"] == []


def test_every_reason_why_people_can_not_meet_has_its_code(api: Api, pair: Pair) -> None:
    with transaction(api.engine, writes=True) as db:
        away, full = a_person(db, "Away").id, a_person(db, "Full", sessions_per_week=0).id
        patch_person(db, person_id=away, changes={"status": "on_leave"}, actor=SYSTEM, now=NOW)
    booked(api.admin, pair.plan())
    mia = pair.plan()["participants"][0]

    def refused(**fields: Any) -> tuple[int, str]:
        return said(api.admin.post("/v1/sessions", json=pair.plan(**fields)))

    assert refused(duration_minutes=5) == (409, "slot_taken")
    assert refused(starts_at="2026-11-21T08:45:00Z") == (422, "past")
    assert refused(starts_at="2026-11-21T09:10:00Z") == (422, "min_notice")
    assert refused(starts_at="2027-11-22T10:00:00Z") == (422, "beyond_horizon")
    assert refused(starts_at="2026-07-22T10:00:00Z") == (422, "too_long_ago")
    assert refused(starts_at="2026-11-23T18:00:00Z") == (422, "outside_availability")
    other = {"starts_at": "2026-11-23T11:00:00Z"}
    assert refused(participants=[mia, {"person_id": away, "as": "mentor"}], **other) == (422, "not_active")
    assert refused(participants=[mia, {"person_id": full, "as": "mentor"}], **other) == (422, "limit")
    assert said(pair.as_tom.post("/v1/sessions", json=pair.plan(**other))) == (403, "forbidden")


def test_a_refusal_names_whose_time_is_taken_and_offers_what_works(api: Api, pair: Pair) -> None:
    booked(api.admin, pair.plan())
    tom = [{"person_id": pair.tom, "as": "mentee"}, {"person_id": pair.max, "as": "mentor"}]

    refused = pair.as_tom.post("/v1/sessions", json=pair.plan(participants=tom)).json()

    named = {name: refused[name] for name in ("code", "person_id", "blocking_starts_at", "blocking_ends_at")}
    assert named == {
        "code": "slot_taken",
        "person_id": pair.max,
        "blocking_starts_at": "2026-11-23T10:00:00Z",
        "blocking_ends_at": "2026-11-23T10:30:00Z",
    }
    assert [one["starts_at"][11:16] for one in refused["alternatives"]] == ["10:30", "10:45", "11:00"]
    first = refused["alternatives"][0]["starts_at"]
    assert booked(pair.as_tom, pair.plan(participants=tom, starts_at=first))


def test_strangers_find_no_session_and_can_do_nothing_to_it(pair: Pair) -> None:
    place = booked(pair.as_mia, pair.plan())
    moved, response = {"starts_at": "2026-11-23T11:00:00Z"}, {"response": "accepted"}

    acts: dict[str, dict[str, Any] | None] = dict.fromkeys(("cancel", "undo-cancel", "start", "complete", "no-show"))
    for name, body in {**acts, "reschedule": moved, "respond": response}.items():
        assert said(pair.as_tom.post(f"{place}/{name}", json=body)) == (404, "not_found")
    assert said(pair.as_tom.get(f"{place}/alternatives")) == (404, "not_found")
    assert pair.as_mia.get(place).json()["version"] == 1


def test_illegal_moves_say_what_would_work(api: Api, pair: Pair) -> None:
    place = booked(pair.as_mia, pair.plan())

    early = pair.as_mia.post(f"{place}/no-show").json()
    assert (early["code"], early["possible_from"]) == ("too_early", "2026-11-23T10:05:00Z")
    assert said(pair.as_mia.post(f"{place}/complete")) == (409, "too_early")
    assert said(pair.as_mia.post(f"{place}/undo-cancel")) == (409, "illegal_move")
    early = pair.as_mia.post(f"{place}/start").json()
    assert (early["code"], early["possible_from"]) == ("too_early", "2026-11-23T09:45:00Z")
    api.clock.advance(timedelta(days=2, minutes=45))
    started = pair.as_mia.post(f"{place}/start")
    assert (started.json()["status"], started.headers["etag"]) == ("in_progress", '"v2"')
    assert pair.as_mia.post(f"{place}/start").headers["etag"] == '"v2"'
    moved = pair.as_mia.post(f"{place}/reschedule", json={"starts_at": "2026-11-23T11:00:00Z"})
    assert (said(moved), moved.json()["possible"]) == ((409, "illegal_move"), ["complete", "no-show", "cancel"])
    assert pair.as_max.post(f"{place}/complete").json()["status"] == "completed"
    for act in ("start", "no-show", "cancel", "undo-cancel"):
        refused = pair.as_mia.post(f"{place}/{act}")
        assert (said(refused), refused.json()["possible"]) == ((409, "illegal_move"), [])
    assert said(pair.as_mia.post(f"{place}/start", headers={"If-Match": '"v1"'})) == (412, "stale")


def test_a_session_is_planned_moved_answered_and_cancelled(api: Api, pair: Pair) -> None:
    place = booked(pair.as_mia, pair.plan(time_zone="Europe/Berlin"))
    first = pair.as_max.get(place).json()

    stale = pair.as_max.post(
        f"{place}/reschedule", json={"starts_at": "2026-11-23T10:15:00Z"}, headers={"If-Match": '"v7"'}
    )
    moved = pair.as_max.post(
        f"{place}/reschedule",
        json={"starts_at": "2026-11-23T10:15:00Z", "duration_minutes": 45},
        headers={"If-Match": '"v1"'},
    )
    answered = pair.as_mia.post(f"{place}/respond", json={"response": "accepted"})
    cancelled = pair.as_max.post(f"{place}/cancel")
    again = pair.as_mia.post(f"{place}/cancel", json={"scope": "this"})
    back = pair.as_mia.post(f"{place}/undo-cancel")

    assert said(stale) == (412, "stale")
    assert (first["time_zone"], first["call_id"], first["sequence"]) == ("Europe/Berlin", None, 0)
    body = moved.json()
    assert (body["uid"], body["sequence"], body["version"]) == (first["uid"], 1, 2)
    assert (body["starts_at"], body["ends_at"]) == ("2026-11-23T10:15:00Z", "2026-11-23T11:00:00Z")
    assert {one["person_id"]: one["response"] for one in answered.json()["participants"]} == {
        pair.mia: "accepted",
        pair.max: "needs_action",
    }
    assert (cancelled.json()["status"], cancelled.headers["etag"]) == ("cancelled", again.headers["etag"])
    assert (back.json()["status"], back.json()["sequence"]) == ("confirmed", 3)
    api.clock.advance(timedelta(days=7))
    assert said(pair.as_mia.post(f"{place}/cancel")) == (422, "past")
    assert pair.as_mia.post(f"{place}/no-show").json()["status"] == "no_show"


def test_people_answer_for_themselves_and_an_admin_for_anybody(api: Api, pair: Pair) -> None:
    place = booked(pair.as_mia, pair.plan())

    def answer(client: httpx.Client, **body: Any) -> httpx.Response:
        return client.post(f"{place}/respond", json=body)

    assert answer(api.admin, response="needs_action").status_code == 422
    assert said(answer(api.admin, response="accepted")) == (403, "forbidden")
    assert said(answer(pair.as_mia, response="accepted", person_id=pair.max)) == (403, "forbidden")
    assert said(answer(pair.as_mia, response="accepted", proposed_starts_at="2026-11-23T12:00:00Z")) == (422, "invalid")
    assert answer(api.admin, response="tentative", person_id=pair.max).status_code == 200
    declined = answer(pair.as_mia, response="declined", proposed_starts_at="2026-11-23T12:00:00Z").json()

    assert declined["status"] == "confirmed"
    assert [(one["response"], one["proposed_starts_at"]) for one in declined["participants"]] == [
        ("declined", "2026-11-23T12:00:00Z"),
        ("tentative", None),
    ]
    assert answer(pair.as_max, response="declined").json()["status"] == "cancelled"


def test_other_times_are_found_for_everybody_in_it(api: Api, pair: Pair) -> None:
    place = booked(pair.as_mia, pair.plan())
    tom = [{"person_id": pair.tom, "as": "mentee"}, {"person_id": pair.max, "as": "mentor"}]
    booked(pair.as_tom, pair.plan(participants=tom, starts_at="2026-11-23T10:45:00Z"))

    found = pair.as_mia.get(f"{place}/alternatives").json()["alternatives"]
    later = pair.as_mia.get(f"{place}/alternatives", params={"starts_at_gte": "2026-11-23T16:30:00Z"}).json()

    assert [one["starts_at"][11:16] for one in found] == ["10:15", "11:15", "11:30"]
    assert [one["starts_at"] for one in later["alternatives"]] == [
        "2026-11-23T16:30:00Z",
        "2026-11-24T09:00:00Z",
        "2026-11-24T09:15:00Z",
    ]
    moved = pair.as_mia.post(f"{place}/reschedule", json={"starts_at": found[0]["starts_at"]})
    assert moved.status_code == 200


def test_a_session_on_a_call_takes_a_seat_on_it(api: Api, pair: Pair) -> None:
    place = booked(pair.as_mia, pair.sit_in(starts_at="2026-11-24T10:00:00Z", duration_minutes=30))
    made = pair.as_mia.get(place).json()
    (seat,) = pair.as_mia.get(f"/v1/calls/{pair.call_id}/seats").json()["data"]

    assert (made["kind"], made["call_id"], seat["session_id"]) == ("shadow", pair.call_id, made["id"])
    moved = pair.as_mia.post(f"{place}/reschedule", json={"starts_at": "2026-11-24T12:00:00Z"})
    assert (said(moved), moved.json()["call_id"]) == ((409, "moves_with_call"), pair.call_id)
    assert said(pair.as_mia.get(f"{place}/alternatives")) == (409, "moves_with_call")
    assert said(pair.as_mia.post("/v1/sessions", json=pair.sit_in())) == (409, "already_booked")
    assert said(pair.as_mia.post("/v1/sessions", json=pair.sit_in(call_id="call_none"))) == (404, "not_found")
    assert pair.as_max.post(f"{place}/cancel").json()["status"] == "cancelled"
    assert api.admin.get(f"/v1/seats/{seat['id']}").json()["status"] == "released"


def test_whose_turn_it_is_takes_part(pair: Pair) -> None:
    mia = pair.plan()["participants"][0]
    one_of = {"as": "mentor", "person_ids": [pair.max, pair.tom]}
    times = [(TEN + number * HALF).isoformat().replace("+00:00", "Z") for number in range(4)]

    turns = [
        next(one["person_id"] for one in pair.as_mia.get(place).json()["participants"] if one["as"] == "mentor")
        for at in times
        for place in [booked(pair.as_mia, pair.plan(participants=[mia], one_of=one_of, starts_at=at))]
    ]

    assert turns == sorted(one_of["person_ids"]) * 2


def test_the_same_key_plans_one_session(pair: Pair) -> None:
    answers = [pair.as_mia.post("/v1/sessions", json=pair.plan(), headers={"Idempotency-Key": "plan-1"}) for _ in "ab"]

    assert answers[0].content == answers[1].content
    assert len(pair.as_mia.get("/v1/sessions").json()["data"]) == 1


def test_what_is_over_is_logged(pair: Pair) -> None:
    logged = pair.as_mia.post("/v1/sessions", json=pair.plan(starts_at="2026-11-20T10:00:00Z"))

    assert (logged.status_code, logged.json()["status"]) == (201, "completed")


def test_having_listened_is_logged_once_the_call_is_over(api: Api, pair: Pair) -> None:
    with transaction(api.engine, writes=True) as db:
        call_id = a_call(db, a_person(db, "Ann"), starts_at=NOW - timedelta(days=1), seats=0)

    refused = pair.as_max.post("/v1/sessions", json=pair.sit_in(call_id=call_id))
    logged = pair.as_mia.post("/v1/sessions", json=pair.sit_in(call_id=call_id))
    again = pair.as_mia.post("/v1/sessions", json=pair.sit_in(call_id=call_id, kind="ride_along"))
    elsewhere = pair.as_mia.post("/v1/sessions", json=pair.plan(starts_at="2026-11-20T09:15:00Z"))

    assert said(refused) == (403, "forbidden")
    assert (logged.status_code, logged.json()["status"], logged.headers["etag"]) == (201, "completed", '"v1"')
    assert said(again) == (409, "already_booked")
    seat = pair.as_mia.get(f"/v1/seats/{again.json()['seat_id']}").json()
    assert (seat["status"], seat["session_id"]) == ("attended", logged.json()["id"])
    assert said(elsewhere) == (409, "slot_taken")
    assert elsewhere.json()["session_id"] == logged.json()["id"]


def test_bug_1_of_those_who_plan_for_the_same_time_at_once_one_does(api: Api, pair: Pair) -> None:
    with transaction(api.engine, writes=True) as db:
        others = [a_person(db, f"Rep {number}").id for number in range(8)]
    bodies = [
        pair.plan(
            participants=[{"person_id": who, "as": "mentee"}, {"person_id": pair.max, "as": "mentor"}],
            starts_at=f"2026-11-23T10:{5 * number:02}:00Z",
            duration_minutes=60,
        )
        for number, who in enumerate(others)
    ]

    with ThreadPoolExecutor(len(bodies)) as crowd:
        answers = list(crowd.map(lambda body: api.admin.post("/v1/sessions", json=body), bodies))

    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 7]
    assert {answer.json().get("code") for answer in answers} == {None, "slot_taken"}
    assert len(api.admin.get("/v1/sessions", params={"person_id": pair.max}).json()["data"]) == 1


def test_a_call_starts_ends_or_is_missed_over_the_api(api: Api, pair: Pair) -> None:
    session = booked(pair.as_mia, pair.sit_in())
    (seat,) = pair.as_mia.get(f"/v1/calls/{pair.call_id}/seats").json()["data"]
    call = f"/v1/calls/{pair.call_id}"

    assert said(pair.as_mia.post(f"{call}/start")) == (403, "forbidden")
    assert said(pair.as_max.post(f"{call}/end")) == (409, "not_started")
    assert said(pair.as_max.post(f"{call}/start", headers={"If-Match": '"v99"'})) == (412, "stale")
    assert pair.as_max.post(f"{call}/start").json()["status"] == "live"
    assert pair.as_mia.get(session).json()["status"] == "in_progress"
    missed = pair.as_max.post(f"{call}/no-show")
    assert missed.json()["status"] == "no_show"
    assert missed.json()["replacements"] == [{"observer_id": pair.mia, "calls": []}]
    assert missed.headers["etag"] == pair.as_max.get(call).headers["etag"]
    assert said(pair.as_max.post(f"{call}/end")) == (409, "call_over")
    assert pair.as_mia.get(f"/v1/seats/{seat['id']}").json()["status"] == "attempted"
    assert pair.as_mia.get(session).json()["status"] == "no_show"


def test_a_debrief_does_not_come_before_the_call_that_it_is_about(pair: Pair) -> None:
    body = {"observer_id": pair.mia, "debrief_minutes": 15}
    seat = pair.as_mia.post(f"/v1/calls/{pair.call_id}/seats", json=body).json()
    found = pair.as_mia.get("/v1/sessions", params={"kind": "debrief"}).json()["data"]
    assert [one["follows_id"] for one in found] == [seat["session_id"]]
    place = f"/v1/sessions/{found[0]['id']}/reschedule"

    before = pair.as_mia.post(place, json={"starts_at": "2026-11-24T10:15:00Z"})
    after = pair.as_mia.post(place, json={"starts_at": "2026-11-24T11:00:00Z"})

    assert (before.status_code, before.json()["errors"][0]["code"]) == (422, "before_call")
    assert (after.status_code, after.json()["starts_at"]) == (200, "2026-11-24T11:00:00Z")
