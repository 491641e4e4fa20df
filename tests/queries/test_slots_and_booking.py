"""What the list of slots says, booking does: over real rows, on both engines."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from app import ids
from app.db import DbSession
from app.errors import Problem
from app.models.tables import availability, busy, claim, participant, pause, person
from app.operations.common_time import check_common_time
from app.operations.session_rows import NewSession, add_sessions
from app.queries.house_rules import house_rules
from app.queries.slots import free_slots, nearest_free
from app.rules.access import SYSTEM
from app.rules.availability import Range
from app.rules.slots import Wanted
from app.vocabulary import BusyStatus, CallStatus, ClaimKind, Part, Response, SessionKind, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.rules.slot_cases import DAY, MINUTE, grid

TEN = MONDAY + timedelta(hours=10)
ZONES = ("Europe/London", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Phoenix")


def rows_of(db: DbSession, person_ids: Sequence[str]) -> list[Any]:
    return list(db.execute(select(person).where(person.c.id.in_(person_ids)).order_by(person.c.id)))


def a_meeting(
    db: DbSession,
    person_id: str,
    times: Range,
    *,
    kind: SessionKind = SessionKind.ONE_ON_ONE,
    status: SessionStatus = SessionStatus.CONFIRMED,
    **more: Any,
) -> str:
    """A session of this person alone, which takes no time."""
    people = {person_id: Part.MENTEE}
    made: str = add_sessions(db, [NewSession(kind, status, *times, "UTC", people, **more)], now=NOW)[0].id
    return made


def a_claim(db: DbSession, person_id: str, times: Range, **more: Any) -> str:
    """Time that a session takes this person; returns the session."""
    session_id = a_meeting(db, person_id, times)
    values = {"id": ids.new("clm", NOW), "person_id": person_id, "session_id": session_id, "kind": ClaimKind.SESSION}
    db.execute(insert(claim), values | {"starts_at": times[0], "ends_at": times[1], "active": True} | more)
    return session_id


def listed(db: DbSession, *person_ids: str, minutes: int = 30, days: int = 1, step: int = 30) -> list[str]:
    wanted = Wanted(MONDAY, MONDAY + days * DAY, minutes, step)
    return [f"{start:%H:%M}" for start, _ in free_slots(db, person_ids, wanted, actor=SYSTEM, now=NOW).slots]


def bookable(db: DbSession, people: Sequence[Any], times: Range) -> bool:
    try:
        check_common_time(db, people, times, now=NOW)
    except Problem:
        return False
    return True


# --- what is in nobody's way -----------------------------------------------------------------------------------------


def test_expired_inactive_and_ignored_claims_are_in_nobodys_way(db: DbSession) -> None:
    ana = a_person(db).id
    a_claim(db, ana, (TEN, TEN + 30 * MINUTE), expires_at=NOW)
    a_claim(db, ana, (TEN + 60 * MINUTE, TEN + 90 * MINUTE), active=False)
    own = a_claim(db, ana, (TEN + 120 * MINUTE, TEN + 150 * MINUTE))
    a_claim(db, ana, (TEN + 180 * MINUTE, TEN + 210 * MINUTE), expires_at=NOW + MINUTE)

    free = listed(db, ana)
    house, people = house_rules(db), rows_of(db, [ana])
    moved = nearest_free(db, people, TEN + 120 * MINUTE, 30, house=house, now=NOW, ignoring=[own])

    assert {"10:00", "11:00"} <= set(free)
    assert {"12:00", "13:00"}.isdisjoint(free)
    assert moved[0][0] == TEN + 120 * MINUTE


def test_calls_that_are_over_or_cancelled_and_time_that_is_seconds_long(db: DbSession) -> None:
    ana = a_person(db)
    a_call(db, ana, starts_at=TEN, status=CallStatus.CANCELLED)
    a_call(db, ana, starts_at=TEN + 60 * MINUTE)
    odd = TEN + 120 * MINUTE - timedelta(microseconds=1)
    values = {"id": "bsy_odd", "person_id": ana.id, "source": "outlook", "status": BusyStatus.TENTATIVE}
    db.execute(insert(busy), values | {"starts_at": odd, "ends_at": odd + timedelta(microseconds=2)})

    free = listed(db, ana.id)

    assert [wall for wall in ("10:00", "11:00", "11:30", "12:00", "12:30") if wall in free] == ["10:00", "12:30"]


@pytest.mark.parametrize(
    ("kind", "status", "more", "counts"),
    [
        (SessionKind.ONE_ON_ONE, SessionStatus.CONFIRMED, {}, True),
        (SessionKind.DEBRIEF, SessionStatus.COMPLETED, {}, True),
        (SessionKind.ROLE_PLAY, SessionStatus.REQUESTED, {"expires_at": NOW + MINUTE}, True),
        (SessionKind.ROLE_PLAY, SessionStatus.REQUESTED, {"expires_at": NOW}, False),
        (SessionKind.ONE_ON_ONE, SessionStatus.CANCELLED, {}, False),
        (SessionKind.ONE_ON_ONE, SessionStatus.EXPIRED, {}, False),
        (SessionKind.SHADOW, SessionStatus.CONFIRMED, {}, False),
    ],
)
def test_limits_count_sessions_without_a_call_that_stand(
    db: DbSession, kind: SessionKind, status: SessionStatus, more: dict[str, Any], counts: bool
) -> None:
    ana = a_person(db, sessions_per_day=1).id
    a_meeting(db, ana, (MONDAY, MONDAY + 30 * MINUTE), kind=kind, status=status, **more)

    assert (listed(db, ana) == []) == counts


def test_who_declined_a_session_has_room_for_another(db: DbSession) -> None:
    ana = a_person(db, sessions_per_week=1).id
    a_meeting(db, ana, (MONDAY + 4 * DAY, MONDAY + 4 * DAY + 30 * MINUTE))
    assert listed(db, ana) == []

    db.execute(update(participant).values(response=Response.DECLINED))

    assert len(listed(db, ana)) == 16


# --- the bugs of others ----------------------------------------------------------------------------------------------


def test_bug_24_limits_are_those_of_the_persons_own_day(db: DbSession) -> None:
    # Monday 23:30 UTC is Tuesday in Kathmandu: only Tuesday there is full, and it begins on Monday at 18:15 UTC.
    sita = a_person(db, time_zone="Asia/Kathmandu", sessions_per_day=1).id
    db.execute(update(availability).values(weekly=[[day, 0, 1440] for day in range(1, 8)]))
    a_meeting(db, sita, (MONDAY + 1410 * MINUTE, MONDAY + 1440 * MINUTE))

    free = listed(db, sita, step=15)

    assert (free[0], free[-1]) == ("00:00", "18:00")


def test_the_nearest_free_times_are_the_next_three_of_everybody(db: DbSession) -> None:
    ana, ben = a_person(db), a_person(db)
    a_claim(db, ana.id, (TEN, TEN + 30 * MINUTE))
    a_claim(db, ben.id, (TEN + 45 * MINUTE, TEN + 60 * MINUTE))
    house, people = house_rules(db), rows_of(db, [ana.id, ben.id])

    near = nearest_free(db, people, TEN, 30, house=house, now=NOW)
    late = nearest_free(db, people, MONDAY + timedelta(hours=16, minutes=31), 30, house=house, now=NOW, at_most=1)
    never = nearest_free(db, people, NOW + 400 * DAY, 30, house=house, now=NOW)

    assert [start - TEN for start, _ in near] == [60 * MINUTE, 75 * MINUTE, 90 * MINUTE]
    assert late == [(MONDAY + timedelta(days=1, hours=9), MONDAY + timedelta(days=1, hours=9, minutes=30))]
    assert never == []


def test_bug_22_every_listed_slot_books_and_every_other_is_refused(db: DbSession, soak: bool) -> None:
    found = 0
    for seed in range(100 if soak else 8):
        rng = Random(seed)
        people = [_somebody(db, rng) for _ in range(rng.choice((1, 1, 2)))]
        rows = rows_of(db, people)
        starts_at = MONDAY + rng.randrange(1440) * MINUTE
        wanted = Wanted(
            starts_at,
            starts_at + rng.choice((1, 2)) * DAY,
            duration_minutes=rng.choice((20, 30, 45)),
            step_minutes=rng.choice((15, 30, 60)),
            time_zone=rng.choice(ZONES),
        )

        slots = free_slots(db, people, wanted, actor=SYSTEM, now=NOW).slots

        assert slots == [times for times in grid(wanted) if bookable(db, rows, times)], seed
        found += bool(slots)
    assert found > 3


def _somebody(db: DbSession, rng: Random) -> str:
    """A person with hours, buffers, limits, pauses, busy time, claims and calls, to the second."""
    limits: dict[str, Any] = {
        "sessions_per_day": rng.choice((None, None, 1)),
        "sessions_per_week": rng.choice((None, None, 2)),
    }
    made = a_person(db, time_zone=rng.choice(ZONES), **limits)
    weekly = [[day, rng.randrange(0, 500), rng.randrange(900, 1441)] for day in range(1, 8)]
    before, after = rng.choice(((0, 0), (10, 0), (0, 25), (15, 15)))
    db.execute(
        update(availability)
        .where(availability.c.person_id == made.id)
        .values(weekly=weekly, buffer_before_minutes=before, buffer_after_minutes=after)
    )
    for _ in range(4):
        begins = MONDAY + rng.randrange(3 * 86400) * timedelta(seconds=1)
        stops = begins + rng.randrange(1, 9000) * timedelta(seconds=1)
        values = {"id": ids.new("bsy", NOW), "person_id": made.id, "source": "outlook", "status": BusyStatus.BUSY}
        db.execute(insert(busy), {**values, "starts_at": begins, "ends_at": stops})
    for _ in range(2):
        a_call(db, made, starts_at=MONDAY + rng.randrange(3 * 1440) * MINUTE, minutes=rng.choice((15, 45)))
    for nth in range(2):
        begins = MONDAY + nth * DAY + rng.randrange(1200) * MINUTE
        a_claim(db, made.id, (begins, begins + 50 * MINUTE), expires_at=rng.choice((None, NOW, NOW + MINUTE)))
    if rng.random() < 0.2:
        day = (MONDAY + DAY).date()
        off = {"starts_on": day, "ends_on": day, "created_at": NOW}
        db.execute(insert(pause), {"id": ids.new("pau", NOW), "person_id": made.id, **off})
    return made.id
