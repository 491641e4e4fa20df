"""A session cancelled on its page with a word to the others, or with those of its series that follow; what happened to
it; and the same over the API.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.erasures import ErasureList
from app.models.tables import event, event_detail, session
from app.operations.privacy import erase_person
from app.operations.responses import respond
from app.operations.series import book_series
from app.operations.sessions import Plan
from app.queries.personal import everything_about
from app.rules.access import SYSTEM
from app.vocabulary import Part, Response, Role, SessionKind, SessionStatus
from tests.factories import a_call, a_person
from tests.sessions_and_people import HALF, TEN, a_session
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.page_rules import breaches
from tests.web.test_web_week import HOSTILE

WEEK = timedelta(days=7)
NOTE = "I am ill today."


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora and Max meet on Monday at 10:00; Zoe has nothing to do with it; Diego administers, Ada audits."""
    with site.db() as db:
        nora, max_ = a_person(db, "Nora Quinn"), a_person(db, "Max Ito")
        made = {"nora": nora.id, "max": max_.id, "zoe": a_person(db, "Zoe").id}
        made["diego"] = a_person(db, "Diego", role=Role.ADMIN).id
        made["ada"] = a_person(db, "Ada", role=Role.AUDITOR).id
        return {**made, "session": a_session(db, nora, max_)}


@pytest.fixture
def weekly(site: Site, people: Mapping[str, str]) -> list[str]:
    """They meet on four Mondays at 14:00, too."""
    at = TEN + timedelta(hours=4)
    those = {people["nora"]: Part.MENTEE, people["max"]: Part.MENTOR}
    plan = Plan(SessionKind.ONE_ON_ONE, those, at, at + HALF, time_zone="Europe/London")
    with site.db() as db:
        rule: dict[str, Any] = {"rrule": "FREQ=WEEKLY;COUNT=4", "on_conflict": "refuse"}
        book_series(db, plan=plan, **rule, actor=SYSTEM, now=site.api.clock())
        in_series = select(session.c.id).where(session.c.series_id.is_not(None)).order_by(session.c.starts_at)
        return list(db.execute(in_series).scalars())


def _row(site: Site, session_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(session).where(session.c.id == session_id)).one()


def _send(browser: Any, session_id: str, do: str = "cancel", **fields: str) -> Any:
    return browser.post(f"/s/{session_id}?do={do}", data=fields, headers=OURS)


def test_a_word_to_the_others_is_on_the_page_of_what_is_cancelled(site: Site, people: Mapping[str, str]) -> None:
    nora, made = site.signed_in(people["nora"]), people["session"]

    answers = [_send(nora, made, note=f" {NOTE} ") for _ in range(2)]

    assert [(one.status_code, one.headers["location"]) for one in answers] == [(303, f"/s/{made}")] * 2
    for_max = page(site.signed_in(people["max"]), f"/s/{made}").text
    assert f"This session is cancelled. Nobody has been told yet. Nora Quinn wrote: “{NOTE}”" in for_max
    assert f"Cancelled by Nora Quinn: “{NOTE}”" in for_max
    assert for_max.count("Cancelled by") == 1, "pressing twice changes nothing"


def test_a_word_that_is_too_long_is_kept_and_nothing_is_cancelled(site: Site, people: Mapping[str, str]) -> None:
    answer = _send(site.signed_in(people["nora"]), people["session"], note="x" * 141)

    shown = Page(answer)
    assert (answer.status_code, list(breaches(shown))) == (422, [])
    assert "Nothing has changed. Mend this, then send it again: Write at most 140 letters" in shown.text
    assert [one["value"] for one in shown.all("input") if one.get("name") == "note"] == ["x" * 141]
    assert _row(site, people["session"]).status is SessionStatus.CONFIRMED


@pytest.mark.parametrize("hostile", [one for one in HOSTILE if len(one) <= 140])
def test_hostile_words_are_text(site: Site, people: Mapping[str, str], hostile: str) -> None:
    _send(site.signed_in(people["nora"]), people["session"], note=hostile)

    shown = page(site.signed_in(people["max"]), f"/s/{people['session']}")

    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert shown.text.count("wrote: “") == 1


