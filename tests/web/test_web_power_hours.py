"""Power hours on pages: who hears whom when, made and changed by who leads its people, and one's turn on the floor."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.operations.power_hours import create_power_hour
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import MONDAY, a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site

TEN = MONDAY + timedelta(hours=10)
PATH = "/power-hours"


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Lea leads Mara, Tom, Aisha and Leo. Ben is led by nobody."""
    site.api.clock.at = TEN - timedelta(hours=1)
    with site.db() as db:
        lea = a_person(db, "Lea Brandt", role=Role.MANAGER, time_zone="Europe/Berlin")
        made = [lea, a_person(db, "Ben Stranger"), a_person(db, "Ina Weber", role=Role.AUDITOR)]
        made += [a_person(db, f"{name} Rep", manager_id=lea.id) for name in ("Mara", "Tom", "Aisha", "Leo")]
        return {person.name.split()[0].lower(): person.id for person in made}


def an_hour(site: Site, people: Mapping[str, str], **other: Any) -> str:
    values = {
        "name": "Monday power hour",
        "starts_at": TEN,
        "ends_at": TEN + timedelta(minutes=50),
        "rotation_minutes": 20,
        "team_id": None,
        "host_ids": [people["mara"], people["tom"]],
        "observer_ids": [people["aisha"], people["leo"]],
        **other,
    }
    with site.db() as db:
        made: str = create_power_hour(db, values=values, actor=SYSTEM, now=NOW).id
    return made


def filled(people: Mapping[str, str], **other: str) -> dict[str, str]:
    parts = {"mara": "host", "tom": "host", "aisha": "observer", "leo": ""}
    times = {"day": "2026-11-23", "from": "11:00", "to": "12:00", "rotation_minutes": "20"}
    return {"name": "Power", **times, **{f"part-{people[who]}": part for who, part in parts.items()}, **other}


