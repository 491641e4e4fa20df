"""Say which URLs are told of which events: add an endpoint, change it, give it another secret, delete it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import select

from app import credentials, ids
from app.db import DbSession
from app.errors import Conflict, Fault, Invalid, NotFound
from app.models import WebhookEndpoint
from app.models.tables import delivery, webhook_endpoint
from app.operations import deliveries_by_hand
from app.operations.changes import amend, check_admin, check_version
from app.operations.events import tell
from app.queries.rows import row_for_update
from app.queries.sealed import sealed, shown, to_keep
from app.rules import chat
from app.rules.access import Actor
from app.rules.destinations import NOT_PUBLIC, Allowed, destination, is_of_the_house, refuse_url
from app.rules.published import PUBLISHED
from app.vocabulary import DeliveryStatus, DisabledBecause, EndpointStatus, WebhookFormat

BOTH_SIGN = timedelta(hours=24)
"""How long the old secret signs beside the new one."""
_IN_THE_OPEN = "It must begin with https://: without TLS others can read what is sent."
_GROUPS = sorted({f"{act.partition('.')[0]}.*" for act in PUBLISHED})


class UrlRefused(Invalid):
    """Nothing will ever be sent to this URL."""

    code = "url_refused"
    title = "Nothing will ever be sent to this URL"


class UnknownAct(Invalid):
    """An act that this endpoint can't hear of."""

    code = "unknown_act"
    title = "There is no such act to hear of"


class DeliveriesWaiting(Conflict):
    """What waits for this endpoint is written in its old format."""

    code = "deliveries_waiting"
    title = "What waits for this endpoint is written in its old format"


@dataclass(frozen=True, slots=True)
class Issued:
    """An endpoint and the secret that it is sent with, in clear for the last time."""

    endpoint: WebhookEndpoint
    secret: str = field(repr=False)


def create_endpoint(
    db: DbSession,
    *,
    name: str,
    url: str,
    form: WebhookFormat,
    acts: Sequence[str],
    allowed: Allowed,
    actor: Actor,
    now: datetime,
) -> Issued:
    """Add an endpoint that hears of what happens from now on, with a secret of its own. `allowed` are the hosts of the
    house that are not public.
    """
    check_admin(actor)
    _check_url(url, allowed)
    endpoint_id, secret = ids.new("whe", now), credentials.new_webhook_secret()
    made = WebhookEndpoint(
        id=endpoint_id,
        name=name,
        url=sealed(db, webhook_endpoint.c.url, endpoint_id, url),
        format=form,
        acts=_checked(acts, form),
        secret=sealed(db, webhook_endpoint.c.secret, endpoint_id, secret),
        created_at=now,
        updated_at=now,
    )
    db.add(made)
    db.flush()
    tell(db, "webhook_endpoint.created", made.id, version=made.version, actor=actor, now=now)
    return Issued(made, secret)


def patch_endpoint(
    db: DbSession,
    *,
    endpoint_id: str,
    changes: Mapping[str, Any],
    allowed: Allowed,
    expected_version: int | None = None,
    actor: Actor,
    now: datetime,
) -> WebhookEndpoint:
    """Change what is given. One that is enabled again, or has another URL, begins anew: all that waits is sent. Refused
    as `deliveries_waiting` when what waits is written in another format. Locks the endpoint.
    """
    found = _locked(db, endpoint_id, expected_version, actor=actor)
    if "url" in changes:
        _check_url(changes["url"], allowed)
    changes = to_keep(db, webhook_endpoint, found, changes)
    if changes.keys() & {"acts", "format"}:
        changes["acts"] = _checked(changes.get("acts", found.acts), changes.get("format", found.format))
    if changes.get("format", found.format) is not found.format:
        _check_nothing_waits(db, endpoint_id)
    if changes.get("status", found.status) is not found.status:
        off = changes["status"] is EndpointStatus.DISABLED
        changes["disabled_because"] = DisabledBecause.BY_HAND if off else None
    act = "webhook_endpoint.changed"
    changed = amend(db, found, changes, act=act, object_id=endpoint_id, actor=actor, now=now)
    if not {"status", "url"}.isdisjoint(changed) and found.status is EndpointStatus.ENABLED:
        deliveries_by_hand.begin_anew(db, endpoint_id, now=now)
        db.refresh(found)
    return found


