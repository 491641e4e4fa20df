"""What the pages of keys, webhooks, diallers, the audit and jobs show: some of each, and much in a huge house."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import cycle
from typing import Any

from sqlalchemy import insert, update

from app import ids
from app.credentials import key_id_of
from app.models.tables import api_key, delivery, delivery_attempt, dialler_connection, job, operation, webhook_endpoint
from app.operations import operations
from app.operations.api_keys import create_api_key, revoke_api_key
from app.operations.diallers import create_connection, patch_connection
from app.operations.jobs import enqueue
from app.operations.webhooks import create_endpoint
from app.rules.access import SYSTEM
from app.vocabulary import (
    DeliveryStatus,
    DiallerStatus,
    DisabledBecause,
    EndpointStatus,
    JobStatus,
    Role,
    WebhookFormat,
    WorkStatus,
)
from tests.harness import NOW
from tests.web.houses import LOOKED_AT, Furnishing

_BY: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
_PROGRAMS = ("CRM sync", "Data warehouse", "Rota screen", "Dialler", "Onboarding checks")
_SCOPES = (["calls:write", "people:read", "seats:read"], ["calls:read"], ["sessions:read", "webhooks:write"])


def keys(house: Furnishing) -> Mapping[str, str]:
    """Keys of programs, one that is used, one of a person, and one that is revoked."""
    lasting: dict[str, Any] = {"expires_at": NOW + timedelta(days=90)}
    made = [
        create_api_key(
            house.db, name=house.text(name), role=Role.INTEGRATION, person_id=None, scopes=scopes, **lasting, **_BY
        )
        for name, scopes, _ in zip(cycle(_PROGRAMS), cycle(_SCOPES), range(house.many(3, huge=60)), strict=False)
    ]
    mentor = house.people["mentor"].id
    create_api_key(house.db, name=house.text("Own scripts"), role=Role.REP, person_id=mentor, **_BY)
    over = create_api_key(house.db, name=house.text("Old sync"), role=Role.AUDITOR, person_id=None, **_BY)
    revoke_api_key(house.db, key_id=key_id_of(over), **_BY)
    used = {"last_used_at": LOOKED_AT - timedelta(minutes=3), "previous_until": LOOKED_AT + timedelta(hours=20)}
    house.db.execute(update(api_key).where(api_key.c.id == key_id_of(made[0])).values(**used))
    return {"key_id": key_id_of(made[0])}


def jobs(house: Furnishing) -> Mapping[str, str]:
    """Jobs that were given up, one with a long story; some that run or wait; operations in every state."""
    errors = (
        "MailUnavailable: smtp.example:587 does not answer",
        house.text("ValueError: ") + "the calendar at the other end says something that nobody understands " * 6,
    )
    for number in range(house.many(2, huge=60)):
        changes = {"status": JobStatus.DEAD, "attempts": 8, "last_error": errors[number % 2]}
        _a_job(house, "invite_mail", f"invite_mail:ent_{number}", **changes)
    _a_job(house, "calendar_refresh", "calendar_refresh:cal_1", status=JobStatus.RUNNING, attempts=1)
    soon = LOOKED_AT + timedelta(minutes=4)
    for number, kind in enumerate(("webhooks", "notice_mail", "reminders", "housekeeping")):
        _a_job(house, kind, f"{kind}:{number}", due_at=soon + timedelta(hours=number))
    for status, error in ((WorkStatus.SUCCEEDED, None), (WorkStatus.FAILED, {"detail": "The run has no mentors."})):
        _an_operation(house, status=status, progress=100, error=error)
    _an_operation(house, status=WorkStatus.RUNNING, progress=60)
    return {}


def _a_job(house: Furnishing, kind: str, singleton: str, **changes: Any) -> None:
    enqueue(house.db, kind, {}, singleton=singleton, now=NOW)
    changes["updated_at"] = LOOKED_AT - timedelta(minutes=20)
    house.db.execute(update(job).where(job.c.singleton == singleton).values(**changes))


def _an_operation(house: Furnishing, **changes: Any) -> None:
    made = operations.begin(house.db, "match_run", {"run_id": "mrn_none"}, now=NOW)
    house.db.execute(update(operation).where(operation.c.id == made).values(**changes))


def endpoints(house: Furnishing) -> Mapping[str, str]:
    """An endpoint that fails, a chat, one that was paused by itself, and what was sent to the first."""
    acts = ["seat.*", "session.booked", "session.cancelled"]
    crm = _an_endpoint(house, "CRM", "https://crm.example/hooks/earshot", WebhookFormat.STANDARD, acts)
    _an_endpoint(house, "Floor chat", "https://hooks.slack.example/services/T0/B0/canary", WebhookFormat.SLACK, [])
    paused = _an_endpoint(house, "Old warehouse", "https://old.example/in", WebhookFormat.STANDARD, [])
    failing = {"failures": 3, "failing_since": LOOKED_AT - timedelta(minutes=20), "paused_until": LOOKED_AT}
    _changed(house, crm, **failing)
    _changed(house, paused, status=EndpointStatus.DISABLED, disabled_because=DisabledBecause.FAILING)
    for number in range(house.many(2, huge=30)):
        _an_endpoint(house, f"Other {number}", f"https://other{number}.example/in", WebhookFormat.STANDARD, [])
    sent = [_a_delivery(house, crm, number) for number in range(house.many(9, huge=80))]
    return {"endpoint_id": crm, "paused_endpoint": paused, "delivery_id": sent[-1]}


def diallers(house: Furnishing) -> Mapping[str, str]:
    """A dialler that is not understood, one that is paused, and some that were not heard yet."""
    mapping: dict[str, str | list[str]] = {
        "event": "/event",
        "started": ["call.answered"],
        "ended": ["call.ended", "call.hungup"],
        "call": "/data/id",
        "host_email": "/data/user/email",
        "started_at": "/data/answered_at",
        "ended_at": "/data/ended_at",
    }
    names = ("Sales dialler", "Meeting tool", *(f"Branch {number}" for number in range(house.many(1, huge=60))))
    made = [create_connection(house.db, name=house.text(name), mapping=mapping, **_BY).connection.id for name in names]
    heard = {"last_heard_at": LOOKED_AT - timedelta(minutes=7)}
    why = "It does not say when the call started where `started_at` points to."
    _dialler_said(house, made[0], **heard, last_error=why)
    _dialler_said(house, made[1], **heard)
    patch_connection(house.db, connection_id=made[1], changes={"status": DiallerStatus.PAUSED}, **_BY)
    return {"connection_id": made[0]}


def _dialler_said(house: Furnishing, connection_id: str, **said: Any) -> None:
    house.db.execute(update(dialler_connection).where(dialler_connection.c.id == connection_id).values(**said))


def _an_endpoint(house: Furnishing, name: str, url: str, form: WebhookFormat, acts: list[str]) -> str:
    hears: dict[str, Any] = {"form": form, "acts": acts, "allowed": ()}
    return create_endpoint(house.db, name=house.text(name), url=url, **hears, **_BY).endpoint.id


def _changed(house: Furnishing, endpoint_id: str, **changes: Any) -> None:
    house.db.execute(update(webhook_endpoint).where(webhook_endpoint.c.id == endpoint_id).values(**changes))


def _a_delivery(house: Furnishing, endpoint_id: str, number: int) -> str:
    """Every third one was given up after two tries; the others arrived at the first."""
    at = LOOKED_AT - timedelta(minutes=200 - number)
    has_failed = number % 3 == 2
    made = ids.new("dlv", at)
    told: dict[str, Any] = {
        "id": made,
        "endpoint_id": endpoint_id,
        "event_id": ids.new("evt", at),
        "act": "seat.booked",
    }
    told |= {
        "sequence": number,
        "body": b'{"type":"seat.booked","sequence":4711,"data":{"id":"seat_1"}}',
    }
    told |= {"status": DeliveryStatus.FAILED if has_failed else DeliveryStatus.DELIVERED, "due_at": at}
    house.db.execute(insert(delivery).values(**told, attempts=2 if has_failed else 1, created_at=at, updated_at=at))
    codes = (503, None) if has_failed else (204,)
    for code in codes:
        why = None if code else "ConnectTimeout: nobody answered within 10 seconds"
        tried = {"id": ids.new("att", at), "delivery_id": made, "at": at, "elapsed_ms": 231, "status_code": code}
        answer = house.text("<h1>busy</h1>") if code == 503 else None
        house.db.execute(insert(delivery_attempt).values(**tried, why=why, answer=answer))
        at += timedelta(minutes=5)
    return made
