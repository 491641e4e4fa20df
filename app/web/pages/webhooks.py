"""Webhook endpoints: which there are and how they do, and another one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from fastapi import Response

from app import db as database
from app.db import DbSession
from app.errors import Invalid
from app.house import House
from app.operations import webhooks as operations
from app.operations.webhooks import Issued
from app.queries import webhooks
from app.rules.access import runs_the_house
from app.schemas.webhooks import CreateWebhookEndpoint
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, WebhookFormat
from app.web import weeks
from app.web.addresses import Address
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, read, tags
from app.web.html import page
from app.web.lists import brief, request_for
from app.web.pages.settings import changed_by, seen_by

router = page_router()

_SAID = {"delete": "It is told of nothing any more, and what was sent to it is forgotten."}
FORMATS = (
    (WebhookFormat.STANDARD.value, "Standard Webhooks, signed"),
    (WebhookFormat.SLACK.value, "Messages to Slack"),
    (WebhookFormat.TEAMS.value, "Messages to Teams"),
)
_WHY_OFF: Mapping[DisabledBecause, str] = {
    DisabledBecause.BY_HAND: "An admin paused it.",
    DisabledBecause.GONE: "It answered that it is gone (410), so nothing is sent to it any more.",
    DisabledBecause.FAILING: "Nothing arrived for five days, so it was paused by itself.",
}
WRONG = {
    "name": "Say what it is, in up to 200 letters of one line.",
    "url": "Give the whole address, up to 2,000 letters.",
    "format": "Choose one of these.",
    "acts": "Name up to 100 acts.",
}
_LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Health:
    """How an endpoint does."""

    kind: Literal["good", "wait", "bad", "off"]
    words: str
    why: str
    rate: int | None
    """Of what it was to be told in the last day and is decided, per cent that arrived; None: nothing was."""
    waiting: int
    failed: int


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint."""

    id: str
    name: str
    place: str
    """Its address; of a chat only the host, for whoever has all of it can write there."""
    host: str
    form: str
    is_signed: bool
    acts: tuple[str, ...]
    is_on: bool
    health: Health
    previous_until: str


@dataclass(frozen=True, slots=True)
class Once:
    """The secret of an endpoint, in the only answer that has it."""

    endpoint_id: str
    name: str
    secret: str
    """Empty: a chat is sent no signature."""

    @classmethod
    def of(cls, issued: Issued) -> Self:
        """Return what is shown of it, while its row can still be read."""
        row = issued.endpoint
        return cls(row.id, row.name, issued.secret if row.format is WebhookFormat.STANDARD else "")


