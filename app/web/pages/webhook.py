"""One webhook endpoint: how it does, what was sent to it and what came back; trying, changing and deleting it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never
from zoneinfo import ZoneInfo

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Invalid, NotFound, Stale
from app.house import House
from app.operations import deliveries_by_hand
from app.operations import webhooks as operations
from app.queries import webhooks
from app.queries.webhooks import DeliveryFilter
from app.rules.access import runs_the_house
from app.schemas.webhooks import PatchWebhookEndpoint
from app.vocabulary import DeliveryStatus, EndpointStatus
from app.web import weeks
from app.web.addresses import Address
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, check_typed, read, tags, version
from app.web.html import page
from app.web.lists import brief, request_for
from app.web.pages.settings import changed_by, seen_by
from app.web.pages.webhooks import FORMATS, WRONG, EndpointRow, Once, endpoints, errors_of, until

router = page_router()

Do = Literal["test", "pause", "resume", "change", "rotate", "resend", "resend-failed", "delete"]

_SAID = {
    "test": "A test event is on its way. Look again in a moment: it is the first in the list.",
    "pause": "It is paused: what happens meanwhile is not kept for it.",
    "resume": "It is told again of what happens from now on, and of what waited.",
    "change": "It is changed. With another address, all that waited is sent there now.",
    "resend": "It is sent again, under the same id.",
    "resend-failed": "All that was given up is sent again.",
}
_WHY_NOT = {
    "endpoint_disabled": "It is paused. Resume it first.",
    "deliveries_waiting": "What waits for it is written in the format of before. Wait until it is sent, or add another "
    "endpoint.",
}
_STATUSES = {
    DeliveryStatus.WAITING: "waits",
    DeliveryStatus.DELIVERED: "arrived",
    DeliveryStatus.FAILED: "given up",
}
_LONGEST_BODY = 4000


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One event on its way."""

    id: str
    act: str
    at: str
    status: DeliveryStatus
    words: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try."""

    at: str
    iso: str
    title: str
    words: str
    answer: str
    has_arrived: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """A delivery that is looked at: what is sent, and every try, the latest first."""

    row: DeliveryRow
    event_id: str
    body: str
    attempts: tuple[Attempt, ...]


@router.get("/webhooks/{endpoint_id}")
def show_webhook(
    endpoint_id: str,
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    status: str = "",
    delivery: str = "",
    cursor: str = "",
    said: str = "",
) -> Response:
    """Show an endpoint, how it does, and what was sent to it; one delivery closer, with every try."""
    seen_by(viewer)
    address = _address(endpoint_id, status, delivery, cursor)
    return _endpoint_page(db, endpoint_id, address, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/webhooks/{endpoint_id}")
def change_webhook(
    endpoint_id: str,
    do: Do,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    fields: Fields,
    status: str = "",
    delivery: str = "",
) -> Response:
    """Try it, pause it, go on with it, change it, give it another secret, send something again, or delete it."""
    changed_by(viewer)
    address = _address(endpoint_id, status, delivery)
    once, errors, refused = None, dict[str, str](), ""
    try:
        once = database.written(
            the.engine, lambda db: _act(db, endpoint_id, do, delivery, fields, the, viewer=viewer, now=now)
        )
        if once is None:
            to = Address("/webhooks", {}) if do == "delete" else address
            return RedirectResponse(to.but(said=do), 303)
    except Misfilled as wrong:
        errors = wrong.errors
    except Invalid as wrong:
        errors = errors_of(wrong, tags(fields.get("acts", "")))
    except Stale:
        refused = "Somebody changed it meanwhile. Look at it, then change it."
    except Conflict as wrong:
        refused = _WHY_NOT[wrong.code]
    with database.transaction(the.engine, writes=False) as reading:
        return _endpoint_page(
            reading,
            endpoint_id,
            address,
            the=the,
            viewer=viewer,
            now=now,
            once=once,
            sent=fields if do == "change" else {},
            errors=errors,
            refused=refused,
            said="Take the secret along now: it is not shown again." if once else "",
        )


def _act(
    db: DbSession,
    endpoint_id: str,
    do: Do,
    delivery_id: str,
    fields: Mapping[str, str],
    the: House,
    *,
    viewer: Viewer,
    now: datetime,
) -> Once | None:
    """Do it, and return what is shown once, if anything is. Raises Misfilled."""
    actor, allowed = viewer.actor, the.settings.outbound_allow
    match do:
        case "test":
            deliveries_by_hand.try_endpoint(db, endpoint_id=endpoint_id, actor=actor, now=now)
        case "pause" | "resume":
            status = EndpointStatus.DISABLED if do == "pause" else EndpointStatus.ENABLED
            operations.patch_endpoint(
                db, endpoint_id=endpoint_id, changes={"status": status}, allowed=allowed, actor=actor, now=now
            )
        case "change":
            operations.patch_endpoint(
                db,
                endpoint_id=endpoint_id,
                changes=_changes(fields),
                allowed=allowed,
                expected_version=version(fields),
                actor=actor,
                now=now,
            )
        case "rotate":
            check_typed(do, fields)
            return Once.of(operations.rotate_secret(db, endpoint_id=endpoint_id, actor=actor, now=now))
        case "resend":
            if webhooks.delivery_by_id(db, delivery_id, actor=actor).endpoint_id != endpoint_id:
                raise NotFound
            deliveries_by_hand.resend(db, delivery_id=delivery_id, actor=actor, now=now)
        case "resend-failed":
            deliveries_by_hand.resend_failed(db, endpoint_id=endpoint_id, actor=actor, now=now)
        case "delete":
            check_typed(do, fields)
            operations.delete_endpoint(db, endpoint_id=endpoint_id, actor=actor, now=now)
        case _:
            assert_never(do)
    return None


def _changes(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return what of an endpoint is to change; an address that is not given stays. Raises Misfilled."""
    asked = {"name": fields.get("name", ""), "format": fields.get("format", ""), "acts": tags(fields.get("acts", ""))}
    if url := fields.get("url", "").strip():
        asked["url"] = url
    return read(PatchWebhookEndpoint, asked, WRONG).model_dump(exclude_unset=True)


