"""Invites by mail: what is not sent first, then crashes, then what people read."""

from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from app.adapters.mail import FolderMailer, MailUnavailable, SmtpMailer, mailer
from app.config import Settings
from app.db import transaction
from app.jobs.context import Hopeless
from app.jobs.mail import kind_of, written
from app.models import Account
from app.models.tables import availability, job, person
from app.operations.calls import patch_call
from app.operations.entries import Letter, hand_to_mail, mail_taken
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM
from app.rules.messages import CATALOGUE
from app.vocabulary import JobStatus, Part, PersonStatus
from app.worker import Worker
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.ical.checker import parse, problems
from tests.jobs.house import House, calendar_of, subject_of, to, words_of

TEN = MONDAY + timedelta(hours=10)
HALF = timedelta(minutes=30)
LATER = {"starts_at": TEN + 2 * HALF, "ends_at": TEN + 3 * HALF}


def in_our_words(letter: Letter) -> bytes:
    return written(letter, CATALOGUE[kind_of(letter)].words)


@dataclass
class Booked:
    """A seat that Jo has on Mara's call, and nothing mailed yet."""

    call_id: str
    junior_id: str
    seat_id: str


@pytest.fixture
def booked(house: House) -> Booked:
    with transaction(house.engine, writes=True) as db:
        db.add(Account(id="acc_n", name="Northwind Freight", created_at=NOW, updated_at=NOW))
        db.flush()
        host = a_person(db, "Mara Okafor", email="mara@earshot.example")
        junior = a_person(db, "Jo <b>Müller</b>", email="jo@earshot.example", time_zone="America/Phoenix")
        always = [[day, 0, 1440] for day in range(1, 8)]
        db.execute(update(availability).where(availability.c.person_id == junior.id).values(weekly=always))
        call_id = a_call(
            db, host, account_id="acc_n", seats=3, meeting_url="https://meet.example/1", title="Discovery with Ms Buyer"
        )
        seat = book_seat(db, call_id=call_id, observer_id=junior.id, actor=SYSTEM, now=NOW)
        return Booked(call_id, junior.id, seat.id)


def test_a_seat_given_back_before_the_mail_went_is_never_mentioned(house: House, booked: Booked) -> None:
    with transaction(house.engine, writes=True) as db:
        release_seat(db, seat_id=booked.seat_id, actor=SYSTEM, now=NOW)

    house.work()

    assert house.mails() == {}
    assert house.entry(Part.OBSERVER).mailing_sequence is None


def test_the_first_mail_of_a_call_that_has_moved_before_is_an_invitation_in_its_last_revision(
    house: House, booked: Booked
) -> None:
    with transaction(house.engine, writes=True) as db:
        patch_call(db, call_id=booked.call_id, changes=LATER, actor=SYSTEM, now=NOW)

    house.work()

    (mail,) = to(house, "jo@")
    calendar = calendar_of(mail)
    assert problems(calendar, method="REQUEST", recipient="jo@earshot.example") == []
    assert parse(calendar).parts[0].value("SEQUENCE") == "1"
    assert "You have a seat on this call." in words_of(mail, "text/plain")
    assert subject_of(mail).startswith("Shadow: ")
    assert "You will have company" in words_of(to(house, "mara@")[0], "text/plain")


def test_a_mail_after_the_first_says_that_something_has_changed(house: House, booked: Booked) -> None:
    house.work()
    with transaction(house.engine, writes=True) as db:
        patch_call(db, call_id=booked.call_id, changes=LATER, actor=SYSTEM, now=NOW)

    house.work()

    told = to(house, "jo@")[-1]
    assert "Your seat has changed." in words_of(told, "text/plain")
    assert subject_of(told).startswith("Changed: ")


def test_nobody_who_has_left_is_invited(house: House, booked: Booked) -> None:
    with transaction(house.engine, writes=True) as db:
        db.execute(update(person).where(person.c.id == booked.junior_id).values(status=PersonStatus.LEFT))

    house.work()

    assert to(house, "jo@") == []
    assert len(to(house, "mara@")) == 1


def test_an_entry_that_is_gone_is_no_failure(house: House) -> None:
    house.send("ent_none")

    assert house.mails() == {}


def test_a_mail_that_nobody_took_stays_to_be_sent(house: House, booked: Booked) -> None:
    house.settings.outbox.write_text("a file where the folder should be")

    with pytest.raises(MailUnavailable):
        house.send(house.entry(Part.OBSERVER).id)

    house.settings.outbox.unlink()
    house.send(house.entry(Part.OBSERVER).id)
    assert len(house.mails()) == 1
    assert house.entry(Part.OBSERVER).mailed_sequence == 0


