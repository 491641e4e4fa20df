"""Who is told of what, and what becomes of deliveries and endpoints as tries go well or not."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, func, insert, select, update

from app import ids
from app.config import Settings
from app.db import DbSession, transaction
from app.db import written as in_transaction
from app.errors import Forbidden, NotFound
from app.jobs.context import JobContext
from app.jobs.housekeeping import clear
from app.models.tables import delivery, delivery_attempt, event, job, notice, webhook_endpoint
from app.operations.announcing import announce
from app.operations.deliveries import next_due, record, wake, wake_all
from app.operations.deliveries_by_hand import (
    EndpointDisabled,
    begin_anew,
    forget_endpoint,
    replay,
    replay_some,
    resend,
    try_endpoint,
)
from app.operations.events import tell
from app.operations.teams import create_team, delete_team
from app.operations.webhooks import delete_endpoint
from app.rules.access import SYSTEM, Actor
from app.rules.deliveries import FAST_LANE, SLOW_LANE, Attempt
from app.vocabulary import (
    DeliveryStatus,
    DisabledBecause,
    EndpointStatus,
    JobStatus,
    MessageKind,
    NoticeStatus,
    Role,
)
from tests.endpoints import ACT, PostRoom, an_endpoint
from tests.factories import a_person
from tests.harness import NOW, FakeClock
from tests.statements import counted

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def happens(db: DbSession, act: str = ACT, object_id: str = "team_gone", *, times: int = 1, at: Any = NOW) -> None:
    for version in range(1, times + 1):
        tell(db, act, object_id, version=version, actor=SYSTEM, now=at)


def announced(db: DbSession, *, now: Any = NOW) -> int:
    return announce(db, now=now)


def written(db: DbSession, endpoint_id: str | None = None) -> list[Any]:
    query = select(delivery).order_by(delivery.c.sequence)
    return list(db.execute(query.where(delivery.c.endpoint_id == endpoint_id) if endpoint_id else query))


def endpoint(db: DbSession, endpoint_id: str) -> Any:
    return db.execute(select(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id)).one()


def pumps(db: DbSession) -> list[Any]:
    return list(db.execute(select(job).where(job.c.kind.like("webhooks%"), job.c.status == JobStatus.QUEUED)))


def tried(db: DbSession, endpoint_id: str, status_code: int | None, *, now: Any = NOW, **said: Any) -> None:
    """Try what is due next, with this outcome."""
    sending = next_due(db, endpoint_id, lane=SLOW_LANE, now=now)
    assert sending is not None, "nothing is due"
    attempt = Attempt(now, said.pop("elapsed_ms", 20), status_code, **said)
    record(db, sending, attempt, endpoint_id=endpoint_id, now=now)


def is_due(db: DbSession, endpoint_id: str, *, now: Any, lane: str = FAST_LANE) -> bool:
    return next_due(db, endpoint_id, lane=lane, now=now) is not None


# Who hears of what


@pytest.mark.parametrize(
    "act", ["api_key.created", "feed.rotated", "job.retried", "busy.replaced", "availability.changed", "pause.created"]
)
def test_what_is_not_published_goes_nowhere(db: DbSession, act: str) -> None:
    an_endpoint(db)
    happens(db, act)

    announced(db)

    assert written(db) == []


def test_an_endpoint_hears_of_what_it_listens_to(db: DbSession) -> None:
    everything, seats, teams = an_endpoint(db), an_endpoint(db, acts=["seat.*"]), an_endpoint(db, acts=["team.created"])
    for act in ("seat.booked", "seat.moved", "team.created", "team.changed"):
        happens(db, act, f"{act.partition('.')[0]}_gone")

    announced(db)

    heard = {one: [row.act for row in written(db, one)] for one in (everything, seats, teams)}
    assert heard[everything] == ["seat.booked", "seat.moved", "team.created", "team.changed"]
    assert heard[seats] == ["seat.booked", "seat.moved"]
    assert heard[teams] == ["team.created"]


def test_nothing_from_before_its_time_goes_to_an_endpoint(db: DbSession) -> None:
    happens(db, at=NOW - SECOND)
    an_endpoint(db)
    happens(db, at=NOW)

    announced(db)

    assert len(written(db)) == 1


def test_nothing_is_kept_for_an_endpoint_that_is_disabled(db: DbSession) -> None:
    an_endpoint(db, status=EndpointStatus.DISABLED)
    happens(db)

    announced(db)

    assert written(db) == []
    assert pumps(db) == []


def test_each_event_is_announced_once_and_the_order_is_that_of_events(db: DbSession) -> None:
    announced(db)
    an_endpoint(db)
    happens(db, times=450)

    assert [announced(db) for _ in range(4)] == [200, 200, 50, 0]
    sequences = [row.sequence for row in written(db)]
    assert len(sequences) == 450
    assert sequences == sorted(set(sequences))


def test_those_who_announce_at_the_same_time_announce_each_event_once(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        an_endpoint(db, acts=["team.*"])
        happens(db, times=900)

    with ThreadPoolExecutor(3) as heralds:
        counts = list(heralds.map(lambda _: _announce_all(engine), range(3)))

    with transaction(engine, writes=False) as db:
        assert len(written(db)) == 900
        left = db.execute(select(event.c.id).where(event.c.announced.is_(False))).all()
    assert sum(counts) >= 900
    assert left == []


def test_an_endpoint_is_deleted_while_events_are_announced_to_it(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        here = an_endpoint(db)
        happens(db)

    with ThreadPoolExecutor(1) as admin:
        with transaction(engine, writes=True) as db:
            announced(db)
            deleted = admin.submit(
                in_transaction, engine, lambda db: delete_endpoint(db, endpoint_id=here, actor=SYSTEM, now=NOW)
            )
            time.sleep(0.3)
        deleted.result()

    with transaction(engine, writes=False) as db:
        assert written(db, here) == []


def test_all_that_waits_for_an_endpoint_is_one_job(db: DbSession) -> None:
    one, other = an_endpoint(db), an_endpoint(db, slow=True)
    happens(db, times=250)

    announced(db)
    announced(db)

    assert {(row.kind, row.singleton) for row in pumps(db)} == {
        ("webhooks", f"webhooks:{one}"),
        ("webhooks_slow", f"webhooks:{other}"),
    }
    assert len(pumps(db)) == 2


def test_nobody_is_woken_for_an_endpoint_before_it_has_rested(db: DbSession) -> None:
    an_endpoint(db, paused_until=NOW + MINUTE)
    happens(db)

    announced(db)

    assert [row.due_at for row in pumps(db)] == [NOW + MINUTE]


# What is said


def test_a_body_says_what_happened_when_in_which_order_and_what_holds_now(db: DbSession) -> None:
    an_endpoint(db, acts=["team.*"])
    team = create_team(db, name="EMEA", actor=SYSTEM, now=NOW)

    announced(db)

    (row,) = written(db)
    assert json.loads(row.body) == {
        "type": "team.created",
        "timestamp": "2026-11-21T09:00:00Z",
        "sequence": row.sequence,
        "data": {
            "id": team.id,
            "name": "EMEA",
            "external": [],
            "version": 1,
            "created_at": "2026-11-21T09:00:00Z",
            "updated_at": "2026-11-21T09:00:00Z",
        },
    }
    assert b", " not in row.body


def test_of_what_was_deleted_a_body_says_just_that(db: DbSession) -> None:
    an_endpoint(db, acts=["team.*"])
    team = create_team(db, name="EMEA", actor=SYSTEM, now=NOW)
    delete_team(db, team_id=team.id, actor=SYSTEM, now=NOW)

    announced(db)

    assert [json.loads(row.body)["data"] for row in written(db)] == [
        {"id": team.id, "version": 1, "deleted": True},
        {"id": team.id, "version": 2, "deleted": True},
    ]


def test_writing_down_costs_as_many_statements_for_three_events_as_for_one(engine: Engine) -> None:
    costs = []
    with transaction(engine, writes=True) as db:
        announced(db)
    for times in (1, 3):
        with transaction(engine, writes=True) as db:
            teams = [create_team(db, name=f"T{times}{n}", actor=SYSTEM, now=NOW) for n in range(times)]
            an_endpoint(db, acts=["team.*"])
        with transaction(engine, writes=True) as db, counted(engine) as statements:
            assert announced(db) == len(teams)
        with transaction(engine, writes=True) as db:
            db.execute(delete(delivery))
            db.execute(delete(webhook_endpoint))
            db.execute(delete(job))
        costs.append(len(statements))

    assert costs[0] == costs[1]


# How it goes


def test_what_arrived_is_never_due_again(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)

    tried(db, here, 204, answer="thanks")

    (row,) = written(db)
    (made,) = db.execute(select(delivery_attempt)).all()
    assert (row.status, row.attempts) == (DeliveryStatus.DELIVERED, 1)
    assert (made.status_code, made.answer, made.elapsed_ms, made.at) == (204, "thanks", 20, NOW)
    assert not is_due(db, here, now=NOW + 400 * DAY)


def test_after_a_failure_the_whole_endpoint_rests_a_little_longer_each_time(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=9)
    announced(db)

    now, rests = NOW, []
    for _ in range(6):
        tried(db, here, 503, now=now)
        until = endpoint(db, here).paused_until
        rests.append((until - now).total_seconds())
        assert not is_due(db, here, now=until - SECOND)
        now = until

    assert rests == [5, 20, 80, 300, 300, 300]
    assert endpoint(db, here).failures == 6
    assert endpoint(db, here).failing_since == NOW


def test_a_success_ends_the_rest(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=2)
    announced(db)
    tried(db, here, None, why="hooks.example: No whole answer within 15 seconds.", elapsed_ms=15_000)
    assert endpoint(db, here).slow

    tried(db, here, 200, now=NOW + 5 * SECOND)

    row = endpoint(db, here)
    assert (row.failures, row.failing_since, row.paused_until, row.slow) == (0, None, None, False)


def test_an_endpoint_is_woken_when_the_first_that_waits_is_due_and_it_has_rested(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=2)
    announced(db)
    for due_in, rests, wakes_in in ((2 * HOUR, HOUR, HOUR), (2 * HOUR, None, HOUR), (DAY, DAY, DAY)):
        db.execute(delete(job))
        db.execute(update(webhook_endpoint).values(paused_until=rests and NOW + rests))
        first, second = written(db)
        db.execute(update(delivery).where(delivery.c.id == first.id).values(due_at=NOW + due_in))
        db.execute(update(delivery).where(delivery.c.id == second.id).values(due_at=NOW + HOUR))

        wake(db, here, now=NOW)

        assert [row.due_at for row in pumps(db)] == [NOW + wakes_in]


def test_the_first_tries_of_deliveries_are_in_the_order_of_events_whatever_fails(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=6)
    announced(db)

    first_tries, now = [], NOW
    for status_code in (500, 200, 500, 500, 200, 200, 500, 200):
        now = endpoint(db, here).paused_until or now
        sending = next_due(db, here, lane=FAST_LANE, now=now)
        assert sending is not None
        if sending.event_id not in first_tries:
            first_tries.append(sending.event_id)
        record(db, sending, Attempt(now, 5, status_code), endpoint_id=here, now=now)

    assert len(first_tries) >= 4
    assert first_tries == [row.event_id for row in written(db)][: len(first_tries)]


def test_after_ten_tries_in_three_days_a_delivery_has_failed(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)

    now = NOW
    for number in range(1, 11):
        (row,) = written(db)
        assert row.status is DeliveryStatus.WAITING
        now = max(row.due_at, endpoint(db, here).paused_until or now)
        tried(db, here, 500, now=now)
        assert written(db)[0].attempts == number

    assert written(db)[0].status is DeliveryStatus.FAILED
    assert not is_due(db, here, now=now + 30 * DAY)
    assert timedelta(hours=75.6 * 0.8) <= now - NOW <= timedelta(hours=75.7 * 1.2)


def test_after_an_outage_of_a_minute_all_that_waited_is_due_at_once_in_order(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=4)
    announced(db)
    now = NOW
    for _ in range(4):
        tried(db, here, 502, now=now)
        now = endpoint(db, here).paused_until

    tried(db, here, 200, now=now)

    order = []
    while sending := next_due(db, here, lane=FAST_LANE, now=now):
        order.append(sending.delivery_id)
        record(db, sending, Attempt(now, 5, 200), endpoint_id=here, now=now)
    assert order == [row.id for row in written(db) if row.id in order]
    assert {row.status for row in written(db)} == {DeliveryStatus.DELIVERED}


def test_after_a_hiccup_what_failed_keeps_its_schedule(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=3)
    announced(db)
    tried(db, here, 502)
    tried(db, here, 502, now=NOW + 5 * SECOND)
    later = {row.id: row.due_at for row in written(db)}

    tried(db, here, 200, now=NOW + 25 * SECOND)

    assert {row.id: row.due_at for row in written(db)} == later


def test_retry_after_holds_for_the_delivery_and_its_endpoint(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=2)
    announced(db)

    tried(db, here, 429, retry_at=NOW + 40 * MINUTE)

    assert endpoint(db, here).paused_until == NOW + 40 * MINUTE
    assert written(db)[0].due_at == NOW + 40 * MINUTE
    assert not is_due(db, here, now=NOW + 39 * MINUTE)


def test_who_says_gone_is_sent_nothing_more_and_what_waited_waits(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=3)
    announced(db)

    tried(db, here, 410)

    row = endpoint(db, here)
    assert (row.status, row.disabled_because, row.version) == (EndpointStatus.DISABLED, DisabledBecause.GONE, 2)
    assert {one.status for one in written(db)} == {DeliveryStatus.WAITING}
    assert not is_due(db, here, now=NOW + DAY)
    told = db.execute(select(event).where(event.c.act == "webhook_endpoint.disabled")).one()
    assert (told.object_id, told.version, told.actor) == (here, 2, "system")


def test_who_fails_for_five_days_is_disabled_at_the_next_failure(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=3)
    announced(db)
    tried(db, here, 500)

    tried(db, here, 500, now=NOW + 5 * DAY - SECOND)
    assert endpoint(db, here).status is EndpointStatus.ENABLED
    tried(db, here, 500, now=NOW + 6 * DAY)

    assert endpoint(db, here).disabled_because is DisabledBecause.FAILING


def test_a_late_failure_does_not_take_back_what_another_worker_delivered(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)
    sending = next_due(db, here, lane=FAST_LANE, now=NOW)
    assert sending is not None
    record(db, sending, Attempt(NOW, 5, 200), endpoint_id=here, now=NOW)

    record(db, sending, Attempt(NOW, 5, 500), endpoint_id=here, now=NOW)

    assert written(db)[0].status is DeliveryStatus.DELIVERED


def test_what_was_deleted_while_it_was_sent_stays_deleted(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)
    sending = next_due(db, here, lane=FAST_LANE, now=NOW)
    assert sending is not None
    forget_endpoint(db, here)
    db.execute(delete(webhook_endpoint))

    record(db, sending, Attempt(NOW, 5, 200), endpoint_id=here, now=NOW)

    assert written(db) == []
    assert db.execute(select(delivery_attempt)).all() == []


def test_a_slow_endpoint_takes_no_place_in_the_lane_of_others(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=3)
    announced(db)

    tried(db, here, 200, elapsed_ms=1500)
    assert not is_due(db, here, now=NOW)
    assert is_due(db, here, now=NOW, lane=SLOW_LANE)

    tried(db, here, 200, elapsed_ms=800)
    assert is_due(db, here, now=NOW)


def test_while_a_secret_is_replaced_both_sign_and_then_only_the_new_one(db: DbSession) -> None:
    rotated: dict[str, Any] = {
        "secret": "whsec_bmV3",
        "previous_secret": "whsec_b2xk",
        "previous_secret_until": NOW + DAY,
    }
    here = an_endpoint(db, **rotated)
    happens(db)
    announced(db)

    during, after = (next_due(db, here, lane=FAST_LANE, now=now) for now in (NOW + DAY - SECOND, NOW + DAY))

    assert during is not None
    assert during.secrets == ("whsec_bmV3", "whsec_b2xk")
    assert after is not None
    assert after.secrets == ("whsec_bmV3",)


# By hand


def test_only_an_admin_sends_again(db: DbSession) -> None:
    here, rep = an_endpoint(db), Actor("key_1", Role.REP, "per_1")
    happens(db)
    announced(db)

    with pytest.raises(Forbidden):
        resend(db, delivery_id=written(db)[0].id, actor=rep, now=NOW)
    with pytest.raises(Forbidden):
        replay(db, endpoint_id=here, since=NOW, actor=rep, now=NOW)


def test_nothing_is_sent_again_to_who_is_disabled_or_unknown(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)
    tried(db, here, 410)

    with pytest.raises(EndpointDisabled):
        resend(db, delivery_id=written(db)[0].id, actor=SYSTEM, now=NOW)
    with pytest.raises(EndpointDisabled):
        replay(db, endpoint_id=here, since=NOW, actor=SYSTEM, now=NOW)
    with pytest.raises(NotFound):
        resend(db, delivery_id="dlv_unknown", actor=SYSTEM, now=NOW)


@pytest.mark.parametrize("status", [DeliveryStatus.DELIVERED, DeliveryStatus.FAILED])
def test_one_that_is_sent_again_is_due_now_as_if_never_tried(db: DbSession, status: DeliveryStatus) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)
    db.execute(update(delivery).values(status=status, attempts=10))
    db.execute(delete(job))

    again = resend(db, delivery_id=written(db)[0].id, actor=SYSTEM, now=NOW + HOUR)

    assert (again.status, again.attempts, again.due_at) == (DeliveryStatus.WAITING, 0, NOW + HOUR)
    assert len(pumps(db)) == 1
    assert is_due(db, here, now=NOW + HOUR)


@pytest.mark.parametrize("act", ["test", "resend", "replay"])
def test_what_somebody_sends_by_hand_goes_out_at_once_though_the_endpoint_rests(db: DbSession, act: str) -> None:
    here = an_endpoint(db)
    happens(db)
    announced(db)
    tried(db, here, 503, retry_at=NOW + DAY)
    soon = NOW + MINUTE
    assert not is_due(db, here, now=soon)

    if act == "test":
        try_endpoint(db, endpoint_id=here, actor=SYSTEM, now=soon)
        announced(db, now=soon)
    elif act == "resend":
        resend(db, delivery_id=written(db)[0].id, actor=SYSTEM, now=soon)
    else:
        replay(db, endpoint_id=here, since=NOW, actor=SYSTEM, now=soon)
        _work_off_replay(db, now=soon)

    assert is_due(db, here, now=soon)
    assert [row.due_at for row in pumps(db)] == [NOW]
    tried(db, here, 503, now=soon)
    assert endpoint(db, here).failures == 2, "it is as ill as it was"


def test_a_replay_sends_what_was_sent_since_and_what_never_was(db: DbSession) -> None:
    happens(db, "team.created", at=NOW - 2 * HOUR)
    happens(db, "team.changed", at=NOW - HOUR)
    happens(db, "api_key.created", at=NOW - HOUR)
    announced(db)
    here = an_endpoint(db)
    happens(db, "team.deleted")
    happens(db, "seat.booked", "seat_gone")
    announced(db)
    tried(db, here, 200)
    tried(db, here, 200)

    count = replay(db, endpoint_id=here, since=NOW - HOUR, acts=["team.*"], actor=SYSTEM, now=NOW + HOUR)
    _work_off_replay(db, now=NOW + HOUR)

    assert count == 2
    waiting = [row.act for row in written(db) if row.status is DeliveryStatus.WAITING]
    assert waiting == ["team.changed", "team.deleted"]


def test_a_replay_that_is_repeated_does_not_repeat_what_was_sent_since_it_was_asked_for(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=3)
    announced(db)
    count = replay(db, endpoint_id=here, since=NOW, actor=SYSTEM, now=NOW + HOUR)
    _work_off_replay(db, now=NOW + HOUR)
    for _ in range(3):
        tried(db, here, 200, now=NOW + HOUR + SECOND)

    _work_off_replay(db, now=NOW + HOUR + MINUTE)

    assert count == 3
    assert {row.status for row in written(db)} == {DeliveryStatus.DELIVERED}


def test_a_replay_of_nothing_leaves_no_job(db: DbSession) -> None:
    here = an_endpoint(db)

    assert replay(db, endpoint_id=here, since=NOW, actor=SYSTEM, now=NOW) == 0
    assert db.execute(select(job)).all() == []


def test_an_endpoint_that_begins_anew_is_sent_all_that_waited(db: DbSession) -> None:
    here = an_endpoint(db)
    happens(db, times=2)
    announced(db)
    tried(db, here, 410)
    db.execute(update(webhook_endpoint).values(status=EndpointStatus.ENABLED, disabled_because=None))

    begin_anew(db, here, now=NOW + SECOND)

    assert endpoint(db, here).failing_since is None
    tried(db, here, 200, now=NOW + SECOND)
    tried(db, here, 200, now=NOW + SECOND)
    assert {row.status for row in written(db)} == {DeliveryStatus.DELIVERED}


# Keeping house


def test_a_pump_that_was_lost_is_queued_again(db: DbSession) -> None:
    an_endpoint(db)
    an_endpoint(db, acts=["seat.*"])
    happens(db)
    announced(db)
    db.execute(delete(job))

    wake_all(db, now=NOW)

    assert len(pumps(db)) == 1


def test_deliveries_go_thirty_days_after_they_ended_and_what_waits_stays(engine: Engine, house_job: JobContext) -> None:
    with transaction(engine, writes=True) as db:
        here = an_endpoint(db)
        happens(db, times=3)
        announced(db)
        tried(db, here, 200)
        tried(db, here, 200, now=NOW + DAY)

    clock = house_job.clock
    assert isinstance(clock, FakeClock)
    clock.at = NOW + 30 * DAY + HOUR
    clear(house_job)
    with transaction(engine, writes=False) as db:
        assert [row.status for row in written(db)] == [DeliveryStatus.DELIVERED, DeliveryStatus.WAITING]
        assert db.execute(select(func.count()).select_from(delivery_attempt)).scalar() == 1

    clock.at = NOW + 32 * DAY
    clear(house_job)
    with transaction(engine, writes=False) as db:
        assert [row.status for row in written(db)] == [DeliveryStatus.WAITING]
        assert db.execute(select(delivery_attempt)).all() == []
        assert len(pumps(db)) == 1


def test_notices_go_ninety_days_after_they_ended_and_those_that_wait_stay(
    engine: Engine, house_job: JobContext
) -> None:
    clock = house_job.clock
    assert isinstance(clock, FakeClock)
    with transaction(engine, writes=True) as db:
        who = a_person(db, "Jo").id
        for once, status in (("sent", NoticeStatus.SENT), ("waits", NoticeStatus.WAITING)):
            made = {"id": ids.new("ntc", NOW), "person_id": who, "kind": MessageKind.DIGEST, "once": once}
            stamped = {"due_at": NOW, "created_at": NOW, "updated_at": NOW}
            db.execute(insert(notice), [{**made, "status": status, **stamped}])

    kept = []
    for age in (90 * DAY, 91 * DAY):
        clock.at = NOW + age
        clear(house_job)
        with transaction(engine, writes=False) as db:
            kept.append(set(db.execute(select(notice.c.once)).scalars()))

    assert kept == [{"sent", "waits"}, {"waits"}]


def _announce_all(engine: Engine) -> int:
    done = 0
    while number := in_transaction(engine, lambda db: announce(db, now=NOW)):
        done += number
    return done


def _work_off_replay(db: DbSession, *, now: Any) -> None:
    """Do what the latest replay job does."""
    given = db.execute(select(job.c.payload).where(job.c.kind == "webhook_replay").order_by(job.c.id.desc())).scalar()
    assert given is not None
    after: int | None = given["after"]
    while after is not None:
        after = replay_some(
            db,
            endpoint_id=given["endpoint_id"],
            acts=given["acts"],
            after=after,
            until=given["until"],
            asked_at=NOW.fromisoformat(given["asked_at"]),
            now=now,
        )


@pytest.fixture
def house_job(engine: Engine, clock: FakeClock, tmp_path: Path) -> JobContext:
    return PostRoom(engine, Settings(dir=tmp_path, _env_file=None), clock).context({})
