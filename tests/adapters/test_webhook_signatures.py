"""Signatures of webhooks, as two libraries of others read them (Standard Webhooks)."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from app.adapters.webhooks import signed
from app.credentials import new_webhook_secret, webhook_signature

BODY = '{"type":"seat.booked","data":{"name":"Zoë 🎧"}}'.encode()
EVENT = "evt_01jd6x0000e8r9sv4kz2m7n5qa"
Reader = Callable[[str], Any]
Headers = dict[str, str]


@pytest.fixture(params=[standardwebhooks.Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"])
def reader(request: pytest.FixtureRequest) -> Reader:
    """A receiver's library, given its secret."""
    made: Reader = request.param
    return made


def sent(*secrets: str, ago: timedelta = timedelta(0)) -> Headers:
    return signed(secrets, event_id=EVENT, body=BODY, now=datetime.now(UTC) - ago)


def refuses(reader: Reader, secret: str, body: bytes, headers: Headers) -> bool:
    errors = standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError
    try:
        reader(secret).verify(body, headers)
    except errors:
        return True
    return False


def test_what_is_sent_is_taken_for_ours(reader: Reader) -> None:
    secret = new_webhook_secret()

    assert not refuses(reader, secret, BODY, sent(secret))


def test_an_altered_id_time_or_body_is_refused(reader: Reader) -> None:
    secret = new_webhook_secret()
    headers = sent(secret)
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}

    assert refuses(reader, secret, BODY, {**headers, "webhook-id": EVENT[:-1] + "b"})
    assert refuses(reader, secret, BODY, later)
    assert refuses(reader, secret, BODY.replace(b"booked", b"bookes"), headers)


def test_what_is_301_seconds_old_is_refused_and_what_is_290_is_not(reader: Reader) -> None:
    secret = new_webhook_secret()

    assert refuses(reader, secret, BODY, sent(secret, ago=timedelta(seconds=301)))
    assert not refuses(reader, secret, BODY, sent(secret, ago=timedelta(seconds=290)))


def test_the_signature_of_another_key_is_refused(reader: Reader) -> None:
    assert refuses(reader, new_webhook_secret(), BODY, sent(new_webhook_secret()))


def test_while_a_secret_is_replaced_both_open_it_and_a_third_does_not(reader: Reader) -> None:
    new, old = new_webhook_secret(), new_webhook_secret()
    headers = sent(new, old)

    assert len(headers["webhook-signature"].split()) == 2
    assert not refuses(reader, new, BODY, headers)
    assert not refuses(reader, old, BODY, headers)
    assert refuses(reader, new_webhook_secret(), BODY, headers)


def test_a_secret_is_whsec_and_base_64_of_24_to_64_random_bytes() -> None:
    one, other = new_webhook_secret(), new_webhook_secret()

    assert one.startswith("whsec_")
    assert 24 <= len(base64.b64decode(one.removeprefix("whsec_"), validate=True)) <= 64
    assert one != other


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'

    made = webhook_signature(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", sent_at=1614265330, body=body)

    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
