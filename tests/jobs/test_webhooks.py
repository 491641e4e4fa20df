"""Webhooks as real receivers get them: signed, in order, again under the same id, and nowhere else."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import standardwebhooks
import svix.webhooks
from sqlalchemy import Engine, select, update

from app.credentials import new_webhook_secret
from app.db import transaction
from app.jobs import HANDLERS
from app.models.tables import delivery, event, job, webhook_endpoint
from app.operations.deliveries_by_hand import begin_anew, replay, resend
from app.rules.access import SYSTEM
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, WebhookFormat
from tests.adapters.web_server import Asked, WebServer, answer
from tests.endpoints import PostRoom, post_room
from tests.factories import a_call, a_person
from tests.faults.receivers import Manner, Receiver
from tests.harness import NOW, FakeClock

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def room(engine: Engine, clock: FakeClock, tmp_path: Path) -> Iterator[PostRoom]:
    with post_room(engine, clock, tmp_path) as made:
        yield made


def at(server: WebServer) -> str:
    return f"http://127.0.0.1:{server.port}/hooks"


@contextmanager
def receiver(manner: Manner = Manner.WELL) -> Iterator[Receiver]:
    made = Receiver(manner)
    made.open()
    with ExitStack() as stack:
        stack.callback(made.close)
        yield made


def test_a_webhook_is_taken_for_ours_by_two_libraries_with_the_new_secret_and_with_the_old(room: PostRoom) -> None:
    room.clock.at = datetime.now(UTC)  # they look at theirs
    new, old = new_webhook_secret(), new_webhook_secret()
    during = {"secret": new, "previous_secret": old, "previous_secret_until": room.clock() + HOUR}
    with receiver() as well:
        room.endpoint(well.url, **during)
        room.tell()
        room.send()

    (one,) = well.arrived
    for secret in (new, old):
        standardwebhooks.Webhook(secret).verify(one.asked.body, one.asked.headers)
        svix.webhooks.Webhook(secret).verify(one.asked.body, one.asked.headers)
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(new_webhook_secret()).verify(one.asked.body, one.asked.headers)


def test_what_happens_to_a_call_reaches_who_listens(room: PostRoom) -> None:
    with receiver() as well:
        room.endpoint(well.url, acts=["call.*"])
        with transaction(room.engine, writes=True) as db:
            call_id = a_call(db, a_person(db, "Mara"))
        room.tell(0)
        room.send()

    (one,) = well.arrived
    said = json.loads(one.asked.body)
    with transaction(room.engine, writes=False) as db:
        told = db.execute(select(event).where(event.c.act == "call.created")).one()
    assert (said["type"], said["sequence"], one.event_id) == ("call.created", told.sequence, told.id)
    assert (said["data"]["id"], said["data"]["version"]) == (call_id, 1)


def test_many_arrive_in_order_over_one_connection(room: PostRoom) -> None:
    with receiver() as well:
        room.endpoint(well.url)
        room.tell(250)
        jobs = room.send()

        assert well.server.connections == 1
    got = [one.sequence for one in well.arrived]
    assert len(got) == 250
    assert got == sorted(got)
    assert jobs >= 13, "others have their turn after twenty"


def test_who_has_much_to_catch_up_on_takes_turns_with_who_has_just_heard(room: PostRoom) -> None:
    with receiver() as behind, receiver() as ahead:
        room.endpoint(behind.url)
        room.tell(250)
        room.clock.advance(HOUR)
        room.endpoint(ahead.url, created_at=room.clock())
        room.tell()
        room.clock.advance(SECOND)
        room.send()

    sooner = [one for one in behind.arrived if one.at < ahead.arrived[0].at]
    assert 1 <= len(sooner) <= 20
    assert len(behind.arrived) == 251


def test_a_failure_is_sent_again_later_under_the_same_id_and_a_new_time(room: PostRoom) -> None:
    asked: list[Asked] = []

    def fails_once(one: Asked) -> Iterable[bytes]:
        asked.append(one)
        return answer(500 if len(asked) == 1 else 204, body=b"")(one)

    with WebServer(fails_once) as server:
        room.endpoint(at(server))
        room.tell()
        room.send()
        waits = room.next_job_in()
        room.later(7 * SECOND)

    assert waits is not None
    assert 5 * SECOND <= waits <= 6 * SECOND
    first, second = (one.headers for one in asked)
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 7
    assert first["webhook-signature"] != second["webhook-signature"]
    assert asked[0].body == asked[1].body
    assert [one.status_code for one in room.attempts()] == [500, 204]


def test_a_receiver_that_was_down_for_an_hour_gets_all_of_it_in_order(room: PostRoom) -> None:
    down = Receiver(Manner.DOWN)
    here = room.endpoint(down.url)
    for _ in range(60):
        room.tell(2)
        room.later(MINUTE)
    tries = len(room.attempts())

    down.recover()
    with ExitStack() as stack:
        stack.callback(down.close)
        room.later(5 * MINUTE)

    assert tries <= 20, "an endpoint that is down is left alone for five minutes at a time"
    assert len(down.arrived) == 120
    once, rest = down.arrived[0].sequence, [one.sequence for one in down.arrived[1:]]
    assert rest == sorted(rest), "but for the one that found it up again"
    assert once not in rest
    assert {row.status for row in room.deliveries()} == {DeliveryStatus.DELIVERED}
    assert room.row(here).failing_since is None
    assert room.next_job_in() is None


def test_nobody_is_led_elsewhere_by_a_redirect(room: PostRoom) -> None:
    with WebServer(answer()) as canary, WebServer(answer(308, f"Location: {at(canary)}")) as server:
        room.endpoint(at(server))
        room.tell()
        room.send()

    assert canary.connections == 0
    assert [row.status for row in room.deliveries()] == [DeliveryStatus.WAITING]
    assert [one.status_code for one in room.attempts()] == [308]


def test_an_address_inside_is_never_connected_to_however_it_was_entered(engine: Engine, tmp_path: Path) -> None:
    with WebServer(answer()) as canary, post_room(engine, FakeClock(), tmp_path, allowed="192.0.2.0/24") as room:
        room.endpoint(at(canary))
        room.tell()
        room.send()

    assert canary.connections == 0
    (tried,) = room.attempts()
    assert tried.status_code is None
    assert "not on the public internet" in tried.why


def test_who_is_gone_hears_nothing_until_it_is_enabled_and_replayed(room: PostRoom) -> None:
    with receiver(Manner.GONE) as gone:
        here = room.endpoint(gone.url)
        room.tell(2)
        room.send()
        room.tell(3)
        room.later(HOUR)
        asked, because = len(gone.server.asked), room.row(here).disabled_because
        gone.recover()
        with transaction(room.engine, writes=True) as db:
            enabled = {"status": EndpointStatus.ENABLED, "disabled_because": None}
            db.execute(update(webhook_endpoint).values(**enabled))
            begin_anew(db, here, now=room.clock())
            count = replay(db, endpoint_id=here, since=NOW, acts=["team.*"], actor=SYSTEM, now=room.clock())
        room.later(SECOND)

    assert (asked, because) == (1, DisabledBecause.GONE)
    assert count == 5
    got = [one.sequence for one in gone.arrived]
    assert len(got) == 5
    assert got == sorted(got)


def test_who_is_too_busy_is_left_alone_for_as_long_as_it_says(room: PostRoom) -> None:
    with WebServer(answer(429, "Retry-After: 1800")) as busy:
        room.endpoint(at(busy))
        room.tell(3)
        room.send()
        room.later(29 * MINUTE)
        before = len(busy.asked)
        room.later(MINUTE)

        assert (before, len(busy.asked)) == (1, 2)


def test_one_that_is_sent_again_by_hand_goes_out_again(room: PostRoom) -> None:
    with receiver() as well:
        room.endpoint(well.url)
        room.tell()
        room.send()
        with transaction(room.engine, writes=True) as db:
            resend(db, delivery_id=room.deliveries()[0].id, actor=SYSTEM, now=room.clock())
        room.send()

    first, second = well.arrived
    assert first.event_id == second.event_id
    assert first.asked.body == second.asked.body


def test_what_was_sent_and_not_recorded_is_sent_again(room: PostRoom) -> None:
    with receiver() as well:
        room.endpoint(well.url)
        room.tell()
        room.send()
        with transaction(room.engine, writes=True) as db:  # as if the power had failed between the two
            db.execute(update(delivery).values(status=DeliveryStatus.WAITING, attempts=0))
            begin_anew(db, room.deliveries()[0].endpoint_id, now=room.clock())
        room.send()

    assert [one.event_id for one in well.arrived] == [room.deliveries()[0].event_id] * 2


def test_a_replay_that_nobody_waits_for_any_more_ends(room: PostRoom) -> None:
    room.tell(250)
    here = room.endpoint("https://hooks.example/earshot")
    with transaction(room.engine, writes=True) as db:
        replay(db, endpoint_id=here, since=NOW, actor=SYSTEM, now=NOW)
        asked = db.execute(select(job.c.payload).where(job.c.kind == "webhook_replay")).scalar_one()
    cancelled = room.context(asked)
    cancelled.over.set()

    HANDLERS["webhook_replay"](cancelled)
    assert room.deliveries() == []

    HANDLERS["webhook_replay"](room.context(asked))
    assert len(room.deliveries()) == 250


def test_a_test_event_goes_to_its_endpoint_alone_whatever_that_listens_to(room: PostRoom) -> None:
    with receiver() as tested, receiver() as other:
        here = room.endpoint(tested.url, acts=["seat.*"])
        room.endpoint(other.url)
        room.tell(act="webhook_endpoint.tested", object_id=here)
        room.send()

    (one,) = tested.arrived
    assert json.loads(one.asked.body)["data"]["id"] == here
    assert b"whsec_" not in one.asked.body
    assert other.arrived == []


@pytest.mark.parametrize("form", [WebhookFormat.SLACK, WebhookFormat.TEAMS])
def test_a_chat_is_told_of_its_own_acts_in_its_own_words_without_a_signature(
    room: PostRoom, form: WebhookFormat
) -> None:
    with receiver() as posted:
        room.endpoint(posted.url, format=form, acts=["call.seat_opened"])
        with transaction(room.engine, writes=True) as db:
            call_id = a_call(db, a_person(db, "Mara"), seats=2)
        room.tell(act="call.seat_opened", object_id=call_id)
        room.send()

    (one,) = posted.server.asked
    assert "A seat came free" in one.body.decode()
    assert f"http://127.0.0.1:8000/calls/{call_id}" in one.body.decode()
    assert not [name for name in one.headers if name.startswith("webhook")]
