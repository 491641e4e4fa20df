"""What arrives in our mailbox is taken in, each mail by itself; what nobody takes up is turned down by mail."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, select, text, update

from app.adapters.imap import MailboxUnavailable
from app.db import transaction
from app.jobs import HANDLERS
from app.jobs.mailbox import poll
from app.models import Person
from app.models.tables import calendar_entry, job, mail_setting, mail_trouble
from app.operations.installation import installation_id
from app.operations.message_templates import put_template
from app.operations.replies import decline_suggestion
from app.operations.reply_addresses import ReplyTo
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.rules.templates import Words
from app.vocabulary import MessageKind, Response
from tests.adapters.imap_server import ImapServer, dovecot, needs_dovecot
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.ical.reply_examples import MIA, a_calendar, a_mail
from tests.jobs.house import House, calendar_of, subject_of, to, words_of
from tests.rules.test_bounces import a_report
from tests.sessions_and_people import a_session, responses


@pytest.fixture(scope="module")
def server() -> Iterator[ImapServer]:
    with dovecot() as running:
        yield running


@pytest.fixture
def reading(house: House, server: ImapServer) -> House:
    """A house that reads an empty mailbox on Dovecot, behind a gateway."""
    for path in [*(server.mail / "new").iterdir(), *(server.mail / "cur").iterdir()]:
        path.unlink()
    account = server.account()
    mailbox = {
        "imap_host": account.host,
        "imap_port": account.port,
        "imap_username": account.username,
        "imap_password": SecretStr(account.password),
        "imap_tls": "none",
        "mail_authserv_id": "mx.acme.example",
        "reply_to": "earshot@earshot.example",
    }
    return replace(house, settings=house.settings.model_copy(update=mailbox))


def an_invite(house: House) -> tuple[str, Person, str, str]:
    """A session of Mia with two others, of which she was told: its id, Mia, her entry's id and its UID."""
    with transaction(house.engine, writes=True) as db:
        mia = a_person(db, "Mia", email=MIA)
        session_id = a_session(db, mia, a_person(db, "Max"), a_person(db, "Ben"))
        db.execute(update(calendar_entry).values(mailing_sequence=0))
        mine = db.execute(select(calendar_entry).where(calendar_entry.c.person_id == mia.id)).one()
        return session_id, mia, mine.id, mine.uid


def vouched(calendar: str) -> bytes:
    return a_mail(calendar, results="mx.acme.example; dmarc=pass header.from=acme.example")


def a_bounce(house: House, entry_id: str) -> bytes:
    with transaction(house.engine, writes=False) as db:
        us = installation_id(db)
    returned = f"To: Mia <{MIA}>\nMessage-ID: <{entry_id}.0@{us}>\n"
    return a_report(final=f"rfc822; {MIA}", returned=returned)


def said(house: House, session_id: str, who: Person) -> str:
    with transaction(house.engine, writes=False) as db:
        return responses(db, session_id)[who.id]


def troubles(house: House) -> list[str]:
    with transaction(house.engine, writes=False) as db:
        return list(db.execute(select(mail_trouble.c.email)).scalars())


def test_without_a_mailbox_there_is_nothing_to_do(house: House) -> None:
    poll(house.context({}))


def test_a_mailbox_that_is_away_is_asked_again_later(house: House) -> None:
    away = house.settings.model_copy(update={"imap_host": "127.0.0.1", "imap_port": 1, "imap_tls": "none"})

    with pytest.raises(MailboxUnavailable):
        poll(replace(house, settings=away).context({}))


