"""The call page and the session page: who sees them, what is on them, and seats taken and given back by a button."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from app.models.tables import calendar_entry, call, seat
from app.operations.accounts import create_account
from app.operations.calls import cancel_call
from app.queries.entries import Desk, Subject, drawn_entries
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

MEETING = "https://meet.earshot.example/northwind?pwd=1"


@pytest.fixture
def people(site: Site) -> dict[str, str]:
    """Nora and Leo may listen, Mara hosts in New York, Diego administers, Zoe has nothing to do with it."""
    with site.db() as db:
        made = [
            a_person(db, "Nora Quinn"),
            a_person(db, "Leo Marchetti"),
            a_person(db, "Mara Okafor", time_zone="America/New_York"),
            a_person(db, "Zoe Lindqvist", time_zone="Asia/Kolkata"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
        ]
        return {person.name.split()[0].lower(): person.id for person in made}


def _call(site: Site, people: dict[str, str], **fields: Any) -> str:
    with site.db() as db:
        account = create_account(db, fields={"name": "Brightwater"}, actor=SYSTEM, now=site.api.clock())
        given = {"starts_at": MONDAY + timedelta(hours=15), "seats": 3, "meeting_url": MEETING, **fields}
        host = a_person(db, "Spare host")
        made = a_call(db, host, account_id=account.id, title="Hush: price talk", **given)
        db.execute(update(call).where(call.c.id == made).values(host_id=people["mara"]))
    return made


def _session_of(site: Site, call_id: str, observer_id: str) -> str:
    with site.db() as db:
        query = select(seat.c.session_id).where(seat.c.call_id == call_id, seat.c.observer_id == observer_id)
        return str(db.execute(query).scalar_one())


def _press(site: Site, browser: Any, call_id: str, do: str) -> Any:
    return browser.post(f"/calls/{call_id}?do={do}", headers=OURS)


def _links(shown: Page) -> list[str]:
    return [attrs["href"] for attrs in shown.all("a")]


def test_every_link_of_a_calendar_entry_opens_for_whom_it_was_sent_to(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"], people["leo"])
    with site.db() as db:
        rows = db.execute(select(calendar_entry.c.id, calendar_entry.c.person_id)).all()
        who = {row.id: row.person_id for row in rows}
        drawn = drawn_entries(db, who, desk=Desk.of(site.api.settings))

    assert {one.subject for one in drawn} == {Subject.HOSTING, Subject.SEAT}
    for one in drawn:
        assert one.entry.url is not None
        assert one.entry.url in one.entry.description
        page(site.signed_in(who[one.id]), urlsplit(one.entry.url).path)


def test_an_observer_sees_when_who_and_what_to_listen_for(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"], people["leo"])

    shown = page(site.signed_in(people["nora"]), f"/s/{_session_of(site, call_id, people['nora'])}")

    assert "Shadow: Mara Okafor with Brightwater" in shown.text
    assert "Your time Monday 23 November 2026, 15:00 to 15:30 London, UTC" in shown.text
    assert "The host's time Monday 23 November 2026, 10:00 to 10:30 New York, UTC−5" in shown.text
    assert "What to listen for" in shown.text
    assert len(re.findall("class=.lessons.*?</ul>", shown.answer.text, re.DOTALL)) == 1
    assert "invite not answered yet" in shown.text
    assert MEETING in _links(shown)
    assert f"/calls/{call_id}" in _links(shown)
    assert "/week?d=2026-W48" in _links(shown)
    assert not [word for word in ("Leo", "Hush") if word in shown.answer.text]


def test_the_host_and_an_admin_see_a_session_and_nobody_else_does(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    path = f"/s/{_session_of(site, call_id, people['nora'])}"

    assert "Nora Quinn listens to you with Brightwater" in page(site.signed_in(people["mara"]), path).text
    page(site.signed_in(people["diego"]), path)
    for stranger in (people["leo"], people["zoe"]):
        browser = site.signed_in(stranger)
        page(browser, path, status=404)
        page(browser, f"{path}/invite.ics", status=404)
    page(site.signed_in(people["nora"]), "/s/ses_unknown", status=404)


def test_the_invite_is_the_file_that_the_api_sends(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    session_id = _session_of(site, call_id, people["nora"])

    for who in ("nora", "mara"):
        here = site.signed_in(people[who]).get(f"/s/{session_id}/invite.ics")
        there = site.api.rep(people[who]).get(f"/v1/sessions/{session_id}/invite.ics")

        assert here.headers["content-type"] == "text/calendar; charset=utf-8"
        assert here.headers["content-disposition"] == 'attachment; filename="invite.ics"'
        assert here.headers["cache-control"] == "private, no-store"
        assert here.content == there.content


def test_a_seat_given_back_leaves_a_page_that_says_so_and_tells_no_way_in(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    session_id = _session_of(site, call_id, people["nora"])
    nora = site.signed_in(people["nora"])
    _press(site, nora, call_id, "leave")

    mine = page(nora, f"/s/{session_id}")
    hosts = page(site.signed_in(people["mara"]), f"/s/{session_id}")
    admins = page(site.signed_in(people["diego"]), f"/s/{session_id}")

    assert "This session is cancelled. You no longer have this seat." in mine.text
    assert "This session is cancelled. Nora Quinn no longer has this seat." in hosts.text
    for shown in (mine, hosts, admins):
        assert MEETING not in shown.answer.text
        assert "microphone" not in shown.text
        assert "Nora Quinn Gave the seat back, or lost it" in shown.text
    assert "STATUS:CANCELLED" in nora.get(f"/s/{session_id}/invite.ics").text


def test_a_page_links_no_call_that_its_reader_may_no_longer_know_of(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    session_id = _session_of(site, call_id, people["nora"])
    nora = site.signed_in(people["nora"])
    _press(site, nora, call_id, "leave")
    with site.db() as db:
        db.execute(update(call).where(call.c.id == call_id).values(sensitive=True))

    shown = page(nora, f"/s/{session_id}")

    assert f"/calls/{call_id}" not in _links(shown)
    page(nora, f"/calls/{call_id}", status=404)


def test_who_sits_in_is_told_by_name_to_the_host_and_admins_alone(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"], people["leo"])
    path = f"/calls/{call_id}"

    for who in ("mara", "diego"):
        seen = page(site.signed_in(people[who]), path).text
        assert "Nora Quinn Seat 1" in seen
        assert "Leo Marchetti Seat 2" in seen
        assert "1 free seat" in seen
    nora = page(site.signed_in(people["nora"]), path)
    zoe = page(site.signed_in(people["zoe"]), path)

    assert "2 of 3 seats taken." in zoe.text
    assert "Nora Quinn Seat 1, you" in nora.text
    assert "1 other observer" in nora.text
    assert "2 other observers" in zoe.text
    assert "Leo" not in nora.answer.text + zoe.answer.text
    assert "Nora" not in zoe.answer.text
    assert "Hush" not in nora.answer.text + zoe.answer.text
    assert MEETING in _links(nora)
    assert MEETING not in zoe.answer.text


def test_a_seat_is_taken_and_given_back_by_a_button_without_javascript(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    nora, path = site.signed_in(people["nora"]), f"/calls/{call_id}"
    before = page(nora, path)

    taken = [_press(site, nora, call_id, "take") for _ in range(2)]
    after = page(nora, path)
    left = [_press(site, nora, call_id, "leave") for _ in range(2)]

    of_all = {"/logout", "/me/theme"}
    assert {attrs["action"] for attrs in before.all("form") if "action" in attrs} == {*of_all, f"{path}?do=take"}
    assert {attrs["action"] for attrs in after.all("form") if "action" in attrs} == {*of_all, f"{path}?do=leave"}
    assert [(a.status_code, a.headers["location"]) for a in taken] == [(303, f"{path}?said=taken")] * 2
    assert [(a.status_code, a.headers["location"]) for a in left] == [(303, f"{path}?said=leave")] * 2
    assert "Seat taken. Your microphone stays off." in page(nora, f"{path}?said=taken").text
    assert page(nora, f"{path}?said=<b>").text == page(nora, path).text
    assert f"/s/{_session_of(site, call_id, people['nora'])}" in _links(after)
    assert "You have a seat on this call." in after.text
    assert "0 of 3 seats taken." in page(nora, path).text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"seats": 0}, "This call has no seats."),
        ({"stage": "legal"}, "The deal is at a point where nobody sits in."),
        ({"starts_at": MONDAY + timedelta(hours=20)}, "The call lies outside your working hours."),
        ({"starts_at": MONDAY - timedelta(days=1, hours=15, minutes=-5)}, "The call starts in less than 15 minutes."),
        ({"starts_at": MONDAY - timedelta(days=2)}, "The call is over. Choose an upcoming one."),
    ],
)
def test_a_call_that_cant_be_joined_says_why_and_a_pressed_button_too(
    site: Site, people: dict[str, str], fields: dict[str, Any], expected: str
) -> None:
    call_id = _call(site, people, **fields)
    nora = site.signed_in(people["nora"])

    shown = page(nora, f"/calls/{call_id}")
    answer = _press(site, nora, call_id, "take")

    assert expected in shown.text
    assert not [attrs for attrs in shown.all("form") if "do=take" in attrs["action"]]
    assert answer.status_code == 409
    assert ("It has no seats." in shown.text) == (fields.get("seats") == 0)
    refused = Page(answer)
    assert list(refused.faults()) == []
    assert f"Nothing has changed. {expected}" in refused.text
    assert refused.text.count(expected) == 1


def test_reasons_are_about_the_one_who_reads_them(site: Site, people: dict[str, str]) -> None:
    first, second = _call(site, people), _call(site, people)
    site.seat(first, people["nora"])
    with site.db() as db:
        busy = a_person(db, "Busy host", host_per_week=0)
        idle = a_person(db, "Ida Berg", observe_per_week=0).id
        unloaded = a_call(db, busy, starts_at=MONDAY + timedelta(hours=11))

    nora = site.signed_in(people["nora"])

    assert "You are taken at that time." in page(nora, f"/calls/{second}").text
    hosts = "The host's limit of 0 observers in week 2026-W48 (Europe/London) is reached. Choose another week."
    assert hosts in page(nora, f"/calls/{unloaded}").text
    yours = "Your limit of 0 seats in week 2026-W48 (Europe/London) is reached. Choose another week."
    assert yours in page(site.signed_in(idle), f"/calls/{first}").text
    assert (
        "You host this call: its seats are for others." in page(site.signed_in(people["mara"]), f"/calls/{first}").text
    )


def test_the_last_seat_goes_to_the_first_and_the_second_is_told_on_the_page(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people, seats=1)
    nora, leo = site.signed_in(people["nora"]), site.signed_in(people["leo"])
    page(leo, f"/calls/{call_id}")

    first, second = _press(site, nora, call_id, "take"), _press(site, leo, call_id, "take")

    assert (first.status_code, second.status_code) == (303, 409)
    assert "Every seat is taken." in Page(second).text
    assert "1 of 1 seat taken." in Page(second).text


def test_a_refused_seat_is_answered_with_links_to_the_calls_that_would_do(site: Site, people: dict[str, str]) -> None:
    full = _call(site, people, seats=1)
    site.seat(full, people["leo"])
    with site.db() as db:
        kim, zed = a_person(db, HOSTILE[0]), a_person(db, "Zed")
        soon = a_call(db, kim, starts_at=MONDAY + timedelta(hours=16), title="Hush", meeting_url=MEETING)
        later = a_call(db, zed, starts_at=MONDAY + timedelta(days=1, hours=9), title="Hush")
    nora = site.signed_in(people["nora"])

    refused = Page(_press(site, nora, full, "take"))

    assert list(refused.faults()) == []
    assert [link for link in _links(refused) if link.startswith("/calls/")] == [f"/calls/{soon}", f"/calls/{later}"]
    offer = f"You could join {HOSTILE[0]}, Monday 23 November, 16:00; Zed, Tuesday 24 November, 09:00."
    assert offer in refused.text
    assert "Hush" not in refused.answer.text
    assert len(refused.all("script")) == 1
    assert "You could join" not in page(nora, f"/calls/{full}").text


def test_a_refused_seat_without_another_to_offer_still_leads_to_the_week(site: Site, people: dict[str, str]) -> None:
    full = _call(site, people, seats=1)
    site.seat(full, people["leo"])

    refused = Page(_press(site, site.signed_in(people["nora"]), full, "take"))

    assert "You could join" not in refused.text
    assert "/week?d=2026-W48" in _links(refused)


def test_a_seat_on_a_call_that_is_over_is_kept(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    site.api.clock.at = MONDAY + timedelta(hours=16)
    nora = site.signed_in(people["nora"])

    answer = _press(site, nora, call_id, "leave")

    assert answer.status_code == 409
    assert "The call is over, and the seat with it." in Page(answer).text
    for path in (f"/calls/{call_id}", f"/s/{_session_of(site, call_id, people['nora'])}"):
        shown = page(nora, path)
        assert "This call is over." in shown.text
        assert MEETING not in shown.answer.text


def test_a_call_nobody_may_know_of_is_not_there(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people, sensitive=True)
    zoe = site.signed_in(people["zoe"])

    page(zoe, f"/calls/{call_id}", status=404)
    page(zoe, "/calls/call_unknown", status=404)

    assert _press(site, zoe, call_id, "take").status_code == 404
    assert "nobody sits in" in page(site.signed_in(people["diego"]), f"/calls/{call_id}").text
    page(site.signed_in(people["mara"]), f"/calls/{call_id}")


def test_strangers_are_asked_to_sign_in_and_come_back(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    session_id = _session_of(site, call_id, people["nora"])

    for path in (f"/s/{session_id}", f"/s/{session_id}/invite.ics", f"/calls/{call_id}"):
        browser = site.browser()
        sent = browser.get(path)
        browser.get(sent.headers["location"])
        arrived = browser.post(site.link(people["nora"]), headers=OURS)

        assert (sent.status_code, sent.headers["location"]) == (303, f"/login?next={path}")
        assert arrived.headers["location"] == path
        assert browser.get(path).status_code == 200
    stranger = _press(site, site.browser(), call_id, "take")

    assert (stranger.status_code, stranger.headers["location"]) == (303, f"/login?next=/calls/{call_id}")


@pytest.mark.parametrize("do", ["take", "leave"])
def test_another_site_takes_and_leaves_no_seat_in_our_name(site: Site, people: dict[str, str], do: str) -> None:
    call_id = _call(site, people)
    nora = site.signed_in(people["nora"])
    if do == "leave":
        site.seat(call_id, people["nora"])

    answer = nora.post(f"/calls/{call_id}?do={do}", headers={"Sec-Fetch-Site": "cross-site"})
    looked = nora.get(f"/calls/{call_id}?do={do}")

    assert (answer.status_code, looked.status_code) == (403, 200)
    assert f"{int(do == 'leave')} of 3 seats taken." in page(nora, f"/calls/{call_id}").text


def test_an_unknown_act_is_refused(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    nora = site.signed_in(people["nora"])

    assert _press(site, nora, call_id, "burn").status_code == 422
    assert nora.post(f"/calls/{call_id}", headers=OURS).status_code == 422


def test_a_cancelled_call_says_so_on_both_pages(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    with site.db() as db:
        cancel_call(db, call_id=call_id, actor=SYSTEM, now=site.api.clock())
    nora = site.signed_in(people["nora"])

    assert "The call was cancelled." in page(nora, f"/calls/{call_id}").text
    assert "This session is cancelled." in page(nora, f"/s/{_session_of(site, call_id, people['nora'])}").text


def test_hostile_names_and_meeting_links_are_text(site: Site, people: dict[str, str]) -> None:
    with site.db() as db:
        for number, name in enumerate(HOSTILE):
            host = a_person(db, name, email=f"h{number}@earshot.example")
            junior = a_person(db, name, email=f"j{number}@earshot.example")
            account = create_account(db, fields={"name": name}, actor=SYSTEM, now=site.api.clock())
            made = a_call(db, host, account_id=account.id, meeting_url="javascript:alert(1)")
            people[made] = junior.id
    calls = [key for key in people if key.startswith("call_")]
    for call_id in calls:
        site.seat(call_id, people[call_id])

    for name, call_id in zip(HOSTILE, calls, strict=True):
        browser = site.signed_in(people[call_id])
        for path in (f"/calls/{call_id}", f"/s/{_session_of(site, call_id, people[call_id])}"):
            shown = page(browser, path)
            assert shown.text.count(name) >= 3
            assert len(shown.all("script")) == 1
            assert not shown.all("img")
            assert "javascript:" not in shown.answer.text


def test_every_class_of_both_pages_has_a_style(site: Site, people: dict[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    nora = site.signed_in(people["nora"])
    shown = [page(nora, f"/calls/{call_id}"), page(nora, f"/s/{_session_of(site, call_id, people['nora'])}")]
    style = nora.get(next(a["href"] for a in shown[0].all("link") if a["rel"] == "stylesheet")).text

    used = {word for one in shown for _, attrs in one.elements for word in attrs.get("class", "").split()}

    assert {word for word in used if not re.search(rf"\.{re.escape(word)}\b", style)} == set()


def test_the_call_page_costs_the_same_number_of_statements_for_one_observer_and_for_three(
    site: Site, people: dict[str, str]
) -> None:
    call_id = _call(site, people)
    mara = site.signed_in(people["mara"])
    site.seat(call_id, people["nora"])

    with counted(site.api.engine) as for_one:
        mara.get(f"/calls/{call_id}")
    site.seat(call_id, people["leo"], people["diego"])
    with counted(site.api.engine) as for_three:
        mara.get(f"/calls/{call_id}")

    assert len(for_three) == len(for_one) <= 15
