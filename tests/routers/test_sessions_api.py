"""Sessions over the API: nobody sees what is not theirs, then lists, one session, and its calendar file."""

from datetime import timedelta
from typing import Any

import httpx
import icalendar
import pytest

from app.db import transaction
from app.models import Person
from app.operations.calls import patch_call
from app.operations.people import patch_person
from app.operations.seats import release_seat
from app.rules.access import SYSTEM
from tests.calls_and_seats import TEN, Scene, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW, Api
from tests.ical.checker import parse
from tests.statements import assert_same_cost


class Two:
    """Jo and Tom sit in on one call of Mara's, Jo on two more."""

    def __init__(self, api: Api) -> None:
        with transaction(api.engine, writes=True) as db:
            self.scene: Scene = a_scene(db)
            self.jo: Person = a_person(db, "Jo", email="jo@earshot.example")
            self.tom: Person = a_person(db, "Tom", email="tom@earshot.example")
            self.first = a_seat(db, self.scene.call_id, self.jo).session_id
            self.toms = a_seat(db, self.scene.call_id, self.tom).session_id
            for hours in (1, 2):
                a_seat(db, self.scene.another_call(db, TEN + timedelta(hours=hours)), self.jo)
        self.as_jo, self.as_tom = api.rep(self.jo.id), api.rep(self.tom.id)
        self.as_host = api.rep(self.scene.host.id)


@pytest.fixture
def two(api: Api) -> Two:
    return Two(api)


def ids_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


def test_strangers_and_other_observers_find_nothing(api: Api, two: Two) -> None:
    for path in (f"/v1/sessions/{two.first}", f"/v1/sessions/{two.first}/invite.ics"):
        assert api.client().get(path).status_code == 401
        assert two.as_tom.get(path).status_code == 404
    assert api.admin.get("/v1/sessions/ses_none").status_code == 404
    assert api.admin.get("/v1/sessions/ses_none/invite.ics").status_code == 404
    assert ids_of(two.as_tom.get("/v1/sessions", params={"person_id": two.jo.id})) == []
    assert api.admin.get("/v1/sessions", params={"kind": "party"}).status_code == 422
    assert api.admin.get("/v1/sessions", params={"starts_at_gte": "2026-11-23T10:00:00"}).status_code == 422


def test_people_list_their_own_and_an_admin_all(api: Api, two: Two) -> None:
    assert len(ids_of(two.as_jo.get("/v1/sessions"))) == 3
    assert ids_of(two.as_tom.get("/v1/sessions")) == [two.toms]
    assert len(ids_of(two.as_host.get("/v1/sessions"))) == 4
    assert len(ids_of(api.admin.get("/v1/sessions"))) == 4


def test_filters_narrow_and_pages_go_through_all(api: Api, two: Two) -> None:
    def found(**wanted: Any) -> int:
        return len(ids_of(api.admin.get("/v1/sessions", params=wanted)))

    assert found(person_id=two.jo.id) == 3
    assert found(person_id=[two.jo.id, two.tom.id]) == 4
    assert found(call_id=two.scene.call_id) == 2
    assert found(status="cancelled") == 0
    assert found(kind="shadow", status=["confirmed", "cancelled"]) == 4
    assert found(starts_at_gte="2026-11-23T11:00:00Z", starts_at_lt="2026-11-23T12:00:00Z") == 1
    assert found(updated_at_gte="2026-11-21T09:00:01Z") == 0
    seen, url = [], "/v1/sessions?limit=3&sort=-starts_at"
    while url:
        page = api.admin.get(url)
        seen += [row["starts_at"] for row in page.json()["data"]]
        url = page.links.get("next", {}).get("url", "")
    assert (len(seen), seen) == (4, sorted(seen, reverse=True))


def test_a_longer_list_takes_no_more_statements(api: Api, two: Two) -> None:
    assert_same_cost(api, two.as_host, "/v1/sessions")


