"""What the CRM knows of a customer stays inside: mail, invites, feeds and chats name the company and nothing else."""

import email
import email.policy
from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import select

from app.db import transaction
from app.models.tables import account, calendar_entry, delivery
from app.operations.calls import create_call
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.vocabulary import WebhookFormat
from tests.crews import worked
from tests.endpoints import an_endpoint
from tests.factories import MONDAY, a_person
from tests.harness import NOW, Api

CANARY = "canary7f3a"
CHATS = (WebhookFormat.SLACK, WebhookFormat.TEAMS)


def as_read(mail: bytes) -> list[bytes]:
    """Every part of a mail as its reader gets it: base 64 hides no canary. A calendar's folds are undone."""
    read = email.message_from_bytes(mail, policy=email.policy.default)
    parts = (part.get_payload(decode=True) for part in read.walk())
    heads = "\n".join(str(value) for value in read.values()).encode()
    return [heads, *(part.replace(b"\r\n ", b"") for part in parts if isinstance(part, bytes))]


def test_nothing_of_a_customer_but_their_company_leaves_the_house(sqlite_api: Api) -> None:
    api = sqlite_api
    with transaction(api.engine, writes=True) as db:
        for form in CHATS:
            an_endpoint(db, f"https://hooks.example/{form}", format=form)
        mara, ana = a_person(db, "Mara"), a_person(db, "Ana").id
        company: dict[str, Any] = {"id": "acc_1", "name": "Northwind", "segment": CANARY, "version": 1}
        db.execute(account.insert().values(**company, observers_allowed=True, created_at=NOW, updated_at=NOW))
        told = dict.fromkeys(("stage", "product", "region"), CANARY)
        title = f"{CANARY} Zoe Kunde <{CANARY}@customer.example>, +49 {CANARY}"
        when = {"starts_at": MONDAY + timedelta(hours=10), "ends_at": MONDAY + timedelta(hours=11)}
        fields = {"title": title, "host_id": mara.id, "account_id": "acc_1", "seat_capacity": 1, **told, **when}
        call_id = create_call(db, fields=fields, actor=SYSTEM, now=NOW)
        book_seat(db, call_id=call_id, observer_id=ana, actor=SYSTEM, now=NOW)
        host = mara.id
    worked(api)

    left = [read for file in api.settings.outbox.glob("*.eml") for read in as_read(file.read_bytes())]
    for who in (ana, host):
        made = api.rep(who).post("/v1/feeds", json={"kind": "personal", "person_id": who}).raise_for_status()
        left.append(api.client().get(httpx.URL(made.json()["url"]).path).raise_for_status().content)
    with transaction(api.engine, writes=False) as db:
        left += db.execute(select(delivery.c.body)).scalars().all()
        left += [held for held in db.execute(select(calendar_entry.c.vevent)).scalars() if held]

    assert len(left) >= 9
    assert any(b"Northwind" in one for one in left)
    assert [one for one in left if CANARY.encode() in one.lower()] == []
