"""Unchanged state is unchanged bytes, wherever and however often they are rendered."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from app.db import DbSession, make_engine, transaction
from app.models import Person
from app.operations.feeds import create_feed
from app.operations.seats import book_seat
from app.operations.series import book_series
from app.operations.series_changes import reschedule
from app.rules.access import SYSTEM
from app.vocabulary import FeedKind, FeedPrivacy
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.ical.rendered import digests
from tests.sessions_and_people import a_plan, a_session

ROOT = Path(__file__).parents[2]
HOUR = timedelta(hours=1)
ELSEWHERE = [
    {"PYTHONHASHSEED": "0", "TZ": "Asia/Kolkata", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8"},
]


def a_feed(db: DbSession, person: Person, kind: FeedKind, privacy: FeedPrivacy) -> str:
    return create_feed(db, person_id=person.id, kind=kind, privacy=privacy, actor=SYSTEM, now=NOW).secret


def a_busy_house(db: DbSession) -> list[str]:
    """Seats, sessions and a series with exceptions; returns the secrets of feeds that show them."""
    mara = a_person(db, "Mara Müller", host_per_day=9)
    mia, max_, jo = (a_person(db, name) for name in ("Mia", "Max", "Jo"))
    for hour in (9, 14):
        call_id = a_call(db, mara, starts_at=MONDAY + hour * HOUR, seats=3)
        for observer in (mia, max_):
            book_seat(db, call_id=call_id, observer_id=observer.id, actor=SYSTEM, now=NOW)
    a_session(db, mara, mia, starts_at=MONDAY + 11 * HOUR)
    plan = a_plan(mia, max_, starts_at=MONDAY + 12 * HOUR, time_zone="America/New_York")
    first, _ = book_series(db, plan=plan, rrule="FREQ=WEEKLY;COUNT=6", on_conflict="refuse", actor=SYSTEM, now=NOW)
    reschedule(db, session_id=first, starts_at=plan.starts_at + HOUR, which="this", actor=SYSTEM, now=NOW)
    return [
        a_feed(db, mia, FeedKind.PERSONAL, FeedPrivacy.FULL),
        a_feed(db, max_, FeedKind.PERSONAL, FeedPrivacy.BUSY_ONLY),
        a_feed(db, jo, FeedKind.OPEN_SEATS, FeedPrivacy.FULL),
    ]


def test_the_same_state_is_the_same_bytes_in_every_process(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    with transaction(engine, writes=True) as db:
        secrets = a_busy_house(db)
    engine.dispose()

    about = [sqlite_url, NOW.isoformat(), *secrets]
    here = digests(*about)
    command = [sys.executable, "-m", "tests.ical.rendered", *about]
    others = [
        subprocess.run(command, cwd=ROOT, env={**os.environ, **place}, check=True, stdout=subprocess.PIPE)
        for place in ELSEWHERE
    ]

    assert len(here) > 30
    assert here == digests(*about)
    assert [json.loads(other.stdout) for other in others] == [here, here]