def test_a_mail_that_nobody_takes_for_a_night_and_longer_is_tried_until_its_call_is_over(
    house: House, booked: Booked
) -> None:
    house.settings.outbox.write_text("a file where the folder should be")
    worker = Worker(house.engine, house.settings, house.clock)
    tried: list[timedelta] = []

    while house.clock() < TEN + HALF:
        if worker.run_one():
            tried.append(house.clock() - NOW)
        house.clock.advance(timedelta(minutes=20))
    waiting = house.jobs()
    house.settings.outbox.unlink()
    house.clock.at = TEN - HALF
    with transaction(house.engine, writes=True) as db:
        db.execute(update(job).values(due_at=NOW))
    while worker.run_one():
        pass

    assert max(tried) > timedelta(hours=44)
    assert max(later - before for before, later in pairwise(tried)) <= timedelta(hours=5)
    assert waiting == [JobStatus.QUEUED, JobStatus.QUEUED]
    assert len(house.mails()) == 2


def test_nobody_hears_for_the_first_time_of_a_call_that_is_over(house: House, booked: Booked) -> None:
    house.clock.at = TEN + HALF

    house.send(house.entry(Part.OBSERVER).id)

    assert house.mails() == {}


def test_a_change_that_nobody_took_is_given_up_once_the_call_is_over(house: House, booked: Booked) -> None:
    house.work()
    with transaction(house.engine, writes=True) as db:
        patch_call(db, call_id=booked.call_id, changes={"meeting_url": "https://meet.example/2"}, actor=SYSTEM, now=NOW)
    house.clock.at = TEN + HALF
    for mail in house.settings.outbox.iterdir():
        mail.unlink()
    house.settings.outbox.rmdir()
    house.settings.outbox.write_text("a file where the folder should be")

    with pytest.raises(Hopeless):
        house.send(house.entry(Part.OBSERVER).id)


def test_a_crash_between_sending_and_recording_gives_the_same_mail_again(house: House, booked: Booked) -> None:
    entry_id = house.entry(Part.OBSERVER).id
    with transaction(house.engine, writes=True) as db:
        letter = hand_to_mail(db, entry_id=entry_id, desk=house.desk())
    assert letter is not None
    mailer(house.settings).send(letter.message_id, letter.drawn.recipient.email, in_our_words(letter))
    before = house.mails()

    house.send(entry_id)
    house.send(entry_id)

    assert house.mails() == before
    assert list(before) == [f"{letter.message_id}.eml"]
    assert (house.entry(Part.OBSERVER).sequence, house.entry(Part.OBSERVER).mailed_sequence) == (0, 0)


def test_a_change_while_the_mail_is_under_way_is_the_next_revision(house: House, booked: Booked) -> None:
    entry_id = house.entry(Part.OBSERVER).id
    with transaction(house.engine, writes=True) as db:
        letter = hand_to_mail(db, entry_id=entry_id, desk=house.desk())
    with transaction(house.engine, writes=True) as db:
        patch_call(db, call_id=booked.call_id, changes=LATER, actor=SYSTEM, now=NOW)
    assert letter is not None
    mailer(house.settings).send(letter.message_id, letter.drawn.recipient.email, in_our_words(letter))

    house.work()

    first, second = (parse(calendar_of(mail)).parts[0] for mail in to(house, "jo@"))
    assert [first.value("SEQUENCE"), second.value("SEQUENCE")] == ["0", "1"]
    assert [first.value("DTSTART"), second.value("DTSTART")] == ["20261123T100000Z", "20261123T110000Z"]
    assert first.value("UID") == second.value("UID")
    assert (first.value("DTSTAMP") or "") < (second.value("DTSTAMP") or "")


def test_a_late_record_of_an_older_revision_keeps_nothing_of_it(house: House, booked: Booked) -> None:
    entry_id = house.entry(Part.OBSERVER).id
    with transaction(house.engine, writes=True) as db:
        letter = hand_to_mail(db, entry_id=entry_id, desk=house.desk())
    with transaction(house.engine, writes=True) as db:
        patch_call(db, call_id=booked.call_id, changes=LATER, actor=SYSTEM, now=NOW)
    house.work()
    kept = house.entry(Part.OBSERVER)
    assert letter is not None

    with transaction(house.engine, writes=True) as db:
        mail_taken(db, letter=letter, fragment=letter.drawn.fragment(), desk=house.desk())

    after = house.entry(Part.OBSERVER)
    assert (after.mailed_sequence, after.vevent) == (1, kept.vevent)
    assert b"DTSTART:20261123T110000Z" in after.vevent