def test_this_and_those_that_follow_are_cancelled_together(
    site: Site, people: Mapping[str, str], weekly: list[str]
) -> None:
    nora = site.signed_in(people["nora"])

    answer = _send(nora, weekly[1], scope="following", note=NOTE)

    shown = page(nora, answer.headers["location"]).text
    assert [_row(site, one).status.value for one in weekly] == ["confirmed", *["cancelled"] * 3]
    assert "This one and those that follow are cancelled." in shown
    assert f"The time is free again. Nora Quinn wrote: “{NOTE}”" in shown
    assert _send(nora, weekly[1], "undo").status_code == 409, "together is for good"


def test_this_and_those_that_follow_move_together_or_not_at_all(
    site: Site, people: Mapping[str, str], weekly: list[str]
) -> None:
    nora = site.signed_in(people["nora"])
    at = _row(site, weekly[1]).starts_at
    to_eleven = {"day": "2026-11-30", "time": "11:00", "scope": "following"}

    version = _row(site, weekly[1]).version
    moved = nora.post(f"/s/{weekly[1]}?do=reschedule&seen={version}", data=to_eleven, headers=OURS)
    night = {**to_eleven, "time": "03:00"}
    version = _row(site, weekly[1]).version
    refused = nora.post(f"/s/{weekly[1]}?do=reschedule&seen={version}", data=night, headers=OURS)

    shown = Page(refused)
    assert moved.headers["location"] == f"/s/{weekly[1]}?said=following"
    assert "those that follow have moved as far" in page(nora, moved.headers["location"]).text
    assert [_row(site, one).starts_at - at for one in weekly] == [
        -WEEK,
        *(n * WEEK - timedelta(hours=3) for n in range(3)),
    ]
    assert (refused.status_code, list(breaches(shown))) == (422, [])
    assert "Of the series this is so where it would be on Monday 30 November, 03:00; Monday 7 December" in shown.text
    assert next(one["value"] for one in shown.all("option") if "selected" in one) == "following"


def test_what_happened_is_told_to_those_who_may_see_it(site: Site, people: Mapping[str, str]) -> None:
    made = people["session"]
    with site.db() as db:
        yes: dict[str, Any] = {"person_id": people["max"], "response": Response.ACCEPTED, "actor": SYSTEM}
        respond(db, session_id=made, now=site.api.clock(), **yes)
    _send(site.signed_in(people["nora"]), made, "maybe")

    for_nora = page(site.signed_in(people["nora"]), f"/s/{made}").text
    for_auditor = page(site.signed_in(people["ada"]), f"/s/{made}").text

    for shown in (for_nora, for_auditor):
        told = shown.partition("What happened")[2]
        lines = [told.index(words) for words in ("Answered by Nora Quinn", "Answered by Earshot", "Booked by Earshot")]
        assert lines == sorted(lines), "the latest first"


def test_who_looks_into_a_session_of_others_leaves_a_line(site: Site, people: Mapping[str, str]) -> None:
    for who in ("nora", "ada", "ada"):
        page(site.signed_in(people[who]), f"/s/{people['session']}")
    page(site.signed_in(people["zoe"]), f"/s/{people['session']}", status=404)

    with site.db() as db:
        read = db.execute(select(event.c.actor).where(event.c.act == "session.read")).scalars()
        assert list(read) == [people["ada"]]


def test_over_the_api_a_note_goes_along_but_not_with_a_seat(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        call_id = a_call(db)
    site.seat(call_id, people["zoe"])
    with site.db() as db:
        on_call = db.execute(select(session.c.id).where(session.c.call_id == call_id)).scalar_one()
    admin = site.api.admin

    refused = admin.post(f"/v1/sessions/{on_call}/cancel", json={"note": NOTE})
    noted = admin.post(f"/v1/sessions/{people['session']}/cancel", json={"note": NOTE})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/note")
    assert noted.status_code == 200
    assert f"“{NOTE}”" in page(site.signed_in(people["nora"]), f"/s/{people['session']}").text


def test_what_somebody_wrote_is_theirs_and_goes_with_them(site: Site, people: Mapping[str, str]) -> None:
    _send(site.signed_in(people["nora"]), people["session"], note=NOTE)

    with site.db() as db:
        told = everything_about(db, people["nora"], actor=SYSTEM)["event_detail"]
        listed = ErasureList(site.api.settings.dir)
        erase_person(db, person_id=people["nora"], confirm=None, listed=listed, actor=SYSTEM, now=site.api.clock())
        left = [detail for detail in db.execute(select(event_detail.c.detail)).scalars() if "note" in detail]

    assert NOTE in [one["detail"].get("note") for one in told]
    assert left == []
