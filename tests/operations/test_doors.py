"""Doors: who may open and close them and when, who gets in, and what becomes of those who leave."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from app.db import DbSession, transaction
from app.errors import Conflict, Forbidden, NotFound, Problem, Stale
from app.models import Person
from app.models.tables import call, hand, person, seat
from app.operations.call_outcomes import end_call, follow_clock, miss_call, start_call
from app.operations.calls import CallOver, cancel_call, patch_call
from app.operations.floor import lower_hand, raise_hand, set_door
from app.operations.people import patch_person
from app.operations.refused import DoorClosed, NotJoinable, NotStarted, SeatsFull
from app.operations.seats import book_seat, release_seat
from app.operations.session_outcomes import complete_session
from app.operations.sessions import cancel_session
from app.rules.access import SYSTEM, Actor
from app.rules.floor import OVERTIME
from app.vocabulary import CallStatus, Door, Role, SeatApproval, SeatStatus, SessionKind, SessionStatus
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN, acts, claimed, row_of
from tests.worlds import worlds

MINUTE = timedelta(minutes=1)
FIVE_PAST = TEN + 5 * MINUTE


def come(db: DbSession, call_id: str, who: Person, now: datetime = FIVE_PAST) -> Any:
    """Drop in."""
    return book_seat(db, call_id=call_id, observer_id=who.id, kind=SessionKind.DROP_IN, actor=by(who), now=now)


def the_call(db: DbSession, call_id: str) -> Any:
    return db.execute(select(call).where(call.c.id == call_id)).one()


def the_seat(db: DbSession, made: Any) -> Any:
    return db.execute(select(seat).where(seat.c.id == made.id)).one()


def open_door(db: DbSession, call_id: str, door: Door = Door.OPEN, now: datetime = FIVE_PAST) -> None:
    set_door(db, call_id=call_id, door=door, actor=SYSTEM, now=now)


def test_nobody_but_the_host_and_who_acts_for_them_has_the_door(db: DbSession) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id, hidden = a_call(db, host), a_call(db, host, sensitive=True)
    auditor = Actor("key_a", Role.AUDITOR, a_person(db, "Audrey").id)
    leads = Actor("key_l", Role.MANAGER, a_person(db, "Lea").id, reports=frozenset({host.id}))
    wanted: dict[str, Any] = {"door": Door.OPEN, "now": FIVE_PAST}

    for stranger in (by(mia), auditor):
        with pytest.raises(Forbidden):
            set_door(db, call_id=call_id, actor=stranger, **wanted)
    with pytest.raises(NotFound):
        set_door(db, call_id=hidden, actor=by(mia), **wanted)
    with pytest.raises(Stale):
        set_door(db, call_id=call_id, expected_version=7, actor=by(host), **wanted)
    set_door(db, call_id=call_id, actor=leads, **wanted)

    assert the_call(db, call_id).door is Door.OPEN


def test_only_a_call_that_is_on_has_a_door(db: DbSession) -> None:
    early, over, off = a_call(db), a_call(db), a_call(db)
    end_call(db, call_id=over, actor=SYSTEM, now=FIVE_PAST)
    cancel_call(db, call_id=off, actor=SYSTEM, now=NOW)

    with pytest.raises(NotStarted):
        open_door(db, early, now=TEN - MINUTE)
    live = a_call(db)
    start_call(db, call_id=live, actor=SYSTEM, now=TEN)
    times = ((over, FIVE_PAST), (off, FIVE_PAST), (early, TEN + HALF), (live, TEN + HALF + OVERTIME))
    said = []
    for call_id, now in times:
        with pytest.raises(CallOver) as why:
            open_door(db, call_id, now=now)
        said.append(why.value.detail)
    assert said == ["It is ended.", "It is cancelled.", *["Its time is over."] * 2]


@pytest.mark.parametrize("why", [{"sensitive": True}, {"stage": "legal"}, {"seats": 0}, {"host": SeatApproval.NONE}])
def test_a_door_behind_which_nobody_may_sit_does_not_open(db: DbSession, why: dict[str, Any]) -> None:
    host = an_open_host(db, seat_approval=why.get("host", SeatApproval.AUTO))
    call_id = a_call(db, host, **{name: value for name, value in why.items() if name != "host"})

    start_call(db, call_id=call_id, actor=by(host), now=FIVE_PAST)
    with pytest.raises(NotJoinable):
        set_door(db, call_id=call_id, door=Door.OPEN, actor=by(host), now=FIVE_PAST)
    set_door(db, call_id=call_id, door=Door.CLOSED, actor=by(host), now=FIVE_PAST)

    assert the_call(db, call_id).door is Door.CLOSED


def test_who_finds_the_door_closed_is_told_so_and_takes_no_seat(db: DbSession) -> None:
    call_id, mia = a_call(db), a_person(db, "Mia")

    with pytest.raises(DoorClosed) as by_time:
        come(db, call_id, mia)
    follow_clock(db, call_id=call_id, now=FIVE_PAST)
    with pytest.raises(DoorClosed) as live:
        come(db, call_id, mia)

    assert by_time.value.code == live.value.code == "door_closed"
    assert "Ask the host to open it" in str(live.value.detail)
    assert the_call(db, call_id).seats_taken == 0


def test_a_door_that_closes_puts_nobody_out_and_stops_nobody_who_had_a_seat(db: DbSession) -> None:
    host, mia, ben, late = (a_person(db, name) for name in ("Host", "Mia", "Ben", "Late"))
    call_id = a_call(db, host, seats=3)
    planned = book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    open_door(db, call_id)
    dropped = come(db, call_id, ben)

    for _ in "ab":
        open_door(db, call_id, Door.CLOSED)
    with pytest.raises(DoorClosed):
        come(db, call_id, late)

    assert [the_seat(db, one).status for one in (planned, dropped)] == [SeatStatus.CONFIRMED] * 2
    told = [act for act, _ in acts(db, call_id)]
    assert [act for act in told if "door" in act] == ["call.door_opened", "call.door_closed"]
    assert [version for _, version in acts(db, call_id)] == list(range(1, the_call(db, call_id).version + 1))


def test_a_door_opens_by_itself_where_its_host_likes_it_open(db: DbSession) -> None:
    shy, outgoing = a_person(db, "Shy"), a_person(db, "Outgoing")
    patch_person(db, person_id=outgoing.id, changes={"door_default": Door.OPEN}, actor=by(outgoing), now=NOW)
    closed, opened = a_call(db, shy), a_call(db, outgoing)

    assert come(db, opened, a_person(db, "Mia")).kind is SessionKind.DROP_IN  # before the clock wrote it down
    for call_id in (closed, opened):
        follow_clock(db, call_id=call_id, now=FIVE_PAST)

    assert [the_call(db, one).door for one in (closed, opened)] == [Door.CLOSED, Door.OPEN]
    assert [act for act, _ in acts(db, opened)][-2:] == ["call.started", "call.door_opened"]


def test_a_door_that_was_closed_before_the_clock_came_by_stays_closed(db: DbSession) -> None:
    host = an_open_host(db)
    call_id = a_call(db, host)

    set_door(db, call_id=call_id, door=Door.CLOSED, actor=by(host), now=TEN)
    follow_clock(db, call_id=call_id, now=FIVE_PAST)

    assert (the_call(db, call_id).status, the_call(db, call_id).door) == (CallStatus.LIVE, Door.CLOSED)
    with pytest.raises(DoorClosed):
        come(db, call_id, a_person(db, "Mia"))


def test_the_last_seat_of_a_call_whose_door_is_open_goes_once(db: DbSession) -> None:
    call_id = a_call(db, an_open_host(db), seats=1)

    come(db, call_id, a_person(db, "Mia"))

    with pytest.raises(SeatsFull):
        come(db, call_id, a_person(db, "Ben"))


@pytest.mark.parametrize("by_whom", ["themselves", "the host", "their session"])
@pytest.mark.parametrize("kind", [SessionKind.DROP_IN, SessionKind.SHADOW])
def test_who_leaves_while_the_call_is_on_has_heard_it_up_to_then(
    db: DbSession, by_whom: str, kind: SessionKind
) -> None:
    host, mia = an_open_host(db), a_person(db, "Mia")
    call_id, left = a_call(db, host), FIVE_PAST + 7 * MINUTE
    shadows = kind is SessionKind.SHADOW
    now = NOW if shadows else FIVE_PAST
    made = book_seat(db, call_id=call_id, observer_id=mia.id, kind=kind, actor=by(mia), now=now)
    start_call(db, call_id=call_id, actor=by(host), now=TEN + 2 * MINUTE)

    for _ in "ab":
        if by_whom == "their session":
            with_status: set[SessionStatus] = {SessionStatus.IN_PROGRESS}
            if row_of(db, made.session_id).status in with_status:
                cancel_session(db, session_id=made.session_id, actor=by(mia), now=left)
        else:
            actor = by(mia if by_whom == "themselves" else host)
            assert release_seat(db, seat_id=made.id, actor=actor, now=left).status is SeatStatus.ATTENDED

    heard = row_of(db, made.session_id)
    assert heard.status is SessionStatus.COMPLETED
    assert (heard.starts_at, heard.ends_at) == (TEN + 2 * MINUTE if shadows else FIVE_PAST, left)
    assert [act for act, _ in acts(db, made.id)] == ["seat.booked", "seat.attended"]
    assert (the_call(db, call_id).seats_taken, claimed(db, mia)) == (0, [])


def test_who_comes_and_goes_at_once_has_heard_nothing_and_may_come_again(db: DbSession) -> None:
    call_id, mia = a_call(db, an_open_host(db)), a_person(db, "Mia")
    first = come(db, call_id, mia)

    assert release_seat(db, seat_id=first.id, actor=by(mia), now=FIVE_PAST).status is SeatStatus.RELEASED
    again = come(db, call_id, mia, FIVE_PAST + MINUTE)
    end_call(db, call_id=call_id, actor=SYSTEM, now=FIVE_PAST + 9 * MINUTE)

    heard = row_of(db, again.session_id)
    assert (heard.starts_at, heard.ends_at) == (FIVE_PAST + MINUTE, FIVE_PAST + 9 * MINUTE)


def test_who_leaves_the_company_during_a_call_has_heard_it_up_to_then(db: DbSession) -> None:
    call_id, mia = a_call(db, an_open_host(db)), a_person(db, "Mia")
    made = come(db, call_id, mia)

    patch_person(db, person_id=mia.id, changes={"status": "left"}, actor=SYSTEM, now=FIVE_PAST + MINUTE)

    assert the_seat(db, made).status is SeatStatus.ATTENDED
    assert row_of(db, made.session_id).ends_at == FIVE_PAST + MINUTE


def test_who_left_after_hearing_a_call_keeps_it_from_counting_as_missed(db: DbSession) -> None:
    call_id, mia = a_call(db, an_open_host(db)), a_person(db, "Mia")
    made = come(db, call_id, mia)
    release_seat(db, seat_id=made.id, actor=by(mia), now=FIVE_PAST + MINUTE)
    follow_clock(db, call_id=call_id, now=TEN + HALF)

    with pytest.raises(CallOver):
        miss_call(db, call_id=call_id, actor=SYSTEM, now=TEN + HALF)


# --- hands


def test_nobody_raises_a_hand_who_is_not_on_the_call_or_when_it_is_not_on(db: DbSession) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id, hidden = a_call(db, host), a_call(db, host, sensitive=True)
    why: dict[str, Any] = {"why": "Price"}

    for actor in (by(mia), SYSTEM):
        with pytest.raises(Forbidden):
            raise_hand(db, call_id=call_id, actor=actor, now=FIVE_PAST, **why)
    with pytest.raises(NotFound):
        raise_hand(db, call_id=hidden, actor=by(mia), now=FIVE_PAST, **why)
    with pytest.raises(NotStarted):
        raise_hand(db, call_id=call_id, actor=by(host), now=TEN - MINUTE, **why)
    with pytest.raises(CallOver):
        raise_hand(db, call_id=call_id, actor=by(host), now=TEN + HALF, **why)

    assert db.execute(select(hand.c.id)).all() == []


def test_a_hand_is_up_once_and_says_what_was_said_last(db: DbSession) -> None:
    host = a_person(db, "Host")
    call_id = a_call(db, host)

    said = [
        raise_hand(db, call_id=call_id, why=why, actor=by(host), now=FIVE_PAST).why for why in ("Price", "Price", None)
    ]
    for _ in "ab":
        lower_hand(db, call_id=call_id, actor=by(host), now=FIVE_PAST)
    raise_hand(db, call_id=call_id, why=None, actor=by(host), now=FIVE_PAST)

    assert said == ["Price", "Price", None]
    rows = db.execute(select(hand.c.lowered_at).order_by(hand.c.id)).scalars().all()
    assert sorted(rows, key=str) == [FIVE_PAST, None]
    told = [act for act, _ in acts(db, call_id)]
    assert told[1:] == ["hand.raised", "hand.raised", "hand.lowered", "hand.raised"]


@pytest.mark.parametrize("what", ["ended", "missed", "cancelled", "left", "completed", "moved"])
def test_hands_go_down_with_the_call_and_with_who_raised_them(db: DbSession, what: str) -> None:
    host, mia = a_person(db, "Host"), a_person(db, "Mia")
    call_id = a_call(db, host)
    made = book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)
    raise_hand(db, call_id=call_id, why="Listen", actor=by(mia), now=FIVE_PAST)

    said: dict[str, Any] = {"actor": SYSTEM, "now": FIVE_PAST + MINUTE}
    match what:
        case "ended":
            end_call(db, call_id=call_id, **said)
        case "missed":
            miss_call(db, call_id=call_id, **said)
        case "cancelled":
            cancel_call(db, call_id=call_id, **said)
        case "completed":
            complete_session(db, session_id=made.session_id, **said)
        case "moved":
            follow_clock(db, call_id=call_id, now=FIVE_PAST)
            times = {"starts_at": TEN + 2 * HALF, "ends_at": TEN + 3 * HALF}
            patch_call(db, call_id=call_id, changes=times, **said)
        case _:
            release_seat(db, seat_id=made.id, **said)

    assert db.execute(select(hand.c.lowered_at)).scalar_one() == FIVE_PAST + MINUTE


# --- whatever happens

ACTS = st.lists(
    st.tuples(
        st.sampled_from(["open", "close", "come", "leave", "start", "clock", "move", "shy", "outgoing", "hush", "end"]),
        st.integers(0, 2),
        st.integers(0, 12),
    ),
    max_size=14,
)


@settings(max_examples=worlds(25))
@given(ACTS)
def test_a_closed_door_admits_nobody_whatever_happens(engine: Engine, sequence: list[tuple[str, int, int]]) -> None:
    with transaction(engine, writes=True) as db:
        host, *visitors = (a_person(db, name) for name in ("Host", "Ann", "Bob", "Cy"))
        call_id = a_call(db, host, seats=2)
        now = TEN - 5 * MINUTE
        for what, who, minutes in sequence:
            now += minutes * MINUTE
            before = the_call(db, call_id)
            likes = db.execute(select(person.c.door_default).where(person.c.id == host.id)).scalar_one()
            shut = (before.door if before.status is CallStatus.LIVE else likes) is Door.CLOSED
            try:
                with db.begin_nested():
                    _do(db, what, call_id, host, visitors[who], now)
            except Problem:
                continue
            assert not (what == "come" and shut)
            _check_times(db, call_id)
        db.rollback()


def _do(db: DbSession, what: str, call_id: str, host: Person, visitor: Person, now: datetime) -> None:
    match what:
        case "open" | "close":
            open_door(db, call_id, Door.OPEN if what == "open" else Door.CLOSED, now)
        case "come":
            come(db, call_id, visitor, now)
        case "leave":
            mine = select(seat.c.id).where(seat.c.observer_id == visitor.id, seat.c.status == SeatStatus.CONFIRMED)
            for seat_id in db.execute(mine).scalars().all():
                release_seat(db, seat_id=seat_id, actor=by(visitor), now=now)
        case "start":
            start_call(db, call_id=call_id, actor=by(host), now=now)
        case "clock":
            follow_clock(db, call_id=call_id, now=now)
        case "move":
            times = {"starts_at": now + HALF, "ends_at": now + 2 * HALF}
            patch_call(db, call_id=call_id, changes=times, actor=SYSTEM, now=now)
        case "shy" | "outgoing":
            door = Door.CLOSED if what == "shy" else Door.OPEN
            db.execute(update(person).where(person.c.id == host.id).values(door_default=door))
        case "hush":
            patch_call(db, call_id=call_id, changes={"sensitive": True}, actor=SYSTEM, now=now)
        case _:
            end_call(db, call_id=call_id, actor=by(host), now=now)


def _check_times(db: DbSession, call_id: str) -> None:
    row = the_call(db, call_id)
    assert row.seats_taken <= row.seat_capacity
    if row.status is not CallStatus.LIVE:
        assert row.door is Door.CLOSED
    heard = select(seat.c.session_id).where(seat.c.call_id == call_id, seat.c.status == SeatStatus.ATTENDED)
    for session_id in db.execute(heard).scalars().all():
        times = row_of(db, session_id)
        assert min(row.began_at or row.starts_at, row.starts_at) <= times.starts_at < times.ends_at <= row.ends_at


def test_every_refusal_of_the_floor_is_a_problem_with_words(db: DbSession) -> None:
    call_id = a_call(db)

    with pytest.raises(Conflict) as why:
        come(db, call_id, a_person(db, "Mia"))

    assert why.value.detail.endswith(".")
