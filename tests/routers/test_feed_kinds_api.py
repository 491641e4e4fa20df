"""Feeds of a team and of open seats: who may not, what they never tell, then what they show."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.db import transaction
from app.models import Person
from app.operations.calls import patch_call
from app.operations.people import patch_person
from app.operations.seats import release_seat
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.calls_and_seats import TEN, Scene, a_scene, a_seat
from tests.factories import a_person
from tests.harness import Api
from tests.ical.checker import Component, parse, problems
from tests.statements import counted

PLAIN = {"Accept-Encoding": "identity"}


@dataclass
class World:
    """Jo, of the north team that Ana leads for Zoe, has a seat on Mara's first call; Tom is of no team."""

    api: Api
    scene: Scene
    team_id: str
    jo: Person
    ana: Person
    zoe: Person
    tom: Person
    seat_id: str

    def make(self, person: Person, kind: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        wanted = {"person_id": person.id, "kind": kind, **fields}
        answer = self.api.admin.post("/v1/feeds", json=wanted)
        return answer.status_code, answer.json()

    def of_team(self, person: Person, **fields: Any) -> str:
        return self._path(*self.make(person, "team", team_id=self.team_id, **fields))

    def open_seats(self, person: Person) -> str:
        return self._path(*self.make(person, "open_seats"))

    def _path(self, status: int, made: dict[str, Any]) -> str:
        assert status == 201, made
        path: str = made["url"].removeprefix(self.api.settings.public_url)
        return path

    def fetch(self, path: str, **headers: str) -> Any:
        return self.api.client().get(path, headers={**PLAIN, **headers})

    def change(self, person: Person, **changes: Any) -> None:
        self.api.clock.advance(timedelta(hours=1))
        with transaction(self.api.engine, writes=True) as db:
            patch_person(db, person_id=person.id, changes=changes, actor=SYSTEM, now=self.api.clock())

    def events(self, path: str) -> list[Component]:
        answer = self.fetch(path)
        assert answer.status_code == 200, answer.text
        assert problems(answer.content, method=None, customers=["Ms Buyer"]) == []
        return parse(answer.content).parts


@pytest.fixture
def world(api: Api) -> World:
    with transaction(api.engine, writes=True) as db:
        team_id = create_team(db, name="North", actor=SYSTEM, now=api.clock()).id
        zoe = a_person(db, "Zoe", role=Role.MANAGER)
        ana = a_person(db, "Ana", role=Role.MANAGER, manager_id=zoe.id)
        jo = a_person(db, "Jo", team_id=team_id, manager_id=ana.id, observe_per_day=9, observe_per_week=50)
        tom = a_person(db, "Tom")
        scene = a_scene(db)
        seat_id = a_seat(db, scene.call_id, jo).id
    return World(api, scene, team_id, jo, ana, zoe, tom, seat_id)


def test_a_team_is_told_to_its_own_to_who_manages_them_and_to_admins_alone(world: World) -> None:
    assert world.make(world.tom, "team", team_id=world.team_id)[1]["code"] == "forbidden"
    assert world.make(world.tom, "team", team_id="team_none")[1]["code"] == "unknown_reference"
    with transaction(world.api.engine, writes=True) as db:
        chief = a_person(db, "Chief", role=Role.ADMIN)
        auditor = a_person(db, "Audrey", role=Role.AUDITOR)

    paths = [world.of_team(person) for person in (world.jo, world.ana, world.zoe, chief, auditor)]

    assert [len(world.events(path)) for path in paths] == [1, 1, 1, 1, 1]


def test_who_has_people_below_them_but_not_the_role_reads_no_team(world: World) -> None:
    path = world.of_team(world.ana)

    world.change(world.ana, role=Role.REP)

    assert world.fetch(path).status_code == 404
    assert world.make(world.ana, "team", team_id=world.team_id)[1]["code"] == "forbidden"


@pytest.mark.parametrize(
    ("kind", "fields", "pointer"),
    [
        ("team", {}, "/team_id"),
        ("personal", {"team_id": "team_1"}, "/team_id"),
        ("open_seats", {"privacy": "busy_only"}, "/privacy"),
    ],
)
def test_what_a_kind_has_not_is_refused(world: World, kind: str, fields: dict[str, str], pointer: str) -> None:
    status, refusal = world.make(world.jo, kind, **fields)

    assert (status, [fault["pointer"] for fault in refusal["errors"]]) == (422, [pointer])


def test_a_person_has_one_feed_of_each_kind_and_team(world: World) -> None:
    world.of_team(world.jo)
    world.open_seats(world.jo)

    assert world.make(world.jo, "team", team_id=world.team_id)[1]["code"] == "feed_exists"
    assert world.make(world.jo, "open_seats")[1]["code"] == "feed_exists"
    assert world.make(world.jo, "personal")[0] == 201


def test_who_leaves_the_team_or_the_house_reads_nothing_more(world: World) -> None:
    anas, jos = world.of_team(world.ana), world.of_team(world.jo)

    world.change(world.jo, team_id=None)

    assert [world.fetch(path).status_code for path in (anas, jos)] == [404, 404]
    world.change(world.jo, team_id=world.team_id)
    assert [world.fetch(path).status_code for path in (anas, jos)] == [200, 200]
    world.change(world.ana, status="left")
    assert [world.fetch(path).status_code for path in (anas, jos)] == [404, 200]


def test_a_team_feed_shows_who_hears_whom_and_leads_into_no_call(world: World) -> None:
    path = world.of_team(world.ana)

    (event,) = world.events(path)

    assert event.value("SUMMARY") == "Jo: Shadow: Mara Okafor · Northwind Freight (discovery)"
    assert (event.value("TRANSP"), event.value("STATUS")) == ("TRANSPARENT", "CONFIRMED")
    assert event.parts == []
    for word in ("meet.example", "mara@", "VALARM", "ATTENDEE", "Ms Buyer"):
        assert word not in world.fetch(path).text


def test_a_busy_only_team_feed_tells_who_is_taken_and_when(world: World) -> None:
    path = world.of_team(world.ana, privacy="busy_only")

    (event,) = world.events(path)

    assert (event.value("SUMMARY"), event.value("DTSTART")) == ("Jo: Busy", "20261123T100000Z")
    for word in ("Mara", "Northwind", "discovery", "/s/"):
        assert word not in world.fetch(path).text


def test_who_joins_the_team_shows_at_once_and_who_leaves_it_no_more(world: World) -> None:
    path = world.of_team(world.ana)
    with transaction(world.api.engine, writes=True) as db:
        a_seat(db, world.scene.call_id, world.tom)
    before = world.fetch(path)

    world.change(world.tom, team_id=world.team_id)
    joined = world.fetch(path, **{"If-None-Match": before.headers["etag"]})
    world.change(world.tom, team_id=None)

    assert sorted((event.value("SUMMARY") or "")[:4] for event in parse(joined.content).parts) == ["Jo: ", "Tom:"]
    assert world.fetch(path).content == before.content
    assert world.fetch(path).headers["etag"] == before.headers["etag"]
    assert "last-modified" not in before.headers


def test_who_takes_the_place_of_somebody_with_just_as_many_sessions_shows_in_the_team_feed(world: World) -> None:
    path = world.of_team(world.ana)
    with transaction(world.api.engine, writes=True) as db:
        a_seat(db, world.scene.call_id, world.tom)
    before = world.fetch(path)

    world.change(world.jo, team_id=None)
    world.change(world.tom, team_id=world.team_id, manager_id=world.ana.id)
    after = world.fetch(path, **{"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert [(event.value("SUMMARY") or "")[:5] for event in parse(after.content).parts] == ["Tom: "]


def test_a_team_feed_takes_as_many_statements_however_many_are_in_it(world: World) -> None:
    path = world.of_team(world.ana)

    def cost() -> int:
        with counted(world.api.engine) as statements:
            world.fetch(path)
        return len([one for one in statements if not one.startswith(("PRAGMA", "BEGIN"))])

    costs = []
    for number in range(2):
        with transaction(world.api.engine, writes=True) as db:
            more = a_person(db, f"More {number}", team_id=world.team_id)
            a_seat(db, world.scene.another_call(db, TEN + timedelta(hours=1 + number)), more)
        world.fetch(path)  # draws
        costs.append(cost())

    assert costs[0] == costs[1]


def test_a_seat_given_back_stays_in_the_team_feed_for_30_days_under_its_uid(world: World) -> None:
    path = world.of_team(world.ana)
    (before,) = world.events(path)
    world.api.clock.advance(timedelta(hours=1))
    with transaction(world.api.engine, writes=True) as db:
        release_seat(db, seat_id=world.seat_id, actor=SYSTEM, now=world.api.clock())

    (after,) = world.events(path)
    world.api.clock.advance(timedelta(days=31))

    assert (after.value("STATUS"), after.value("UID")) == ("CANCELLED", before.value("UID"))
    assert int(after.value("SEQUENCE") or 0) > int(before.value("SEQUENCE") or 0)
    assert (after.value("DTSTAMP") or "") > (before.value("DTSTAMP") or "")
    assert world.events(path) == []


def test_unchanged_feeds_of_other_kinds_are_not_sent_again(world: World) -> None:
    for path in (world.of_team(world.ana), world.open_seats(world.tom)):
        first = world.fetch(path)

        again = world.fetch(path, **{"If-None-Match": first.headers["etag"]})

        assert (first.content, again.status_code) == (world.fetch(path).content, 304)


def test_open_seats_are_tentative_block_nothing_and_lead_to_the_call_in_earshot(world: World) -> None:
    path = world.open_seats(world.tom)

    (event,) = world.events(path)

    assert event.value("SUMMARY") == "Open seat: Mara Okafor · Northwind Freight (discovery)"
    assert (event.value("STATUS"), event.value("TRANSP")) == ("TENTATIVE", "TRANSPARENT")
    assert (event.value("UID") or "").startswith(f"open-{world.scene.call_id}@")
    assert (event.value("URL") or "").endswith(f"/calls/{world.scene.call_id}")
    assert "meet.example" not in world.fetch(path).text


def test_a_seat_that_one_has_or_may_not_take_is_not_open(world: World) -> None:
    jos, toms = world.open_seats(world.jo), world.open_seats(world.tom)
    assert world.events(jos) == []

    with transaction(world.api.engine, writes=True) as db:
        changes = {"sensitive": True}
        patch_call(db, call_id=world.scene.call_id, changes=changes, actor=SYSTEM, now=world.api.clock())

    assert world.events(toms) == []


def test_a_call_that_moves_moves_its_open_seat_as_a_later_revision(world: World) -> None:
    path = world.open_seats(world.tom)
    (before,) = world.events(path)
    world.api.clock.advance(timedelta(hours=1))
    with transaction(world.api.engine, writes=True) as db:
        changes = {"starts_at": TEN + timedelta(hours=1), "ends_at": TEN + timedelta(hours=2)}
        patch_call(db, call_id=world.scene.call_id, changes=changes, actor=SYSTEM, now=world.api.clock())

    (after,) = world.events(path)

    assert (after.value("UID"), after.value("DTSTART")) == (before.value("UID"), "20261123T110000Z")
    assert int(after.value("SEQUENCE") or 0) > int(before.value("SEQUENCE") or 0)
    assert (after.value("DTSTAMP") or "") > (before.value("DTSTAMP") or "")