@needs_dovecot
def test_replies_and_bounces_are_taken_in_and_all_else_is_left_to_lie(reading: House, server: ImapServer) -> None:
    session_id, mia, entry_id, uid = an_invite(reading)
    server.deliver(
        b"From: Mia <mia@acme.example>\r\nSubject: Hello\r\n\r\nWho are you?\r\n",
        a_mail(a_calendar(uid=uid, partstat="DECLINED")),
        b"\x00\xff",
        b"x" * (1024 * 1024 + 2),
        vouched(a_calendar(uid=uid, partstat="TENTATIVE", stamp="20261121T090500Z")),
        vouched(a_calendar(uid=uid, partstat="DECLINED", stamp="20261121T090400Z")),
        a_bounce(reading, entry_id),
    )

    for _ in range(2):
        poll(reading.context({}))

    assert said(reading, session_id, mia) == Response.TENTATIVE
    assert troubles(reading) == [MIA]
    assert server.flags() == ["S"] * 7


@needs_dovecot
def test_a_mail_that_breaks_something_is_set_aside_and_holds_up_no_other(reading: House, server: ImapServer) -> None:
    session_id, mia, entry_id, uid = an_invite(reading)
    with transaction(reading.engine, writes=True) as db:
        db.execute(text("DROP TABLE mail_trouble"))
    server.deliver(a_bounce(reading, entry_id), vouched(a_calendar(uid=uid, stamp="20261121T090500Z")))

    for _ in range(2):
        poll(reading.context({}))

    assert said(reading, session_id, mia) == Response.ACCEPTED
    assert server.flags() == ["F", "S"]


@needs_dovecot
def test_a_suggestion_that_nobody_takes_is_turned_down_at_the_address_it_came_from(
    reading: House, server: ImapServer
) -> None:
    session_id, mia, entry_id, uid = an_invite(reading)
    suggestion = {"method": "COUNTER", "uid": uid, "partstat": "TENTATIVE", "stamp": "20261121T090500Z"}
    server.deliver(vouched(a_calendar(**suggestion, more=("DTSTART:20261123T140000Z",))))  # type: ignore[arg-type]
    poll(reading.context({}))

    with transaction(reading.engine, writes=True) as db:
        decline_suggestion(db, session_id=session_id, person_id=mia.id, actor=SYSTEM, now=NOW)
        db.execute(insert(mail_setting), {"person_id": mia.id, "language": "de-AT", "updated_at": NOW})
        words = Words("Es bleibt dabei: {{what}}", "Hallo {{name}}, {{when}} {{link}}")
        put_template(db, kind=MessageKind.TIME_STAYS, language="de", words=words, actor=SYSTEM, now=NOW)
    for _ in range(2):
        turn_down(reading)

    (mail,) = to(reading, MIA)
    assert subject_of(mail) == "Es bleibt dabei: Role-play: Ben & Max & Mia"
    assert words_of(mail, "text/plain").startswith("Hallo Mia, Monday 23 November 2026, 10:00–10:30 (Europe/London)")
    calendar = calendar_of(mail).decode()
    assert "\r\nMETHOD:DECLINECOUNTER\r\n" in calendar
    assert f"\r\nUID:{uid}\r\n" in calendar
    assert "\r\nDTSTART:20261123T100000Z\r\n" in calendar
    reply_to = ReplyTo.of(reading.settings).address(entry_id)
    assert f"Reply-To: <{reply_to}>".encode() in mail.replace(b"\r\n ", b" ")


def test_nobody_is_told_that_a_time_stays_which_is_off(house: House) -> None:
    with transaction(house.engine, writes=True) as db:
        observer = a_person(db, "Mia", email=MIA)
        book_seat(db, call_id=a_call(db), observer_id=observer.id, actor=SYSTEM, now=NOW)
        which = calendar_entry.c.person_id == observer.id
        db.execute(update(calendar_entry).where(which).values(status="cancelled"))
        entry_id = db.execute(select(calendar_entry.c.id).where(which)).scalar_one()

    HANDLERS["counter_mail"](house.context({"entry_id": entry_id, "session_id": None, "once": "0" * 16}))

    assert to(house, MIA) == []


def turn_down(house: House) -> None:
    """Run the job that tells the calendar, as often as somebody asks."""
    with transaction(house.engine, writes=False) as db:
        waiting = db.execute(select(job.c.payload).where(job.c.kind == "counter_mail")).scalars().all()
    for payload in waiting:
        HANDLERS["counter_mail"](house.context(payload))
