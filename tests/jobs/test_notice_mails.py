"""Notices by mail: what is not sent any more, what hostile names can't do, then what people read."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app.adapters.mail import MailUnavailable
from app.db import DbSession, transaction
from app.jobs import HANDLERS
from app.jobs.notices import READERS, send_notice
from app.models import Account, Person
from app.models.tables import installation, mail_setting, mail_trouble, message_template, notice, person, waitlist_entry
from app.operations import responses, seats, waitlist
from app.operations.calls import cancel_call, patch_call
from app.operations.message_templates import put_template
from app.operations.notices import NewNotice, write_notices
from app.operations.replies import decline_suggestion
from app.operations.sessions import cancel_session, reschedule_session
from app.rules.access import SYSTEM, Actor
from app.rules.templates import Words
from app.vocabulary import DisabledBecause, MessageKind, NoticeStatus, PersonStatus, Response, Role
from tests.acts_that_are_told import a_match, an_endpoint_off, by
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.jobs.house import House, subject_of, to, words_of
from tests.seats_that_wait import HALF, TEN, a_host_who_approves, settle, take, wait
from tests.sessions_and_people import a_session

MARA, JO = "mara@earshot.example", "jo@earshot.example"
Do = Callable[[DbSession], object]


@dataclass
class Asked:
    """Jo asks for a seat on Mara's call with Northwind Freight; nobody was told yet."""

    mara: Person
    jo: Person
    call_id: str
    seat_id: str


def an_account(db: DbSession) -> str:
    db.add(Account(id="acc_n", name="Northwind Freight", created_at=NOW, updated_at=NOW))
    db.flush()
    return "acc_n"


@pytest.fixture
def asked(house: House) -> Asked:
    with transaction(house.engine, writes=True) as db:
        mara = a_host_who_approves(db, "Mara Okafor", email=MARA, time_zone="America/Phoenix")
        jo = a_person(db, "Jo Müller", email=JO)
        call_id = a_call(db, mara, account_id=an_account(db), seats=1, title="Discovery with Ms Buyer")
        return Asked(mara, jo, call_id, take(db, call_id, jo).id)


def do(house: House, act: Do) -> None:
    with transaction(house.engine, writes=True) as db:
        act(db)


def after(house: House, act: Do) -> None:
    """Do something, announce it, and send what is to be sent."""
    do(house, act)
    house.announce()
    house.work()


def texts(house: House, address: str) -> list[str]:
    return [words_of(mail, "text/plain").replace("\r\n", "\n") for mail in to(house, address)]


def became(house: House) -> list[tuple[MessageKind, NoticeStatus, str | None]]:
    with transaction(house.engine, writes=False) as db:
        rows = db.execute(select(notice).order_by(notice.c.created_at, notice.c.id))
        return [(row.kind, row.status, row.why) for row in rows]


def test_every_notice_has_a_reader_and_a_way_out() -> None:
    kinds = list(MessageKind)
    invites = kinds[: kinds.index(MessageKind.SERIES_CANCELLED) + 1]

    assert set(READERS) == {*kinds} - {*invites, MessageKind.SIGN_IN, MessageKind.ADDRESS_CHANGED}
    assert HANDLERS["notice_mail"] is send_notice


def approve(house: House, asked: Asked) -> None:
    do(house, lambda db: seats.approve_seat(db, seat_id=asked.seat_id, actor=by(asked.mara), now=house.clock()))


def withdraw(house: House, asked: Asked) -> None:
    do(house, lambda db: seats.release_seat(db, seat_id=asked.seat_id, actor=by(asked.jo), now=house.clock()))


def call_off(house: House, asked: Asked) -> None:
    do(house, lambda db: cancel_call(db, call_id=asked.call_id, actor=SYSTEM, now=house.clock()))


def hand_over(house: House, asked: Asked) -> None:
    def act(db: DbSession) -> None:
        other = a_person(db, "Other")
        patch_call(db, call_id=asked.call_id, changes={"host_id": other.id}, actor=SYSTEM, now=house.clock())

    do(house, act)


def let_time_pass(house: House, asked: Asked) -> None:
    del asked
    house.clock.at = TEN - timedelta(minutes=15)