def delete_endpoint(
    db: DbSession, *, endpoint_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> None:
    """Delete an endpoint with all that was sent to it, or waits. Locks it, also against who announces events to it."""
    check_admin(actor)
    found = db.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if found is None:
        raise NotFound
    check_version(found, expected_version)
    deliveries_by_hand.forget_endpoint(db, endpoint_id)
    db.delete(found)
    db.flush()
    tell(db, "webhook_endpoint.deleted", endpoint_id, version=found.version + 1, actor=actor, now=now)


def rotate_secret(
    db: DbSession, *, endpoint_id: str, expected_version: int | None = None, actor: Actor, now: datetime
) -> Issued:
    """Give an endpoint another secret. The one before signs beside it for 24 hours, unless it can't be opened, and no
    other does. Locks it.
    """
    found = _locked(db, endpoint_id, expected_version, actor=actor)
    secret, columns = credentials.new_webhook_secret(), webhook_endpoint.c
    before = shown(db, columns.secret, endpoint_id, found.secret)
    changes = {
        "secret": sealed(db, columns.secret, endpoint_id, secret),
        "previous_secret": before and sealed(db, columns.previous_secret, endpoint_id, before),
        "previous_secret_until": now + BOTH_SIGN if before else None,
    }
    amend(db, found, changes, act="webhook_endpoint.rotated", object_id=endpoint_id, actor=actor, now=now)
    return Issued(found, secret)


def check_acts(acts: Sequence[str]) -> None:
    """Refuse words that are neither a published act nor `object.*`, naming what comes nearest."""
    _check_known(acts, [*_GROUPS, *PUBLISHED], in_short=_GROUPS)


def _check_known(acts: Sequence[str], known: Sequence[str], *, in_short: Sequence[str]) -> None:
    faults = []
    for number, act in enumerate(acts):
        if act not in known:
            near = get_close_matches(act, known)
            detail = f"is not published; near it: {', '.join(near)}" if near else f"is none of: {', '.join(in_short)}"
            faults.append(Fault(f"/acts/{number}", "unknown_act", detail))
    if faults:
        raise UnknownAct("`webhooks` in the description of the API lists them all.", faults=tuple(faults))


def _checked(acts: Sequence[str], form: WebhookFormat) -> list[str]:
    """Return the acts of an endpoint as they are kept: each once; a chat that names none hears of all that it can."""
    if form is WebhookFormat.STANDARD:
        check_acts(acts)
        return list(dict.fromkeys(acts))
    _check_known(acts, chat.ACTS, in_short=chat.ACTS)
    return [act for act in chat.ACTS if not acts or act in acts]


def _check_url(url: str, allowed: Allowed) -> None:
    why = refuse_url(url, allowed=allowed)
    if why is None and destination(url).scheme == "http" and not is_of_the_house(destination(url).host, allowed):
        why = _IN_THE_OPEN
    if why in (NOT_PUBLIC, _IN_THE_OPEN):
        why = f"{why} If it is a host of your own, name it in the setting EARSHOT_OUTBOUND_ALLOW."
    if why is not None:
        raise UrlRefused(why, faults=(Fault("/url", "url_refused", why),))


def _check_nothing_waits(db: DbSession, endpoint_id: str) -> None:
    waiting = delivery.c.endpoint_id == endpoint_id, delivery.c.status == DeliveryStatus.WAITING
    if db.execute(select(delivery.c.id).where(*waiting).limit(1)).first():
        raise DeliveriesWaiting("Wait until it is sent, or add another endpoint.")


def _locked(db: DbSession, endpoint_id: str, expected_version: int | None, *, actor: Actor) -> WebhookEndpoint:
    check_admin(actor)
    found = row_for_update(db, WebhookEndpoint, endpoint_id)
    check_version(found, expected_version)
    return found
