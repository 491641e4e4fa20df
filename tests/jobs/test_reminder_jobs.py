"""From a minute of the clock to a mail in somebody's folder, and back by one click."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.jobs import HANDLERS, PERIODIC
from app.models import Person
from app.models.tables import job, notice
from app.operations.mail_settings import change_mail_settings
from app.operations.sessions import cancel_session
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


def tick(house: House, *, send: bool = True) -> None:
    """Let a worker do what this minute holds; without `send`, no further than to what is to be sent."""
    handlers = HANDLERS if send else {"reminders": HANDLERS["reminders"]}
    worker = Worker(house.engine, house.settings, house.clock, handlers, periodic={"reminders": MINUTE})
    worker.plan()
    while worker.run_one() and send:
        pass


def notices(house: House) -> list[tuple[NoticeStatus, str | None]]:
    with transaction(house.engine, writes=False) as db:
        return [(row.status, row.why) for row in db.execute(select(notice).order_by(notice.c.once))]


def test_every_minute_is_looked_at() -> None:
    assert PERIODIC["reminders"] == MINUTE


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
    tick(house, send=False)
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
    worker = Worker(house.engine, house.settings, house.clock, HANDLERS, periodic={"reminders": MINUTE})
    house.clock.at = SUNDAY_TEN - MINUTE
    worker.plan()

    with counted(house.engine) as statements:
        assert worker.run_one()

    writes = [one for one in statements if one.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert all(" job" in one for one in writes), writes
    with transaction(house.engine, writes=False) as db:
        waiting = select(func.count()).select_from(job).where(job.c.status == JobStatus.QUEUED)
        assert db.execute(waiting).scalar_one() == 0