def text(answer: httpx.Response) -> str:
    """What a page says, without its markup."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())


def test_what_was_filled_in_stays_and_what_is_wrong_is_said_by_its_field(site: Site, people: Mapping[str, str]) -> None:
    lea = site.signed_in(people["lea"])
    nobody = {f"part-{people[who]}": "" for who in ("mara", "tom")}
    wrong = [
        ("day", {"day": "tomorrow"}),
        ("from", {"from": "soon"}),
        ("to", {"to": "10:30"}),
        ("to", {"to": "16:00"}),
        ("from", {"day": "2026-11-20"}),
        ("rotation_minutes", {"rotation_minutes": "90"}),
        ("people", nobody),
        ("name", {"name": ""}),
    ]

    for field, given in wrong:
        refused = lea.post(PATH, data=filled(people, **given), headers=OURS)
        assert (refused.status_code, f'href="#f-{field}"' in refused.text) == (422, True), (field, refused.text)
    assert 'value="Power"' in lea.post(PATH, data=filled(people, day="x"), headers=OURS).text
    assert "No power hour is planned" in lea.get(PATH).text


def test_from_the_form_to_turns_on_everybodys_own_clock(site: Site, people: Mapping[str, str]) -> None:
    made = site.signed_in(people["lea"]).post(PATH, data=filled(people), headers=OURS)
    place = made.headers["location"]

    assert made.status_code == 303
    leas, aishas = (text(site.signed_in(people[who]).get(place)) for who in ("lea", "aisha"))
    assert "11:00 to 11:20" in leas
    assert "Europe" not in leas
    assert "10:00 to 10:20" in aishas
    assert "You listen to Mara Rep" in aishas
    assert "Change it" in leas
    assert "Change it" not in aishas


def test_an_hour_may_go_on_past_midnight(site: Site, people: Mapping[str, str]) -> None:
    late = filled(people, **{"from": "23:30", "to": "00:30"})
    made = site.signed_in(people["lea"]).post(PATH, data=late, headers=OURS)

    assert made.status_code == 303, text(made)
    assert "23:30 to 00:30" in text(site.signed_in(people["lea"]).get(made.headers["location"]))


def test_nobody_else_finds_it_and_who_is_in_it_changes_nothing(site: Site, people: Mapping[str, str]) -> None:
    place = f"{PATH}/{an_hour(site, people)}"
    ben, aisha, ina = (site.signed_in(people[who]) for who in ("ben", "aisha", "ina"))

    assert ben.get(place).status_code == 404
    assert "Monday power hour" not in ben.get(PATH).text
    assert "You are in no power hour" in ben.get(PATH).text
    assert "You listen" in aisha.get(PATH).text
    for browser in (aisha, ina):
        refused = browser.post(place, params={"do": "cancel"}, data={"cancel": "cancel"}, headers=OURS)
        assert (refused.status_code, browser.get(place).status_code) == (403, 200)
    assert ben.post(PATH, data=filled(people), headers=OURS).status_code == 403


def test_who_is_elsewhere_then_is_named(site: Site, people: Mapping[str, str]) -> None:
    an_hour(site, people)

    refused = site.signed_in(people["lea"]).post(PATH, data=filled(people), headers=OURS)

    assert refused.status_code == 409
    assert "is in another power hour then: 11:00 to 11:50" in text(refused)
    assert "checked" in refused.text


def test_people_are_changed_by_who_saw_them_as_they_are(site: Site, people: Mapping[str, str]) -> None:
    place, lea = f"{PATH}/{an_hour(site, people)}", site.signed_in(people["lea"])
    changed: dict[str, Any] = {"params": {"do": "change"}, "headers": OURS}

    first = lea.post(place, data=filled(people, version="1"), **changed)
    second = lea.post(place, data=filled(people, version="1"), **changed)

    assert (first.status_code, first.headers["location"]) == (303, f"{place}?said=changed")
    assert (second.status_code, "Somebody changed it meanwhile" in text(second)) == (409, True)
    assert site.signed_in(people["leo"]).get(place).status_code == 404
    assert "Aisha Rep" in text(lea.get(place))


def test_it_is_cancelled_by_who_types_so(site: Site, people: Mapping[str, str]) -> None:
    place, lea = f"{PATH}/{an_hour(site, people)}", site.signed_in(people["lea"])

    untyped = lea.post(place, params={"do": "cancel"}, headers=OURS)
    typed = lea.post(place, params={"do": "cancel"}, data={"cancel": " Cancel "}, headers=OURS)

    assert (untyped.status_code, "Type cancel here" in untyped.text) == (422, True)
    assert typed.headers["location"] == f"{PATH}?said=cancelled"
    assert lea.get(place).status_code == 404


def test_what_is_over_is_shown_as_it_was(site: Site, people: Mapping[str, str]) -> None:
    place, lea = f"{PATH}/{an_hour(site, people)}", site.signed_in(people["lea"])
    site.api.clock.at = TEN + timedelta(hours=1)

    assert "It is over" in text(lea.get(place))
    assert "Change it" not in text(lea.get(place))
    assert "Monday power hour" not in lea.get(PATH).text
    assert "Monday power hour" in lea.get(PATH, params={"show": "all"}).text


def test_the_floor_says_whose_turn_it_is(site: Site, people: Mapping[str, str]) -> None:
    place = f"{PATH}/{an_hour(site, people)}"
    aisha, mara, ben = (site.signed_in(people[who]) for who in ("aisha", "mara", "ben"))

    def told(browser: httpx.Client, minutes: int) -> str:
        site.api.clock.at = TEN + timedelta(minutes=minutes)
        return text(browser.get("/"))

    assert "Your turn" not in told(aisha, -1)
    assert "Your turn: listen to Mara Rep until 10:20." in told(aisha, 0)
    assert "Aisha Rep listens to you until 10:20." in told(mara, 19)
    assert "Your turn: listen to Tom Rep until 10:40." in told(aisha, 20)
    assert "until 10:50." in told(aisha, 49)
    assert "Your turn" not in told(aisha, 50)
    assert "Your turn" not in told(ben, 5)
    assert f'href="{place}"' in aisha.get("/").text
