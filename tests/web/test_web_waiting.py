"""The call page for full calls, hosts who approve and calls under way: wait, be offered, ask, let in, drop in."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.models.tables import call, person, seat, waitlist_entry
from app.operations import holds
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, Door, Role, SeatApproval, SeatStatus, SessionKind, WaitlistStatus
from tests.factories import MONDAY, a_call, a_person
from tests.seats_that_wait import house, settle
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

MEETING = "https://meet.earshot.example/northwind"


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora, Leo and Zoe want to listen, Mara hosts, Diego administers."""
    with site.db() as db:
        made = [a_person(db, name) for name in ("Nora Quinn", "Leo Marchetti", "Zoe Lindqvist", "Mara Okafor")]
        made.append(a_person(db, "Diego Salas", role=Role.ADMIN))
        return {one.name.split()[0].lower(): one.id for one in made}


def _call(site: Site, people: Mapping[str, str], **fields: Any) -> str:
    with site.db() as db:
        made = a_call(db, a_person(db, "Spare host"), **{"seats": 1, "meeting_url": MEETING, **fields})
        db.execute(update(call).where(call.c.id == made).values(host_id=people["mara"]))
    return made


def _approves(site: Site, people: Mapping[str, str], approval: SeatApproval = SeatApproval.HOST) -> None:
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["mara"]).values(seat_approval=approval))


def _press(browser: Any, call_id: str, do: str, of: str = "") -> Any:
    return browser.post(f"/calls/{call_id}?do={do}" + (f"&of={of}" if of else ""), headers=OURS)


def _actions(shown: Page) -> dict[str, str]:
    """Where each act of the page's buttons leads; the last of several."""
    forms = [attrs["action"] for attrs in shown.all("form") if "do=" in attrs["action"]]
    return {action.partition("do=")[2].partition("&")[0]: action for action in forms}


def _refused(answer: Any) -> str:
    read = Page(answer)
    assert (answer.status_code, list(read.faults())) == (409, [])
    assert "Nothing has changed." in read.text
    return read.text


def _entry(site: Site, call_id: str, person_id: str) -> Any:
    with site.db() as db:
        mine = waitlist_entry.c.call_id == call_id, waitlist_entry.c.person_id == person_id
        return db.execute(select(waitlist_entry).where(*mine)).one()


def _seats(site: Site, call_id: str) -> dict[str, SeatStatus]:
    with site.db() as db:
        rows = db.execute(select(seat).where(seat.c.call_id == call_id).order_by(seat.c.created_at, seat.c.id))
        return {row.observer_id: row.status for row in rows}


