"""Mail about power hours: who is told of one that is made, moved, called off or without them, and what they read."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.db import DbSession, transaction
from app.models import Person
from app.operations import power_hours
from app.rules.access import Actor
from app.vocabulary import PersonStatus, Role
from tests.factories import a_person
from tests.jobs.house import House, subject_of, to, words_of
from tests.seats_that_wait import TEN

FROM, UNTIL = TEN, TEN + timedelta(minutes=40)
People = Mapping[str, Person]


@pytest.fixture
def people(house: House) -> People:
    """Lea leads the others, and dials along; Aisha lives in Phoenix."""
    names = {"Mara": {}, "Tom": {}, "Aisha": {"time_zone": "America/Phoenix"}, "Leo": {}}
    with transaction(house.engine, writes=True) as db:
        lea = a_person(db, "Lea", role=Role.MANAGER, email="lea@earshot.example")
        made = {
            name: a_person(db, name, manager_id=lea.id, email=f"{name.lower()}@earshot.example", **fields)
            for name, fields in names.items()
        }
        return {"Lea": lea, **made}


def by_lea(people: People) -> Actor:
    reports = frozenset(one.id for name, one in people.items() if name != "Lea")
    return Actor("key_lea", Role.MANAGER, people["Lea"].id, reports=reports)


def write(house: House, people: People, act: Any, **given: Any) -> Any:
    """Do something as Lea and return what it returned."""
    with transaction(house.engine, writes=True) as db:
        made = act(db, **given, actor=by_lea(people), now=house.clock())
        return getattr(made, "id", None)


def an_hour(house: House, people: People, *, hosts: str = "Lea Mara", observers: str = "Aisha") -> str:
    values = {"name": "Monday\r\npower hour", "starts_at": FROM, "ends_at": UNTIL, "rotation_minutes": 20}
    who = {
        name: [people[one].id for one in names.split()]
        for name, names in (("host_ids", hosts), ("observer_ids", observers))
    }
    made: str = write(house, people, power_hours.create_power_hour, values={**values, **who, "team_id": None})
    return made


def change(house: House, people: People, hour: str, **changes: Any) -> None:
    write(house, people, power_hours.patch_power_hour, power_hour_id=hour, changes=changes)


def subjects(house: House) -> dict[str, list[str]]:
    """Send what waits, and return the subjects of all that came by whom it is for, in their order."""
    house.work()
    house.clock.at += timedelta(minutes=1)
    names = ("lea", "mara", "tom", "aisha", "leo")
    found = {name: [subject_of(mail) for mail in to(house, f"{name}@earshot.example")] for name in names}
    return {name: got for name, got in found.items() if got}


def last_text(house: House, name: str) -> str:
    return words_of(to(house, f"{name}@earshot.example")[-1], "text/plain").replace("\r\n", "\n")


def test_everybody_in_a_new_one_reads_their_turns_on_their_own_clock_but_for_who_made_it(
    house: House, people: People
) -> None:
    an_hour(house, people)

    told = subjects(house)

    assert told == {name: ["Monday power hour: you are in it"] for name in ("mara", "aisha")}
    assert "03:00–03:20 You listen to Lea\n03:20–03:40 You listen to Mara\n" in last_text(house, "aisha")
    assert "10:20–10:40 You are heard by Aisha\n" in last_text(house, "mara")


def test_who_is_put_in_who_is_out_and_whose_turns_are_others_read_of_it(house: House, people: People) -> None:
    hour = an_hour(house, people)
    subjects(house)

    change(house, people, hour, host_ids=[people["Lea"].id, people["Tom"].id])
    told = subjects(house)

    assert told["tom"] == ["Monday power hour: you are in it"]
    assert told["mara"][1:] == ["Off for you: the power hour of Monday 23 November 2026, 10:00 (Europe/London)"]
    assert "It takes place without you." in last_text(house, "mara")
    assert told["aisha"][1:] == ["Changed: Monday power hour"]
    assert "03:20–03:40 You listen to Tom" in last_text(house, "aisha")


def test_another_name_is_told_to_nobody_and_another_time_to_all(house: House, people: People) -> None:
    hour = an_hour(house, people)
    subjects(house)

    change(house, people, hour, name="Monday power hour!")
    quiet = subjects(house)
    change(house, people, hour, starts_at=FROM + timedelta(hours=1), ends_at=UNTIL + timedelta(hours=1))
    moved = subjects(house)

    assert {len(got) for got in quiet.values()} == {1}
    assert moved["mara"][1:] == moved["aisha"][1:] == ["Changed: Monday power hour!"]


def test_one_that_is_called_off_is_off_for_everybody_and_nothing_else_is_said_of_it(
    house: House, people: People
) -> None:
    hour = an_hour(house, people)

    write(house, people, power_hours.cancel_power_hour, power_hour_id=hour)
    told = subjects(house)

    assert {name: len(got) for name, got in told.items()} == {"mara": 1, "aisha": 1}
    assert "It is cancelled. Your time is free again." in last_text(house, "mara")


def test_who_leaves_is_not_written_to_and_those_who_heard_them_are(house: House, people: People) -> None:
    an_hour(house, people)
    subjects(house)

    def leave(db: DbSession, *, actor: Actor, now: Any) -> None:
        db.get_one(Person, people["Mara"].id).status = PersonStatus.LEFT
        db.flush()
        power_hours.leave_power_hours(db, person_id=people["Mara"].id, actor=actor, now=now)

    write(house, people, leave)
    told = subjects(house)

    assert (len(told["mara"]), told["aisha"][1:]) == (1, ["Changed: Monday power hour"])
    assert "03:20–03:40 You listen to Lea" in last_text(house, "aisha")
