"""The list of calls: which are on it for whom, what narrows it down, and what its host changes about one of them."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.models.tables import call, seat
from app.operations.accounts import create_account
from app.operations.call_outcomes import start_call
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, Role, SeatStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

People = dict[str, Any]


@pytest.fixture
def people(site: Site) -> People:
    """Nora may listen, Mara hosts, Leo hosts too and takes nobody, Diego administers, Ina audits."""
    with site.db() as db:
        made = [
            a_person(db, "Nora Quinn"),
            a_person(db, "Mara Okafor"),
            a_person(db, "Leo Marchetti"),
            a_person(db, "Diego Salas", role=Role.ADMIN, time_zone="America/New_York"),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
        ]
        return {person.name.split()[0].lower(): person for person in made}


def calls_on(site: Site, host: Any, *hours: int, account: str = "Brightwater", **fields: Any) -> list[str]:
    """Calls of somebody, so many hours after Monday's midnight."""
    with site.db() as db:
        with_whom = create_account(db, fields={"name": account}, actor=SYSTEM, now=NOW).id
        given: dict[str, Any] = {"seats": 2, "account_id": with_whom, **fields}
        return [a_call(db, host, starts_at=MONDAY + timedelta(hours=hour), **given) for hour in hours]


def listed(shown: Page) -> list[str]:
    """The calls of the list, in its order."""
    return re.findall(r'<th scope="row">.*?href="/calls/(call_\w+)"', shown.answer.text)


def press(browser: httpx.Client, do: str, of: str, **fields: str) -> httpx.Response:
    return browser.post("/calls", params={"do": do, "of": of}, data=fields, headers=OURS)


def stands(site: Site, call_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(call).where(call.c.id == call_id)).one()


def test_calls_come_by_time_with_their_host_account_type_and_seats(site: Site, people: People) -> None:
    later, sooner = calls_on(site, people["mara"], 15, 10)
    site.seat(later, people["nora"].id)

    shown = page(site.signed_in(people["nora"].id), "/calls")

    assert listed(shown) == [sooner, later]
    assert "Mon 23 Nov 10:00 to 10:30" in shown.text
    assert "Mara Okafor with Brightwater" in shown.text
    assert "1 of 2 seats taken" in shown.text
    assert "1 seat free" in shown.text
    assert "2 seats free" in shown.text
    assert "Times are London time" in shown.text


def test_times_and_days_are_the_viewers(site: Site, people: People) -> None:
    (night,) = calls_on(site, people["mara"], 27)
    browser = site.signed_in(people["diego"].id)

    assert "Mon 23 Nov 22:00" in page(browser, "/calls").text
    assert listed(page(browser, "/calls?d=2026-11-23")) == [night]
    assert listed(page(browser, "/calls?d=2026-11-24")) == []


def test_filters_narrow_the_list_down(site: Site, people: People) -> None:
    (hers,) = calls_on(site, people["mara"], 10)
    (his,) = calls_on(site, people["leo"], 13, type="demo")
    browser = site.signed_in(people["nora"].id)

    assert listed(page(browser, "/calls?host=mara")) == [hers]
    assert listed(page(browser, "/calls?host=nobody+of+that+name")) == []
    assert listed(page(browser, "/calls?type=demo")) == [his]
    assert listed(page(browser, "/calls?d=2026-11-24")) == []
    assert listed(page(browser, "/calls?sort=-starts_at")) == [his, hers]
    assert listed(page(browser, "/calls?show=missed")) == []
    assert "No call is like this" in page(browser, "/calls?show=missed").text


