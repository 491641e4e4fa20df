"""The life of a session, every act in every status."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from app.rules.session_states import Act, after, current, earliest, earliest_on_call, in_time, possible
from app.vocabulary import SessionStatus as S

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEGAL = {
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


def test_what_is_too_late_is_not_in_time_any_more() -> None:
    before, moment = TEN - timedelta(hours=1), timedelta(microseconds=1)

    def left(now: datetime, undo_until: datetime | None = None, ends_at: datetime = TEN) -> set[Act]:
        return set(in_time(Act, ends_at=ends_at, undo_until=undo_until, now=now))

    assert left(before) == set(Act) - {Act.UNDO_CANCEL}
    assert left(before - moment, undo_until=before) == set(Act)
    assert left(before, undo_until=before) == set(Act) - {Act.UNDO_CANCEL}
    assert left(TEN - moment) == set(Act) - {Act.UNDO_CANCEL}
    assert left(TEN, undo_until=TEN + moment) == {Act.START, Act.COMPLETE, Act.NO_SHOW}


def test_every_status_but_that_of_a_request_is_reached_from_what_is_confirmed() -> None:
    reached, more = {S.CONFIRMED}, {S.CONFIRMED}
    while more:
        more = {to for status in more for act in possible(status) if (to := after(act, status))} - reached
        reached |= more

    assert reached == set(S) - {S.REQUESTED, S.EXPIRED}


@pytest.mark.parametrize("status", S)
def test_a_request_is_over_the_moment_it_expires(status: S) -> None:
    before, at = (current(status, TEN, now=TEN - step) for step in (timedelta(microseconds=1), timedelta(0)))

    assert (before, at) == (status, S.EXPIRED if status is S.REQUESTED else status)
    assert current(status, None, now=TEN) is status


def test_nobody_has_failed_to_come_before_the_grace_is_over() -> None:
    assert earliest(Act.NO_SHOW, S.CONFIRMED, TEN, notice_minutes=15, grace_minutes=5) == TEN + 5 * MINUTE
    assert earliest(Act.NO_SHOW, S.IN_PROGRESS, TEN, notice_minutes=15, grace_minutes=0) == TEN
    for is_live in (True, False):
        assert earliest_on_call(Act.NO_SHOW, TEN, is_live=is_live, grace_minutes=5) == TEN + 5 * MINUTE


def test_what_nobody_started_is_completed_from_its_start_on_and_what_is_under_way_at_any_time() -> None:
    assert earliest(Act.COMPLETE, S.CONFIRMED, TEN, notice_minutes=15, grace_minutes=5) == TEN
    assert earliest(Act.COMPLETE, S.IN_PROGRESS, TEN, notice_minutes=15, grace_minutes=5) is None


def test_people_start_a_little_early_and_cancel_whenever_they_like() -> None:
    assert earliest(Act.START, S.CONFIRMED, TEN, notice_minutes=15, grace_minutes=5) == TEN - 15 * MINUTE
    assert earliest(Act.CANCEL, S.CONFIRMED, TEN, notice_minutes=15, grace_minutes=5) is None


def test_nobody_listens_to_a_call_that_has_not_begun() -> None:
    for act in (Act.START, Act.COMPLETE):
        assert earliest_on_call(act, TEN, is_live=False, grace_minutes=5) == TEN
        assert earliest_on_call(act, TEN, is_live=True, grace_minutes=5) is None
    assert earliest_on_call(Act.RESPOND, TEN, is_live=False, grace_minutes=5) is None
