"""All at once at a door: the last seat goes once, nobody slips through as it closes, and a call ends once."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine, select

from app.db import DbSession, transaction, written
from app.errors import Problem
from app.models.tables import call, event, seat
from app.operations.call_outcomes import end_call, follow_clock
from app.operations.floor import set_door
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM
from app.vocabulary import CallStatus, Door, SeatStatus, SessionKind
from tests.factories import a_call, a_person, an_open_host
from tests.sessions_and_people import HALF, TEN, row_of

FIVE_PAST = TEN + timedelta(minutes=5)
BY_ADMIN: dict[str, Any] = {"actor": SYSTEM, "now": FIVE_PAST}


def scene(engine: Engine, *, seats: int, visitors: int) -> tuple[str, list[str]]:
    with transaction(engine, writes=True) as db:
        call_id = a_call(db, an_open_host(db, host_per_day=50, host_per_week=50), seats=seats)
        return call_id, [a_person(db, f"Visitor {n}").id for n in range(visitors)]


def come(db: DbSession, call_id: str, who: str) -> Any:
    return book_seat(db, call_id=call_id, observer_id=who, kind=SessionKind.DROP_IN, **BY_ADMIN)


def all_at_once(engine: Engine, *several: Callable[[DbSession], Any]) -> list[str]:
    """Do all of these, each in a transaction of its own, and return as what each was refused, else `done`."""

    def one(work: Callable[[DbSession], Any]) -> str:
        try:
            written(engine, work)
        except Problem as refused:
            return refused.code
        return "done"

    with ThreadPoolExecutor(len(several)) as pool:
        return list(pool.map(one, several))


def test_the_last_seat_behind_an_open_door_goes_to_one(engine: Engine) -> None:
    call_id, visitors = scene(engine, seats=1, visitors=8)

    answers = all_at_once(engine, *(partial(come, call_id=call_id, who=who) for who in visitors))

    assert Counter(answers) == {"done": 1, "seats_full": 7}
    with transaction(engine, writes=False) as db:
        assert db.execute(select(call.c.seats_taken)).scalar_one() == 1


def test_nobody_slips_through_a_door_that_closes(engine: Engine) -> None:
    call_id, visitors = scene(engine, seats=20, visitors=8)
    close = partial(set_door, call_id=call_id, door=Door.CLOSED, **BY_ADMIN)
    work = [partial(come, call_id=call_id, who=who) for who in visitors]

    answers = all_at_once(engine, *work[:4], close, *work[4:])

    assert set(answers) <= {"done", "door_closed"}
    with transaction(engine, writes=False) as db:
        told = db.execute(select(event.c.act).order_by(event.c.sequence)).scalars().all()
        assert "seat.booked" not in told[told.index("call.door_closed") :]
        assert told.count("seat.booked") == answers.count("done") - 1
        assert db.execute(select(call.c.door)).scalar_one() is Door.CLOSED


def test_a_call_that_ends_by_clock_and_by_hand_while_its_observer_leaves_ends_once(engine: Engine) -> None:
    call_id, (who,) = scene(engine, seats=2, visitors=1)
    made = written(engine, partial(come, call_id=call_id, who=who))
    over: dict[str, Any] = {"actor": SYSTEM, "now": TEN + HALF}

    answers = all_at_once(
        engine,
        partial(follow_clock, call_id=call_id, now=TEN + HALF),
        partial(end_call, call_id=call_id, **over),
        partial(release_seat, seat_id=made.id, actor=SYSTEM, now=TEN + HALF - timedelta(seconds=1)),
        partial(follow_clock, call_id=call_id, now=TEN + HALF),
    )

    assert set(answers) <= {"done", "seat_over"}
    with transaction(engine, writes=False) as db:
        told = Counter(db.execute(select(event.c.act)).scalars())
        assert (told["call.ended"], told["seat.attended"], told["session.completed"]) == (1, 1, 1)
        assert db.execute(select(call.c.status, call.c.seats_taken)).one() == (CallStatus.ENDED, 0)
        assert db.execute(select(seat.c.status)).scalar_one() is SeatStatus.ATTENDED
        heard = row_of(db, made.session_id)
        assert (heard.starts_at, heard.ends_at - TEN <= HALF) == (FIVE_PAST, True)
