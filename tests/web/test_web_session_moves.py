"""Another time for a session without a call, on its page: moved there or suggested, and why it can't be."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.models.tables import participant, session
from app.operations.responses import respond
from app.operations.seats import book_seat
from app.operations.sessions import Plan, book_session, cancel_session
from app.rules.access import SYSTEM
from app.vocabulary import Part, Response, Role, SessionKind
from tests.factories import a_call, a_person
from tests.sessions_and_people import HALF, TEN
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.page_rules import breaches

LATER = TEN + timedelta(hours=4)
NEXT_DAY = {"day": "2026-11-24", "time": "14:30"}


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora and Max meet on Monday at 10:00; Zoe has nothing to do with it; Diego administers, Ada audits."""
    with site.db() as db:
        made = {name: a_person(db, name.title()).id for name in ("nora", "max", "zoe")}
        made["diego"] = a_person(db, "Diego", role=Role.ADMIN).id
        made["ada"] = a_person(db, "Ada", role=Role.AUDITOR).id
        return made


@pytest.fixture
def made(site: Site, people: Mapping[str, str]) -> str:
    """Their session."""
    return _booked(site, people["nora"], people["max"])


def _booked(site: Site, mentee: str, mentor: str, starts_at: datetime = TEN) -> str:
    those = {mentee: Part.MENTEE, mentor: Part.MENTOR}
    plan = Plan(SessionKind.ONE_ON_ONE, those, starts_at, starts_at + HALF)
    with site.db() as db:
        return book_session(db, plan=plan, actor=SYSTEM, now=site.api.clock())


def _row(site: Site, session_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(session).where(session.c.id == session_id)).one()


def _of(site: Site, session_id: str, person_id: str) -> Any:
    with site.db() as db:
        mine = participant.c.session_id == session_id, participant.c.person_id == person_id
        return db.execute(select(participant).where(*mine)).one()


def _send(browser: Any, site: Site, session_id: str, do: str = "reschedule", **fields: str) -> Any:
    """Fill in the form of the page as it is now, and send it."""
    seen = fields.pop("seen", str(_row(site, session_id).version))
    return browser.post(f"/s/{session_id}?do={do}&seen={seen}", data=fields, headers=OURS)


def _offered(shown: Page) -> list[str]:
    actions = [attrs["action"] for attrs in shown.all("form") if "do=reschedule" in attrs["action"]]
    return [action for action in actions if "at=" in action]


def _kept(shown: Page) -> dict[str, str]:
    """What stands in the fields."""
    return {one["name"]: one["value"] for one in shown.all("input") if one.get("name") in ("day", "time")}


def _refused(answer: Any, status: int) -> Page:
    shown = Page(answer)
    assert (answer.status_code, list(breaches(shown))) == (status, [])
    assert "Nothing has changed." in shown.text
    return shown


@pytest.mark.parametrize("do", ["reschedule", "suggest"])
def test_who_has_nothing_to_do_with_it_finds_nothing(site: Site, people: Mapping[str, str], made: str, do: str) -> None:
    stranger, auditor = site.signed_in(people["zoe"]), site.signed_in(people["ada"])

    answers = [
        stranger.get(f"/s/{made}?show=times"),
        _send(stranger, site, made, do, **NEXT_DAY),
        _send(stranger, site, made, do, day="", time=""),
        stranger.post(f"/s/{made}?do={do}&seen=1&at=2026-11-24T14:30:00Z", headers=OURS),
    ]

    assert [one.status_code for one in answers] == [404] * 4
    assert (auditor.get(f"/s/{made}").status_code, _send(auditor, site, made, do, **NEXT_DAY).status_code) == (200, 403)
    assert _row(site, made).starts_at == TEN


def test_an_auditor_looks_on_without_a_button(site: Site, people: Mapping[str, str], made: str) -> None:
    shown = page(site.signed_in(people["ada"]), f"/s/{made}?show=times")

    assert [one for one in shown.all("form") if f"/s/{made}" in one["action"]] == []
    assert "Find another time" not in shown.text


def test_forms_of_other_sites_and_looking_move_nothing(site: Site, people: Mapping[str, str], made: str) -> None:
    nora = site.signed_in(people["nora"])
    before = _row(site, made)
    address = f"/s/{made}?do=reschedule&seen={before.version}&at=2026-11-24T14:30:00Z"

    assert nora.get(address).status_code == 200
    assert nora.post(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    for never in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "noon"):
        assert nora.post(f"/s/{made}?do=reschedule&at={never}", headers=OURS).status_code == 422
    assert _row(site, made) == before


