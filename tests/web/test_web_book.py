"""Booking a session: what is refused and what else there is, which calls come first and why, and for whom."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert, select, update

from app.models.tables import call_type_skill, installation, person, person_skill, seat, waitlist_entry
from app.operations.accounts import create_account
from app.operations.calls import cancel_call
from app.rules.access import SYSTEM
from app.vocabulary import Role, SeatApproval, SeatStatus, WaitlistStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

People = Mapping[str, Any]
DAY = timedelta(days=1)


@pytest.fixture
def people(site: Site) -> People:
    """Nora and Leo may listen, and report to Lea in New York; Mara and Jo host; Diego administers, Ina audits."""
    with site.db() as db:
        lea = a_person(db, "Lea Brandt", role=Role.MANAGER, time_zone="America/New_York")
        made = [
            lea,
            a_person(db, "Nora Quinn", manager_id=lea.id),
            a_person(db, "Leo Marchetti", manager_id=lea.id),
            a_person(db, "Mara Okafor"),
            a_person(db, "Jo Lind"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
        ]
        return {one.name.split()[0].lower(): one for one in made}


def a_call_of(site: Site, host: Any, hour: int, **fields: Any) -> str:
    """A call, so many hours after Monday's midnight."""
    with site.db() as db:
        account = create_account(db, fields={"name": "Brightwater"}, actor=SYSTEM, now=NOW)
        given: dict[str, Any] = {"seats": 1, "account_id": account.id, "title": "Hush: price talk", **fields}
        return a_call(db, host, starts_at=MONDAY + timedelta(hours=hour), **given)


def teach(site: Site, call_type: str, skill: str, **wants: int) -> None:
    """Let calls of a type show one skill and nothing else, and people want to learn it, by id."""
    with site.db() as db:
        db.execute(delete(call_type_skill).where(call_type_skill.c.call_type == call_type))
        db.execute(insert(call_type_skill).values(call_type=call_type, skill=skill))
        for person_id, number in wants.items():
            db.execute(insert(person_skill).values(person_id=person_id, skill=skill, wants=number))


def listed(shown: Page) -> list[str]:
    """The calls that are offered, best first."""
    return re.findall(r'<p class="title"><a href="/calls/(call_\w+)"', shown.answer.text)


def buttons(shown: Page) -> dict[str, str]:
    """What can be done about each call."""
    forms = [
        httpx.URL(attrs["action"]).params for attrs in shown.all("form") if attrs.get("action", "")[:6] == "/book?"
    ]
    return {one["call"]: one["do"] for one in forms}


def relaxed(shown: Page) -> list[str]:
    return re.findall(r'<a class="button" href="(/book[^"]*)">(?:Any|A week|Two weeks)', shown.answer.text)


def press(browser: httpx.Client, do: str, call_id: str, **query: str) -> httpx.Response:
    return browser.post("/book", params={"do": do, "call": call_id, **query}, headers=OURS)


def seats_on(site: Site, call_id: str) -> dict[str, SeatStatus]:
    with site.db() as db:
        rows = db.execute(select(seat.c.observer_id, seat.c.status).where(seat.c.call_id == call_id))
        return {row.observer_id: row.status for row in rows}


def test_a_seat_that_is_gone_is_said_with_what_else_there_is(site: Site, people: People) -> None:
    last, other = a_call_of(site, people["mara"], 10), a_call_of(site, people["jo"], 14)
    nora = site.signed_in(people["nora"].id)
    assert buttons(page(nora, "/book"))[last] == "take"
    site.seat(last, people["leo"].id)

    refused = press(nora, "take", last)

    assert refused.status_code == 409
    assert "Nothing has changed. Every seat is taken." in Page(refused).text
    assert "You could join Jo Lind, Monday 23 November, 14:00" in Page(refused).text
    assert list(Page(refused).faults()) == []
    assert "Take the first of these" in Page(refused).text
    assert buttons(Page(refused)) == {other: "take", last: "wait"}
    assert people["nora"].id not in seats_on(site, last)


