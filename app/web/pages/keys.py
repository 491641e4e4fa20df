"""API keys: which there are, another one, and changing, rotating or revoking one. What a key holds is shown once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app import db as database
from app.db import DbSession
from app.errors import Forbidden, Invalid, NotFound, Stale
from app.house import House
from app.operations import api_keys as operations
from app.operations.api_keys import Issued, KeyRevoked
from app.queries import api_keys
from app.queries.people import ids_by_email
from app.rules.access import decides_access, sees_the_house
from app.schemas.api_keys import CreateApiKey, PatchApiKey
from app.vocabulary import Area, PersonStatus, Role
from app.web import weeks
from app.web.addresses import Address
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled, check_typed, version, whole
from app.web.html import page
from app.web.lists import brief, request_for

router = page_router()

Do = Literal["create", "change", "rotate", "revoke"]

_SAID = {
    "changed": "The key is changed. What it holds stays.",
    "revoked": "The key is revoked. Whatever still shows it is let in no more.",
}
_AREAS: Mapping[Area, str] = {
    Area.AVAILABILITY: "Working hours",
    Area.CALLS: "Calls",
    Area.FEEDS: "Feeds",
    Area.IMPORTS: "Imports",
    Area.JOBS: "Jobs",
    Area.MAIL: "Mail",
    Area.MATCHING: "Matching",
    Area.PEOPLE: "People",
    Area.SEATS: "Seats",
    Area.SESSIONS: "Sessions",
    Area.SETTINGS: "Settings",
    Area.WEBHOOKS: "Webhooks",
}
_LIVES = {"90": "90 days", "30": "30 days", "365": "A year", "": "Until it is revoked"}
"""How long a key works, in days, and in words."""
_KEEPS = "keep"
"""In place of days: its end stays where it is."""
_OVERLAPS = {"24": "A day", "1": "An hour", "168": "A week", "0": "Not any longer"}
"""How long what a key held before works, in hours, and in words."""
_WRONG = {
    "name": "Say what the key is for, in up to 200 letters of one line.",
    "email": "Nobody here has this address.",
    "scopes": "Choose what it is let into.",
    "requests_per_minute": "Give a number from 1 to 1,000,000, or leave it out.",
}
_PREFIX = 20
"""Letters of a key that tell which one it is; those of the secret come later."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key in the list, or looked at."""

    id: str
    name: str
    prefix: str
    face: Face | None
    """Whom it acts as; None: it is of a program."""
    role: str
    scopes: tuple[str, ...]
    """Empty: all that its role may."""
    used: str
    expires: str
    previous_until: str
    state: Literal["works", "expired", "revoked", "left"]


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled into a form, and what is wrong with it, by field."""

    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


@router.get("/keys")
def show_keys(
    db: ReadDb,
    the: TheHouse,
    now: Now,
    viewer: SignedIn,
    key: str = "",
    show: str = "",
    cursor: str = "",
    said: str = "",
) -> Response:
    """Show everybody's keys to who sees the house, and one of them closer."""
    _check_sees(viewer)
    address = _address(key=key, show=show, cursor=cursor)
    return _keys_page(db, address, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/keys")
def change_keys(do: Do, the: TheHouse, now: Now, viewer: Pressing, fields: Fields, key: str = "") -> Response:
    """Make a key, change one, give it something else to hold, or end it. What a key holds is in this answer and in no
    other.
    """
    _check_sees(viewer)
    if not decides_access(viewer.actor):
        raise Forbidden("An auditor only looks.")
    status, filled, issued, refused = 200, Filled(), None, ""
    try:
        issued = database.written(the.engine, lambda db: _act(db, do, key, fields, viewer=viewer, now=now))
        if issued is None:
            to = _address(key=key, said="changed") if do == "change" else _address(said="revoked")
            return RedirectResponse(to.but(), 303)
    except Misfilled as wrong:
        status, filled = 422, Filled(fields, wrong.errors)
    except (ValidationError, Invalid) as wrong:
        status, filled = 422, Filled(fields, _errors(wrong))
    except Forbidden as wrong:
        filled = Filled(fields, {"email": wrong.detail} if do == "create" else {})
        status, refused = (422, "") if do == "create" else (409, wrong.detail)
    except KeyRevoked:
        status, refused = 409, "This key is revoked for good. Make another one."
    except Stale:
        status, filled, refused = 409, Filled(fields), "Somebody changed it meanwhile. Look at it, then change it."
    address = _address(key=issued.key.id if issued else key)
    said = "Take the key along now: it is not shown again." if issued else ""
    with database.transaction(the.engine, writes=False) as reading:
        return _keys_page(
            reading,
            address,
            the=the,
            viewer=viewer,
            now=now,
            status=status,
            filled=filled,
            issued=issued,
            refused=refused,
            said=said,
        )


def _act(
    db: DbSession, do: Do, key_id: str, fields: Mapping[str, str], *, viewer: Viewer, now: datetime
) -> Issued | None:
    """Do it, and return what is shown once, if anything is. Raises Misfilled."""
    actor = viewer.actor
    match do:
        case "create":
            made = _asked(db, fields, viewer=viewer, now=now)
            return operations.issue_api_key(db, **dict(made), actor=actor, now=now)
        case "change":
            changes, expected = _changes(fields, now=now), version(fields)
            operations.patch_api_key(
                db, key_id=key_id, changes=changes, expected_version=expected, actor=actor, now=now
            )
            return None
        case "rotate":
            check_typed(do, fields)
            overlap = timedelta(hours=int(fields.get("overlap", "") if fields.get("overlap") in _OVERLAPS else 24))
            return operations.rotate_api_key(db, key_id=key_id, overlap=overlap, actor=actor, now=now)
        case "revoke":
            check_typed(do, fields)
            operations.revoke_api_key(db, key_id=key_id, actor=actor, now=now)
            return None
        case _:
            assert_never(do)


def _asked(db: DbSession, fields: Mapping[str, str], *, viewer: Viewer, now: datetime) -> CreateApiKey:
    """Return which key is asked for. Raises ValidationError."""
    whose = fields.get("whose", "program")
    person_id = viewer.person.id if whose == "me" else None
    if whose == "person":
        email = fields.get("email", "").strip().lower()
        person_id = ids_by_email(db, [email]).get(email, "")
    return CreateApiKey(
        name=fields.get("name", ""),
        role=Role.INTEGRATION if whose == "program" else None,
        person_id=person_id,
        scopes=_scopes(fields) or None,
        expires_at=_expiry(fields, now=now),
    )


def _changes(fields: Mapping[str, str], *, now: datetime) -> dict[str, Any]:
    """Return what of a key is to change: it is let into all that its role may only when that is said, never because
    nothing was chosen. Raises ValidationError.
    """
    asked: dict[str, object] = {
        "name": fields.get("name", ""),
        "scopes": None if fields.get("lets") == "all" else _scopes(fields),
        "requests_per_minute": whole(fields.get("requests_per_minute", "").strip()),
    }
    if fields.get("days", _KEEPS) != _KEEPS:
        asked["expires_at"] = _expiry(fields, now=now)
    return PatchApiKey.model_validate(asked).model_dump(exclude_unset=True)


def _scopes(fields: Mapping[str, str]) -> list[str]:
    return [f"{area}:{fields[area]}" for area in Area if fields.get(area) in ("read", "write")]


def _expiry(fields: Mapping[str, str], *, now: datetime) -> datetime | None:
    days = fields.get("days", "")
    return now + timedelta(days=int(days)) if days and days in _LIVES else None


def _errors(wrong: ValidationError | Invalid) -> Mapping[str, str]:
    """Return what is wrong by field of the form, in our words where we have some."""
    if isinstance(wrong, ValidationError):
        return {name: _WRONG[name] for name in (str(error["loc"][0]) for error in wrong.errors())}
    fields = {"/person_id": "email", "/scopes": "scopes"}
    return {name: _WRONG[name] for name in (fields[fault.pointer] for fault in wrong.faults)}


def _check_sees(viewer: Viewer) -> None:
    if not sees_the_house(viewer.actor):
        raise NotFound


def _address(**query: str) -> Address:
    return Address("/keys", {name: value for name, value in query.items() if value})


def _keys_page(
    db: DbSession,
    address: Address,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    status: int = 200,
    filled: Filled | None = None,
    issued: Issued | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    zone, shows_all = viewer.person.time_zone, address.query.get("show") == "all"
    listed = Address("/keys", {name: value for name, value in address.query.items() if name != "key"})
    found = api_keys.list_keys(db, request_for(listed, the), working_at=None if shows_all else now, actor=viewer.actor)
    chosen = _chosen(db, address.query.get("key", ""), viewer=viewer)
    return page(
        "keys.html",
        status=status,
        viewer=viewer.face,
        said=said,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=listed,
        shows_all=shows_all,
        keys=[_row(row, zone, now=now) for row in found.rows],
        following=found.next_cursor,
        chosen=chosen and _row(chosen, zone, now=now),
        secret=issued.secret if issued else "",
        may_change=decides_access(viewer.actor),
        filled=_shown(filled or Filled(), chosen, keeps_version=not refused),
        is_program=chosen is not None and chosen.role is Role.INTEGRATION,
        refused=refused,
        areas=[(area.value, words) for area, words in _AREAS.items()],
        lives=tuple(_LIVES.items()),
        keeps=_KEEPS,
        overlaps=list(_OVERLAPS.items()),
    )


def _chosen(db: DbSession, key_id: str, *, viewer: Viewer) -> Any:
    """Return the key that is looked at; None for none."""
    return api_keys.key_with_name(db, key_id, actor=viewer.actor) if key_id else None


def _shown(filled: Filled, chosen: Any, *, keeps_version: bool) -> Filled:
    """Return what the forms have: of a key that is looked at what it is, and over it what was filled in."""
    if chosen is None:
        return filled
    sent = {name: value for name, value in filled.values.items() if keeps_version or name != "version"}
    return Filled({**_values(chosen), **sent}, filled.errors)


def _values(row: Any) -> Mapping[str, str]:
    """Return a key as the form has it that changes it. Who may write may read."""
    does = {scope.split(":")[0]: scope.split(":")[1] for scope in sorted(row.scopes or ())}
    return {
        "name": row.name,
        "lets": "all" if row.scopes is None else "some",
        "requests_per_minute": str(row.requests_per_minute or ""),
        "days": _KEEPS,
        "version": str(row.version),
        **does,
    }


def _row(row: Any, zone: str, *, now: datetime) -> KeyRow:
    overlaps = row.previous_until is not None and row.previous_until > now
    return KeyRow(
        id=row.id,
        name=row.name,
        prefix=("es_live_" + row.id.removeprefix("key_"))[:_PREFIX],
        face=Face.of(row.person_id, row.person_name) if row.person_id else None,
        role=row.role.replace("_", " "),
        scopes=tuple(row.scopes or ()),
        used=brief(row.last_used_at, zone, now=now) if row.last_used_at else "never",
        expires=brief(row.expires_at, zone, now=now) if row.expires_at else "",
        previous_until=brief(row.previous_until, zone, now=now) if overlaps else "",
        state=_state(row, now=now),
    )


def _state(row: Any, *, now: datetime) -> Literal["works", "expired", "revoked", "left"]:
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is not None and row.expires_at <= now:
        return "expired"
    return "left" if row.person_status is PersonStatus.LEFT else "works"
