"""Two acts at once on the same people's time, on PostgreSQL: each sees what the other did, none waits for ever."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from app.db import transaction
from app.errors import Conflict
from app.models.tables import session
from app.operations.people import patch_person
from app.operations.refused import SlotTaken
from app.operations.session_locks import IllegalMove
from app.operations.sessions import cancel_session, reschedule_session
from app.rules.access import SYSTEM
from app.vocabulary import SessionStatus
from tests.factories import a_person
from tests.harness import NOW
from tests.operations.test_lock_order import postgres, while_the_first_is_open
from tests.sessions_and_people import HALF, TEN, a_session, claimed, responses

__all__ = ["postgres"]

BY_ADMIN: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def statuses(engine: Engine) -> list[SessionStatus]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(session.c.status).order_by(session.c.starts_at)).scalars())


def test_bug_1_the_second_who_books_overlapping_time_is_told_what_is_in_the_way(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))

    with pytest.raises(SlotTaken) as why:
        while_the_first_is_open(
            postgres,
            lambda db: a_session(db, mia, max_),
            lambda db: a_session(db, tom, max_, starts_at=TEN + HALF / 2),
        )

    assert why.value.extra["person_id"] == max_.id
    assert statuses(postgres) == [SessionStatus.CONFIRMED]


def test_a_session_that_is_cancelled_meanwhile_does_not_move(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        session_id = a_session(db, a_person(db, "Mia"), a_person(db, "Max"))

    with pytest.raises(IllegalMove):
        while_the_first_is_open(
            postgres,
            lambda db: cancel_session(db, session_id=session_id, **BY_ADMIN),
            lambda db: reschedule_session(db, session_id=session_id, starts_at=TEN + HALF, **BY_ADMIN),
        )

    assert statuses(postgres) == [SessionStatus.CANCELLED]


def test_of_two_sessions_that_move_to_one_time_the_second_stays(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
        first, second = a_session(db, mia, max_), a_session(db, max_, tom, starts_at=TEN + 2 * HALF)
    at = TEN + timedelta(hours=3)

    with pytest.raises(Conflict):
        while_the_first_is_open(
            postgres,
            lambda db: reschedule_session(db, session_id=second, starts_at=at, **BY_ADMIN),
            lambda db: reschedule_session(db, session_id=first, starts_at=at + HALF / 2, **BY_ADMIN),
        )

    with transaction(postgres, writes=False) as db:
        assert claimed(db, max_) == [(TEN, TEN + HALF), (at, at + HALF)]


def test_a_session_moves_without_who_left_meanwhile(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
        session_id = a_session(db, mia, max_, tom)

    while_the_first_is_open(
        postgres,
        lambda db: patch_person(db, person_id=tom.id, changes={"status": "left"}, **BY_ADMIN),
        lambda db: reschedule_session(db, session_id=session_id, starts_at=TEN + HALF, **BY_ADMIN),
    )

    with transaction(postgres, writes=False) as db:
        assert set(responses(db, session_id)) == {mia.id, max_.id}
        assert (claimed(db, tom), claimed(db, mia)) == ([], [(TEN + HALF, TEN + 2 * HALF)])


def test_of_three_who_meet_two_leave_at_once_and_nobody_is_left_to_meet_alone(postgres: Engine) -> None:
    with transaction(postgres, writes=True) as db:
        mia, max_, tom = (a_person(db, name) for name in ("Mia", "Max", "Tom"))
        a_session(db, mia, max_, tom)

    while_the_first_is_open(
        postgres,
        lambda db: patch_person(db, person_id=tom.id, changes={"status": "left"}, **BY_ADMIN),
        lambda db: patch_person(db, person_id=mia.id, changes={"status": "left"}, **BY_ADMIN),
    )

    assert statuses(postgres) == [SessionStatus.CANCELLED]
    with transaction(postgres, writes=False) as db:
        assert claimed(db, max_) == []