def test_one_session_has_its_shape_and_its_version(two: Two) -> None:
    answer = two.as_jo.get(f"/v1/sessions/{two.first}")

    body = answer.json()
    assert body["uid"].startswith(f"{two.first}@")
    assert body["participants"] == [
        {"person_id": two.scene.host.id, "as": "host", "response": "needs_action", "proposed_starts_at": None},
        {"person_id": two.jo.id, "as": "observer", "response": "needs_action", "proposed_starts_at": None},
    ]
    assert (body["kind"], body["status"], body["sequence"], body["version"]) == ("shadow", "confirmed", 0, 1)
    assert (body["starts_at"], body["time_zone"]) == ("2026-11-23T10:00:00Z", "Europe/London")
    assert answer.headers["etag"] == '"v1"'
    again = two.as_jo.get(f"/v1/sessions/{two.first}", headers={"If-None-Match": '"v1"'})
    assert again.status_code == 304


def test_the_file_is_a_copy_of_the_invite_in_the_view_of_who_asks(api: Api, two: Two) -> None:
    path = f"/v1/sessions/{two.first}/invite.ics"

    mine, host, admin = (client.get(path) for client in (two.as_jo, two.as_host, api.admin))

    assert mine.headers["content-type"] == "text/calendar; charset=utf-8"
    assert mine.headers["content-disposition"] == 'attachment; filename="invite.ics"'
    calendar = parse(mine.content)
    (event,) = calendar.parts
    assert calendar.all("METHOD") == []
    assert event.value("UID") == two.as_jo.get(f"/v1/sessions/{two.first}").json()["uid"]
    assert event.value("SUMMARY") == "Shadow: Mara Okafor · Northwind Freight (discovery)"
    assert b"Tom" not in mine.content
    assert b"Buyer" not in mine.content + host.content
    assert admin.content == mine.content
    assert parse(host.content).parts[0].value("SUMMARY") == (r"Observers on your Northwind Freight call: Jo\, Tom")
    assert icalendar.Calendar.from_ical(mine.content).walk("VEVENT")[0].decoded("DTSTART") == TEN


def test_who_hosts_a_call_before_and_after_they_sat_in_gets_the_view_of_each_session_that_they_have(
    api: Api, two: Two
) -> None:
    def hosted_by(person_id: str) -> None:
        patch_call(db, call_id=two.scene.call_id, changes={"host_id": person_id}, actor=SYSTEM, now=NOW)

    with transaction(api.engine, writes=True) as db:
        hosted_by(two.tom.id)
        hosted_by(two.scene.host.id)
        seat = a_seat(db, two.scene.call_id, two.tom)
        release_seat(db, seat_id=seat.id, actor=SYSTEM, now=NOW)
        hosted_by(two.tom.id)
        patch_person(db, person_id=two.tom.id, changes={"name": "Thomas"}, actor=SYSTEM, now=NOW)

    own, hosted = (
        parse(two.as_tom.get(f"/v1/sessions/{one}/invite.ics").content).parts[0].value("UID") or ""
        for one in (seat.session_id, two.first)
    )

    assert own.startswith(seat.session_id)
    assert hosted.startswith(two.scene.call_id)


def test_the_file_is_sent_again_only_when_it_has_changed(api: Api, two: Two) -> None:
    path = f"/v1/sessions/{two.first}/invite.ics"
    first = two.as_jo.get(path, headers={"Accept-Encoding": "identity"})
    known = {"If-None-Match": first.headers["etag"]}

    same = two.as_jo.get(path, headers=known)
    later = {"starts_at": TEN + timedelta(hours=4), "ends_at": TEN + timedelta(hours=5)}
    with transaction(api.engine, writes=True) as db:
        patch_call(db, call_id=two.scene.call_id, changes=later, actor=SYSTEM, now=NOW)
    moved = two.as_jo.get(path, headers=known)

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert moved.status_code == 200
    assert b"DTSTART:20261123T140000Z" in moved.content