@pytest.mark.parametrize("day", ["2026-13-01", "yesterday", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_none_shows_what_comes(site: Site, people: People, day: str) -> None:
    made = calls_on(site, people["mara"], 10)

    assert listed(page(site.signed_in(people["nora"].id), f"/calls?d={day}")) == made


def test_what_was_before_today_comes_latest_first(site: Site, people: People) -> None:
    first, second, _today = calls_on(site, people["mara"], 10, 34, 60)
    site.api.clock.at = MONDAY + timedelta(hours=57)

    assert listed(page(site.signed_in(people["nora"].id), "/calls?show=past")) == [second, first]


def test_only_what_the_viewer_could_join(site: Site, people: People) -> None:
    free, full = calls_on(site, people["mara"], 10, 14, seats=1)
    site.seat(full, people["leo"].id)
    (own,) = calls_on(site, people["nora"], 12)
    browser = site.signed_in(people["nora"].id)

    assert listed(page(browser, "/calls")) == [free, own, full]
    assert listed(page(browser, "/calls?joinable=on")) == [free]


def test_a_sensitive_call_is_on_the_lists_of_its_host_and_who_sees_the_house(site: Site, people: People) -> None:
    made = calls_on(site, people["mara"], 10, sensitive=True)

    seen = {who: listed(page(site.signed_in(person.id), "/calls")) for who, person in people.items()}

    assert seen == {"nora": [], "mara": made, "leo": [], "diego": made, "ina": made}
    assert "nobody sits in" in page(site.signed_in(people["mara"].id), "/calls").text


def test_a_second_page_goes_on_where_the_first_ended(site: Site, people: People) -> None:
    made = calls_on(site, people["mara"], *range(9, 9 + 60))
    browser = site.signed_in(people["nora"].id)

    first = page(browser, "/calls?host=Mara")
    onward = next(one["href"] for one in first.all("a") if one.get("rel") == "next")
    second = page(browser, onward)
    changing = page(browser, f"{onward}&change={made[55]}")

    assert listed(first) + listed(second) == made
    assert listed(changing) == listed(second)


def test_a_list_takes_as_many_statements_for_one_call_as_for_three(site: Site, people: People) -> None:
    browser = site.signed_in(people["nora"].id)
    calls_on(site, people["mara"], 10)
    with counted(site.api.engine) as for_one:
        browser.get("/calls")
    calls_on(site, people["leo"], 11, 12)

    with counted(site.api.engine) as for_three:
        browser.get("/calls")

    assert len(for_three) == len(for_one)


def test_hosts_and_admins_find_buttons_and_nobody_else_does(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)

    shown = {who: page(site.signed_in(one.id), f"/calls?change={made}") for who, one in people.items()}

    assert {who for who, one in shown.items() if 'id="change"' in one.answer.text} == {"mara", "diego"}


def test_a_host_sets_the_seats_and_goes_back_to_what_they_looked_at(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    browser = site.signed_in(people["mara"].id)

    answer = browser.post(
        f"/calls?host=Mara&do=seats&of={made}", data={"seat_capacity": " 4 ", "sensitive": "on"}, headers=OURS
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/calls?host=Mara&said=seats")
    assert (stands(site, made).seat_capacity, stands(site, made).sensitive) == (4, True)
    assert "Saved." in page(browser, answer.headers["location"]).text


def test_no_number_leaves_the_seats_to_the_rules(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10, seats=7)

    press(site.signed_in(people["mara"].id), "seats", made, seat_capacity="")

    assert stands(site, made).seat_capacity_override is None


@pytest.mark.parametrize("wrong", ["51", "-1", "many", "1.5", "９９"])
def test_seats_that_no_call_can_have_are_pointed_at(site: Site, people: People, wrong: str) -> None:
    (made,) = calls_on(site, people["mara"], 10)

    answer = press(site.signed_in(people["mara"].id), "seats", made, seat_capacity=wrong)

    assert answer.status_code == 422
    assert 'href="#f-seat_capacity"' in answer.text
    assert f'value="{wrong}"' in answer.text
    assert stands(site, made).seat_capacity == 2


def test_fewer_seats_than_are_taken_are_refused(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    site.seat(made, people["nora"].id, people["leo"].id)

    answer = press(site.signed_in(people["mara"].id), "seats", made, seat_capacity="1")

    assert answer.status_code == 409
    assert "Release seats first." in Page(answer).text
    assert stands(site, made).seat_capacity == 2


def test_cancelling_needs_the_word(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    site.seat(made, people["nora"].id)
    browser = site.signed_in(people["mara"].id)

    assert press(browser, "cancel", made, sure="yes").status_code == 422
    assert stands(site, made).status is CallStatus.SCHEDULED
    assert press(browser, "cancel", made, sure="Cancel").status_code == 303
    assert stands(site, made).status is CallStatus.CANCELLED
    assert listed(page(browser, "/calls?show=cancelled")) == [made]


def test_a_host_says_what_became_of_a_call(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    site.seat(made, people["nora"].id)
    site.api.clock.at = MONDAY + timedelta(hours=10, minutes=5)
    browser = site.signed_in(people["mara"].id)

    said = [press(browser, do, made).headers["location"] for do in ("start", "end")]

    assert said == ["/calls?said=start", "/calls?said=end"]
    assert stands(site, made).status is CallStatus.ENDED
    with site.db() as db:
        assert db.execute(select(seat.c.status)).scalars().all() == [SeatStatus.ATTENDED]
    assert press(browser, "no-show", made).status_code == 409


def test_a_customer_who_did_not_come_is_noted(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    site.api.clock.at = MONDAY + timedelta(hours=10, minutes=5)

    browser = site.signed_in(people["mara"].id)

    assert press(browser, "no-show", made).status_code == 303
    assert stands(site, made).status is CallStatus.NO_SHOW
    assert listed(page(browser, "/calls?show=missed")) == [made]


def test_what_goes_on_is_shown_as_on_and_then_as_over(site: Site, people: People) -> None:
    (made,) = calls_on(site, people["mara"], 10)
    with site.db() as db:
        start_call(db, call_id=made, actor=SYSTEM, now=MONDAY + timedelta(hours=10))
    site.api.clock.at = MONDAY + timedelta(hours=10, minutes=5)
    browser = site.signed_in(people["nora"].id)

    assert "On now" in page(browser, "/calls?d=2026-11-23").text
    site.api.clock.at = MONDAY + timedelta(hours=11)
    assert "Over" in page(browser, "/calls?d=2026-11-23").text


@pytest.mark.parametrize("do", ["seats", "start", "end", "no-show", "cancel"])
def test_nobody_changes_the_calls_of_others(site: Site, people: People, do: str) -> None:
    (made,) = calls_on(site, people["mara"], 10)

    for who in ("nora", "ina"):
        assert press(site.signed_in(people[who].id), do, made, sure="cancel").status_code == 403
    assert stands(site, made).status is CallStatus.SCHEDULED


def test_without_calls_somebody_is_told_what_to_do(site: Site, people: People) -> None:
    assert "Go to this week" in page(site.signed_in(people["nora"].id), "/calls").text
    assert "They come from your CRM" in page(site.signed_in(people["diego"].id), "/calls").text
