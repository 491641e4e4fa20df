"""The people who work here: who sees what of whom, who is found, added, changed and let go."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.tables import event, installation, person, person_skill
from app.operations.call_outcomes import end_call, start_call
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.operations.seats import book_seat
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.rules.skills import SkillState
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

NEW = {"name": "Zoe Lindqvist", "email": "zoe@company.example", "time_zone": "Europe/Stockholm", "role": "manager"}
LIMITS = {
    "observe_per_day": "2",
    "observe_per_week": "5",
    "host_per_day": "1",
    "host_per_week": "3",
    "host_gap_minutes": "15",
    "seat_capacity": "",
    "sessions_per_day": "",
    "sessions_per_week": "",
}


@pytest.fixture
def people(site: Site) -> dict[str, str]:
    """Lea leads Ana; Ben and Ana are reps, Ada administers, Ina audits. Ana is in a team and heard a call on Monday."""
    with site.db() as db:
        team = create_team(db, name="Enterprise", actor=SYSTEM, now=NOW).id
        lea = a_person(db, "Lea", role=Role.MANAGER).id
        made = {
            "lea": lea,
            "ana": a_person(db, "Ana", manager_id=lea, team_id=team, email="ana@company.example").id,
            "ben": a_person(db, "Ben").id,
            "ada": a_person(db, "Ada", role=Role.ADMIN).id,
            "ina": a_person(db, "Ina", role=Role.AUDITOR).id,
            "team": team,
        }
        known = {
            "craft.listening": SkillState(3, 0, teaches=True),
            "closing.ask": SkillState(3),
            "craft.product": SkillState(1, 5),
        }
        set_skills(db, person_id=made["ana"], skills=known, actor=SYSTEM, now=NOW)
    return made


def heard_a_call(site: Site, person_id: str) -> None:
    with site.db() as db:
        made = a_call(db)
        book_seat(db, call_id=made, observer_id=person_id, actor=SYSTEM, now=NOW)
        site.api.clock.at = MONDAY + timedelta(hours=10)
        start_call(db, call_id=made, actor=SYSTEM, now=site.api.clock())
        end_call(db, call_id=made, actor=SYSTEM, now=site.api.clock() + timedelta(minutes=30))
    site.api.clock.at = MONDAY + timedelta(hours=12)


def names(shown: Page) -> set[str]:
    return {name for name in ("Ana", "Ben", "Lea", "Ada", "Ina") if f"> {name} <" in _spaced(shown)}


def _spaced(shown: Page) -> str:
    return (
        shown.answer.text.partition("<tbody>")[2]
        .partition("</tbody>")[0]
        .replace("<bdi>", "> ")
        .replace("</bdi>", " <")
    )


def save(browser: httpx.Client, path: str, do: str, form: Mapping[str, Any]) -> httpx.Response:
    return browser.post(path, params={"do": do}, data=dict(form), headers=OURS)


def row_of(site: Site, person_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(person).where(person.c.id == person_id)).one()


def test_strangers_are_led_to_the_sign_in(site: Site, people: dict[str, str]) -> None:
    for path in ("/people", f"/people/{people['ana']}"):
        assert site.browser().get(path).status_code == 303
        answer = save(site.browser(), path, "add", NEW)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")


def test_who_leads_sees_how_much_their_own_people_hear_and_nobody_elses(site: Site, people: dict[str, str]) -> None:
    heard_a_call(site, people["ana"])

    shown = page(site.signed_in(people["lea"]), "/people?sort=-name")
    of_a_rep = page(site.signed_in(people["ben"]), "/people")

    assert names(shown) == {"Ana", "Ben", "Lea", "Ada", "Ina"}
    assert shown.text.index("Lea Manager") < shown.text.index("Ben Rep") < shown.text.index("Ana Rep")
    assert "1 of 8" in shown.text
    assert shown.text.count(" of 12") == 2  # Lea's own and Ana's
    assert "10:00" in shown.text
    assert "1 of 8" not in of_a_rep.text
    assert "Add somebody" not in of_a_rep.text


def test_no_figures_are_shown_of_others_where_the_house_has_switched_them_off(
    site: Site, people: dict[str, str]
) -> None:
    heard_a_call(site, people["ana"])
    with site.db() as db:
        db.execute(update(installation).values(person_insights=False))
    ada = site.signed_in(people["ada"])

    listed, one = page(ada, "/people"), page(ada, f"/people/{people['ana']}")

    assert "1 of 8" not in listed.text + one.text
    assert "Last heard Monday" not in one.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=company.example", {"Ana"}),
        ("q=nobody", set()),
        ("role=manager", {"Lea"}),
        ("team={team}", {"Ana"}),
        ("teaches=craft.listening", {"Ana"}),
        ("teaches=closing.ask", {"Ana"}),
        ("wants=craft.product", {"Ana"}),
        ("wants=craft.listening", set()),
        ("status=left", set()),
        ("role=king&status=asleep", {"Ana", "Ben", "Lea", "Ada", "Ina"}),
    ],
)
def test_filters_stand_in_the_address_and_in_their_fields(
    site: Site, people: dict[str, str], query: str, found: set[str]
) -> None:
    query = query.format_map(people)

    shown = page(site.signed_in(people["ada"]), f"/people?{query}")

    assert names(shown) == found
    chosen = {attrs["value"] for attrs in shown.all("option") if "selected" in attrs}
    assert query.startswith(("q=", "role=king")) or query.partition("=")[2] in chosen


def test_nobody_finds_by_what_they_may_not_see(site: Site, people: dict[str, str]) -> None:
    ben = site.signed_in(people["ben"])

    found = [names(page(ben, f"/people?{query}")) for query in ("wants=craft.product", "teaches=closing.ask")]

    assert found == [set(), set()]
    assert names(page(ben, "/people?teaches=craft.listening")) == {"Ana"}


def test_the_list_asks_as_often_for_many_as_for_one(site: Site, people: dict[str, str]) -> None:
    ada = site.signed_in(people["ada"])
    page(ada, "/people")

    with counted(site.api.engine) as for_one:
        ada.get("/people?q=company.example")
    with counted(site.api.engine) as for_all:
        ada.get("/people")

    assert len(for_one) == len(for_all)


def test_somebody_is_added_and_their_page_says_so(site: Site, people: dict[str, str]) -> None:
    ada = site.signed_in(people["ada"])

    answer = save(ada, "/people", "add", NEW | {"team_id": people["team"], "manager": "Ana@company.example"})

    shown = page(ada, answer.headers["location"])
    made = row_of(site, answer.headers["location"].split("/")[2].partition("?")[0])
    assert answer.status_code == 303
    assert (made.name, made.role, made.team_id, made.manager_id) == (
        "Zoe Lindqvist",
        Role.MANAGER,
        people["team"],
        people["ana"],
    )
    assert "Added. They work Monday to Friday" in shown.text


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": " "}, "name"),
        ({"email": "zoe"}, "email"),
        ({"email": "ANA@company.example"}, "email"),
        ({"time_zone": "Sweden"}, "time_zone"),
        ({"role": "king"}, "role"),
        ({"role": "integration"}, "role"),
        ({"team_id": "team_none"}, "team_id"),
        ({"manager": "nobody@company.example"}, "manager"),
    ],
)
def test_who_cannot_be_added_is_refused_at_the_field(
    site: Site, people: dict[str, str], changed: dict[str, str], field: str
) -> None:
    answer = save(site.signed_in(people["ada"]), "/people", "add", NEW | changed)

    shown = Page(answer)
    assert answer.status_code == 422
    assert list(shown.faults()) == []
    assert f"#f-{field}" in [attrs.get("href") for attrs in shown.all("a")]
    assert any(attrs.get("value") == (NEW | changed)["time_zone"] for attrs in shown.all("input"))


@pytest.mark.parametrize("who", ["ben", "lea", "ina"])
def test_only_an_admin_adds_changes_details_and_lets_go(site: Site, people: dict[str, str], who: str) -> None:
    browser, ana = site.signed_in(people[who]), f"/people/{people['ana']}"

    answers = [
        save(browser, "/people", "add", NEW),
        save(browser, ana, "details", NEW),
        save(browser, ana, "left", {"typed": "left"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert row_of(site, people["ana"]).status == "active"


def test_a_colleague_sees_the_person_and_nothing_that_is_private(site: Site, people: dict[str, str]) -> None:
    shown = page(site.signed_in(people["ben"]), f"/people/{people['ana']}")

    assert "ana@company.example" in shown.text
    assert "Rep in Enterprise" in shown.text
    assert "Lea" in shown.text
    for private in ("Skills", "Hours", "How much they take on", "calls this week", "Act for them", "09:00"):
        assert private not in shown.text


def test_an_auditor_sees_all_of_it_without_a_button(site: Site, people: dict[str, str]) -> None:
    shown = page(site.signed_in(people["ina"]), f"/people/{people['ana']}")

    for private in ("Skills", "Monday to Friday", "09:00 to 17:00", "0 of 8 calls this week", "Does it alone"):
        assert private in shown.text
    assert {attrs["action"] for attrs in shown.all("form") if "action" in attrs} == {"/me/theme", "/logout"}


def test_who_has_left_is_not_there_for_colleagues(site: Site, people: dict[str, str]) -> None:
    with site.db() as db:
        patch_person(db, person_id=people["ana"], changes={"status": "left"}, actor=SYSTEM, now=NOW)

    page(site.signed_in(people["ben"]), f"/people/{people['ana']}", status=404)
    for_admins = page(site.signed_in(people["ada"]), f"/people/{people['ana']}")

    assert "Left" in for_admins.text
    assert "Back at work" in for_admins.text


def test_who_leads_somebody_states_levels_and_limits_of_theirs(site: Site, people: dict[str, str]) -> None:
    lea, ana = site.signed_in(people["lea"]), f"/people/{people['ana']}"
    levels = {"level.craft.listening": "2", "level.closing.ask": "4", "level.craft.product": "0"}

    answers = [save(lea, ana, "levels", levels), save(lea, ana, "limits", LIMITS)]
    wrong = [
        save(lea, ana, "levels", {"level.closing.ask": "9"}),
        save(lea, ana, "limits", LIMITS | {"observe_per_week": ""}),
    ]

    with site.db() as db:
        rows = db.execute(select(person_skill).where(person_skill.c.person_id == people["ana"])).all()
    assert [answer.status_code for answer in (*answers, *wrong)] == [303, 303, 422, 422]
    assert {row.skill: (row.level, row.wants, row.teaches) for row in rows} == {
        "craft.listening": (2, 0, False),
        "closing.ask": (4, 0, False),
        "craft.product": (0, 5, False),
    }
    assert row_of(site, people["ana"]).observe_per_week == 5


def test_a_colleague_states_neither_levels_nor_limits(site: Site, people: dict[str, str]) -> None:
    ben, ana = site.signed_in(people["ben"]), f"/people/{people['ana']}"

    assert save(ben, ana, "limits", LIMITS).status_code == 403
    assert save(ben, ana, "levels", {"level.closing.ask": "0"}).status_code == 404
    assert save(ben, "/people/per_nobody", "limits", LIMITS).status_code == 404


def test_details_are_changed_and_a_circle_of_managers_is_refused(site: Site, people: dict[str, str]) -> None:
    ada, lea = site.signed_in(people["ada"]), f"/people/{people['lea']}"
    details = NEW | {"languages": "sv en", "grade": "4", "started_on": "2026-01-12", "team_id": "", "manager": ""}

    saved = save(ada, lea, "details", details)
    circle = save(ada, lea, "details", details | {"manager": "ana@company.example"})
    taken = save(ada, lea, "details", details | {"email": "ana@company.example"})
    wrong = save(ada, lea, "details", details | {"grade": "high"})

    row = row_of(site, people["lea"])
    assert [answer.status_code for answer in (saved, circle, taken, wrong)] == [303, 422, 409, 422]
    assert (row.name, row.languages, row.grade, f"{row.started_on}") == ("Zoe Lindqvist", ["sv", "en"], 4, "2026-01-12")
    assert "Choose a manager who does not report to this person." in Page(circle).text
    assert "Somebody else has this e-mail address." in Page(taken).text


def test_somebody_goes_on_leave_and_comes_back_and_leaves_only_when_the_word_is_typed(
    site: Site, people: dict[str, str]
) -> None:
    ada, ana = site.signed_in(people["ada"]), f"/people/{people['ana']}"

    seen = []
    for do, typed in (("leave", ""), ("return", ""), ("left", "maybe"), ("left", "Left")):
        answer = save(ada, ana, do, {"typed": typed})
        seen.append((answer.status_code, str(row_of(site, people["ana"]).status)))

    assert seen == [(303, "on_leave"), (303, "active"), (422, "active"), (303, "left")]


def test_the_last_admin_stays(site: Site, people: dict[str, str]) -> None:
    with site.db() as db:
        eva = a_person(db, "Eva", role=Role.ADMIN).id
    browser = site.signed_in(eva)
    save(browser, f"/people/{people['ada']}", "left", {"typed": "left"})

    answer = save(browser, f"/people/{eva}", "left", {"typed": "left"})

    assert answer.status_code == 409
    assert "This is the last admin." in Page(answer).text
    assert row_of(site, eva).status == "active"


def test_who_reads_what_is_private_to_somebody_leaves_a_line_once_an_hour(site: Site, people: dict[str, str]) -> None:
    ana = people["ana"]

    for who in ("lea", "lea", "ben", "ana"):
        page(site.signed_in(people[who]), f"/people/{ana}")

    with site.db() as db:
        acts = db.execute(select(event.c.act, event.c.actor).where(event.c.act.like("%.read")).order_by(event.c.act))
        assert [tuple(row) for row in acts] == [
            (act, people["lea"]) for act in ("availability.read", "sessions.read", "skills.read")
        ]
