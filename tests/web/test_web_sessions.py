"""The page of a session without a call: who may see it, what is on it in every status, and answers by a button."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select, update

from app.models.tables import calendar_entry, participant, person, session
from app.operations import seats
from app.operations.responses import respond
from app.operations.series import book_series
from app.operations.sessions import Plan, book_session, reschedule_session
from app.queries.entries import Desk, drawn_entries
from app.rules.access import SYSTEM
from app.vocabulary import Part, Response, Role, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.sessions_and_people import HALF, TEN
from tests.statements import counted
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

UNDO = timedelta(seconds=15)


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora and Leo learn, Mara mentors in New York, Zoe has nothing to do with it, Diego administers."""
    with site.db() as db:
        made = [
            a_person(db, "Nora Quinn"),
            a_person(db, "Leo Marchetti"),
            a_person(db, "Mara Okafor", time_zone="America/New_York"),
            a_person(db, "Zoe Lindqvist"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
        ]
        return {one.name.split()[0].lower(): one.id for one in made}


def _plan(people: Mapping[str, str], *names: str, **fields: Any) -> Plan:
    those = {people[name]: Part.MENTOR if name == "mara" else Part.MENTEE for name in names or ("nora", "mara")}
    kind = SessionKind.ONE_ON_ONE if len(those) == 2 else SessionKind.ROLE_PLAY
    # 15:00 in London is 10:00 in New York: both work
    starts_at = fields.pop("starts_at", TEN + timedelta(hours=5))
    return Plan(**{"kind": kind, "people": those, "starts_at": starts_at, "ends_at": starts_at + HALF, **fields})


def _booked(site: Site, people: Mapping[str, str], *names: str, **fields: Any) -> str:
    with site.db() as db:
        return book_session(db, plan=_plan(people, *names, **fields), actor=SYSTEM, now=site.api.clock())


def _becomes(site: Site, session_id: str, **values: Any) -> None:
    with site.db() as db:
        db.execute(update(session).where(session.c.id == session_id).values(**values))


def _press(browser: Any, session_id: str, do: str) -> Any:
    return browser.post(f"/s/{session_id}?do={do}", headers=OURS)


def _row(site: Site, session_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(session).where(session.c.id == session_id)).one()


def _answers(site: Site, session_id: str) -> dict[str, Response]:
    with site.db() as db:
        rows = db.execute(select(participant).where(participant.c.session_id == session_id))
        return {row.person_id: row.response for row in rows}


def _acts(shown: Page) -> set[str]:
    """What the buttons of the page do."""
    return {attrs["action"].partition("do=")[2].partition("&")[0] for attrs in shown.all("form")} - {""}


def _refused(answer: Any) -> str:
    read = Page(answer)
    assert (answer.status_code, list(read.faults())) == (409, [])
    assert "Nothing has changed." in read.text
    return read.text


def test_nobody_but_who_takes_part_and_admins_finds_it(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)

    for stranger in ("leo", "zoe"):
        browser = site.signed_in(people[stranger])
        page(browser, f"/s/{made}", status=404)
        page(browser, f"/s/{made}/invite.ics", status=404)
        for do in ("accept", "maybe", "decline", "cancel", "undo"):
            assert _press(browser, made, do).status_code == 404
    for insider in ("nora", "mara", "diego"):
        page(site.signed_in(people[insider]), f"/s/{made}")
    assert set(_answers(site, made).values()) == {Response.NEEDS_ACTION}
    assert _row(site, made).status is SessionStatus.CONFIRMED


def test_looking_and_forms_of_other_sites_change_nothing(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora = site.signed_in(people["nora"])
    before = _row(site, made)

    for do in ("accept", "decline", "cancel", "undo"):
        assert nora.get(f"/s/{made}?do={do}").status_code == 200
        assert nora.head(f"/s/{made}?do={do}").status_code in (200, 405)
        assert nora.post(f"/s/{made}?do={do}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    sent = site.browser().post(f"/s/{made}?do=accept", headers=OURS)

    assert (sent.status_code, sent.headers["location"]) == (303, f"/login?next=/s/{made}")
    assert _press(nora, made, "burn").status_code == 422
    assert nora.post(f"/s/{made}?do=accept&at=noon", headers=OURS).status_code == 422
    assert _row(site, made) == before


def test_it_tells_who_what_and_when_on_everybodys_clocks(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people, "nora", "leo", "mara")

    for_nora = page(site.signed_in(people["nora"]), f"/s/{made}").text
    for_mara = page(site.signed_in(people["mara"]), f"/s/{made}").text
    for_admin = page(site.signed_in(people["diego"]), f"/s/{made}")

    assert "Role-play with Leo Marchetti and Mara Okafor" in for_nora
    assert "Your time Monday 23 November 2026, 15:00 to 15:30 London, UTC" in for_nora
    assert "Mara Okafor Monday 23 November 2026, 10:00 to 10:30 New York, UTC−5" in for_nora
    assert "Leo Marchetti and 1 more Monday 23 November 2026, 15:00 to 15:30 London" in for_mara
    assert "Nora Quinn You, invite not answered yet" in for_nora
    assert "Mara Okafor Mentor, invite not answered yet" in for_nora
    assert "Role-play: Leo Marchetti, Nora Quinn and Mara Okafor" in for_admin.text
    assert _acts(for_admin) == {"cancel"}, "who takes no part answers nothing"


@pytest.mark.parametrize(
    ("do", "answer", "left"),
    [
        ("accept", Response.ACCEPTED, {"maybe", "decline", "cancel"}),
        ("maybe", Response.TENTATIVE, {"accept", "decline", "cancel"}),
        ("decline", Response.DECLINED, {"accept", "maybe", "cancel"}),
    ],
)
def test_an_answer_is_one_press_and_a_second_changes_nothing(
    site: Site, people: Mapping[str, str], do: str, answer: Response, left: set[str]
) -> None:
    made = _booked(site, people, "nora", "leo", "mara")
    nora = site.signed_in(people["nora"])
    assert _acts(page(nora, f"/s/{made}")) == {"accept", "maybe", "decline", "cancel"}

    first = _press(nora, made, do)
    version = _row(site, made).version
    second = _press(nora, made, do)

    assert [(a.status_code, a.headers["location"]) for a in (first, second)] == [(303, f"/s/{made}")] * 2
    assert _answers(site, made)[people["nora"]] is answer
    assert _row(site, made).version == version
    assert _acts(page(nora, f"/s/{made}")) == left


def test_who_declined_comes_after_all_unless_taken_by_then(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people, "nora", "leo", "mara")
    nora = site.signed_in(people["nora"])
    _press(nora, made, "decline")
    other = _booked(site, people, "nora", "zoe")

    why = _refused(_press(nora, made, "accept"))
    _press(nora, other, "cancel")
    came = _press(nora, made, "accept")

    assert "You are taken at that time by now. All of you are free on Monday 23 November, 15:30" in why
    assert came.status_code == 303
    assert _answers(site, made)[people["nora"]] is Response.ACCEPTED


def test_a_suggested_other_time_is_shown_on_the_readers_clocks(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    with site.db() as db:
        respond(
            db,
            session_id=made,
            person_id=people["mara"],
            response=Response.DECLINED,
            proposed_starts_at=datetime(2026, 11, 24, 16, tzinfo=UTC),
            actor=SYSTEM,
            now=site.api.clock(),
        )

    shown = page(site.signed_in(people["nora"]), f"/s/{made}")

    assert "Mentor, invite declined Suggests Tuesday 24 November, 16:00" in shown.text
    assert "Suggests Tuesday 24 November, 11:00" in page(site.signed_in(people["mara"]), f"/s/{made}").text


def test_nobody_answers_for_a_time_that_their_page_did_not_show(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora = site.signed_in(people["nora"])
    stale = next(f["action"] for f in page(nora, f"/s/{made}").all("form") if "do=accept" in f["action"])
    with site.db() as db:
        later = TEN + timedelta(days=1, hours=5)
        reschedule_session(db, session_id=made, starts_at=later, actor=SYSTEM, now=site.api.clock())

    why = _refused(nora.post(stale, headers=OURS))
    fresh = next(f["action"] for f in page(nora, f"/s/{made}").all("form") if "do=accept" in f["action"])

    assert "The session has another time by now. Look at it, then answer." in why
    assert "Tuesday 24 November 2026, 15:00" in why
    assert _answers(site, made)[people["nora"]] is Response.NEEDS_ACTION
    assert nora.post(fresh, headers=OURS).status_code == 303


def test_a_cancel_can_be_undone_for_fifteen_seconds(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora, mara = site.signed_in(people["nora"]), site.signed_in(people["mara"])
    page(mara, f"/s/{made}")

    cancelled = [_press(nora, made, "cancel") for _ in range(2)]
    after = page(nora, f"/s/{made}")
    site.api.clock.advance(UNDO - timedelta(seconds=1))
    undone = [_press(nora, made, "undo") for _ in range(2)]
    again = page(nora, f"/s/{made}")

    assert [a.status_code for a in (*cancelled, *undone)] == [303] * 4
    assert "This session is cancelled. Nobody has been told yet." in after.text
    assert _acts(after) == {"undo"}
    assert _acts(again) == {"accept", "maybe", "decline", "cancel"}
    assert _row(site, made).status is SessionStatus.CONFIRMED


def test_after_that_it_is_too_late_and_the_page_says_so(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora, mara = site.signed_in(people["nora"]), site.signed_in(people["mara"])
    _press(nora, made, "cancel")
    site.api.clock.advance(UNDO)

    undo, accept = _refused(_press(nora, made, "undo")), _refused(_press(mara, made, "accept"))
    shown = page(nora, f"/s/{made}")

    assert "It is too late to undo this: people are being told. Book the session again." in undo
    assert "It was cancelled meanwhile." in accept
    assert _acts(shown) == set()
    assert "The time is free again." in shown.text


def test_an_undo_is_refused_when_somebody_is_taken_by_then(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora = site.signed_in(people["nora"])
    _press(nora, made, "cancel")
    _booked(site, people, "mara", "zoe")

    why = _refused(_press(nora, made, "undo"))

    assert "Somebody is taken at that time by now." in why
    assert _row(site, made).status is SessionStatus.CANCELLED


def test_when_nobody_else_is_left_a_decline_cancels_for_good(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora = site.signed_in(people["nora"])

    _press(nora, made, "decline")

    assert _acts(page(nora, f"/s/{made}")) == set()
    assert _row(site, made).status is SessionStatus.CANCELLED


@pytest.mark.parametrize(
    ("values", "expected", "acts"),
    [
        ({"status": SessionStatus.IN_PROGRESS}, "This session is under way.", {"cancel"}),
        ({"status": SessionStatus.COMPLETED}, "This session took place.", set()),
        ({"status": SessionStatus.NO_SHOW}, "This did not take place. Somebody did not come.", set()),
        ({"status": SessionStatus.EXPIRED}, "Nobody confirmed this in time. The time is free again.", set()),
        (
            {"status": SessionStatus.REQUESTED, "expires_at": MONDAY + timedelta(hours=9)},
            "This is held, not booked. It ends by itself at Monday 23 November, 09:00.",
            {"cancel"},
        ),
        # expired, though nobody has written that down yet
        (
            {"status": SessionStatus.REQUESTED, "expires_at": MONDAY - timedelta(days=3)},
            "Nobody confirmed this in time.",
            set(),
        ),
    ],
)
def test_every_status_has_its_sentence_and_its_buttons(
    site: Site, people: Mapping[str, str], values: dict[str, Any], expected: str, acts: set[str]
) -> None:
    made = _booked(site, people)
    _becomes(site, made, **values)

    shown = page(site.signed_in(people["nora"]), f"/s/{made}")
    answer = _press(site.signed_in(people["nora"]), made, "accept")

    assert expected in shown.text
    assert _acts(shown) == acts
    assert answer.status_code == 409


def test_what_is_over_is_neither_answered_nor_cancelled(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    site.api.clock.at = MONDAY + timedelta(hours=16)
    nora = site.signed_in(people["nora"])

    shown = page(nora, f"/s/{made}")

    assert "This session is over." in shown.text
    assert _acts(shown) == set()
    assert "It is over." in _refused(_press(nora, made, "accept"))
    assert "It is over" in _refused(_press(nora, made, "cancel"))


def test_a_debrief_leads_to_the_session_that_it_follows(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        host = a_person(db, "Max Ito")
        call_id = a_call(db, host)
        seat = seats.book_seat(
            db, call_id=call_id, observer_id=people["nora"], debrief_minutes=15, actor=SYSTEM, now=site.api.clock()
        )
        made = db.execute(select(session.c.id).where(session.c.follows_id == seat.session_id)).scalar_one()

    for_nora, for_host = (page(site.signed_in(one), f"/s/{made}") for one in (people["nora"], host.id))

    assert "Debrief with Max Ito" in for_nora.text
    assert "After Max Ito’s discovery call with a customer." in for_nora.text
    assert "Debrief with Nora Quinn After your discovery call with a customer." in for_host.text
    for shown in (for_nora, for_host):
        assert f"/s/{seat.session_id}" in [attrs["href"] for attrs in shown.all("a")]
        assert _acts(shown) == {"accept", "maybe", "decline", "cancel"}


def test_an_occurrence_says_so_and_is_cancelled_alone(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        first, _ = book_series(
            db,
            plan=_plan(people, time_zone="Europe/London"),
            rrule="FREQ=WEEKLY;COUNT=3",
            on_conflict="refuse",
            actor=SYSTEM,
            now=site.api.clock(),
        )
        series_id = db.execute(select(session.c.series_id).where(session.c.id == first)).scalar_one()
        entry = db.execute(select(calendar_entry.c.id).where(calendar_entry.c.person_id == people["nora"])).scalar_one()
        [drawn] = drawn_entries(db, [entry], desk=Desk.of(site.api.settings))
    nora = site.signed_in(people["nora"])
    assert drawn.entry.url

    linked = page(nora, urlsplit(drawn.entry.url).path)
    _press(nora, first, "cancel")

    assert "One of a series. What you do here changes this one alone, unless you choose" in linked.text
    assert "How much of the series This one alone This one and those that follow" in linked.text
    with site.db() as db:
        statuses = db.execute(
            select(session.c.status).where(session.c.series_id == series_id).order_by(session.c.occurrence_at)
        )
        assert list(statuses.scalars()) == [SessionStatus.CANCELLED, *[SessionStatus.CONFIRMED] * 2]
    assert _acts(page(nora, f"/s/{first}")) == {"undo"}


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        (SessionKind.SHADOW, "Shadow"),
        (SessionKind.REVERSE_SHADOW, "Reverse shadow"),
        (SessionKind.RIDE_ALONG, "Ride-along"),
    ],
)
def test_a_seat_of_every_kind_is_answered_by_its_observer_alone(
    site: Site, people: Mapping[str, str], kind: SessionKind, title: str
) -> None:
    with site.db() as db:
        host = a_person(db, "Max Ito")
        made = seats.book_seat(
            db, call_id=a_call(db, host), observer_id=people["nora"], kind=kind, actor=SYSTEM, now=site.api.clock()
        )
    nora, path = site.signed_in(people["nora"]), f"/s/{made.session_id}"

    shown, hosts = page(nora, path), page(site.signed_in(host.id), path)
    accepted = _press(nora, made.session_id, "accept")
    declined = _press(nora, made.session_id, "decline")

    assert f"{title}: Max Ito with a customer" in shown.text
    assert "Nora Quinn listens to you with a customer" in hosts.text
    assert (_acts(shown), _acts(hosts)) == ({"accept", "maybe", "decline"}, set())
    assert (accepted.status_code, declined.status_code) == (303, 303)
    assert "You no longer have this seat." in page(nora, path).text


def test_hostile_names_are_text(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    for name in HOSTILE:
        with site.db() as db:
            db.execute(update(person).where(person.c.id == people["mara"]).values(name=name))

        shown = page(site.signed_in(people["nora"]), f"/s/{made}")

        assert shown.text.count(name) >= 3
        assert len(shown.all("script")) == 1
        assert not shown.all("img")


def test_every_class_has_a_style_in_every_status(site: Site, people: Mapping[str, str]) -> None:
    made = _booked(site, people)
    nora = site.signed_in(people["nora"])
    shown = [page(nora, f"/s/{made}")]
    for status in SessionStatus:
        _becomes(site, made, status=status, expires_at=TEN)
        shown.append(page(nora, f"/s/{made}"))
    style = nora.get(next(a["href"] for a in shown[0].all("link") if a["rel"] == "stylesheet")).text

    used = {word for one in shown for _, attrs in one.elements for word in attrs.get("class", "").split()}

    assert {word for word in used if f".{word}" not in style} == set()


def test_the_page_costs_the_same_number_of_statements_for_two_people_and_for_four(
    site: Site, people: Mapping[str, str]
) -> None:
    two = _booked(site, people)
    four = _booked(site, people, "nora", "mara", "leo", "zoe", starts_at=TEN + timedelta(days=1, hours=5))
    nora = site.signed_in(people["nora"])
    costs = []

    for made in (two, four):
        with counted(site.api.engine) as statements:
            nora.get(f"/s/{made}")
        costs.append(len(statements))

    assert costs[0] == costs[1] <= 10
