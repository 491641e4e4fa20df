"""The rules of the house on pages: who sees and who changes them, what is wrong with a number, what holds and why."""

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.models.tables import installation, message_template
from app.queries.call_types import call_type_by_slug, skills_of
from app.queries.skills import known_slugs
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.rules.retention import KINDS
from app.rules.settings import SETTINGS
from app.vocabulary import Role
from app.web import setting_words
from tests.factories import a_call, a_person
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

RULES = {
    "min_notice_minutes": "30",
    "horizon_days": "90",
    "hold_minutes": "5",
    "offer_minutes": "60",
    "late_cancel_minutes": "120",
    "no_show_grace_minutes": "5",
    "own_side_ceiling": "",
    "closed_stages": "legal, Procurement",
}
PAGES = ("", "/call-types", "/skills", "/messages", "/privacy", "/retention")
WEBINAR = {"slug": "webinar", "name": "Webinar", "seat_capacity": "4"}


def somebody(site: Site, role: Role) -> httpx.Client:
    with site.db() as db:
        person_id = a_person(db, "Diego Salas", role=role).id
    return site.signed_in(person_id)


@pytest.fixture
def admin(site: Site) -> httpx.Client:
    return somebody(site, Role.ADMIN)


def house(site: Site) -> Any:
    with site.db() as db:
        return db.execute(select(installation)).one()


def send(browser: httpx.Client, path: str, **fields: Any) -> httpx.Response:
    return browser.post(f"/settings{path}", data=fields, headers=OURS)


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER])
def test_settings_are_there_for_who_sees_the_house(site: Site, role: Role) -> None:
    browser = somebody(site, role)

    assert {browser.get(f"/settings{path}").status_code for path in PAGES} == {404}
    assert send(browser, "", **RULES).status_code == 404


def test_an_auditor_reads_everything_and_changes_nothing(site: Site) -> None:
    browser = somebody(site, Role.AUDITOR)

    for path in PAGES:
        assert 'class="primary"' not in page(browser, f"/settings{path}").answer.text
    assert send(browser, "", **RULES).status_code == 403
    assert send(browser, "/retention", calls="365").status_code == 403
    assert send(browser, "/privacy", monitoring_notice="We hear all.").status_code == 403
    assert send(browser, "/skills?do=delete&of=demo.tailoring").status_code == 403


def test_rules_are_changed_together(site: Site, admin: httpx.Client) -> None:
    answer = send(admin, "", **RULES)

    assert answer.headers["location"] == "/settings?said=save"
    found = house(site)
    assert (found.min_notice_minutes, found.horizon_days, found.own_side_ceiling) == (30, 90, None)
    assert found.closed_stages == ["legal", "procurement"]
    assert "Saved." in page(admin, answer.headers["location"]).text


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("min_notice_minutes", "-1"), ("hold_minutes", ""), ("own_side_ceiling", "0"), ("closed_stages", "legal!")],
)
def test_a_rule_that_cant_be_is_pointed_at_and_nothing_is_saved(
    site: Site, admin: httpx.Client, name: str, wrong: str
) -> None:
    before = house(site)

    answer = send(admin, "", **{**RULES, name: wrong})

    assert answer.status_code == 422
    assert f'href="#f-{name}"' in answer.text
    assert list(Page(answer).faults()) == []
    assert house(site) == before


def test_what_staff_are_told_is_said_in_words_of_the_house_or_in_ours(site: Site, admin: httpx.Client) -> None:
    told = send(admin, "/privacy", monitoring_notice="Colleagues hear calls.\r\nAsk Diego.")

    assert "Saved." in page(admin, told.headers["location"]).text
    assert (house(site).monitoring_notice, house(site).person_insights) == ("Colleagues hear calls.\nAsk Diego.", False)
    long = Page(send(admin, "/privacy", monitoring_notice="x" * 5001))
    assert (long.answer.status_code, list(long.faults())) == (422, [])
    assert send(admin, "/privacy", monitoring_notice=" ", person_insights="on").status_code == 303
    assert (house(site).monitoring_notice, house(site).person_insights) == (None, True)


def test_every_setting_says_what_holds_and_who_says_so(admin: httpx.Client) -> None:
    shown = page(admin, "/settings?type=discovery")

    assert "Seats on a call 2 the call type" in shown.text
    assert "Points at most: They share a language 500 Earshot" in shown.text
    assert "The two are Of any team Earshot" in shown.text
    assert "Seats on a call nothing set" in page(admin, "/settings?type=nonsense").text


def test_everything_that_can_be_set_or_goes_after_a_while_has_words_of_its_own() -> None:
    assert set(setting_words.SETTINGS) == {setting.name for setting in SETTINGS}
    assert set(KINDS) <= set(setting_words.RECORDS)


def test_no_page_of_settings_says_a_name_of_the_api(admin: httpx.Client) -> None:
    said = {path: page(admin, f"/settings{path}").text for path in ("", "?type=discovery", "/retention", "/matching")}
    said["wrong"] = Page(send(admin, "", **dict.fromkeys(RULES, "?!"))).text
    said["days"] = Page(send(admin, "/retention", **dict.fromkeys(KINDS, "x"))).text
    numbers = (*DEFAULT_WEIGHTS, *setting_words.LIMITS)
    said["points"] = Page(send(admin, "/matching", **dict.fromkeys(numbers, "x"))).text

    names = {*KINDS, *(setting.name.rpartition(".")[2] for setting in SETTINGS)}
    found = {(path, name) for path, text in said.items() for name in names if "_" in name and name in text}

    assert found == set()
    assert "Shortest notice: 0 to 10,080 minutes (7 days)." in said["wrong"]
    assert "Answers to programs that ask twice: 1 to 7 days, or nothing." in said["days"]


