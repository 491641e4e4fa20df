"""Bounces are believed when they name a mail of ours and its reader; troubles are seen and cleared by admins."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import insert, select, update

from app import ids
from app.db import transaction
from app.models.tables import calendar_entry, event, mail_trouble, notice, person
from app.operations.installation import installation_id
from app.operations.mail_troubles import note_trouble
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import MessageKind, NoticeStatus
from tests.factories import a_call, a_person
from tests.harness import NOW, Api
from tests.rules.test_bounces import a_report


def a_notice_of(api: Api, name: str = "Jo") -> tuple[str, str, str]:
    """A notice that was sent: its id, its Message-ID and its reader's address."""
    with transaction(api.engine, writes=True) as db:
        reader = a_person(db, name)
        notice_id = ids.new("ntc", NOW)
        row = {"id": notice_id, "person_id": reader.id, "kind": MessageKind.DIGEST, "once": notice_id}
        stamps = {"due_at": NOW, "sent_at": NOW, "created_at": NOW, "updated_at": NOW}
        db.execute(insert(notice).values(row | stamps | {"status": NoticeStatus.SENT}))
        return notice_id, f"{notice_id}@{installation_id(db)}", reader.email


def returned(message_id: str, email: str) -> str:
    return f"To: Jo <{email}>\nMessage-ID: <{message_id}>\n"


def taken(api: Api, raw: bytes, *, content_type: str = "message/rfc822") -> httpx.Response:
    return api.admin.post("/v1/bounces", content=raw, headers={"Content-Type": content_type})


def state_of(api: Api, notice_id: str) -> tuple[NoticeStatus, str | None]:
    with transaction(api.engine, writes=False) as db:
        status, why = db.execute(select(notice.c.status, notice.c.why).where(notice.c.id == notice_id)).one()
        return status, why


def troubles(api: Api) -> list[str]:
    return [row["email"] for row in api.admin.get("/v1/mail-troubles").json()["data"]]


def acts(api: Api) -> list[tuple[str, str]]:
    with transaction(api.engine, writes=False) as db:
        query = select(event.c.act, event.c.object_type).where(event.c.act.startswith("mail_trouble"))
        return [(act, kind) for act, kind in db.execute(query.order_by(event.c.sequence))]


def test_a_bounce_stops_mail_to_its_reader_and_is_shown_with_the_notice(api: Api) -> None:
    notice_id, message_id, email = a_notice_of(api)
    report = a_report(final=f"rfc822; {email}", returned=returned(message_id, email))

    answers = [taken(api, report) for _ in range(2)]

    for answer in answers:
        assert answer.status_code == 200
        assert answer.json()["outcome"] == "in_trouble"
    assert state_of(api, notice_id) == (NoticeStatus.BOUNCED, "bounced with 5.1.1: 550 5.1.1 no such mailbox")
    (row,) = api.admin.get("/v1/mail-troubles").json()["data"]
    with transaction(api.engine, writes=False) as db:
        assert row["person_id"] == db.execute(select(person.c.id).where(person.c.email == email)).scalar_one()
    assert (row["email"], row["why"]) == (email, "bounced with 5.1.1: 550 5.1.1 no such mailbox")
    assert acts(api) == [("mail_trouble.noted", "person")]


def test_an_invite_that_bounced_stops_mail_too(api: Api) -> None:
    with transaction(api.engine, writes=True) as db:
        reader = a_person(db, "Jo")
        book_seat(db, call_id=a_call(db), observer_id=reader.id, actor=SYSTEM, now=NOW)
        entry_id = db.execute(select(calendar_entry.c.id).where(calendar_entry.c.person_id == reader.id)).scalar_one()
        message_id = f"{entry_id}.0@{installation_id(db)}"
    report = a_report(final=f"rfc822; {reader.email}", returned=returned(message_id, reader.email))
    early = taken(api, report).json()["outcome"]
    with transaction(api.engine, writes=True) as db:
        db.execute(update(calendar_entry).values(mailing_sequence=0))

    late = taken(api, report).json()["outcome"]

    assert (early, late) == ("ignored", "in_trouble"), "what was never sent can't bounce"
    assert troubles(api) == [reader.email]


@pytest.mark.parametrize("status", ["5.7.1", "5.2.2", "5.3.4", "5.6.0"])
def test_what_was_wrong_with_one_mail_does_not_stop_the_next(sqlite_api: Api, status: str) -> None:
    notice_id, message_id, email = a_notice_of(sqlite_api)

    answer = taken(sqlite_api, a_report(status=status, words="smtp; 550 no", returned=returned(message_id, email)))

    assert answer.json()["outcome"] == "noted"
    assert state_of(sqlite_api, notice_id)[0] is NoticeStatus.BOUNCED
    assert troubles(sqlite_api) == []