def go_away(house: House, asked: Asked) -> None:
    gone = update(person).where(person.c.id == asked.mara.id).values(status=PersonStatus.ON_LEAVE)
    do(house, lambda db: db.execute(gone))


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        (approve, "somebody has answered, or nobody asks any more"),
        (withdraw, "somebody has answered, or nobody asks any more"),
        (call_off, "somebody has answered, or nobody asks any more"),
        (let_time_pass, "somebody has answered, or nobody asks any more"),
        (hand_over, "somebody else hosts the call now"),
        (go_away, "whom it is for is on leave"),
    ],
)
def test_what_is_no_longer_so_is_not_sent_and_it_is_kept_why(
    house: House, asked: Asked, meanwhile: Callable[[House, Asked], None], why: str
) -> None:
    house.announce()

    meanwhile(house, asked)
    house.work()

    assert to(house, MARA) == [] or all("would like to listen" not in text for text in texts(house, MARA))
    assert became(house)[0] == (MessageKind.SEAT_REQUESTED, NoticeStatus.DROPPED, why)


def test_a_notice_to_an_address_that_takes_no_mail_is_refused_without_asking_anybody(
    house: House, asked: Asked
) -> None:
    trouble = insert(mail_trouble).values(email=asked.mara.email, why="550", since=NOW)
    do(house, lambda db: db.execute(trouble))

    house.announce()
    house.work()

    assert to(house, MARA) == []
    why = "this address takes no mail: 550"
    assert became(house)[0] == (MessageKind.SEAT_REQUESTED, NoticeStatus.REFUSED, why)


def test_a_notice_that_was_sent_or_is_gone_is_not_sent_again(house: House, asked: Asked) -> None:
    house.announce()
    house.work()
    before = house.mails()
    with transaction(house.engine, writes=False) as db:
        notice_id = db.execute(select(notice.c.id)).scalar_one()

    for one in (notice_id, notice_id, "ntc_none"):
        send_notice(house.context({"notice_id": one}))

    assert house.mails() == before
    assert len(before) == 1


def test_a_mail_that_nobody_took_stays_to_be_sent_and_is_the_same_then(house: House, asked: Asked) -> None:
    house.settings.outbox.write_text("a file where the folder should be")
    house.announce()
    with pytest.raises(MailUnavailable):
        house.work()

    assert became(house) == [(MessageKind.SEAT_REQUESTED, NoticeStatus.WAITING, None)]
    house.settings.outbox.unlink()
    with transaction(house.engine, writes=False) as db:
        row = db.execute(select(notice)).one()
        domain = db.execute(select(installation.c.id)).scalar_one()
    send_notice(house.context({"notice_id": row.id}))
    assert list(house.mails()) == [f"{row.id}@{domain}.eml"]
    assert became(house) == [(MessageKind.SEAT_REQUESTED, NoticeStatus.SENT, None)]


def test_nobody_reads_of_what_is_no_news_any_more(house: House) -> None:
    def matched(db: DbSession) -> None:
        a_match(db, a_person(db, "Mia"), a_person(db, "Max"))

    do(house, matched)
    house.announce()
    house.clock.advance(timedelta(days=3, minutes=1))
    house.work()

    assert house.mails() == {}
    assert {why for _, _, why in became(house)} == {"nobody took it while it was news"}


def test_what_a_notice_was_about_may_be_gone(house: House, asked: Asked) -> None:
    lost = NewNotice(
        kind=MessageKind.SEAT_OFFERED, person_id=asked.jo.id, about_id="seat_none", once="lost", due_at=NOW
    )
    do(house, lambda db: write_notices(db, [lost], now=NOW))

    house.work()

    assert became(house) == [(MessageKind.SEAT_OFFERED, NoticeStatus.DROPPED, "what it was about is gone")]


def test_a_hostile_name_does_nothing_but_be_a_name(house: House) -> None:
    name = '<b>Jo</b> {{until}} "\u202ex\r\nBcc: eve@evil.example\r\n\r\nhttps://evil.example'

    def hostile(db: DbSession) -> None:
        mara, jo = a_host_who_approves(db, "Mara", email=MARA), a_person(db, "Jo")
        take(db, a_call(db, mara), jo)
        db.execute(update(person).where(person.c.id == jo.id).values(name=name))

    after(house, hostile)

    (mail,) = to(house, MARA)
    parsed = message_from_bytes(mail)
    assert parsed["Bcc"] is None
    assert "{{until}}" in subject_of(mail)
    words = words_of(mail, "text/html")
    assert "<b>" not in words
    assert words.count("<a ") == 1
    assert "\u202e" not in words_of(mail, "text/plain") + subject_of(mail)
    assert "\nhttps://evil" not in words_of(mail, "text/plain")