def test_a_full_call_offers_the_line_and_tells_ones_own_place_alone(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    leo, zoe, mara = (site.signed_in(people[who]) for who in ("leo", "zoe", "mara"))
    assert set(_actions(page(leo, f"/calls/{call_id}"))) == {"wait"}

    waits = [_press(leo, call_id, "wait") for _ in range(2)]
    site.api.clock.advance(timedelta(seconds=1))
    waits.append(_press(zoe, call_id, "wait"))
    for_leo, for_zoe, for_mara = (page(one, f"/calls/{call_id}") for one in (leo, zoe, mara))

    assert [a.status_code for a in waits] == [303] * 3
    assert "You are number 1 in line." in for_leo.text
    assert "You are number 2 in line." in for_zoe.text
    assert set(_actions(for_zoe)) == {"quit"}
    assert "Leo" not in for_zoe.answer.text
    assert "Every seat is taken" not in for_zoe.text, "said once, by the place in line"
    assert "Waiting for a seat LMLeo Marchetti Number 1 in line ZLZoe Lindqvist Number 2 in line" in for_mara.text
    left = [leo.post(_actions(for_leo)["quit"], headers=OURS) for _ in range(2)]
    assert [a.status_code for a in left] == [303] * 2
    assert "You are number 1 in line." in page(zoe, f"/calls/{call_id}").text


def test_looking_and_other_sites_put_nobody_into_line(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    leo = site.signed_in(people["leo"])

    leo.get(f"/calls/{call_id}?do=wait")
    foreign = leo.post(f"/calls/{call_id}?do=wait", headers={"Sec-Fetch-Site": "cross-site"})

    assert foreign.status_code == 403
    with site.db() as db:
        assert db.execute(select(waitlist_entry)).all() == []


def test_waiting_where_a_seat_came_free_meanwhile_shows_the_seat(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    leo, nora = site.signed_in(people["leo"]), site.signed_in(people["nora"])
    page(leo, f"/calls/{call_id}")
    _press(nora, call_id, "leave")

    answer = _press(leo, call_id, "wait")

    assert (answer.status_code, answer.headers["location"]) == (303, f"/calls/{call_id}?said=free")
    assert set(_actions(page(leo, answer.headers["location"]))) == {"take"}


def test_an_offer_says_until_when_and_is_taken_once(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    nora, leo = site.signed_in(people["nora"]), site.signed_in(people["leo"])
    _press(leo, call_id, "wait")
    _press(nora, call_id, "leave")

    offered = page(leo, f"/calls/{call_id}")
    took = [leo.post(_actions(offered)["accept"], headers=OURS) for _ in range(2)]
    after = page(leo, f"/calls/{call_id}")

    assert "A seat is offered to you until 10:00." in offered.text
    assert "Leo Marchetti Seat 1, you, offered until 10:00" in offered.text
    assert set(_actions(offered)) == {"accept", "quit"}
    assert MEETING not in offered.answer.text, "the way in comes with the seat"
    assert [a.status_code for a in took] == [303] * 2
    assert "You have a seat on this call." in after.text
    assert MEETING in after.answer.text


def test_an_offer_that_went_to_the_next_says_so(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    nora, leo, zoe = (site.signed_in(people[who]) for who in ("nora", "leo", "zoe"))
    _press(leo, call_id, "wait")
    site.api.clock.advance(timedelta(seconds=1))
    _press(zoe, call_id, "wait")
    _press(nora, call_id, "leave")
    stale = _actions(page(leo, f"/calls/{call_id}"))["accept"]
    site.api.clock.advance(timedelta(minutes=60))

    before_the_job = _refused(leo.post(stale, headers=OURS))
    with site.db() as db:
        settle(db, call_id, now=site.api.clock())
    after_it = _refused(leo.post(stale, headers=OURS))

    assert "The offer has expired: the seat is for whoever is next." in before_the_job
    assert "The offer has expired: the seat is for whoever is next." in after_it
    assert "A seat is offered to you" in page(zoe, f"/calls/{call_id}").text
    assert "A seat is offered to you" not in page(leo, f"/calls/{call_id}").text


def test_nobody_takes_or_leaves_anothers_place_in_line(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    leo, zoe, mara = (site.signed_in(people[who]) for who in ("leo", "zoe", "mara"))
    _press(leo, call_id, "wait")
    entry = _entry(site, call_id, people["leo"])

    answers = [_press(who, call_id, do, entry.id).status_code for who in (zoe, mara) for do in ("accept", "quit")]

    assert answers == [404, 404, 403, 403]
    assert [_press(zoe, call_id, do).status_code for do in ("accept", "quit", "approve")] == [404] * 3
    assert _entry(site, call_id, people["leo"]).status is WaitlistStatus.WAITING


def test_who_asks_for_a_seat_is_let_in_or_turned_down_by_the_host(site: Site, people: Mapping[str, str]) -> None:
    _approves(site, people)
    call_id = _call(site, people, seats=2)
    nora, leo, mara = (site.signed_in(people[who]) for who in ("nora", "leo", "mara"))
    before = page(nora, f"/calls/{call_id}")
    _press(nora, call_id, "take")
    asked = page(nora, f"/calls/{call_id}")
    approve = _actions(page(mara, f"/calls/{call_id}"))["approve"]

    approved = [mara.post(approve, headers=OURS) for _ in range(2)]
    _press(leo, call_id, "take")
    decline = _actions(page(mara, f"/calls/{call_id}"))["decline"]
    declined = [mara.post(decline, headers=OURS) for _ in range(2)]

    assert "Ask for a seat" in before.text
    assert "You asked for a seat. Mara Okafor says yes or no until Monday 23 November, 09:45" in asked.text
    assert set(_actions(asked)) == {"leave"}
    assert MEETING not in asked.answer.text
    assert [a.status_code for a in (*approved, *declined)] == [303] * 4
    assert _seats(site, call_id) == {people["nora"]: SeatStatus.CONFIRMED, people["leo"]: SeatStatus.DECLINED}
    assert set(_actions(page(mara, f"/calls/{call_id}"))) == {"remove"}


def test_only_the_host_and_admins_decide_and_a_late_answer_is_said_on_the_page(
    site: Site, people: Mapping[str, str]
) -> None:
    _approves(site, people)
    call_id = _call(site, people)
    nora, zoe, mara, diego = (site.signed_in(people[who]) for who in ("nora", "zoe", "mara", "diego"))
    _press(nora, call_id, "take")
    acts = _actions(page(mara, f"/calls/{call_id}"))
    assert set(_actions(page(diego, f"/calls/{call_id}"))) == {"approve", "decline", "wait"}

    for do in ("approve", "decline"):
        assert (nora.post(acts[do], headers=OURS).status_code, zoe.post(acts[do], headers=OURS).status_code) == (
            403,
            404,
        )
        assert mara.post(acts[do], headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    _press(nora, call_id, "leave")

    assert "Nobody waits for your answer about this seat any more." in _refused(
        mara.post(acts["approve"], headers=OURS)
    )
    assert _seats(site, call_id) == {people["nora"]: SeatStatus.RELEASED}


def test_a_held_seat_is_said_to_be_held(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    with site.db() as db:
        holds.hold_seat(
            db,
            call_id=call_id,
            observer_id=people["nora"],
            kind=SessionKind.SHADOW,
            actor=SYSTEM,
            now=site.api.clock(),
        )
    nora, mara = site.signed_in(people["nora"]), site.signed_in(people["mara"])

    held = page(nora, f"/calls/{call_id}")
    hosts = page(mara, f"/calls/{call_id}")
    site.api.clock.advance(timedelta(minutes=5))
    lapsed = page(nora, f"/calls/{call_id}")
    took = _press(nora, call_id, "wait"), _press(nora, call_id, "take")

    assert "A seat is held for you until 09:05." in held.text
    assert "Nora Quinn Seat 1, held until 09:05" in hosts.text
    assert set(_actions(hosts)) == set()
    assert "Seat 1, you, not confirmed in time" in lapsed.text
    assert [a.status_code for a in took] == [303] * 2
    assert "You have a seat on this call." in page(nora, f"/calls/{call_id}").text


def test_a_call_that_is_on_is_joined_by_dropping_in(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people, seats=2, starts_at=MONDAY + timedelta(hours=10))
    nora = site.signed_in(people["nora"])

    early = _refused(_press(nora, call_id, "drop-in"))
    site.api.clock.at = MONDAY + timedelta(hours=10, minutes=5)
    with site.db() as db:
        db.execute(update(call).where(call.c.id == call_id).values(status=CallStatus.LIVE, door=Door.OPEN))
    late = _refused(_press(site.signed_in(people["leo"]), call_id, "take"))
    shown = page(site.signed_in(people["nora"]), f"/calls/{call_id}")
    nora = site.signed_in(people["nora"])
    dropped = [_press(nora, call_id, "drop-in") for _ in range(2)]
    after = page(nora, f"/calls/{call_id}")

    assert "The call has not started. Take a seat on it, or drop in once it is under way." in early
    assert "The call has started. Choose an upcoming one." in late
    assert "Discovery call, on now." in shown.text
    assert set(_actions(shown)) == {"drop-in"}
    assert [a.status_code for a in dropped] == [303] * 2
    assert "Seat 1, you, drop-in" in after.text
    assert "Drop-in: Mara Okafor" in page(nora, f"/s/{_session_of(site, call_id)}").text


def _session_of(site: Site, call_id: str) -> str:
    with site.db() as db:
        return str(db.execute(select(seat.c.session_id).where(seat.c.call_id == call_id)).scalar_one())


def test_the_limits_of_hosts_and_of_the_house_are_told_in_words(site: Site, people: Mapping[str, str]) -> None:
    near, far = _call(site, people), _call(site, people, starts_at=MONDAY + timedelta(hours=10, minutes=45))
    site.seat(near, people["leo"])
    nora = site.signed_in(people["nora"])
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["mara"]).values(host_gap_minutes=30))
    gap = page(nora, f"/calls/{far}").text
    gap_pressed = _refused(_press(nora, far, "take"))
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["mara"]).values(host_gap_minutes=0))
        house(db, min_notice_minutes=3 * 24 * 60)
    notice = page(nora, f"/calls/{far}").text
    with site.db() as db:
        house(db, min_notice_minutes=15)
    _approves(site, people, SeatApproval.NONE)

    words = "The host keeps 30 minutes between calls with observers. Choose a call further away from their others"
    assert words in gap
    assert words in gap_pressed
    assert "The call starts in less than 4320 minutes. Choose a later one." in notice
    assert "The host takes no observers." in page(nora, f"/calls/{far}").text


def test_hostile_names_are_text_for_the_host(site: Site, people: Mapping[str, str]) -> None:
    _approves(site, people)
    call_id = _call(site, people, seats=3)
    with site.db() as db:
        who = [a_person(db, name, email=f"w{n}@earshot.example").id for n, name in enumerate(HOSTILE)]
    for one in who:
        browser = site.signed_in(one)
        _press(browser, call_id, "take")
        _press(browser, call_id, "wait")

    shown = page(site.signed_in(people["mara"]), f"/calls/{call_id}")

    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert [name for name in HOSTILE if name not in shown.text] == []


def test_every_class_has_a_style_whatever_seats_wait_for(site: Site, people: Mapping[str, str]) -> None:
    _approves(site, people)
    call_id = _call(site, people)
    mara, nora, leo = (site.signed_in(people[who]) for who in ("mara", "nora", "leo"))
    _press(nora, call_id, "take")
    _press(leo, call_id, "wait")
    shown = [page(one, f"/calls/{call_id}") for one in (mara, nora, leo)]
    style = mara.get(next(a["href"] for a in shown[0].all("link") if a["rel"] == "stylesheet")).text

    used = {word for one in shown for _, attrs in one.elements for word in attrs.get("class", "").split()}

    assert {word for word in used if f".{word}" not in style} == set()


def test_the_page_costs_the_same_number_of_statements_for_one_in_line_and_for_three(
    site: Site, people: Mapping[str, str]
) -> None:
    _approves(site, people)
    call_id = _call(site, people, seats=3)
    mara = site.signed_in(people["mara"])
    with site.db() as db:
        more = [a_person(db, f"Rep {n}").id for n in range(3)]
    browsers = [site.signed_in(one) for one in (people["nora"], people["leo"], people["zoe"], *more)]
    costs = []

    for size in (3, 4, 6):
        for one in browsers[:size]:
            _press(one, call_id, "take")
            _press(one, call_id, "wait")
        with counted(site.api.engine) as statements:
            assert mara.get(f"/calls/{call_id}").status_code == 200
        costs.append(len(statements))

    assert costs[1] == costs[2] <= 26


@pytest.mark.parametrize("status", [CallStatus.ENDED, CallStatus.CANCELLED, CallStatus.NO_SHOW])
@pytest.mark.parametrize("who", ["nora", "leo", "zoe", "mara", "diego"])
def test_a_call_that_is_done_with_has_a_page_for_everybody_and_nothing_to_press_into(
    site: Site, people: Mapping[str, str], who: str, status: CallStatus
) -> None:
    call_id = _call(site, people)
    site.seat(call_id, people["nora"])
    _press(site.signed_in(people["leo"]), call_id, "wait")
    with site.db() as db:
        db.execute(update(call).where(call.c.id == call_id).values(status=status))

    browser = site.signed_in(people[who])
    shown = page(browser, f"/calls/{call_id}")

    said = {CallStatus.ENDED: "over.", CallStatus.CANCELLED: "cancelled.", CallStatus.NO_SHOW: "did not come."}
    assert said[status] in shown.text
    assert set(_actions(shown)) <= {"leave"}, "at most one's own seat, which goes with a cancelled call"
    for do in ("take", "wait", "drop-in"):
        if who != "nora":
            _refused(_press(browser, call_id, do))