def _address(endpoint_id: str, status: str, delivery: str, cursor: str = "") -> Address:
    """Return the address of what is looked at. What is no status filters nothing."""
    query = {"status": status if status in list(DeliveryStatus) else "", "delivery": delivery, "cursor": cursor}
    return Address(f"/webhooks/{endpoint_id}", {name: value for name, value in query.items() if value})


def _endpoint_page(
    db: DbSession,
    endpoint_id: str,
    address: Address,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    once: Once | None = None,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    zone, query = viewer.person.time_zone, address.query
    row = webhooks.endpoint_by_id(db, endpoint_id, actor=viewer.actor)
    listed = Address(address.path, {name: value for name, value in query.items() if name != "delivery"})
    status = (DeliveryStatus(query["status"]),) if "status" in query else ()
    wanted = DeliveryFilter(endpoint_id=(endpoint_id,), status=status)
    found = webhooks.list_deliveries(db, wanted, request_for(listed, the, limit=25), actor=viewer.actor)
    seen = {name: value for name, value in (sent or {}).items() if not (refused and name == "version")}
    shown = endpoints(db, [row], zone, now=now)[0]
    return page(
        "webhook.html",
        status=409 if refused else 422 if errors else 200,
        viewer=viewer.face,
        said=said,
        refused=refused,
        errors=errors or {},
        filled={"version": str(row.version), **_values(row, shown), **seen},
        formats=FORMATS,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=listed,
        endpoint=shown,
        deliveries=[_delivery(one, zone, now=now) for one in found.rows],
        following=found.next_cursor,
        looked=_looked(db, endpoint_id, query.get("delivery", ""), viewer=viewer, now=now),
        statuses=[("", "All"), *((one.value, words.capitalize()) for one, words in _STATUSES.items())],
        once=once,
        may_change=runs_the_house(viewer.actor),
    )


def _values(row: Any, shown: EndpointRow) -> Mapping[str, str]:
    """Return an endpoint as its form has it. The address of a chat is a secret, and is only given anew."""
    url = shown.place if shown.is_signed and shown.host else ""
    return {"name": row.name, "url": url, "format": row.format.value, "acts": ", ".join(row.acts)}


def _delivery(row: Any, zone: str, *, now: datetime) -> DeliveryRow:
    words = _STATUSES[row.status]
    if row.status is DeliveryStatus.WAITING and (due := until(row.due_at, zone, now=now)):
        words += f" until {due}"
    return DeliveryRow(row.id, row.act, brief(row.created_at, zone, now=now), row.status, words, row.attempts)


def _looked(db: DbSession, endpoint_id: str, delivery_id: str, *, viewer: Viewer, now: datetime) -> Looked | None:
    """Return the delivery that is looked at; None for none. Raises NotFound for one to another endpoint."""
    if not delivery_id:
        return None
    row = webhooks.delivery_by_id(db, delivery_id, actor=viewer.actor)
    if row.endpoint_id != endpoint_id:
        raise NotFound
    zone = viewer.person.time_zone
    tries = webhooks.attempts_of(db, delivery_id)
    return Looked(
        _delivery(row, zone, now=now), row.event_id, _body(row.body), tuple(_attempt(one, zone) for one in tries[::-1])
    )


def _body(sent: bytes) -> str:
    """Return what is sent so that people can read it."""
    text = json.dumps(json.loads(sent), indent=2, ensure_ascii=False)
    return text if len(text) <= _LONGEST_BODY else f"{text[:_LONGEST_BODY]}…"


def _attempt(row: Any, zone: str) -> Attempt:
    local = row.at.astimezone(ZoneInfo(zone))
    has_arrived = row.status_code is not None and 200 <= row.status_code < 300
    title = f"Answered {row.status_code}" if row.status_code is not None else "No answer"
    words = f"after {row.elapsed_ms:,} ms" + (f": {row.why}" if row.why else "")
    return Attempt(f"{local.day} {local:%b, %H:%M}", row.at.isoformat(), title, words, row.answer or "", has_arrived)
