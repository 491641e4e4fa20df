"""Power hours on the week page: of those whose week it is, with their turns on the clocks of who looks."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from app.operations.power_hours import create_power_hour
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW
from tests.sessions_and_people import TEN
from tests.statements import counted
from tests.web.browsers import Site
from tests.web.page_reader import page

WEEK = "/week?d=2026-W48"


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Lea in Berlin leads Mara, Tom, Aisha and Leo, who are team West, and has one day a team of Ben."""
    with site.db() as db:
        west = create_team(db, name="West", actor=SYSTEM, now=NOW).id
        lea = a_person(db, "Lea Brandt", role=Role.MANAGER, time_zone="Europe/Berlin")
        made = [lea, a_person(db, "Ben Stranger"), a_person(db, "Ada", role=Role.ADMIN)]
        led: dict[str, Any] = {"manager_id": lea.id, "team_id": west}
        made += [a_person(db, f"{name} Rep", **led) for name in ("Mara", "Tom", "Aisha", "Leo")]
        return {person.name.split()[0].lower(): person.id for person in made} | {"west": west}


def an_hour(site: Site, people: Mapping[str, str], **other: Any) -> str:
    times = {"starts_at": TEN, "ends_at": TEN + timedelta(minutes=40), "rotation_minutes": 20}
    who = {"host_ids": [people["mara"], people["tom"]], "observer_ids": [people["aisha"], people["leo"]]}
    values = {"name": "Monday dials", "team_id": None, **times, **who, **other}
    with site.db() as db:
        made: str = create_power_hour(db, values=values, actor=SYSTEM, now=NOW).id
    return made


def shown(site: Site, viewer: str, path: str = WEEK) -> str:
    return page(site.signed_in(viewer), path).text.partition("Sign out")[2]


def test_nobody_reads_of_it_in_a_week_of_who_is_not_in_it(site: Site, people: Mapping[str, str]) -> None:
    an_hour(site, people)

    for viewer, path in (("ben", WEEK), ("lea", WEEK), ("ada", WEEK), ("ada", f"{WEEK}&who={people['ben']}")):
        assert "Monday dials" not in shown(site, people[viewer], path), (viewer, path)


def test_who_is_in_it_reads_their_turns(site: Site, people: Mapping[str, str]) -> None:
    made = an_hour(site, people)

    aisha = page(site.signed_in(people["aisha"]), WEEK)
    mara = shown(site, people["mara"])

    assert "10:00 to 10:40 MR Power hour Monday dials You listen" in aisha.text
    assert "10:00 to Mara Rep" in aisha.text
    assert "10:20 to Tom Rep" in aisha.text
    assert f"/power-hours/{made}" in [attrs["href"] for attrs in aisha.all("a")]
    assert "Power hour Monday dials You dial" in mara
    assert "10:00 Aisha Rep listens 10:20 Leo Rep listens" in mara


def test_who_leads_them_reads_it_in_their_week_on_their_own_clocks(site: Site, people: Mapping[str, str]) -> None:
    an_hour(site, people)

    leos = shown(site, people["lea"], f"{WEEK}&who={people['leo']}&zone=own")
    teams = shown(site, people["lea"], f"{WEEK}&team={people['west']}")

    assert "11:00 to 11:40" in leos
    assert "Power hour Monday dials Listens 11:00 to Tom Rep 11:20 to Mara Rep" in leos
    assert "Power hour Monday dials 2 dialling, 2 listening" in teams
    assert page(site.signed_in(people["ben"]), f"{WEEK}&who={people['leo']}", status=404)


def test_one_that_is_cancelled_or_of_another_week_is_not_there(site: Site, people: Mapping[str, str]) -> None:
    made = an_hour(site, people)
    later = {"starts_at": TEN + timedelta(days=21), "ends_at": TEN + timedelta(days=21, hours=1)}
    an_hour(site, people, name="In December", **later)
    lea = site.api.client(site.api.key(Role.MANAGER, people["lea"]))
    assert lea.delete(f"/v1/power-hours/{made}").status_code == 204

    aishas = shown(site, people["aisha"])

    assert "Monday dials" not in aishas
    assert "In December" not in aishas
    assert "In December" in shown(site, people["aisha"], "/week"), "it opens at the week of the next that is to come"


def test_it_costs_the_same_number_of_statements_for_one_and_for_many(site: Site, people: Mapping[str, str]) -> None:
    browser = site.signed_in(people["aisha"])

    def cost() -> int:
        browser.get(WEEK)
        with counted(site.api.engine) as statements:
            assert browser.get(WEEK).status_code == 200
        return len(statements)

    without = cost()
    an_hour(site, people)
    with_one = cost()
    for hour in range(1, 4):
        times = {"starts_at": TEN + timedelta(hours=hour), "ends_at": TEN + timedelta(hours=hour, minutes=30)}
        an_hour(site, people, **times)

    assert cost() == with_one == without


def test_hostile_names_are_text(site: Site, people: Mapping[str, str]) -> None:
    an_hour(site, people, name="<script>alert(1)</script>")

    answer = site.signed_in(people["aisha"]).get(WEEK)

    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