@router.get("/webhooks")
def show_webhooks(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, cursor: str = "", said: str = "") -> Response:
    """Show which URLs are told of events, to who sees the house."""
    seen_by(viewer)
    address = Address("/webhooks", {"cursor": cursor} if cursor else {})
    return _list_page(db, address, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/webhooks")
def add_webhook(the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Add an endpoint. The secret that signs what it is sent is in this answer and in no other."""
    changed_by(viewer)
    once, errors = None, dict[str, str]()
    acts = tags(fields.get("acts", ""))
    try:
        told = {"name": fields.get("name", ""), "url": fields.get("url", "").strip(), "acts": acts}
        body = read(CreateWebhookEndpoint, {**told, "format": fields.get("format", "standard")}, WRONG)
        once = database.written(the.engine, lambda db: _created(db, body, the, viewer=viewer, now=now))
    except Misfilled as wrong:
        errors = wrong.errors
    except Invalid as refused:
        errors = errors_of(refused, acts)
    with database.transaction(the.engine, writes=False) as reading:
        return _list_page(
            reading,
            Address("/webhooks", {}),
            the=the,
            viewer=viewer,
            now=now,
            once=once,
            filled={} if once else fields,
            errors=errors,
        )


def _created(db: DbSession, body: CreateWebhookEndpoint, the: House, *, viewer: Viewer, now: datetime) -> Once:
    made = operations.create_endpoint(
        db,
        name=body.name,
        url=body.url,
        form=body.format,
        acts=body.acts,
        allowed=the.settings.outbound_allow,
        actor=viewer.actor,
        now=now,
    )
    return Once.of(made)


def errors_of(refused: Invalid, acts: Sequence[str]) -> dict[str, str]:
    """Return what an operation refuses by field of the form."""
    errors: dict[str, str] = {}
    for fault in refused.faults:
        _, name, *place = fault.pointer.split("/")
        errors.setdefault(name, f"“{acts[int(place[0])]}” {fault.detail}." if place else fault.detail)
    return errors


def _list_page(
    db: DbSession,
    address: Address,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    once: Once | None = None,
    said: str = "",
    filled: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    zone = viewer.person.time_zone
    found = webhooks.list_endpoints(db, request_for(address, the), actor=viewer.actor)
    return page(
        "webhooks.html",
        status=422 if errors else 200,
        viewer=viewer.face,
        said="Take the secret along now: it is not shown again." if once else said,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=address,
        endpoints=endpoints(db, found.rows, zone, now=now),
        following=found.next_cursor,
        once=once,
        may_change=runs_the_house(viewer.actor),
        filled=filled or {},
        errors=errors or {},
        formats=FORMATS,
    )


def endpoints(db: DbSession, rows: Sequence[Any], zone: str, *, now: datetime) -> list[EndpointRow]:
    """Return endpoints as pages show them, with how they did in the last day. One statement."""
    lately = webhooks.outcomes(db, [row.id for row in rows], since=now - _LATELY)
    forms = dict(FORMATS)
    urls = [webhooks.url_of(db, row) for row in rows]
    return [
        EndpointRow(
            id=row.id,
            name=row.name,
            place=_place(url, row.format),
            host=urlsplit(url).hostname or "" if url else "",
            form=forms[row.format.value],
            is_signed=row.format is WebhookFormat.STANDARD,
            acts=tuple(row.acts),
            is_on=row.status is EndpointStatus.ENABLED,
            health=_health(row, lately.get(row.id, {}), zone, now=now),
            previous_until=until(row.previous_secret_until, zone, now=now),
        )
        for row, url in zip(rows, urls, strict=True)
    ]


def _place(url: str | None, form: WebhookFormat) -> str:
    if url is None:
        return "an address whose key is missing"
    return url if form is WebhookFormat.STANDARD else f"{urlsplit(url).hostname}/…"


def until(instant: datetime | None, zone: str, *, now: datetime) -> str:
    """Return an instant that is still to come as a table has it; empty for any other."""
    return brief(instant, zone, now=now) if instant is not None and instant > now else ""


def _health(row: Any, lately: Mapping[DeliveryStatus, int], zone: str, *, now: datetime) -> Health:
    arrived, failed = lately.get(DeliveryStatus.DELIVERED, 0), lately.get(DeliveryStatus.FAILED, 0)
    rate = 100 * arrived // (arrived + failed) if arrived + failed else None
    kind: Literal["good", "wait", "bad", "off"] = "good"
    words, why = "It does well", ""
    if row.status is EndpointStatus.DISABLED:
        kind, words, why = "off", "Paused", _WHY_OFF[row.disabled_because or DisabledBecause.BY_HAND]
    elif row.failing_since is not None:
        times = "once" if row.failures == 1 else f"{row.failures} times in a row"
        kind, words = "bad", "It fails"
        why = f"It failed {times}, since {brief(row.failing_since, zone, now=now)}."
        if rests := until(row.paused_until, zone, now=now):
            why += f" It rests until {rests}, then it is tried again."
    elif rate is None and not lately:
        kind, words, why = "wait", "Quiet", "Nothing was sent to it in the last day."
    return Health(kind, words, why, rate, lately.get(DeliveryStatus.WAITING, 0), failed)
