"""Diallers that say when calls start and end: which there are and how they do, another one, and how each is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app import db as database
from app.db import DbSession
from app.errors import Stale
from app.house import House
from app.operations import diallers as operations
from app.operations.diallers import IssuedDialler
from app.queries import diallers
from app.rules.access import runs_the_house
from app.schemas.diallers import CreateDiallerConnection
from app.vocabulary import DiallerStatus
from app.web.addresses import Address
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.filled import Misfilled, check_typed, version
from app.web.html import page
from app.web.lists import brief, request_for
from app.web.pages.settings import changed_by, seen_by

router = page_router()

Do = Literal["change", "pause", "resume", "rotate", "delete"]

_AT = "/connections/diallers"
_SAID: Mapping[str, str] = {
    "change": "It is read this way from its next message on.",
    "pause": "It is paused: what it says is refused.",
    "resume": "It is listened to again.",
    "delete": "It is listened to no longer. The calls that it spoke of stay.",
}
_POINTERS = ("event", "call", "host_email", "started_at", "ended_at", "title", "account")
_WORDS = ("started", "ended")
_POINTER = "Say where it is: a pointer such as /data/id."
_WRONG: Mapping[str, str] = {
    "name": "Say which dialler it is, in up to 200 letters of one line.",
    "started": "Give the words by which it says that a call starts: up to 20, one in a line.",
    "ended": "Give the words by which it says that a call ends: up to 20, and none of those of the start.",
    "title": "Leave it out, or say where it is: a pointer such as /data/title.",
    "account": "Leave it out, or say where it is: a pointer such as /data/company.",
}
_MEANINGS: Mapping[str, str] = {
    "event": "What happened",
    "started": "Its words for a start",
    "ended": "Its words for an end",
    "call": "Its id of the call",
    "host_email": "Address of who runs it",
    "started_at": "When it started",
    "ended_at": "When it ended",
    "title": "Title of a call",
    "account": "Name of an account",
}
"""What fields of a mapping are called on pages, in the order of the form."""


@dataclass(frozen=True, slots=True)
class DiallerRow:
    """A dialler, and how it does."""

    id: str
    name: str
    address: str
    """To which it posts."""
    is_on: bool
    words: str
    kind: Literal["good", "open", "bad", ""]
    why: str
    heard: str
    """When it was heard last, on the viewer's clocks."""


@dataclass(frozen=True, slots=True)
class Once:
    """The secret of a dialler, in the only answer that has it."""

    name: str
    address: str
    secret: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it was sent, and what is wrong with it by field."""

    values: Mapping[str, str]
    errors: Mapping[str, str]


@router.get(_AT)
def show_diallers(
    db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, cursor: str | None = None, said: str = ""
) -> Response:
    """Show which diallers are listened to, to who sees the house, and a form for another one."""
    seen_by(viewer)
    return _list_page(db, the=the, viewer=viewer, now=now, cursor=cursor, said=_SAID.get(said, ""))


@router.post(_AT)
def add_dialler(the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Listen to a dialler from now on. The secret by which it signs is in this answer and in no other."""
    changed_by(viewer)
    once, filled = None, None
    try:
        asked = _asked(fields)
        once = database.written(
            the.engine,
            lambda db: _once(operations.create_connection(db, **asked, actor=viewer.actor, now=now), the),
        )
    except Misfilled as wrong:
        filled = Filled(fields, wrong.errors)
    with database.transaction(the.engine, writes=False) as reading:
        return _list_page(reading, the=the, viewer=viewer, now=now, once=once, filled=filled)