def test_no_title_and_nobody_of_the_customer_is_named(house: House, asked: Asked) -> None:
    house.announce()
    house.work()

    assert [
        mail for mail in house.mails().values() if b"Buyer" in mail or "Buyer" in words_of(mail, "text/plain")
    ] == []


def test_a_host_reads_who_asks_for_what_until_when_and_where_to_answer(house: House, asked: Asked) -> None:
    house.announce()
    house.work()

    (mail,) = house.mails().values()
    assert subject_of(mail) == "Jo Müller would like to listen to your call: Northwind Freight (discovery)"
    assert words_of(mail, "text/plain").replace("\r\n", "\n") == (
        "Hello Mara Okafor,\n\n"
        "Jo Müller would like to listen to a call of yours:\n"
        "Northwind Freight (discovery)\n"
        "Monday 23 November 2026, 03:00–03:30 (America/Phoenix)\n\n"
        "They only listen; there is nothing for you to prepare. Please say yes or no "
        "by Monday 23 November 2026, 02:45 (America/Phoenix):\n"
        f"http://127.0.0.1:8000/calls/{asked.call_id}\n"
    )
    parsed = message_from_bytes(mail)
    assert (parsed["List-Unsubscribe"], parsed["Auto-Submitted"]) == (None, "auto-generated")
    assert [part.get_content_type() for part in parsed.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_an_observer_reads_no_and_where_else_to_look(house: House, asked: Asked) -> None:
    after(house, lambda db: seats.decline_seat(db, seat_id=asked.seat_id, actor=by(asked.mara), now=NOW))

    (text,) = texts(house, JO)
    assert "Mara Okafor can't take anybody along this time:\nNorthwind Freight (discovery)\n" in text
    assert text.endswith("http://127.0.0.1:8000/\n")


def test_an_observer_reads_that_nobody_answered_in_time_unless_the_call_has_begun(house: House, asked: Asked) -> None:
    house.announce()
    do(house, lambda db: settle(db, asked.call_id, now=TEN - timedelta(minutes=15)))
    house.announce()
    house.clock.at = TEN - timedelta(minutes=14)
    house.work()

    assert [text.split("\n")[2] for text in texts(house, JO)] == [
        "Mara Okafor did not get round to answering your request in time:"
    ]


def test_the_call_being_off_is_why(house: House, asked: Asked) -> None:
    call_off(house, asked)
    house.announce()
    house.work()

    (text,) = texts(house, JO)
    assert "The call is off. There are other calls" in text


def test_a_move_to_where_they_are_taken_is_why_and_they_wait_in_line(house: House, asked: Asked) -> None:
    later = {"starts_at": TEN + 4 * HALF, "ends_at": TEN + 5 * HALF}

    def move(db: DbSession) -> None:
        take(db, a_call(db, starts_at=TEN + 4 * HALF), asked.jo)
        patch_call(db, call_id=asked.call_id, changes=later, actor=SYSTEM, now=NOW)

    after(house, move)

    over = next(text for text in texts(house, JO) if "not possible any more" in text)
    assert "It has moved to a time at which you are taken. You are in line for a seat, should it move again." in over


@pytest.fixture
def in_line(house: House) -> tuple[str, str, Any]:
    """Jo waits for the one seat on a call of Mara's: the call, Jo's place, and the seat that somebody has."""
    with transaction(house.engine, writes=True) as db:
        mara, jo = a_person(db, "Mara Okafor", email=MARA), a_person(db, "Jo Müller", email=JO)
        call_id = a_call(db, mara, account_id=an_account(db), seats=1)
        held = take(db, call_id, a_person(db, "Seated"))
        return call_id, wait(db, call_id, jo), held


def release(house: House, held: Any) -> Do:
    return lambda db: seats.release_seat(db, seat_id=held.id, actor=SYSTEM, now=house.clock())


def test_who_waits_reads_what_is_kept_for_them_and_until_when(house: House, in_line: tuple[str, str, Any]) -> None:
    call_id, _, held = in_line

    after(house, release(house, held))

    (text,) = texts(house, JO)
    assert "Northwind Freight (discovery), with Mara Okafor\nMonday 23 November 2026, 10:00–10:30" in text
    assert "It is yours if you take it by Saturday 21 November 2026, 10:00 (Europe/London)." in text
    assert f"http://127.0.0.1:8000/calls/{call_id}" in text


def test_an_offer_that_was_taken_before_the_mail_went_is_not_made(house: House, in_line: tuple[str, str, Any]) -> None:
    _, entry_id, held = in_line
    do(house, release(house, held))
    house.announce()
    do(house, lambda db: waitlist.accept_offer(db, entry_id=entry_id, actor=SYSTEM, now=NOW))
    house.work()

    assert [text for text in texts(house, JO) if "A seat has come free" in text] == []
    assert [status for kind, status, _ in became(house) if kind is MessageKind.SEAT_OFFERED] == [NoticeStatus.DROPPED]


def test_an_offer_that_was_not_taken_has_gone_to_the_next(house: House, in_line: tuple[str, str, Any]) -> None:
    call_id, _, held = in_line
    after(house, release(house, held))
    house.clock.advance(timedelta(hours=1))

    after(house, lambda db: settle(db, call_id, now=house.clock()))

    assert "was not taken in time" in texts(house, JO)[-1]


def test_nobody_is_told_what_they_lost_who_waits_again(house: House, in_line: tuple[str, str, Any]) -> None:
    call_id, _, held = in_line
    after(house, release(house, held))
    house.clock.advance(timedelta(hours=1))

    def lapse_and_wait(db: DbSession) -> None:
        settle(db, call_id, now=house.clock())
        jo = db.execute(select(waitlist_entry.c.person_id)).scalar_one()
        take(db, call_id, a_person(db, "Quick"), now=house.clock())
        wait(db, call_id, db.get_one(Person, jo), now=house.clock())

    after(house, lapse_and_wait)

    assert len(to(house, JO)) == 1
    assert became(house)[-1][2] == "they have a seat on it, or wait for one again"


@dataclass
class Three:
    """Mia, Max and Ann play roles on Monday; they have been invited."""

    mia: Person
    max: Person
    ann: Person
    session_id: str


@pytest.fixture
def three(house: House) -> Three:
    with transaction(house.engine, writes=True) as db:
        mia, max_, ann = (a_person(db, name, email=f"{name.lower()}@earshot.example") for name in ("Mia", "Max", "Ann"))
        made = Three(mia, max_, ann, a_session(db, mia, max_, ann))
    house.work()
    return made


def answer(three: Three, who: Person, response: Response, suggested: datetime | None = None) -> Do:
    return lambda db: responses.respond(
        db,
        session_id=three.session_id,
        person_id=who.id,
        response=response,
        proposed_starts_at=suggested,
        actor=by(who),
        now=NOW,
    )


def notices_to(house: House, address: str) -> list[bytes]:
    return [mail for mail in to(house, address) if message_from_bytes(mail).get_content_type() != "multipart/mixed"]


def test_the_others_read_who_does_not_come_to_what(house: House, three: Three) -> None:
    after(house, answer(three, three.max, Response.DECLINED))

    assert notices_to(house, "max@") == []
    for who in ("mia@", "ann@"):
        (mail,) = notices_to(house, who)
        assert subject_of(mail) == "Max can't come: Role-play: Ann & Max & Mia"
        words = words_of(mail, "text/plain")
        assert "Monday 23 November 2026, 10:00–10:30 (Europe/London)" in words
        assert f"/s/{three.session_id}" in words


def test_two_who_answer_before_the_mail_goes_are_one_mail(house: House, three: Three) -> None:
    do(house, answer(three, three.max, Response.DECLINED, TEN + 2 * HALF))
    do(house, answer(three, three.ann, Response.TENTATIVE, TEN + 4 * HALF))
    house.announce()
    house.work()

    (mail,) = notices_to(house, "mia@")
    assert subject_of(mail) == "Another time? Role-play: Ann & Max & Mia"
    assert "Max and Ann would like another time for this session:" in words_of(mail, "text/plain")
    assert (
        "Suggested: Monday 23 November 2026, 11:00 (Europe/London)\r\nMonday 23 November 2026, 12:00 (Europe/London)"
        in words_of(mail, "text/plain")
    )


def decline(three: Three, who: Person, actor: Actor = SYSTEM) -> Do:
    return lambda db: decline_suggestion(db, session_id=three.session_id, person_id=who.id, actor=actor, now=NOW)


def test_who_suggested_another_time_reads_that_it_stays_each_time_that_it_is_declined(
    house: House, three: Three
) -> None:
    for hour in (2, 4):
        do(house, answer(three, three.max, Response.TENTATIVE, TEN + hour * HALF))
        do(house, decline(three, three.max, by(three.mia)))
        do(house, decline(three, three.max, by(three.mia)))
        house.work()

    first, second = notices_to(house, "max@")
    assert subject_of(first) == "It stays at its time: Role-play: Ann & Max & Mia"
    words = words_of(second, "text/plain")
    assert "Monday 23 November 2026, 10:00–10:30 (Europe/London)" in words
    assert f"/s/{three.session_id}" in words


def test_who_takes_their_suggestion_back_or_makes_another_reads_of_none(house: House, three: Three) -> None:
    do(house, answer(three, three.max, Response.TENTATIVE, TEN + 2 * HALF))
    do(house, decline(three, three.max, by(three.max)))
    do(house, answer(three, three.ann, Response.TENTATIVE, TEN + 2 * HALF))
    do(house, decline(three, three.ann))
    do(house, answer(three, three.ann, Response.TENTATIVE, TEN + 4 * HALF))
    house.work()

    assert notices_to(house, "max@") == notices_to(house, "ann@") == []
    assert became(house) == [(MessageKind.TIME_STAYS, NoticeStatus.DROPPED, "they suggest another time again")]


@pytest.mark.parametrize("meanwhile", ["cancelled", "moved", "accepted"])
def test_an_answer_to_what_is_off_or_elsewhere_or_taken_back_is_no_news(
    house: House, three: Three, meanwhile: str
) -> None:
    do(house, answer(three, three.max, Response.DECLINED))
    house.announce()
    one: dict[str, Any] = {"session_id": three.session_id, "actor": SYSTEM, "now": NOW}
    acts: dict[str, Do] = {
        "cancelled": lambda db: cancel_session(db, **one),
        "moved": lambda db: reschedule_session(db, starts_at=TEN + 6 * HALF, **one),
        "accepted": answer(three, three.max, Response.ACCEPTED),
    }

    do(house, acts[meanwhile])
    house.work()

    assert notices_to(house, "mia@") == []


def test_both_read_that_they_are_a_match_and_as_what(house: House) -> None:
    def matched(db: DbSession) -> None:
        a_match(db, a_person(db, "Mia", email="mia@earshot.example"), a_person(db, "Max", email="max@earshot.example"))

    after(house, matched)

    assert [subject_of(mail) for mail in to(house, "mia@")] == ["You and Max are a match"]
    assert [subject_of(mail) for mail in to(house, "max@")] == ["You and Mia are a match"]
    for who in ("mia@", "max@"):
        assert "match in New AEs: Max is the mentor, Mia the mentee." in texts(house, who)[0]


def test_admins_read_which_endpoint_is_off_and_why(house: House) -> None:
    def off(db: DbSession) -> None:
        a_person(db, "Ada", email="ada@earshot.example", role=Role.ADMIN)
        an_endpoint_off(db, DisabledBecause.FAILING)

    after(house, off)

    (text,) = texts(house, "ada@")
    assert (
        "The webhook endpoint CRM sync (whe_failing) is switched off. Nothing has arrived there for five days." in text
    )


def test_people_read_words_of_the_house_in_their_language_or_a_broader_one(house: House, asked: Asked) -> None:
    def speak(db: DbSession) -> None:
        words = Words("{{observer_name}} quer ouvir", "Olá {{ name }}!\n\n{{link}}")
        put_template(db, kind=MessageKind.SEAT_REQUESTED, language="PT", words=words, actor=SYSTEM, now=NOW)
        db.execute(insert(mail_setting).values(person_id=asked.mara.id, language="pt-BR", version=1, updated_at=NOW))

    after(house, speak)

    (mail,) = to(house, MARA)
    assert subject_of(mail) == "Jo Müller quer ouvir"
    assert words_of(mail, "text/plain").startswith("Olá Mara Okafor!\r\n\r\nhttp://")
    assert words_of(mail, "text/html").startswith("<p>Olá Mara Okafor!</p>")


def test_words_with_a_token_that_is_known_no_longer_never_stop_a_mail(house: House, asked: Asked) -> None:
    old = {"kind": MessageKind.SEAT_REQUESTED, "language": "en", "version": 1, "updated_at": NOW}
    do(house, lambda db: db.execute(insert(message_template).values(subject="{{gone}}", text="{{gone}}", **old)))
    house.announce()
    house.work()

    assert subject_of(to(house, MARA)[0]).startswith("Jo Müller would like to listen")
