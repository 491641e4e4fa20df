"""Reminders while workers are down, clocks jump and several sweep at once: none lost in its time, none twice, no burst.

A worker is let run minute by minute of a clock that the tests move; what must come of it is read from the rule.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from app.adapters.outside import Outside
from app.config import Settings
from app.db import make_engine, transaction
from app.jobs import PERIODIC
from app.jobs.context import JobContext
from app.jobs.reminders import look_ahead, sweep
from app.models.tables import event, job, notice, participant, person, session
from app.operations.seats import book_seat
from app.queries import reminders
from app.rules.access import SYSTEM
from app.rules.reminders import REMINDERS, Home, remind
from app.vocabulary import MessageKind, NoticeStatus, Part, Response, SessionKind, SessionStatus
from app.worker import Worker
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS
from tests.sessions_and_people import TEN, a_session
from tests.statements import counted

MINUTE, HOUR, A_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SWEEPS = {kind: every for kind, every in PERIODIC.items() if kind.startswith("reminders")}
STEP = 10 * MINUTE
LONDON = Home("Europe/London", "20:00", "07:00")
TELLING = ("08:00", "09:00", "09:50", "10:00", "11:00", "14:50", "15:00", "16:00", "22:00")
FROM, UNTIL = MONDAY - 14 * HOUR, MONDAY + 4 * A_DAY


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path) -> Iterator[tuple[Engine, Settings]]:
    engine = make_engine(sqlite_url)
    yield engine, Settings(dir=tmp_path, _env_file=None)
    engine.dispose()


def planned_week(engine: Engine) -> dict[str, datetime]:
    """One-on-ones at ten and at three, on three days, each of two people of their own: session to its start."""
    with transaction(engine, writes=True) as db:
        starts = [TEN + day * A_DAY + hours * HOUR for day in (0, 1, 3) for hours in (0, 5)]
        return {a_session(db, a_person(db, "Mia"), a_person(db, "Max"), starts_at=at): at for at in starts}


def live(house: tuple[Engine, Settings], instants: Iterable[datetime]) -> Counter[datetime]:
    """Let a worker run at each of these instants; return how many notices were sent at each."""
    engine, settings = house
    clock = FakeClock()
    worker = Worker(engine, settings, clock, periodic=SWEEPS)
    for clock.at in instants:
        worker.plan()
        while worker.run_one():
            pass
    with transaction(engine, writes=False) as db:
        return Counter(row.sent_at for row in db.execute(select(notice)) if row.status is NoticeStatus.SENT)


def sent(engine: Engine) -> Counter[tuple[MessageKind, str]]:
    """How many reminders were sent of each session, by kind; each has two people."""
    with transaction(engine, writes=False) as db:
        rows = db.execute(select(notice).where(notice.c.kind != MessageKind.DIGEST)).all()
    assert {row.status for row in rows} <= {NoticeStatus.SENT}
    return Counter((row.kind, row.about_id) for row in rows)


def wanted(starts: dict[str, datetime], instants: Sequence[datetime]) -> set[tuple[MessageKind, str]]:
    """What the rule says of these sweeps."""
    return {
        (kind, session_id)
        for session_id, at in starts.items()
        for kind in REMINDERS
        if any(remind(kind, at, LONDON, told_at=NOW, now=now) for now in instants)
    }


@pytest.fixture
def ticks(soak: bool) -> list[datetime]:
    """The instants of a right clock: just before and when something is due, an hour after it, and at night; at full
    strength every ten minutes.
    """
    every = (FROM + n * STEP for n in range((UNTIL - FROM) // STEP))
    return [now for now in every if soak or f"{now:%H:%M}" in TELLING]


@pytest.mark.parametrize(
    ("down", "since"),
    [
        pytest.param(HOUR, MONDAY + 9 * HOUR + 45 * MINUTE, id="an hour"),
        pytest.param(A_DAY, MONDAY - 2 * HOUR, id="a day"),
        pytest.param(3 * A_DAY, MONDAY + 14 * HOUR, id="three days"),
    ],
)
def test_after_downtime_what_is_in_its_grace_comes_and_nothing_older(
    house: tuple[Engine, Settings], ticks: list[datetime], down: timedelta, since: datetime
) -> None:
    starts = planned_week(house[0])
    instants = [now for now in ticks if not since <= now < since + down]

    at_once = live(house, instants)

    assert sent(house[0]) == dict.fromkeys(wanted(starts, instants), 2)
    # The first minute after it brings no more than what two hours hold: no burst.
    assert max(at_once.values()) <= 4, at_once


@pytest.mark.parametrize("jump", [HOUR, A_DAY, 3 * A_DAY], ids=["an hour", "a day", "three days"])
def test_a_clock_that_jumps_ahead_and_back_loses_nothing_and_repeats_nothing(
    house: tuple[Engine, Settings], ticks: list[datetime], jump: timedelta
) -> None:
    starts = planned_week(house[0])
    wrong_from, wrong_until = MONDAY + 9 * HOUR, MONDAY + 10 * HOUR
    instants = [now + jump if wrong_from <= now < wrong_until else now for now in ticks]

    at_once = live(house, instants)

    assert any(later < earlier for earlier, later in pairwise(instants)), "the clock goes back"
    assert sent(house[0]) == dict.fromkeys(wanted(starts, instants), 2)
    assert max(at_once.values()) <= 4, at_once


def test_a_clock_that_falls_behind_and_is_set_right_loses_nothing_in_its_grace(
    house: tuple[Engine, Settings], ticks: list[datetime]
) -> None:
    starts = planned_week(house[0])
    wrong_from, wrong_until = MONDAY + 9 * HOUR, MONDAY + 10 * HOUR + STEP
    instants = [now - A_DAY if wrong_from <= now < wrong_until else now for now in ticks]

    live(house, instants)

    assert sent(house[0]) == dict.fromkeys(wanted(starts, instants), 2)
    late = next(session_id for session_id, at in starts.items() if at == TEN)
    assert (MessageKind.REMINDER_SOON, late) not in sent(house[0]), "it was over before the clock was right"


def context_of(engine: Engine, tmp_path: Path, now: datetime) -> JobContext:
    settings = Settings(dir=tmp_path, _env_file=None)
    return JobContext(engine, settings, FakeClock(now), Outside(settings), {}, lambda _: None)


def test_two_who_sweep_at_once_write_each_reminder_once(engine: Engine, tmp_path: Path, soak: bool) -> None:
    rounds = 20 if soak else 3
    with transaction(engine, writes=True) as db:
        host = a_person(db, "Host", host_per_day=50)
        for n in range(6):
            who = a_person(db, f"Jo {n}")
            call_id = a_call(db, host, starts_at=TEN, minutes=30)
            book_seat(db, call_id=call_id, observer_id=who.id, actor=SYSTEM, now=NOW)
            a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    debrief = a_debrief(engine)

    for number in range(rounds):
        gate = threading.Barrier(3)

        def together(now: datetime, gate: threading.Barrier = gate) -> None:
            context = context_of(engine, tmp_path, now)
            gate.wait(PATIENCE_SECONDS)
            sweep(context)
            look_ahead(context)

        with ThreadPoolExecutor(3) as crowd:
            for now in (TEN - A_DAY + number * MINUTE, TEN - 10 * MINUTE):
                list(crowd.map(together, [now] * 3))

    with transaction(engine, writes=False) as db:
        found = Counter((row.kind, row.person_id, row.about_id) for row in db.execute(select(notice)))
        jobs = Counter(db.execute(select(job.c.singleton).where(job.c.kind == "notice_mail")).scalars())
        told = db.execute(select(event.c.object_id).where(event.c.act == "session.debrief_due")).scalars().all()
    kinds = Counter(kind for kind, *_ in found)
    # Of six seats and six one-on-ones: six observers, the host of six calls, twelve in one-on-ones.
    assert (kinds[MessageKind.REMINDER_DAY], kinds[MessageKind.REMINDER_SOON]) == (24, 24)
    assert set(found.values()) == set(jobs.values()) == {1}
    assert told == [debrief]


def a_debrief(engine: Engine) -> str:
    """A debrief that begins a day before ten on Monday, when others are reminded."""
    starts_at = TEN - A_DAY
    with transaction(engine, writes=True) as db:
        session_id = a_session(db, a_person(db, "A"), a_person(db, "B"), starts_at=TEN + 3 * HOUR)
        values = {"kind": SessionKind.DEBRIEF, "starts_at": starts_at, "ends_at": starts_at + HOUR}
        db.execute(session.update().where(session.c.id == session_id).values(**values))
    return session_id


def test_many_people_are_looked_after_in_as_many_statements_as_few(sqlite_url: str, tmp_path: Path, soak: bool) -> None:
    engine = make_engine(sqlite_url)
    sizes: dict[int, list[int]] = {}
    few, many = (100, 10_000) if soak else (20, 600)
    for size in (few, many):
        _many(engine, size - sum(sizes.keys()))
        for name, look, now in (
            ("a usual minute", reminders.starting_soon, TEN - 5 * HOUR),
            ("a usual quarter", reminders.days_ahead, TEN - 5 * HOUR),
            ("ten o'clock", reminders.days_ahead, TEN - A_DAY),
            ("the morning", reminders.days_ahead, MORNING),
        ):
            with transaction(engine, writes=False) as db, counted(engine) as statements:
                begun = time.process_time()
                found = look(db, now=now)
                took = time.process_time() - begun
            sizes.setdefault(size, []).append(len(statements))
            print(f"{size:>6} people, {name:>15}: {len(found):>5} due, {len(statements)} statements, {took:.4f} s CPU")
    context = context_of(engine, tmp_path, MORNING)
    begun = time.process_time()
    look_ahead(context)
    print(f"writing {len(found)}: {time.process_time() - begun:.3f} s of CPU")
    assert len(found) > 0.9 * many
    with transaction(engine, writes=False) as db:
        begun = time.process_time()
        assert reminders.days_ahead(db, now=MORNING + MINUTE) == []
        print(f"the next look: {time.process_time() - begun:.3f} s of CPU")
        assert db.execute(select(func.count()).select_from(notice)).scalar_one() == len(found)
    engine.dispose()

    assert sizes[few] == sizes[many]


MORNING = MONDAY + timedelta(hours=7, minutes=30)


def _many(engine: Engine, size: int) -> None:
    """That many people more, each in a one-on-one on Monday between nine and five."""
    with transaction(engine, writes=True) as db:
        one = a_person(db, "Template")
        row = dict(db.execute(select(person).where(person.c.id == one.id)).one()._mapping)
        before = len(db.execute(select(person.c.id)).all())
        who = [f"per_{before + n:026d}" for n in range(size)]
        db.execute(
            insert(person),
            [
                {**row, "id": id_, "email": f"{id_}@earshot.example", "time_zone": ZONES[n % 3]}
                for n, id_ in enumerate(who)
            ],
        )
        made: list[dict[str, Any]] = []
        in_them: list[dict[str, Any]] = []
        for n in range(size // 2):
            session_id, starts_at = f"ses_{before + n:026d}", MONDAY + 9 * HOUR + (n % 32) * 15 * MINUTE
            fields = {"uid": session_id, "kind": SessionKind.ONE_ON_ONE, "status": SessionStatus.CONFIRMED}
            times = {"starts_at": starts_at, "ends_at": starts_at + 15 * MINUTE, "time_zone": "Europe/London"}
            stamps = {"sequence": 0, "version": 1, "created_at": NOW, "updated_at": NOW}
            made.append({"id": session_id, **fields, **times, **stamps})
            for part, id_ in zip((Part.MENTEE, Part.MENTOR), who[2 * n : 2 * n + 2], strict=True):
                answer = {"part": part, "response": Response.NEEDS_ACTION}
                in_them.append({"session_id": session_id, "person_id": id_, **answer})
        db.execute(insert(session), made)
        db.execute(insert(participant), in_them)
        told = {"at": NOW, "actor": "system", "act": "session.booked", "object_type": "session", "version": 1}
        db.execute(insert(event), [{**told, "id": f"evt_{one['id']}", "object_id": one["id"]} for one in made])


ZONES = ("Europe/London", "Africa/Abidjan", "Atlantic/Reykjavik")
"""In which it is morning at the same time."""