@router.get(f"{_AT}/{{connection_id}}")
def show_dialler(connection_id: str, db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, said: str = "") -> Response:
    """Show a dialler: how it does, to which address it posts, and how what it says is read."""
    seen_by(viewer)
    return _dialler_page(db, connection_id, the=the, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post(f"{_AT}/{{connection_id}}")
def change_dialler(connection_id: str, do: Do, the: TheHouse, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Change how it is read, pause or resume it, give it another secret, or delete it: those once the word is typed."""
    changed_by(viewer)
    once, filled, refused = None, None, ""
    try:
        once = database.written(the.engine, lambda db: _act(db, connection_id, do, fields, the, viewer=viewer, now=now))
        if once is None:
            to = _AT if do == "delete" else f"{_AT}/{connection_id}"
            return RedirectResponse(f"{to}?said={do}", 303)
    except Misfilled as wrong:
        filled = Filled(fields, wrong.errors)
    except Stale:
        filled, refused = Filled(fields, {}), "Somebody changed it meanwhile. Look at it again, then change it."
    with database.transaction(the.engine, writes=False) as reading:
        return _dialler_page(
            reading, connection_id, the=the, viewer=viewer, now=now, once=once, filled=filled, refused=refused
        )


def rows(
    db: DbSession, address: Address, the: House, *, limit: int, viewer: Viewer, now: datetime
) -> tuple[list[DiallerRow], str | None]:
    """Return the part of the diallers that an address shows, and the cursor of the next."""
    found = diallers.list_connections(db, request_for(address, the, limit=limit), actor=viewer.actor)
    return [_row(row, the, viewer.person.time_zone, now=now) for row in found.rows], found.next_cursor


def _act(
    db: DbSession,
    connection_id: str,
    do: Do,
    fields: Mapping[str, str],
    the: House,
    *,
    viewer: Viewer,
    now: datetime,
) -> Once | None:
    """Do it, and return what is shown once, if anything is. Raises Misfilled."""
    about: dict[str, Any] = {"connection_id": connection_id, "actor": viewer.actor, "now": now}
    match do:
        case "change":
            changes, expected = _asked(fields), version(fields)
            operations.patch_connection(db, changes=changes, expected_version=expected, **about)
        case "pause" | "resume":
            status = DiallerStatus.PAUSED if do == "pause" else DiallerStatus.ACTIVE
            operations.patch_connection(db, changes={"status": status}, **about)
        case "rotate":
            check_typed(do, fields)
            return _once(operations.rotate_dialler_secret(db, **about), the)
        case "delete":
            check_typed(do, fields)
            operations.delete_connection(db, **about)
        case _:
            assert_never(do)
    return None


def _asked(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the name and the mapping that were filled in. Raises Misfilled."""
    mapping: dict[str, object] = {name: fields.get(name, "").strip() or None for name in _POINTERS}
    for name in _WORDS:
        mapping[name] = [line.strip() for line in fields.get(name, "").splitlines() if line.strip()]
    try:
        body = CreateDiallerConnection.model_validate({"name": fields.get("name", ""), "mapping": mapping})
    except ValidationError as wrong:
        names = {_field(one["loc"]) for one in wrong.errors()}
        in_order = [name for name in ("name", *_MEANINGS) if name in names]
        raise Misfilled({name: _WRONG.get(name, _POINTER) for name in in_order}) from wrong
    return {"name": body.name, "mapping": body.mapping.model_dump(exclude_none=True)}


def _field(place: tuple[int | str, ...]) -> str:
    """Return of which field an error is; of the mapping as a whole: a word that means both a start and an end."""
    of, *within = place
    return str(of) if of != "mapping" else str(within[0]) if within else "ended"


def _once(issued: IssuedDialler, the: House) -> Once:
    """Return what is shown of it, while its row can still be read."""
    return Once(issued.connection.name, _address(the, issued.connection.id), issued.secret)


def _address(the: House, connection_id: str) -> str:
    return f"{the.settings.public_url.rstrip('/')}/hooks/dialler/{connection_id}"


def _list_page(
    db: DbSession,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    cursor: str | None = None,
    once: Once | None = None,
    filled: Filled | None = None,
    said: str = "",
) -> Response:
    address = Address(_AT, {"cursor": cursor} if cursor else {})
    found, following = rows(db, address, the, limit=50, viewer=viewer, now=now)
    return page(
        "diallers.html",
        status=422 if filled else 200,
        viewer=viewer.face,
        said="Take the secret along now: it is not shown again." if once else said,
        address=address,
        diallers=found,
        following=following,
        once=once,
        filled=filled or Filled({}, {}),
        may_change=runs_the_house(viewer.actor),
    )


def _dialler_page(
    db: DbSession,
    connection_id: str,
    *,
    the: House,
    viewer: Viewer,
    now: datetime,
    once: Once | None = None,
    filled: Filled | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    row = diallers.connection_by_id(db, connection_id, actor=viewer.actor)
    values = _values(row)
    if filled and "name" in filled.values:  # the form of the mapping was sent, not a word that confirms
        values = {**values, **filled.values}
    if refused:
        values["version"] = str(row.version)
    return page(
        "dialler.html",
        status=409 if refused else 422 if filled else 200,
        viewer=viewer.face,
        said="Take the secret along now: it is not shown again." if once else said,
        refused=refused,
        at=f"{_AT}/{row.id}",
        dialler=_row(row, the, viewer.person.time_zone, now=now),
        mapping=[(words, _values(row)[name].splitlines()) for name, words in _MEANINGS.items()],
        once=once,
        filled=Filled(values, filled.errors if filled else {}),
        may_change=runs_the_house(viewer.actor),
    )


def _values(row: Any) -> dict[str, str]:
    """Return a dialler as its form has it: words one in a line."""
    mapping = {name: row.mapping.get(name) or "" for name in _MEANINGS}
    told = {name: found if isinstance(found, str) else "\n".join(found) for name, found in mapping.items()}
    return {"name": row.name, **told, "version": str(row.version)}


def _row(row: Any, the: House, zone: str, *, now: datetime) -> DiallerRow:
    is_on = row.status is DiallerStatus.ACTIVE
    words, kind = _health(row)
    return DiallerRow(
        id=row.id,
        name=row.name,
        address=_address(the, row.id),
        is_on=is_on,
        words=words,
        kind=kind,
        why=_in_our_words(row.last_error or ""),
        heard=brief(row.last_heard_at, zone, now=now) if row.last_heard_at else "never",
    )


def _in_our_words(why: str) -> str:
    """Return a sentence that names fields of the mapping as the form names them."""
    for name, words in _MEANINGS.items():
        why = why.replace(f"`{name}`", f"“{words}”")
    return why


def _health(row: Any) -> tuple[str, Literal["good", "open", "bad", ""]]:
    if row.status is DiallerStatus.PAUSED:
        return "Paused", "open"
    if row.last_error:
        return "Not understood", "bad"
    return ("Heard", "good") if row.last_heard_at else ("Not heard yet", "")
