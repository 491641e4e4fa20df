"""The floor: what everybody sees of calls that are on, and what its buttons do."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from app.models.tables import call, call_type_skill, hand, person, person_skill, presence, seat
from app.operations.accounts import create_account
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import Door, Presence, Role, SeatStatus, SessionKind
from tests.factories import MONDAY, a_call, a_person
from tests.patience import PATIENCE_SECONDS
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

TEN = MONDAY + timedelta(hours=10)
MEETING = "https://meet.earshot.example/northwind?pwd=1"


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora and Leo may listen, Mara and Jo host, Lea leads Mara, Diego administers, Ina looks after the house."""
    site.api.clock.at = TEN + timedelta(minutes=12)
    with site.db() as db:
        lea = a_person(db, "Lea Brandt", role=Role.MANAGER)
        made = [
            lea,
            a_person(db, "Nora Quinn"),
            a_person(db, "Leo Marchetti"),
            a_person(db, "Mara Okafor", door_default=Door.OPEN, manager_id=lea.id),
            a_person(db, "Jo Lind"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
        ]
        return {person.name.split()[0].lower(): person.id for person in made}


def _call(site: Site, people: Mapping[str, str], host: str = "mara", **fields: Any) -> str:
    given = {"starts_at": TEN, "minutes": 45, "seats": 2, "meeting_url": MEETING, **fields}
    with site.db() as db:
        account = create_account(db, fields={"name": "Brightwater"}, actor=SYSTEM, now=site.api.clock())
        spare = a_person(db, "Spare")
        made = a_call(db, spare, account_id=account.id, title="Hush: price talk", **given)
        db.execute(update(call).where(call.c.id == made).values(host_id=people[host]))
    return made


def _press(browser: httpx.Client, do: str, call_id: str = "", **more: str) -> httpx.Response:
    data = {"why": more.pop("why")} if "why" in more else None
    params = {"do": do, **({"call": call_id} if call_id else {}), **more}
    return browser.post("/", params=params, data=data, headers=OURS)


def _buttons(shown: Page, call_id: str) -> set[str]:
    actions = [httpx.URL(attrs["action"]).params for attrs in shown.all("form") if "action" in attrs]
    return {one["do"] for one in actions if one.get("call") == call_id}


def _seat(site: Site, call_id: str, observer_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(seat).where(seat.c.call_id == call_id, seat.c.observer_id == observer_id)).first()


def _want(site: Site, person_id: str, call_id: str) -> None:
    """Let somebody want to hear what calls of this kind teach."""
    with site.db() as db:
        db.execute(update(call).where(call.c.id == call_id).values(type="discovery"))
        taught = select(call_type_skill.c.skill).where(call_type_skill.c.call_type == "discovery")
        skill = db.execute(taught.limit(1)).scalar_one()
        db.execute(insert(person_skill).values(person_id=person_id, skill=skill, wants=3))


def test_a_quiet_floor_says_what_comes_next(site: Site, people: Mapping[str, str]) -> None:
    nora = site.signed_in(people["nora"])
    empty = page(nora, "/")
    later = _call(site, people, starts_at=MONDAY + timedelta(hours=14))

    shown = page(nora, "/")

    assert "Nobody is on a call now. See the open seats of your week." in empty.text
    assert "Nothing is booked." in empty.text
    assert "Nobody is on a call now. The next one that has a seat for you starts at 14:00." in shown.text
    assert _buttons(shown, later) == {"take"}
    assert "Monday 23 November, 10:12. Times are London time, UTC." in shown.text


def test_a_call_that_is_on_shows_who_how_long_and_its_seats(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)

    shown = page(site.signed_in(people["nora"]), "/")

    assert "Mara Okafor with Brightwater" in shown.text
    assert "12 min in about 33 min left" in shown.text
    assert "0 of 2 seats taken" in shown.text
    assert "2 open seats" in shown.text
    assert _buttons(shown, call_id) == {"drop-in"}
    assert "Hush" not in shown.answer.text
    assert MEETING not in shown.answer.text


def test_who_drops_in_and_leaves_without_javascript_is_told_what_has_happened(
    site: Site, people: Mapping[str, str]
) -> None:
    call_id = _call(site, people)
    nora = site.signed_in(people["nora"])

    dropped = [_press(nora, "drop-in", call_id) for _ in range(2)]
    inside = page(nora, dropped[0].headers["location"])
    site.api.clock.advance(timedelta(minutes=5))
    left = [_press(nora, "leave", call_id) for _ in range(2)]

    assert [a.headers["location"] for a in (*dropped, *left)] == ["/?said=drop-in"] * 2 + ["/?said=leave"] * 2
    assert "You are in. Open the call; your microphone stays off." in inside.text
    assert MEETING in [attrs["href"] for attrs in inside.all("a")]
    assert _buttons(inside, call_id) == {"leave", "raise"}
    assert _seat(site, call_id, people["nora"]).status is SeatStatus.ATTENDED
    assert MEETING not in page(nora, "/").answer.text


def test_the_floor_alone_is_sent_to_who_asks_for_it_alone(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    nora = site.signed_in(people["nora"])
    part = {"X-Fragment": "floor"}

    fresh = nora.get("/", headers=part)
    dropped = nora.post("/", params={"do": "drop-in", "call": call_id}, headers=OURS | part, follow_redirects=True)

    assert fresh.text.startswith('<div id="floor" data-live="floor me"')
    assert "<h1" not in fresh.text
    assert "<h1" not in dropped.text
    assert '<div id="said">' in dropped.text
    assert "You are in." in dropped.text


def test_the_last_seat_that_is_just_gone_is_a_friendly_page(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people, seats=1)
    nora, leo = (site.signed_in(people[who]) for who in ("nora", "leo"))
    assert _buttons(page(leo, "/"), call_id) == {"drop-in"}
    _press(nora, "drop-in", call_id)

    refused = _press(leo, "drop-in", call_id)
    part = leo.post("/", params={"do": "drop-in", "call": call_id}, headers=OURS | {"X-Fragment": "floor"})

    for answer in (refused, part):
        assert answer.status_code == 409
        assert "Nothing has changed." in answer.text
        assert "Every seat is taken" in answer.text
    assert list(Page(refused).faults()) == []
    assert "<h1" not in part.text


def test_a_closed_door_is_said_and_the_host_opens_and_closes_it(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people, host="jo")
    nora, jo = site.signed_in(people["nora"]), site.signed_in(people["jo"])

    shut = page(nora, "/")
    refused = _press(nora, "drop-in", call_id)
    opened = [_press(jo, "open", call_id) for _ in range(2)]
    hosts, ajar = page(jo, "/"), page(nora, "/")
    _press(jo, "close", call_id)

    assert "The door is closed" in shut.text
    assert _buttons(shut, call_id) == set()
    assert refused.status_code == 409
    assert "Ask the host to open it" in refused.text
    assert [a.headers["location"] for a in opened] == ["/?said=open"] * 2
    assert _buttons(hosts, call_id) == {"close", "raise"}
    assert _buttons(ajar, call_id) == {"drop-in"}
    assert _buttons(page(nora, "/"), call_id) == set()


def test_the_host_sees_everybody_who_listens_and_can_ask_each_to_leave(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    nora, leo, mara = (site.signed_in(people[who]) for who in ("nora", "leo", "mara"))
    _press(nora, "drop-in", call_id)
    _press(leo, "drop-in", call_id)

    hosts, colleagues = page(mara, "/"), page(nora, "/")
    gone = _press(mara, "remove", call_id, of=_seat(site, call_id, people["leo"]).id)
    strangers = _press(leo, "remove", call_id, of=_seat(site, call_id, people["nora"]).id)

    assert "You with Brightwater" in hosts.text
    assert "Nora Quinn drop-in, 0 min" in hosts.text
    assert "Leo Marchetti drop-in, 0 min" in hosts.text
    assert "Leo" not in colleagues.text
    assert "and 1 more" in colleagues.text
    assert gone.headers["location"] == "/?said=remove"
    assert strangers.status_code == 404
    assert "Leo" not in page(mara, "/").text


def test_a_raised_hand_calls_those_who_may_listen(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    mara, nora = site.signed_in(people["mara"]), site.signed_in(people["nora"])

    raised = _press(mara, "raise", call_id, why=" They are\nabout to\x00 talk price " + "x" * 200)
    shown, hosts = page(nora, "/"), page(mara, "/")
    lowered = _press(mara, "lower", call_id)

    assert raised.headers["location"] == "/?said=raise"
    assert "Mara Okafor’s call is worth hearing now. “They are about to talk price xxx" in shown.text
    assert _buttons(hosts, call_id) == {"close", "lower"}
    assert lowered.headers["location"] == "/?said=lower"
    assert "worth hearing" not in page(nora, "/").text
    with site.db() as db:
        assert [len(why) for why in db.execute(select(hand.c.why)).scalars()] == [140]


def test_people_say_how_they_work_and_others_see_it(site: Site, people: Mapping[str, str]) -> None:
    nora, leo = site.signed_in(people["nora"]), site.signed_in(people["leo"])

    said = [_press(nora, how).headers["location"] for how in ("dialling", "heads-down-hour")]
    mine, others = page(nora, "/"), page(leo, "/")
    _press(nora, "available")

    assert said == ["/?said=dialling", "/?said=heads-down-hour"]
    assert "You heads down until 11:12" in mine.text
    assert "Nora Quinn heads down until 11:12" in others.text
    assert "Everybody is open to be asked." in page(leo, "/").text
    with site.db() as db:
        assert db.execute(select(presence.c.presence)).scalars().all() == [Presence.OPEN]


def test_who_hosts_is_on_a_call_whatever_they_said(site: Site, people: Mapping[str, str]) -> None:
    _press(site.signed_in(people["mara"]), "heads-down")
    _call(site, people)

    assert "Mara Okafor on a call" in page(site.signed_in(people["nora"]), "/").text


def test_who_looks_after_the_house_sees_the_floor_without_buttons(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    _press(site.signed_in(people["nora"]), "drop-in", call_id)

    auditor, admin, lead = (page(site.signed_in(people[who]), "/") for who in ("ina", "diego", "lea"))

    assert _buttons(auditor, call_id) == set()
    assert all("Nora Quinn" in shown.text for shown in (auditor, admin))
    assert _buttons(admin, call_id) == _buttons(lead, call_id) == {"remove", "close", "drop-in"}


def test_who_looks_after_the_house_is_offered_no_seat_nor_anything_to_do_with_one_that_they_have(
    site: Site, people: Mapping[str, str]
) -> None:
    on, later, full = (
        _call(site, people, host, starts_at=TEN + hours * timedelta(hours=1), seats=seats)
        for host, hours, seats in (("mara", 0, 2), ("jo", 2, 2), ("jo", 4, 1))
    )
    ina, nora = site.signed_in(people["ina"]), site.signed_in(people["nora"])
    assert site.signed_in(people["leo"]).post(f"/calls/{full}?do=take", headers=OURS).status_code == 303
    offered, shown = page(nora, "/"), page(ina, "/")
    pages = [page(ina, f"/calls/{one}") for one in (on, later, full)]

    assert (_buttons(offered, on), _buttons(offered, later)) == ({"drop-in"}, {"take"})
    assert _buttons(shown, on) == _buttons(shown, later) == set()
    assert not [one for one in pages if re.search(r"do=(take|drop-in|wait)", one.answer.text)]
    with site.db() as db:
        kind, now = SessionKind.DROP_IN, site.api.clock()
        book_seat(db, call_id=on, observer_id=people["ina"], kind=kind, actor=SYSTEM, now=now)
    assert _buttons(page(ina, "/"), on) == set()
    assert "do=leave" not in page(ina, f"/calls/{on}").answer.text
    assert "do=dialling" not in page(ina, "/").answer.text


def test_a_call_that_nobody_may_know_of_is_not_on_the_floor(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people, sensitive=True)
    nora = site.signed_in(people["nora"])

    assert "Brightwater" not in page(nora, "/").text
    assert _press(nora, "drop-in", call_id).status_code == 404
    assert "Brightwater" in page(site.signed_in(people["mara"]), "/").text


def test_a_call_of_the_kind_that_somebody_wants_comes_first_and_says_why(site: Site, people: Mapping[str, str]) -> None:
    _call(site, people, host="jo", starts_at=TEN - timedelta(minutes=10))
    call_id = _call(site, people)
    nora = site.signed_in(people["nora"])
    _want(site, people["nora"], call_id)

    shown = page(nora, "/")

    assert shown.text.count("You asked to hear calls like this.") == 1
    assert shown.text.index("Mara Okafor with") < shown.text.index("Jo Lind with")


@pytest.mark.parametrize(("days", "said"), [(9, True), (6, False), (None, False)])
def test_who_has_heard_nothing_for_long_is_led_to_what_they_want_to_hear(
    site: Site, people: Mapping[str, str], days: int | None, said: bool
) -> None:
    nora = site.signed_in(people["nora"])
    if days is not None:
        site.api.clock.advance(timedelta(days=-days))
        heard = _call(site, people, starts_at=site.api.clock() - timedelta(minutes=5))
        _press(nora, "drop-in", heard)
        site.api.clock.advance(timedelta(minutes=5))
        _press(nora, "leave", heard)
        site.api.clock.advance(timedelta(days=days))
    call_id = _call(site, people, starts_at=TEN + timedelta(hours=2))
    _want(site, people["nora"], call_id)

    shown = page(nora, "/")

    assert (f"You have not heard a call in {days} days." in shown.text) is said
    assert ("has one of the kind that you asked to hear" in shown.text) is said
    assert "You have not heard" not in page(site.signed_in(people["leo"]), "/").text
    assert "take" in _buttons(shown, call_id)


def test_hostile_names_are_text_on_the_floor(site: Site, people: Mapping[str, str]) -> None:
    call_id = _call(site, people)
    nora, mara = site.signed_in(people["nora"]), site.signed_in(people["mara"])
    _press(nora, "drop-in", call_id)
    with site.db() as db:
        for name, who in zip(HOSTILE, ("nora", "mara"), strict=False):
            db.execute(update(person).where(person.c.id == people[who]).values(name=name))
    _press(mara, "raise", call_id, why="<script>alert(1)</script>")

    shown = page(mara, "/")

    assert len(shown.all("script")) == 1
    assert not shown.all("img")


def test_other_words_in_the_address_say_and_do_nothing(site: Site, people: Mapping[str, str]) -> None:
    nora = site.signed_in(people["nora"])

    assert page(nora, "/?said=<b>hello</b>").text == page(nora, "/").text
    assert _press(nora, "explode").status_code == 422
    assert _press(nora, "drop-in", "call_nowhere").status_code == 404
    assert nora.get("/?do=dialling").status_code == 200
    with site.db() as db:
        assert db.execute(select(presence)).all() == []


def test_a_floor_of_many_calls_takes_as_many_statements_as_one_of_few(site: Site, people: Mapping[str, str]) -> None:
    nora = site.signed_in(people["nora"])
    _call(site, people)
    with counted(site.api.engine) as few:
        nora.get("/")
    for _ in range(4):
        _call(site, people, host="jo")
    with counted(site.api.engine) as many:
        nora.get("/")

    assert len(many) == len(few)


def test_more_pages_at_once_than_there_are_threads_and_connections_are_all_answered(
    site: Site, people: Mapping[str, str]
) -> None:
    """As when everybody reads the floor again: nobody who waits for a thread holds a connection."""
    nora = site.signed_in(people["nora"])
    nora.get("/privacy", timeout=PATIENCE_SECONDS)

    with ThreadPoolExecutor(60) as crowd:
        answers = list(crowd.map(lambda _: nora.get("/privacy", timeout=PATIENCE_SECONDS).status_code, range(60)))

    assert set(answers) == {200}
