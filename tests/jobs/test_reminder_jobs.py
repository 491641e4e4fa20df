"""From a minute of the clock to a mail in somebody's folder, and back by one click."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from app.db import make_engine, transaction
from app.jobs import PERIODIC
from app.jobs import reminders as reminder_jobs
from app.models import Person
from app.models.tables import job, notice
from app.operations.mail_settings import change_mail_settings
from app.operations.sessions import cancel_session
from app.queries import reminders
from app.queries.mail_settings import unsubscribe_url
from app.rules.access import SYSTEM
from app.rules.reminders import Topic
from app.vocabulary import JobStatus, NoticeStatus
from app.worker import Worker
from tests.factories import a_person
from tests.harness import NOW
from tests.jobs.house import House, subject_of, to, words_of
from tests.sessions_and_people import TEN, a_session
from tests.statements import counted

SUNDAY_TEN = TEN - timedelta(days=1)
MINUTE = timedelta(minutes=1)
SWEEPS = {kind: every for kind, every in PERIODIC.items() if kind.startswith("reminders")}
MIA = "mia@earshot.example"
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


@pytest.fixture
def meeting(house: House) -> tuple[str, Person]:
    """A one-on-one of Mia and Max on Monday at 10:00, about which all invites have gone out."""
    with transaction(house.engine, writes=True) as db:
        mia, max_ = a_person(db, "Mia", email=MIA), a_person(db, "Max", email="max@earshot.example")
        session_id = a_session(db, mia, max_)
    tick(house)
    for path in house.settings.outbox.glob("*.eml"):
        path.unlink()
    return session_id, mia


def tick(house: House) -> None:
    """Let a worker do what this minute holds."""
    worker = Worker(house.engine, house.settings, house.clock, periodic=SWEEPS)
    worker.plan()
    while worker.run_one():
        pass


def notices(house: House) -> list[tuple[NoticeStatus, str | None]]:
    with transaction(house.engine, writes=False) as db:
        return [(row.status, row.why) for row in db.execute(select(notice).order_by(notice.c.once))]


def test_every_minute_it_is_looked_at_what_starts_and_every_quarter_of_an_hour_at_everybody() -> None:
    assert {"reminders": MINUTE, "reminders_ahead": 15 * MINUTE} == SWEEPS


def test_a_reminder_reads_well_and_carries_the_way_to_switch_it_off(house: House, meeting: tuple[str, Person]) -> None:
    session_id, mia = meeting
    house.clock.at = SUNDAY_TEN

    tick(house)
    tick(house)

    (mail,) = to(house, MIA)
    url = unsubscribe_url(house.settings, mia.id, Topic.REMINDERS)
    headers = message_from_bytes(mail, policy=default)
    assert subject_of(mail) == "Coming up: 1:1: Max & Mia"
    assert headers["List-Unsubscribe"] == f"<{url}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text = words_of(mail, "text/plain")
    assert "Monday 23 November 2026, 10:00–10:30 (Europe/London)" in text
    assert f"/s/{session_id}\n" in text.replace("\r", "")
    assert url in text
    assert notices(house) == [(NoticeStatus.SENT, None)] * 2


def test_ten_minutes_before_there_is_another_and_in_the_morning_a_digest(
    house: House, meeting: tuple[str, Person]
) -> None:
    for at in (SUNDAY_TEN, TEN - timedelta(hours=2, minutes=30), TEN - 10 * MINUTE, TEN, TEN + 10 * MINUTE):
        house.clock.at = at
        tick(house)

    subjects = sorted(subject_of(mail) for mail in to(house, MIA))
    assert subjects == ["Coming up: 1:1: Max & Mia", "Starts soon: 1:1: Max & Mia", "Your Monday 23 November 2026"]


@pytest.mark.parametrize("what", ["cancelled", "switched off"])
def test_what_changes_between_writing_and_sending_is_heeded(
    house: House, meeting: tuple[str, Person], what: str
) -> None:
    session_id, mia = meeting
    house.clock.at = SUNDAY_TEN
    reminder_jobs.look_ahead(house.context({}))
    assert [status for status, _ in notices(house)] == [NoticeStatus.WAITING] * 2

    with transaction(house.engine, writes=True) as db:
        if what == "cancelled":
            cancel_session(db, session_id=session_id, **BY_MACHINE)
        else:
            change_mail_settings(db, person_id=mia.id, changes={"reminders": False}, **BY_MACHINE)
    house.clock.advance(MINUTE)
    tick(house)

    subjects = [subject_of(mail) for mail in to(house, MIA)]
    assert not [subject for subject in subjects if "Coming up" in subject]
    dropped = [why for status, why in notices(house) if status is NoticeStatus.DROPPED]
    assert len(dropped) == (2 if what == "cancelled" else 1)
    assert all(dropped)


def test_a_minute_without_anything_due_writes_nothing(house: House, meeting: tuple[str, Person]) -> None:
    worker = Worker(house.engine, house.settings, house.clock, periodic={"reminders": MINUTE})
    house.clock.at = SUNDAY_TEN - MINUTE
    worker.plan()

    with counted(house.engine) as statements:
        assert worker.run_one()

    writes = [one for one in statements if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert all(" job" in one for one in writes), writes
    with transaction(house.engine, writes=False) as db:
        waiting = select(func.count()).select_from(job).where(job.c.status == JobStatus.QUEUED)
        assert db.execute(waiting).scalar_one() == 0


def test_a_usual_minute_reads_through_no_table(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)

    with counted(engine) as statements, transaction(engine, writes=False) as db:
        reminders.starting_soon(db, now=TEN)
        reminders.debriefs_due(db, now=TEN)

    assert plans(engine, statements) == []
    engine.dispose()


def plans(engine: Engine, statements: list[str]) -> list[str]:
    """The steps of these statements that read a whole table or index."""
    asked = [one for one in statements if one.startswith("SELECT")]
    assert len(asked) == 2
    with engine.connect() as connection:
        steps = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", ("",) * one.count("?")) for one in asked]
        return [str(step.detail) for rows in steps for step in rows if "SCAN" in step.detail]


def test_a_morning_of_many_is_written_in_portions_and_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminder_jobs, "_AT_ONCE", 2)
    with transaction(house.engine, writes=True) as db:
        for n in range(3):
            a_session(db, a_person(db, f"M{n}"), a_person(db, f"N{n}"))
    house.clock.at = TEN - timedelta(hours=2, minutes=30)

    with counted(house.engine) as statements:
        reminder_jobs.look_ahead(house.context({}))
    reminder_jobs.look_ahead(house.context({}))

    assert len(notices(house)) == 6
    assert sum(one.startswith("INSERT INTO notice") for one in statements) == 3