def test_only_a_report_that_names_a_mail_of_ours_and_its_reader_is_believed(sqlite_api: Api) -> None:
    notice_id, message_id, email = a_notice_of(sqlite_api)
    _, others_mail, other = a_notice_of(sqlite_api, "Ana")
    elsewhere = f"{notice_id}@other.earshot"
    unknown = message_id.replace(notice_id, ids.new("ntc", NOW + timedelta(days=1)))
    hostile = [f"%{notice_id[1:]}@x", "' OR 1=1 --@x", f"{notice_id}.1{message_id.removeprefix(notice_id)}", "x" * 254]
    reports = [
        a_report(final=f"rfc822; {other}", returned=f"Message-ID: <{message_id}>\n"),
        a_report(final=f"rfc822; {email}", returned=f"Message-ID: <{others_mail}>\n"),
        *(a_report(final=f"rfc822; {email}", returned=returned(one, email)) for one in (elsewhere, unknown, *hostile)),
        a_report(action="delayed", final=f"rfc822; {email}", returned=returned(message_id, email)),
        a_report(status="4.4.7", final=f"rfc822; {email}", returned=returned(message_id, email)),
        b"Subject: Out of office\r\n\r\nBack on Monday.\r\n",
        b"\xff\x00" * 1000,
        b"",
    ]

    answers = [taken(sqlite_api, report) for report in reports]

    assert [(answer.status_code, answer.json()["outcome"]) for answer in answers] == [(200, "ignored")] * len(reports)
    assert troubles(sqlite_api) == []
    assert state_of(sqlite_api, notice_id) == (NoticeStatus.SENT, None)


def test_a_mail_that_was_forwarded_stops_mail_to_whom_we_know(sqlite_api: Api) -> None:
    _, message_id, email = a_notice_of(sqlite_api)
    report = a_report(
        final="rfc822; hidden@elsewhere.example",
        original=f"rfc822;{email.upper()}",
        returned=f"Message-ID: {message_id}",
    )

    assert taken(sqlite_api, report).json()["outcome"] == "in_trouble"
    assert troubles(sqlite_api) == [email]


def test_who_has_another_address_meanwhile_gets_mail_there(sqlite_api: Api) -> None:
    _, message_id, email = a_notice_of(sqlite_api)
    with transaction(sqlite_api.engine, writes=True) as db:
        db.execute(update(person).where(person.c.email == email).values(email="new@earshot.example"))

    answer = taken(sqlite_api, a_report(final=f"rfc822; {email}", returned=returned(message_id, email)))

    assert answer.json()["outcome"] == "ignored"
    assert troubles(sqlite_api) == []


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_a_bounce_is_handed_in_as_a_mail(sqlite_api: Api, content_type: str) -> None:
    refused = taken(sqlite_api, a_report(), content_type=content_type)

    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")


def test_more_than_a_mebibyte_is_refused_and_a_mebibyte_is_not(sqlite_api: Api) -> None:
    assert taken(sqlite_api, b"x" * (1024 * 1024 + 1)).status_code == 413
    assert taken(sqlite_api, b"x" * (1024 * 1024)).json()["outcome"] == "ignored"


def test_an_address_that_takes_mail_again_is_cleared_once(api: Api) -> None:
    _, message_id, email = a_notice_of(api)
    taken(api, a_report(final=f"rfc822; {email}", returned=returned(message_id, email)))

    answers = [api.admin.delete(f"/v1/mail-troubles/{email.upper()}").status_code for _ in range(2)]

    assert answers == [204, 404]
    assert troubles(api) == []
    assert acts(api) == [("mail_trouble.noted", "person"), ("mail_trouble.cleared", "person")]


def test_the_first_reason_stays(sqlite_api: Api) -> None:
    with transaction(sqlite_api.engine, writes=True) as db:
        first = note_trouble(db, email="Jo@Acme.example", why="no such mailbox", now=NOW)
        second = note_trouble(db, email="jo@acme.example", why="closed", now=NOW + timedelta(days=1))
        kept = db.execute(select(mail_trouble)).all()

    assert (first, second) == (True, False)
    assert [(row.email, row.why, row.since) for row in kept] == [("jo@acme.example", "no such mailbox", NOW)]
    assert acts(sqlite_api) == [], "it is nobody's address"


def test_a_trouble_without_an_address_is_no_place(sqlite_api: Api) -> None:
    assert sqlite_api.admin.delete("/v1/mail-troubles/nobody").status_code == 422
    assert sqlite_api.admin.delete("/v1/mail-troubles/nobody@earshot.example").status_code == 404