def test_a_call_that_is_cancelled_in_between_is_refused(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    nora = site.signed_in(people["nora"].id)
    with site.db() as db:
        cancel_call(db, call_id=made, actor=SYSTEM, now=NOW)

    answers = [press(nora, do, made) for do in ("take", "wait")]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert "The call was cancelled." in Page(answers[0]).text
    assert listed(Page(answers[0])) == []


def test_a_call_that_has_begun_is_refused_and_gone_from_the_list(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    site.api.clock.at = MONDAY + timedelta(hours=10, minutes=5)
    nora = site.signed_in(people["nora"].id)

    refused = press(nora, "take", made)

    assert refused.status_code == 409
    assert "The call has started." in Page(refused).text
    assert listed(Page(refused)) == []


def test_a_refusal_about_somebody_else_does_not_speak_of_the_viewer(site: Site, people: People) -> None:
    first, second = a_call_of(site, people["mara"], 15), a_call_of(site, people["jo"], 15)
    site.seat(first, people["nora"].id)

    refused = press(site.signed_in(people["lea"].id), "take", second, who=people["nora"].id)

    assert refused.status_code == 409
    assert "The observer is taken at that time." in Page(refused).text
    assert "You are taken" not in Page(refused).text


@pytest.mark.parametrize("who", ["mara", "ina"])
def test_nobody_books_for_those_whom_they_do_not_lead(site: Site, people: People, who: str) -> None:
    made = a_call_of(site, people["jo"], 10)

    for do in ("take", "wait"):
        answer = press(site.signed_in(people[who].id), do, made, who=people["nora"].id)
        assert answer.status_code == 403
    assert seats_on(site, made) == {}


def test_what_fits_somebody_is_nobody_elses_to_see(site: Site, people: People) -> None:
    statuses = {
        who: site.signed_in(people[who].id).get("/book", params={"who": people["nora"].id}).status_code
        for who in ("nora", "leo", "mara", "lea", "diego", "ina")
    }

    assert statuses == {"nora": 200, "leo": 404, "mara": 404, "lea": 200, "diego": 200, "ina": 200}


@pytest.mark.parametrize("query", ["who=per_nobody", "mentor=per_nobody"])
def test_nobody_of_that_id_is_not_found(site: Site, people: People, query: str) -> None:
    assert site.signed_in(people["nora"].id).get(f"/book?{query}").status_code == 404


def test_a_sensitive_call_can_be_neither_seen_nor_taken(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10, sensitive=True)
    nora = site.signed_in(people["nora"].id)

    assert listed(page(nora, "/book")) == []
    assert press(nora, "take", made).status_code == 404


def test_another_sites_form_books_nothing(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    nora = site.signed_in(people["nora"].id)

    answer = nora.post("/book", params={"do": "take", "call": made}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert seats_on(site, made) == {}


def test_looking_changes_nothing(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)

    site.signed_in(people["nora"].id).get("/book", params={"do": "take", "call": made})

    assert seats_on(site, made) == {}


@pytest.mark.parametrize("week", ["yesterday", "2026-W54", "9999-W01"])
def test_a_week_that_is_none_shows_the_one_that_comes(site: Site, people: People, week: str) -> None:
    made = a_call_of(site, people["mara"], 10)

    assert listed(page(site.signed_in(people["nora"].id), f"/book?d={week}")) == [made]


def test_a_week_that_is_over_has_nothing(site: Site, people: People) -> None:
    a_call_of(site, people["mara"], 10)
    site.api.clock.at = MONDAY + 14 * DAY

    assert listed(page(site.signed_in(people["nora"].id), "/book?d=2026-W48")) == []


def test_without_any_call_the_page_says_what_to_do(site: Site, people: People) -> None:
    shown = page(site.signed_in(people["nora"].id), "/book?type=demo")

    assert "No call fits" in shown.text
    assert relaxed(shown) == []
    assert "Begin again without filters" in shown.text


def test_only_wider_searches_that_find_something_are_offered(site: Site, people: People) -> None:
    discovery = a_call_of(site, people["jo"], 10, type="discovery")
    mara, nora = people["mara"].id, site.signed_in(people["nora"].id)

    by_mentor = relaxed(page(nora, f"/book?mentor={mara}&type=discovery"))
    by_type = relaxed(page(nora, f"/book?mentor={people['jo'].id}&type=demo"))
    by_both = relaxed(page(nora, f"/book?mentor={mara}&type=demo"))

    assert by_mentor == ["/book?type=discovery", "/book"]
    assert by_type == [f"/book?mentor={people['jo'].id}", "/book"]
    assert by_both == ["/book"]
    assert listed(page(nora, by_mentor[0])) == [discovery]


def test_at_most_three_wider_searches_are_offered_and_each_finds_something(site: Site, people: People) -> None:
    mara, jo = people["mara"], people["jo"]
    teach(site, "demo", "demo.tailoring")
    teach(site, "discovery", "discovery.questioning")
    a_call_of(site, jo, 10, type="demo")
    a_call_of(site, mara, 12, type="discovery", title="Discovery")
    a_call_of(site, mara, 10 + 7 * 24, type="demo")
    nora = site.signed_in(people["nora"].id)

    shown = page(nora, f"/book?mentor={mara.id}&type=demo")

    offered = [address.replace("&amp;", "&") for address in relaxed(shown)]
    assert offered == ["/book?type=demo", f"/book?mentor={mara.id}", f"/book?type=demo&mentor={mara.id}&d=2026-W49"]
    assert all(len(listed(page(nora, address))) == 1 for address in offered)


def test_somebody_takes_a_seat_and_goes_on_to_the_call(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    nora = site.signed_in(people["nora"].id)

    taken = press(nora, "take", made)

    assert (taken.status_code, taken.headers["location"]) == (303, f"/calls/{made}?said=taken")
    assert "Seat taken." in page(nora, taken.headers["location"]).text
    assert seats_on(site, made) == {people["nora"].id: SeatStatus.CONFIRMED}
    assert listed(page(nora, "/book")) == []


def test_pressing_twice_takes_one_seat(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10, seats=2)
    nora = site.signed_in(people["nora"].id)

    answers = [press(nora, do, made) for do in ("take", "take", "wait")]

    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert "You have a seat on this call." in page(nora, answers[1].headers["location"]).text
    assert seats_on(site, made) == {people["nora"].id: SeatStatus.CONFIRMED}


def test_a_host_who_decides_is_asked(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["mara"].id).values(seat_approval=SeatApproval.HOST))
    nora = site.signed_in(people["nora"].id)
    assert "Ask for a seat" in page(nora, "/book").text

    asked = press(nora, "take", made)

    assert asked.headers["location"] == f"/calls/{made}?said=asked"
    assert seats_on(site, made) == {people["nora"].id: SeatStatus.REQUESTED}


def test_somebody_waits_once_for_a_call_that_is_full(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    site.seat(made, people["leo"].id)
    nora = site.signed_in(people["nora"].id)
    assert buttons(page(nora, "/book")) == {made: "wait"}

    waits = [press(nora, "wait", made).headers["location"] for _ in range(2)]

    assert waits == [f"/calls/{made}?said=wait"] * 2
    assert "You are number 1 in line." in page(nora, waits[0]).text
    with site.db() as db:
        line = db.execute(select(waitlist_entry.c.person_id, waitlist_entry.c.status)).all()
    assert line == [(people["nora"].id, WaitlistStatus.WAITING)]


def test_who_waits_sees_which_they_are_and_leaves_the_line(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)
    site.seat(made, people["jo"].id)
    leo, nora = site.signed_in(people["leo"].id), site.signed_in(people["nora"].id)
    press(leo, "wait", made)
    site.api.clock.at += timedelta(minutes=1)
    press(nora, "wait", made)
    shown = page(nora, "/book")
    assert "You wait (2nd)" in shown.text
    assert "They wait (1st)" in page(site.signed_in(people["lea"].id), f"/book?who={people['leo'].id}").text
    leave = next(form["action"] for form in shown.all("form") if "do=quit" in form.get("action", ""))

    answers = [nora.post(leave, headers=OURS) for _ in range(2)]

    assert [answer.headers["location"] for answer in answers] == ["/book?said=quit"] * 2
    assert buttons(page(nora, "/book")) == {made: "wait"}
    assert leo.post(leave, headers=OURS).status_code == 404


def test_who_would_wait_takes_the_seat_that_came_free_in_between(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)

    answer = press(site.signed_in(people["nora"].id), "wait", made)

    assert answer.headers["location"] == f"/calls/{made}?said=taken"
    assert seats_on(site, made) == {people["nora"].id: SeatStatus.CONFIRMED}


def test_what_somebody_wants_to_hear_comes_first_and_says_so(site: Site, people: People) -> None:
    teach(site, "discovery", "discovery.questioning")
    teach(site, "demo", "demo.tailoring", **{people["nora"].id: 5})
    sooner = a_call_of(site, people["mara"], 10, type="discovery")
    wanted = a_call_of(site, people["jo"], 15, type="demo")

    for_nora = page(site.signed_in(people["nora"].id), "/book")
    for_leo = page(site.signed_in(people["leo"].id), "/book")

    assert listed(for_nora) == [wanted, sooner]
    assert "You want to hear" in for_nora.text
    assert listed(for_leo) == [sooner, wanted]
    assert "You want to hear" not in for_leo.text
    assert "Hush" not in for_nora.answer.text


def test_what_somebody_has_not_heard_lately_comes_first_and_says_so(site: Site, people: People) -> None:
    site.seat(a_call_of(site, people["mara"], 10, type="discovery"), people["leo"].id)
    known = a_call_of(site, people["mara"], 34, type="discovery")
    unheard = a_call_of(site, people["jo"], 39, type="demo")
    site.api.clock.at = MONDAY + timedelta(hours=12)

    shown = page(site.signed_in(people["leo"].id), "/book")

    assert listed(shown) == [unheard, known]
    assert shown.text.count("You have heard none like it in four weeks") == 1
    assert shown.text.count("It fits the week") == 1


def test_what_speaks_for_somebody_is_theirs_alone_where_the_house_says_so(site: Site, people: People) -> None:
    teach(site, "demo", "demo.tailoring", **{people["nora"].id: 5})
    sooner = a_call_of(site, people["mara"], 10, type="discovery")
    wanted = a_call_of(site, people["jo"], 15, type="demo")
    with site.db() as db:
        db.execute(update(installation).values(person_insights=False))

    for_lea = page(site.signed_in(people["lea"].id), f"/book?who={people['nora'].id}")
    for_nora = page(site.signed_in(people["nora"].id), "/book")

    assert (listed(for_lea), listed(for_nora)) == ([sooner, wanted], [wanted, sooner])
    assert "want to hear" not in for_lea.text


def test_a_manager_who_hosts_is_a_reason(site: Site, people: People) -> None:
    sooner = a_call_of(site, people["mara"], 15)
    hers = a_call_of(site, people["lea"], 16)

    shown = page(site.signed_in(people["nora"].id), "/book")

    assert listed(shown) == [hers, sooner]
    assert "Your manager hosts it" in shown.text


def test_filters_narrow_down_and_stay_in_the_buttons(site: Site, people: People) -> None:
    hers = a_call_of(site, people["mara"], 10, type="discovery")
    his = a_call_of(site, people["jo"], 14, type="demo")
    teach(site, "discovery", "discovery.questioning")
    teach(site, "demo", "demo.tailoring")
    nora = site.signed_in(people["nora"].id)

    assert listed(page(nora, f"/book?mentor={people['mara'].id}")) == [hers]
    assert listed(page(nora, "/book?type=demo")) == [his]
    assert listed(page(nora, "/book?skill=demo.tailoring")) == [his]
    assert listed(page(nora, "/book?d=2026-W49")) == []
    assert 'action="/book?type=demo&amp;call=' in page(nora, "/book?type=demo").answer.text


def test_calls_that_do_not_fit_are_left_out(site: Site, people: People) -> None:
    fits = a_call_of(site, people["mara"], 10)
    a_call_of(site, people["nora"], 14)  # her own, and so is the time of the next one
    a_call_of(site, people["jo"], 14)
    a_call_of(site, people["jo"], 20)  # after hours
    a_call_of(site, people["jo"], 12, language="fi")

    assert listed(page(site.signed_in(people["nora"].id), "/book")) == [fits]


def test_who_leads_books_for_one_of_theirs_and_sees_both_clocks(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 15)
    lea, nora = site.signed_in(people["lea"].id), people["nora"].id

    shown = page(lea, f"/book?who={nora}")
    booked = press(lea, "take", made, who=nora)

    assert "Mon 10:00 to 10:30" in shown.text
    assert "Mon 15:00 London time" in shown.text
    assert [one for one in ("Leo Marchetti", "Nora Quinn") if f">{one}</option>" in shown.answer.text]
    assert booked.headers["location"] == f"/book?who={nora}&said=taken"
    assert "The seat is theirs" in page(lea, booked.headers["location"]).text
    assert seats_on(site, made) == {nora: SeatStatus.CONFIRMED}


def test_an_admin_chooses_for_whom_to_book(site: Site, people: People) -> None:
    shown = page(site.signed_in(people["diego"].id), "/book").answer.text

    for one in ("nora", "leo", "mara"):
        assert f'<option value="{people[one].id}">{people[one].name}</option>' in shown


def test_who_audits_finds_no_button(site: Site, people: People) -> None:
    made = a_call_of(site, people["mara"], 10)

    shown = page(site.signed_in(people["ina"].id), f"/book?who={people['nora'].id}")

    assert listed(shown) == [made]
    assert buttons(shown) == {}


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_are_called_is_text(site: Site, people: People, text: str) -> None:
    made = a_call_of(site, people["mara"], 10)
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["mara"].id).values(name=text))

    shown = page(site.signed_in(people["nora"].id), f"/book?mentor={people['mara'].id}")

    assert listed(shown) == [made]
    assert " ".join(text.split()) in shown.text


def test_a_list_takes_as_many_statements_for_one_call_as_for_three(site: Site, people: People) -> None:
    nora = site.signed_in(people["nora"].id)
    a_call_of(site, people["mara"], 10)
    with counted(site.api.engine) as for_one:
        nora.get("/book")
    a_call_of(site, people["jo"], 12)
    a_call_of(site, people["mara"], 14)

    with counted(site.api.engine) as for_three:
        nora.get("/book")

    assert len(for_three) == len(for_one)