def test_three_seats_booked_before_the_worker_ran_are_one_mail_to_the_host(house: House, booked: Booked) -> None:
    with transaction(house.engine, writes=True) as db:
        for name in ("Aisha", "Tom"):
            book_seat(db, call_id=booked.call_id, observer_id=a_person(db, name).id, actor=SYSTEM, now=NOW)

    house.work()

    (mail,) = to(house, "mara@")
    (event,) = parse(calendar_of(mail)).parts
    assert event.value("SEQUENCE") == "2"
    assert event.value("SUMMARY") == r"Observers on your Northwind Freight call: Aisha\, Jo <b>Müller</b>\, Tom"
    assert (event.value("TRANSP"), event.value("UID"), event.parts) == (
        "TRANSPARENT",
        house.entry(Part.HOST).uid,
        [],
    )
    assert len(event.all("ATTENDEE")) == 4
    assert problems(calendar_of(mail), method="REQUEST", recipient="mara@earshot.example") == []
    assert len(house.mails()) == 4


def test_an_observer_reads_what_when_and_where_and_nothing_of_the_others(house: House, booked: Booked) -> None:
    with transaction(house.engine, writes=True) as db:
        book_seat(db, call_id=booked.call_id, observer_id=a_person(db, "Tom").id, actor=SYSTEM, now=NOW)

    house.work()

    (mail,) = to(house, "jo@")
    calendar = calendar_of(mail)
    (event,) = parse(calendar).parts
    assert problems(calendar, method="REQUEST", recipient="jo@earshot.example", customers=["Ms Buyer"]) == []
    assert event.value("SUMMARY") == "Shadow: Mara Okafor · Northwind Freight (discovery)"
    assert "Discovery: questioning" in (event.value("DESCRIPTION") or "")
    assert event.value("CONFERENCE") == "https://meet.example/1"
    assert (event.value("TRANSP"), event.parts[0].value("TRIGGER")) == ("OPAQUE", "-PT10M")
    assert [line.value for line in event.all("ATTENDEE")] == [
        "mailto:jo@earshot.example",
        "mailto:mara@earshot.example",
    ]
    text, html = words_of(mail, "text/plain"), words_of(mail, "text/html")
    assert "Monday 23 November 2026, 03:00–03:30 (America/Phoenix)" in text
    session_id = (event.value("UID") or "").partition("@")[0]
    assert f"http://127.0.0.1:8000/s/{session_id}" in text
    assert "Jo <b>Müller</b>" in text
    assert "<b>" not in html
    assert "Tom" not in text + html + calendar.decode()


def test_a_seat_given_back_after_the_mail_is_a_cancel_to_that_person_and_an_update_to_the_host(
    house: House, booked: Booked
) -> None:
    with transaction(house.engine, writes=True) as db:
        tom = a_person(db, "Tom", email="tom@earshot.example")
        book_seat(db, call_id=booked.call_id, observer_id=tom.id, actor=SYSTEM, now=NOW)
    house.work()
    before = house.mails()
    with transaction(house.engine, writes=True) as db:
        release_seat(db, seat_id=booked.seat_id, actor=SYSTEM, now=NOW)

    house.work()

    new = [mail for name, mail in house.mails().items() if name not in before]
    found = {parse(calendar_of(mail)).value("METHOD"): mail for mail in new}
    assert set(found) == {"CANCEL", "REQUEST"}
    assert len(new) == 2
    assert message_from_bytes(found["CANCEL"])["To"].endswith("<jo@earshot.example>")
    assert problems(calendar_of(found["CANCEL"]), method="CANCEL", recipient="jo@earshot.example") == []
    (cancelled,) = parse(calendar_of(found["CANCEL"])).parts
    assert (cancelled.value("SEQUENCE"), cancelled.value("STATUS"), cancelled.value("CONFERENCE")) == (
        "1",
        "CANCELLED",
        None,
    )
    assert parse(calendar_of(found["REQUEST"])).parts[0].value("SUMMARY") == (
        "Observers on your Northwind Freight call: Tom"
    )


def test_the_settings_choose_between_the_folder_and_a_relay(house: House) -> None:
    relay = replace_settings(house.settings, smtp_host="relay.example", smtp_username="me", smtp_password="x")

    assert mailer(house.settings) == FolderMailer(house.settings.outbox)
    assert isinstance(mailer(relay), SmtpMailer)


def replace_settings(settings: Settings, **changes: Any) -> Settings:
    return Settings(**{**settings.model_dump(), **changes}, _env_file=None)