def test_a_call_type_is_added_changed_and_deleted(site: Site, admin: httpx.Client) -> None:
    added = send(admin, "/call-types?do=add", **WEBINAR, keywords="Big demo\r\nwebinar\r\n", skills=["demo.tailoring"])
    changed = send(admin, "/call-types?do=save&of=webinar", name="Webinars", seat_capacity="9", stages="demo, close")

    assert [added.status_code, changed.status_code] == [303, 303]
    with site.db() as db:
        found = call_type_by_slug(db, "webinar")
        assert skills_of(db, ["webinar"]) == {}
    assert (found.name, found.seat_capacity, found.keywords, found.stages) == ("Webinars", 9, [], ["demo", "close"])
    assert send(admin, "/call-types?do=delete&of=webinar").status_code == 303
    assert "Webinars" not in page(admin, "/settings/call-types").text


def test_a_call_type_keeps_what_was_filled_in_when_something_is_wrong(admin: httpx.Client) -> None:
    wrong = {**WEBINAR, "slug": "Big Webinar", "seat_capacity": "many"}

    answer = send(admin, "/call-types?do=add", **wrong, keywords="webinar", skills=["demo.tailoring"])

    assert answer.status_code == 422
    assert 'href="#f-slug"' in answer.text
    assert 'href="#f-seat_capacity"' in answer.text
    assert 'value="Big Webinar"' in answer.text
    assert 'value="demo.tailoring" checked' in answer.text
    assert list(Page(answer).faults()) == []


def test_a_call_type_whose_name_is_taken_or_that_calls_are_of_stays(site: Site, admin: httpx.Client) -> None:
    with site.db() as db:
        a_call(db)

    taken = send(admin, "/call-types?do=add", **{**WEBINAR, "slug": "discovery"})
    used = send(admin, "/call-types?do=delete&of=discovery")

    assert [taken.status_code, used.status_code] == [409, 409]
    assert "use another slug" in Page(taken).text
    assert "Take it off" in Page(used).text


def test_a_skill_that_is_unknown_is_refused(admin: httpx.Client) -> None:
    answer = send(admin, "/call-types?do=add", **WEBINAR, skills=["no.such"])

    assert answer.status_code == 422
    assert 'href="#f-skills"' in answer.text


def test_a_skill_is_added_renamed_and_deleted(site: Site, admin: httpx.Client) -> None:
    done = [
        send(admin, "/skills?do=add", slug="demo.timing", name="Demo: timing"),
        send(admin, "/skills?do=save&of=demo.timing", name="Demo: pace"),
    ]

    assert [one.status_code for one in done] == [303, 303]
    assert "Demo: pace" in page(admin, "/settings/skills").text
    assert send(admin, "/skills?do=add", slug="demo.timing", name="Again").status_code == 409
    assert send(admin, "/skills?do=add", slug="9", name="").status_code == 422
    assert send(admin, "/skills?do=delete&of=demo.timing").status_code == 303
    with site.db() as db:
        assert known_slugs(db, ["demo.timing"]) == frozenset()


def test_a_skill_that_calls_show_is_not_deleted(admin: httpx.Client) -> None:
    answer = send(admin, "/skills?do=delete&of=discovery.questioning")

    assert (answer.status_code, "Take it off" in Page(answer).text) == (409, True)


def test_words_of_a_mail_are_tried_without_being_saved_then_saved_and_taken_back(
    site: Site, admin: httpx.Client
) -> None:
    path, words = "kind=seat_requested&language=en", {"subject": "Hey {{name}}", "text": "{{observer_name}} asks."}

    tried = send(admin, f"/messages?do=preview&{path}", **words)

    assert "Aisha Khan asks." in Page(tried).text
    assert "Hey Jo Müller" in Page(tried).text
    with site.db() as db:
        assert not db.execute(select(message_template)).all()
    assert send(admin, f"/messages?do=save&{path}", **words).status_code == 303
    assert "Aisha Khan asks." in page(admin, f"/settings/messages?{path}").text
    assert send(admin, f"/messages?do=delete&{path}").status_code == 303
    assert "Aisha Khan asks." not in page(admin, f"/settings/messages?{path}").text


def test_a_token_that_nobody_could_fill_in_is_refused(admin: httpx.Client) -> None:
    answer = send(admin, "/messages?do=save&kind=seat_requested", subject="Hello", text="{{password}}")

    assert answer.status_code == 422
    assert "Known here:" in Page(answer).text
    assert list(Page(answer).faults()) == []


def test_how_long_things_are_kept_is_chosen_within_bounds(site: Site, admin: httpx.Client) -> None:
    assert send(admin, "/retention", calls="365", notices="").status_code == 303
    assert house(site).retention_days == {"calls": 365}

    for wrong in ("1", "many", "99999"):
        answer = send(admin, "/retention", calls=wrong)
        assert (answer.status_code, 'href="#f-calls"' in answer.text) == (422, True)
    assert house(site).retention_days == {"calls": 365}
    assert send(admin, "/retention").status_code == 303
    assert house(site).retention_days == {}


def test_every_kind_of_record_has_a_row(admin: httpx.Client) -> None:
    shown = page(admin, "/settings/retention")

    assert {one.get("name") for one in shown.all("input")} >= set(KINDS)
