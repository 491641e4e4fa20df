"""The life of a session, every act in every status."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.rules.session_states import Act, after, current, earliest, possible
from app.vocabulary import SessionStatus as S

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
LEGAL = {
    (Act.CONFIRM, S.REQUESTED): S.CONFIRMED,
    (Act.EXPIRE, S.REQUESTED): S.EXPIRED,
    (Act.RESPOND, S.CONFIRMED): S.CONFIRMED,
    (Act.RESCHEDULE, S.CONFIRMED): S.CONFIRMED,
    (Act.START, S.CONFIRMED): S.IN_PROGRESS,
    (Act.COMPLETE, S.CONFIRMED): S.COMPLETED,
    (Act.COMPLETE, S.IN_PROGRESS): S.COMPLETED,
    (Act.NO_SHOW, S.CONFIRMED): S.NO_SHOW,
    (Act.NO_SHOW, S.IN_PROGRESS): S.NO_SHOW,
    (Act.CANCEL, S.REQUESTED): S.CANCELLED,
    (Act.CANCEL, S.CONFIRMED): S.CANCELLED,
    (Act.CANCEL, S.IN_PROGRESS): S.CANCELLED,
    (Act.UNDO_CANCEL, S.CANCELLED): S.CONFIRMED,
}
every_case = pytest.mark.parametrize(("act", "status"), list(product(Act, S)), ids=str)


@every_case
def test_an_act_is_possible_in_the_statuses_of_the_table_and_in_no_other(act: Act, status: S) -> None:
    assert after(act, status) == LEGAL.get((act, status))
    assert (act in possible(status)) == ((act, status) in LEGAL)


def test_what_is_over_stays_as_it_is_but_for_a_cancel_that_is_undone() -> None:
    assert [possible(status) for status in (S.COMPLETED, S.NO_SHOW, S.EXPIRED)] == [(), (), ()]
    assert possible(S.CANCELLED) == (Act.UNDO_CANCEL,)


def test_every_status_is_reached_from_a_request() -> None:
    reached, more = {S.REQUESTED}, {S.REQUESTED}
    while more:
        more = {to for status in more for act in possible(status) if (to := after(act, status))} - reached
        reached |= more

    assert reached == set(S)


@pytest.mark.parametrize("status", S)
def test_a_request_is_over_the_moment_it_expires(status: S) -> None:
    before, at = (current(status, TEN, now=TEN - step) for step in (timedelta(microseconds=1), timedelta(0)))

    assert (before, at) == (status, S.EXPIRED if status is S.REQUESTED else status)
    assert current(status, None, now=TEN) is status


def test_nobody_has_failed_to_come_before_the_grace_is_over() -> None:
    assert earliest(Act.NO_SHOW, S.CONFIRMED, TEN, grace_minutes=5) == TEN + timedelta(minutes=5)
    assert earliest(Act.NO_SHOW, S.IN_PROGRESS, TEN, grace_minutes=0) == TEN


def test_what_nobody_started_is_completed_from_its_start_on_and_what_is_under_way_at_any_time() -> None:
    assert earliest(Act.COMPLETE, S.CONFIRMED, TEN, grace_minutes=5) == TEN
    assert earliest(Act.COMPLETE, S.IN_PROGRESS, TEN, grace_minutes=5) is None
    assert [earliest(act, S.CONFIRMED, TEN, grace_minutes=5) for act in (Act.START, Act.CANCEL)] == [None, None]