@pytest.mark.parametrize("do", ["reschedule", "suggest"])
@pytest.mark.parametrize(
    ("fields", "sentence", "wrong"),
    [
        ({}, "Choose a day, and a time such as 14:30.", "time"),
        ({"day": "2026-11-24", "time": "half past"}, "Choose a day, and a time such as 14:30.", "time"),
        ({"day": "2026-02-30", "time": "14:30"}, "Choose a day, and a time such as 14:30.", "day"),
        ({"day": "9999-12-31", "time": "23:59"}, "Choose a day, and a time such as 14:30.", "day"),
        ({"day": "2026-11-20", "time": "14:30"}, "That time has passed. Choose a later one.", "day"),
        ({"day": "2027-03-28", "time": "01:30"}, "The clock skips this time on that day.", "time"),
    ],
)
def test_what_is_no_time_to_come_is_said_at_its_field(
    site: Site, people: Mapping[str, str], made: str, do: str, fields: dict[str, str], sentence: str, wrong: str
) -> None:
    before = _row(site, made)

    shown = _refused(_send(site.signed_in(people["nora"]), site, made, do, **fields), 422)

    assert sentence in shown.text
    assert f"#f-{wrong}" in [one["href"] for one in shown.all("a")]
    assert _kept(shown) == fields or not fields
    assert _row(site, made) == before


def test_of_an_hour_that_comes_twice_one_says_which(site: Site, people: Mapping[str, str], made: str) -> None:
    nora = site.signed_in(people["nora"])
    twice = {"day": "2027-10-31", "time": "01:30"}

    asked = _refused(_send(nora, site, made, "suggest", **twice), 422)
    suggested = [
        (
            _send(nora, site, made, "suggest", which=which, **twice).status_code,
            _of(site, made, people["nora"]).proposed_starts_at,
        )
        for which in ("0", "1")
    ]

    assert "The clock shows this time twice on that day. Say which of the two you mean." in asked.text
    assert "The first, at UTC+1 The second, at UTC" in asked.text
    assert _kept(asked) == twice
    first = datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert suggested == [(303, first), (303, first + timedelta(hours=1))]


def test_somebody_who_is_taken_then_is_said_with_when_all_are_free(
    site: Site, people: Mapping[str, str], made: str
) -> None:
    _booked(site, people["zoe"], people["max"], LATER)
    fields = {"day": "2026-11-23", "time": "14:00"}

    for_nora = _refused(_send(site.signed_in(people["nora"]), site, made, **fields), 409)
    for_max = _refused(_send(site.signed_in(people["max"]), site, made, **fields), 409)

    assert "Somebody else is taken at that time. All of you are free on Monday 23 November, 14:30" in for_nora.text
    assert "You are taken at that time. All of you are free on Monday 23 November, 14:30" in for_max.text
    assert _kept(for_nora) == fields
    assert _row(site, made).starts_at == TEN


def test_a_time_against_a_rule_is_said_with_what_would_work(site: Site, people: Mapping[str, str], made: str) -> None:
    late = {"day": "2026-11-23", "time": "21:00"}

    shown = _refused(_send(site.signed_in(people["nora"]), site, made, **late), 422)

    assert "outside" in shown.text
    assert "All of you are free on Tuesday 24 November, 09:00" in shown.text
    assert _kept(shown) == late
    assert _row(site, made).starts_at == TEN


def test_nobody_moves_what_changed_since_they_saw_it(site: Site, people: Mapping[str, str], made: str) -> None:
    nora, max_ = site.signed_in(people["nora"]), site.signed_in(people["max"])
    seen = str(_row(site, made).version)
    assert _send(max_, site, made, day="2026-11-24", time="11:00").status_code == 303
    moved = _row(site, made)

    for do in ("reschedule", "suggest"):
        shown = _refused(_send(nora, site, made, do, seen=seen, **NEXT_DAY), 409)
        assert "Somebody answered it or changed it meanwhile." in shown.text
        assert "Tuesday 24 November 2026, 11:00" in shown.text
        assert _kept(shown) == NEXT_DAY
        assert _row(site, made) == moved
    unseen = nora.post(f"/s/{made}?do=reschedule", data=NEXT_DAY, headers=OURS)
    again = next(one["action"] for one in shown.all("form") if one["action"].endswith(f"seen={moved.version}"))

    assert unseen.status_code == 409
    assert nora.post(again, data=NEXT_DAY, headers=OURS).status_code == 303


