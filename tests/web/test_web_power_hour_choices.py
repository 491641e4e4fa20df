"""Whom the form of a power hour offers: those whom the viewer may name, of many a few, and the rest by search."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select

from app.models.tables import event, person, power_hour
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import NOW
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.test_web_power_hours import PATH, an_hour, filled, people, text

__all__ = ["people"]
LOOK = {"look": "yes"}


def offered(answer: httpx.Response) -> list[str]:
    """The names that the form offers, in its order."""
    return re.findall(r'<th scope="row"><bdi>([^<]*)</bdi></th><td><label class="pick">', answer.text)


def chosen(answer: httpx.Response) -> dict[str, str]:
    """Who is chosen in it, by id, and as what."""
    marked = re.findall(r'name="part-([^"]*)" value="([^"]*)" checked', answer.text)
    return {who: part for who, part in marked if part}


@pytest.fixture
def crowd(site: Site, people: Mapping[str, str]) -> Mapping[str, str]:
    """Beside them 2,000 whom Lea leads, of whom 40 are in her team East, and Zed at the end of all."""
    with site.db() as db:
        teams = {name: create_team(db, name=name, actor=SYSTEM, now=NOW).id for name in ("East", "West", "Nobody")}
        lea = db.execute(select(person).where(person.c.id == people["lea"])).one()
        like = {**lea._mapping, "role": Role.REP, "manager_id": lea.id}
        rows = [
            {
                **like,
                "id": f"per_{number:04}",
                "name": f"Rep {number:04}",
                "email": f"rep{number}@earshot.example",
                "team_id": teams["East" if number > 1960 else "West"],
            }
            for number in range(2000)
        ]
        zed = {**like, "id": "per_zed", "name": "Zed Zabel", "email": "zed@earshot.example", "team_id": None}
        db.execute(insert(person), [*rows, zed])
        db.execute(person.update().where(person.c.id == lea.id).values(team_id=teams["East"]))
    return {**people, **teams}


def test_nobody_is_offered_whom_the_viewer_may_not_name(site: Site, people: Mapping[str, str]) -> None:
    lea = site.signed_in(people["lea"])

    shown = lea.get(PATH)
    sought = lea.post(PATH, data=filled(people, find="Ben", **LOOK), headers=OURS)

    assert offered(shown) == ["Aisha Rep", "Lea Brandt", "Leo Rep", "Mara Rep", "Tom Rep"]
    assert "Ben Stranger" not in offered(sought)
    smuggled = filled(people, **LOOK, **{f"part-{people['ben']}": "host"})
    assert "Ben Stranger" not in lea.post(PATH, data=smuggled, headers=OURS).text
    assert "Find by name" not in shown.text, "all of them are there"


def test_who_makes_none_looks_for_nobody(site: Site, people: Mapping[str, str]) -> None:
    ben = site.signed_in(people["ben"])

    assert ben.post(PATH, data=filled(people, find="Mara", **LOOK), headers=OURS).status_code == 403
    assert offered(ben.get(PATH)) == []


def test_of_many_the_page_offers_those_of_the_viewers_team_first_and_stays_small(
    site: Site, crowd: Mapping[str, str]
) -> None:
    shown = site.signed_in(crowd["lea"]).get(PATH)

    names = offered(shown)
    assert len(names) == 60
    assert names[0] == "Lea Brandt"
    assert names[1:40] == [f"Rep {number}" for number in range(1961, 2000)]
    assert len(shown.content) < 100_000
    assert "Find by name" in shown.text
    assert f'formaction="{PATH}#f-people"' in shown.text, "whoever looks for somebody comes back to who was found"
    assert "West" in shown.text
    assert "Nobody</option>" not in shown.text, "a team of nobody whom she may name"


def test_somebody_is_found_by_name_and_what_was_filled_in_and_chosen_stays(
    site: Site, crowd: Mapping[str, str]
) -> None:
    lea = site.signed_in(crowd["lea"])

    sought = lea.post(PATH, data=filled(crowd, name="Mine", find=" zed ", **LOOK), headers=OURS)

    assert sought.status_code == 200
    assert offered(sought)[3:] == ["Zed Zabel"]
    assert set(chosen(sought)) == {crowd[who] for who in ("mara", "tom", "aisha")}
    assert 'value="Mine"' in sought.text
    assert "There is no power hour yet" not in sought.text
    with site.db() as db:
        assert db.execute(select(power_hour.c.id)).all() == []
        assert db.execute(select(event.c.act).where(event.c.act.startswith("power_hour"))).all() == []
    made = lea.post(PATH, data=filled(crowd, **{"part-per_zed": "observer", "find": "zed"}), headers=OURS)
    assert made.status_code == 303
    assert "Zed Zabel" in text(lea.get(made.headers["location"]))


@pytest.mark.parametrize(
    ("query", "found"),
    [({"find": "%"}, []), ({"find": "rep 19_9"}, []), ({"find": "rep 1999"}, ["Rep 1999"]), ({"team": "East"}, None)],
)
def test_a_search_means_what_it_says(
    site: Site, crowd: Mapping[str, str], query: Mapping[str, str], found: list[str] | None
) -> None:
    given = {"team": crowd["East"]} if "team" in query else query
    nobody = {f"part-{crowd[who]}": "" for who in ("mara", "tom", "aisha")}

    sought = site.signed_in(crowd["lea"]).post(PATH, data=filled(crowd, **nobody, **given, **LOOK), headers=OURS)

    expected = ["Lea Brandt", *(f"Rep {number}" for number in range(1961, 2000))] if found is None else found
    assert offered(sought) == expected
    assert ("Nobody whom you could choose" in sought.text) is (found == [])


def test_an_hour_to_change_keeps_its_people_while_others_are_looked_for(site: Site, crowd: Mapping[str, str]) -> None:
    place, lea = f"{PATH}/{an_hour(site, crowd)}", site.signed_in(crowd["lea"])
    change: dict[str, Any] = {"params": {"do": "change"}, "headers": OURS}
    gone = {f"part-{crowd['leo']}": "", f"part-{crowd['tom']}": "observer"}

    sought = lea.post(place, data=filled(crowd, version="1", find="zed", **gone, **LOOK), **change)
    with_zed = filled(crowd, version="1", find="zed", **gone, **{"part-per_zed": "host"})
    changed = lea.post(place, data=with_zed, **change)

    assert sought.status_code == 200
    assert f'formaction="{place}?do=change#f-people"' in sought.text
    assert offered(sought) == ["Mara Rep", "Tom Rep", "Aisha Rep", "Leo Rep", "Zed Zabel"]
    parts = {"mara": "host", "tom": "observer", "aisha": "observer"}
    assert chosen(sought) == {crowd[who]: part for who, part in parts.items()}
    assert changed.status_code == 303
    assert "Zed Zabel" in text(lea.get(place))


def test_what_is_wrong_is_said_beside_those_who_were_found(site: Site, crowd: Mapping[str, str]) -> None:
    wrong = filled(crowd, day="soon", find="zed", **{"part-per_zed": "observer"})

    refused = site.signed_in(crowd["lea"]).post(PATH, data=wrong, headers=OURS)

    assert refused.status_code == 422
    assert chosen(refused)["per_zed"] == "observer"
    assert "Zed Zabel" in offered(refused)


def test_it_costs_as_many_statements_for_two_thousand_as_for_five(site: Site, people: Mapping[str, str]) -> None:
    lea = site.signed_in(people["lea"])

    def cost() -> int:
        lea.get(PATH)
        with counted(site.api.engine) as statements:
            assert lea.get(PATH).status_code == 200
        return len(statements)

    for_five = cost()
    with site.db() as db:
        for number in range(70):
            a_person(db, f"Rep {number}", manager_id=people["lea"])

    assert cost() <= for_five + 1, "the teams to choose from"


def test_who_may_not_change_an_hour_looks_for_nobody_in_it(site: Site, people: Mapping[str, str]) -> None:
    place = f"{PATH}/{an_hour(site, people)}"
    sought: dict[str, Any] = {"params": {"do": "change"}, "data": filled(people, **LOOK), "headers": OURS}

    assert site.signed_in(people["aisha"]).post(place, **sought).status_code == 403
    assert site.signed_in(people["ben"]).post(place, **sought).status_code == 404
