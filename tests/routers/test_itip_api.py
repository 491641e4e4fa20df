"""What a gateway hands in: refusals are typed, answers count, and nothing a stranger writes is a fault of ours."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import transaction
from app.models.tables import calendar_entry, event
from tests.factories import a_person
from tests.harness import Api
from tests.ical.reply_examples import GOOGLE, MIA, a_calendar, a_mail
from tests.sessions_and_people import a_session, responses
from tests.worlds import worlds


def an_invite(api: Api) -> tuple[str, str, str]:
    """Mia is invited with two others: the session, the UID, and who she is."""
    with transaction(api.engine, writes=True) as db:
        mia = a_person(db, "Mia", email=MIA)
        session_id = a_session(db, mia, a_person(db, "Max"), a_person(db, "Ben"))
        uid = db.execute(select(calendar_entry.c.uid).where(calendar_entry.c.person_id == mia.id)).scalar_one()
        return session_id, uid, mia.id


def handed_in(api: Api, content: bytes | str, kind: str = "message/rfc822") -> httpx.Response:
    return api.admin.post("/v1/itip", content=content, headers={"Content-Type": kind})


def test_a_forged_mail_is_refused_and_changes_nothing(api: Api) -> None:
    session_id, uid, mia = an_invite(api)

    answer = handed_in(api, a_mail(a_calendar(uid=uid), results="mx.evil.example; dmarc=pass header.from=acme.example"))

    assert (answer.status_code, answer.json()["code"]) == (403, "reply_not_vouched_for")
    with transaction(api.engine, writes=False) as db:
        assert responses(db, session_id)[mia] == "needs_action"


def test_what_is_no_reply_is_refused_with_the_reason(sqlite_api: Api) -> None:
    an_invite(sqlite_api)

    for content, kind, expected in (
        ("", "message/rfc822", (422, "not_a_reply")),
        ("Subject: out of office\n\nI am away.", "message/rfc822", (422, "not_a_reply")),
        (a_calendar(method="REQUEST"), "text/calendar", (422, "not_a_reply")),
        (a_calendar(), "application/json", (415, "unsupported_media_type")),
        (a_calendar(), "text/plain", (415, "unsupported_media_type")),
        (b"x" * (1024 * 1024 + 1), "message/rfc822", (413, "too_large")),
    ):
        answer = handed_in(sqlite_api, content, kind)
        assert (answer.status_code, answer.json()["code"]) == expected


def test_a_gateway_vouches_for_a_calendar_by_itself_and_may_hand_it_in_twice(api: Api) -> None:
    session_id, uid, mia = an_invite(api)
    calendar = a_calendar(uid=uid, partstat="TENTATIVE")

    answers = [handed_in(api, calendar, "text/calendar; charset=utf-8; method=REPLY") for _ in range(2)]

    assert [one.json()["replies"][0]["outcome"] for one in answers] == ["answered", "ignored"]
    assert answers[0].json()["replies"] == [{"uid": uid, "outcome": "answered", "why": "Noted as tentative."}]
    with transaction(api.engine, writes=False) as db:
        assert responses(db, session_id)[mia] == "tentative"
        told = db.execute(select(event.c.actor).where(event.c.act == "session.answered")).scalars().all()
        assert list(told) == [mia]


def test_a_reply_to_nothing_of_ours_is_ignored_whoever_sent_it(sqlite_api: Api) -> None:
    answer = handed_in(sqlite_api, a_mail(GOOGLE))

    assert (answer.status_code, answer.json()["replies"][0]["outcome"]) == (200, "ignored")


@settings(max_examples=worlds(60))
@given(noise=st.binary(max_size=200), at=st.integers(0, 700), gone=st.integers(0, 200))
def test_no_damage_is_a_fault_of_ours(sqlite_api: Api, noise: bytes, at: int, gone: int) -> None:
    whole = a_calendar().encode()

    answer = handed_in(sqlite_api, whole[:at] + noise + whole[at + gone :], "text/calendar")

    assert answer.status_code in (200, 422), answer.text


@pytest.mark.parametrize(
    "line",
    [
        "DTSTART;TZID=/x/../../etc/passwd:20261123T100000",
        "DTSTART;TZID=\x01\x02:20261123T100000",
        "DTSTART:99991231T235959Z",
        "RECURRENCE-ID:16000101T000000Z",
        "RECURRENCE-ID;VALUE=DATE:20261123",
        "DURATION:P9999W",
        "DTSTART:20261123T100000Z\r\nDURATION:-P9999W",
        "DTSTART:20261123T100000Z\r\nDTEND:16000101T000000Z",
    ],
)
@pytest.mark.parametrize("method", ["REPLY", "COUNTER"])
def test_strange_times_are_answered_with_a_word(api: Api, method: str, line: str) -> None:
    _, uid, _ = an_invite(api)

    answer = handed_in(api, a_calendar(method=method, uid=uid, more=(line,)), "text/calendar")

    assert answer.status_code in (200, 422), answer.text