def test_what_was_cancelled_meanwhile_or_is_over_is_not_moved(site: Site, people: Mapping[str, str], made: str) -> None:
    nora, other = site.signed_in(people["nora"]), _booked(site, people["nora"], people["max"], LATER)
    with site.db() as db:
        cancel_session(db, session_id=made, actor=SYSTEM, now=site.api.clock())

    cancelled = _refused(_send(nora, site, made, **NEXT_DAY), 409)
    site.api.clock.at = LATER + HALF
    nora = site.signed_in(people["nora"])
    over = [_refused(_send(nora, site, other, do, **NEXT_DAY), 409) for do in ("reschedule", "suggest")]

    assert "It was cancelled meanwhile. Book another when you still want to meet." in cancelled.text
    for shown in (cancelled, *over):
        assert "Another time" not in shown.text
    assert [shown.text.count("It is over") for shown in over] == [1, 1]
    assert _row(site, other).starts_at == LATER


def test_a_session_on_a_call_follows_its_call(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        host = a_person(db, "Host")
        seat = book_seat(db, call_id=a_call(db, host), observer_id=people["nora"], actor=SYSTEM, now=site.api.clock())
    nora = site.signed_in(people["nora"])

    shown = page(nora, f"/s/{seat.session_id}?show=times")
    refused = [_refused(_send(nora, site, seat.session_id, do, **NEXT_DAY), 409) for do in ("reschedule", "suggest")]

    assert "Find another time" not in shown.text
    assert "Another time" not in shown.text
    assert "Reschedule the call, or release the seat." in refused[0].text
    assert "It has the time of its call." in refused[1].text
    assert _row(site, seat.session_id).starts_at == TEN


def test_a_debrief_does_not_come_before_its_call(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        call_id = a_call(db, a_person(db, "Host"), starts_at=LATER)
        about: dict[str, Any] = {"call_id": call_id, "observer_id": people["nora"], "debrief_minutes": 15}
        seat = book_seat(db, actor=SYSTEM, now=site.api.clock(), **about)
        debrief = db.execute(select(session).where(session.c.follows_id == seat.session_id)).one()

    fields = {"day": "2026-11-23", "time": "11:00"}
    shown = _refused(_send(site.signed_in(people["nora"]), site, debrief.id, **fields), 422)

    assert "It comes after the call that it is about. Choose a time after that." in shown.text
    assert _row(site, debrief.id).starts_at == debrief.starts_at


def test_one_press_moves_it_to_a_time_when_all_are_free_and_a_second_changes_nothing(
    site: Site, people: Mapping[str, str], made: str
) -> None:
    _booked(site, people["zoe"], people["max"], TEN + HALF)
    nora = site.signed_in(people["nora"])
    linked = [one["href"] for one in page(nora, f"/s/{made}").all("a")]
    assert f"/s/{made}?show=times#times" in linked

    offered = _offered(page(nora, f"/s/{made}?show=times"))
    starts = [datetime.fromisoformat(parse_qs(urlsplit(one).query)["at"][0]) for one in offered]
    pressed = [nora.post(offered[1], headers=OURS) for _ in range(2)]
    after = _row(site, made)

    quarter = timedelta(minutes=15)
    assert starts == [TEN + HALF * 2 + quarter * n for n in range(5)]
    assert [(one.status_code, one.headers["location"]) for one in pressed] == [(303, f"/s/{made}?said=reschedule")] * 2
    assert (after.starts_at, after.ends_at) == (starts[1], starts[1] + HALF)
    assert "It has its new time. Everybody in it is asked anew." in page(nora, f"/s/{made}?said=reschedule").text
    assert "It has its new time" not in page(nora, f"/s/{made}?said=moon").text


def test_a_button_whose_time_is_taken_by_then_says_so(site: Site, people: Mapping[str, str], made: str) -> None:
    nora = site.signed_in(people["nora"])
    offered = _offered(page(nora, f"/s/{made}?show=times"))
    _booked(site, people["zoe"], people["max"], TEN + HALF)

    shown = _refused(nora.post(offered[1], headers=OURS), 409)

    assert "Somebody else is taken at that time." in shown.text
    assert _kept(shown) == {"day": "2026-11-23", "time": "10:30"}


@pytest.mark.parametrize("name", ["nora", "diego"])
def test_any_other_time_is_filled_in_on_ones_own_clock(site: Site, people: Mapping[str, str], name: str) -> None:
    with site.db() as db:
        mara = a_person(db, "Mara", time_zone="America/New_York").id
    made = _booked(site, people["nora"], mara, TEN + timedelta(hours=5))

    for_mara = page(site.signed_in(mara), f"/s/{made}?show=times")
    moved = _send(site.signed_in(people[name]), site, made, day="2026-11-24", time="16:00")

    assert "on your clock: New York time" in for_mara.text
    assert _kept(for_mara) == {"day": "2026-11-23", "time": "10:00"}
    assert moved.status_code == 303
    assert _row(site, made).starts_at == datetime(2026, 11, 24, 16, tzinfo=UTC)
    back = _send(site.signed_in(mara), site, made, day="2026-11-24", time="10:00")
    assert back.status_code == 303
    assert _row(site, made).starts_at == datetime(2026, 11, 24, 15, tzinfo=UTC)


def test_a_suggestion_asks_the_others_and_a_second_press_changes_nothing(
    site: Site, people: Mapping[str, str], made: str
) -> None:
    nora, seen = site.signed_in(people["nora"]), str(_row(site, made).version)

    pressed = [_send(nora, site, made, "suggest", seen=seen, **NEXT_DAY) for _ in range(2)]
    mine, row = _of(site, made, people["nora"]), _row(site, made)
    for_max = page(site.signed_in(people["max"]), f"/s/{made}")

    assert [one.headers["location"] for one in pressed] == [f"/s/{made}?said=suggest"] * 2
    assert (mine.response, mine.proposed_starts_at) == (Response.TENTATIVE, datetime(2026, 11, 24, 14, 30, tzinfo=UTC))
    assert (row.starts_at, row.version) == (TEN, int(seen) + 1)
    assert "Suggests Tuesday 24 November, 14:30" in for_max.text
    assert "Move it there" in for_max.text
    assert "The others are asked." in page(nora, f"/s/{made}?said=suggest").text


def test_who_said_that_they_do_not_come_still_does_not_when_they_suggest(site: Site, people: Mapping[str, str]) -> None:
    those = {people["nora"]: Part.MENTEE, people["zoe"]: Part.MENTEE, people["max"]: Part.MENTOR}
    with site.db() as db:
        plan = Plan(SessionKind.ROLE_PLAY, those, TEN, TEN + HALF)
        made = book_session(db, plan=plan, actor=SYSTEM, now=site.api.clock())
        about: dict[str, Any] = {"session_id": made, "person_id": people["nora"], "actor": SYSTEM}
        respond(db, response=Response.DECLINED, now=site.api.clock(), **about)

    assert _send(site.signed_in(people["nora"]), site, made, "suggest", **NEXT_DAY).status_code == 303

    assert _of(site, made, people["nora"]).response is Response.DECLINED


def test_the_time_that_it_has_is_no_suggestion(site: Site, people: Mapping[str, str], made: str) -> None:
    shown = _refused(_send(site.signed_in(people["nora"]), site, made, "suggest", day="2026-11-23", time="10:00"), 422)

    assert "It is at that time already. Choose another." in shown.text
    assert _of(site, made, people["nora"]).proposed_starts_at is None


def test_who_takes_no_part_moves_it_and_suggests_nothing(site: Site, people: Mapping[str, str], made: str) -> None:
    diego = site.signed_in(people["diego"])

    shown = page(diego, f"/s/{made}?show=times")

    assert "Move it there" in shown.text
    assert "Suggest it" not in shown.text
    assert _send(diego, site, made, "suggest", **NEXT_DAY).status_code == 403
    assert _send(diego, site, made, **NEXT_DAY).status_code == 303


def test_without_a_time_for_all_it_says_what_to_do(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        tokyo = a_person(db, "Aki", time_zone="Asia/Tokyo").id
    made = _booked(site, people["nora"], people["max"])
    with site.db() as db:
        db.execute(
            participant.update().where(participant.c.session_id == made, participant.c.person_id == people["max"])
            .values(person_id=tokyo)
        )  # fmt: skip

    shown = page(site.signed_in(people["nora"]), f"/s/{made}?show=times")

    assert _offered(shown) == []
    assert "there is no time when everybody in it is free. Choose one below and ask." in shown.text


def test_the_times_cost_few_statements(site: Site, people: Mapping[str, str], made: str) -> None:
    nora = site.signed_in(people["nora"])

    with counted(site.api.engine) as statements:
        nora.get(f"/s/{made}?show=times")

    assert len(statements) <= 16
