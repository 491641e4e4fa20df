"""Who did what to what, on whose behalf, from where, and what it was before and after."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends, Response
from fastapi.responses import StreamingResponse

from app.db import DbSession
from app.operations.audit import note_reads_after
from app.queries import audit, audit_chain
from app.queries.audit import AuditFilter
from app.queries.audit_file import audit_lines
from app.queries.people import ids_by_email
from app.web import weeks
from app.web.addresses import Address
from app.web.dependencies import Now, Pressing, ReadDb, SignedIn, TheHouse, page_router
from app.web.html import page
from app.web.lists import request_for

router = page_router()

_WHO = {"system": "Earshot itself", "anonymous": "Nobody known"}
_SEALS_LOOKED_AT = 10
"""Of the newest, by each look at the page: minutes in which something happened."""
_LONGEST = 300
"""Letters of a value that are shown; the file has all of them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of an object, before and after; or only after, where nothing is said of before."""

    name: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: str
    iso: str
    act: str
    words: str
    is_refusal: bool
    actor: str
    who: str
    on_behalf_of: str
    by: str
    """The key, or the browser and from where it signed in."""
    object_id: str
    object_name: str
    differences: tuple[Difference, ...]
    is_change: bool
    """Whether the differences have a before."""


@dataclass(frozen=True, slots=True)
class Day:
    """What happened on a day of the viewer's clocks, the latest first."""

    words: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for: an e-mail address or id, an act or `noun.*`, the id of an object, and days."""

    address: Address

    def wanted(self, db: DbSession, time_zone: str) -> AuditFilter:
        """Return it as the query has it; days are those of the viewer's clocks, from the first to the last."""
        query, zone = self.address.query, ZoneInfo(time_zone)
        who = query.get("who", "")
        if "@" in who:
            who = ids_by_email(db, [who.lower()]).get(who.lower(), who)
        since, until = _day(query.get("since", "")), _day(query.get("until", ""))
        return AuditFilter(
            actor=who or None,
            act=(query["act"],) if "act" in query else (),
            object_id=query.get("of"),
            since=datetime.combine(since, time(), zone) if since else None,
            until=datetime.combine(until + timedelta(days=1), time(), zone) if until else None,
        )


def asked(who: str = "", act: str = "", of: str = "", since: str = "", until: str = "", cursor: str = "") -> Asked:
    """Return what is looked for. A day that is none says nothing."""
    days = {name: value if _day(value) else "" for name, value in (("since", since), ("until", until))}
    query = {"who": who.strip()[:254], "act": act.strip()[:64], "of": of.strip()[:64], **days, "cursor": cursor}
    return Asked(Address("/audit", {name: value for name, value in query.items() if value}))


def noting(the: TheHouse, viewer: Pressing, now: Now) -> Iterator[None]:
    """Leave a line that it was read, once in an hour: after the page, in a transaction of its own."""
    audit.check_reads(viewer.actor)
    yield
    note_reads_after(the.engine, "audit.read", ["everybody"], object_type="audit", actor=viewer.actor, now=now)


Wanted = Annotated[Asked, Depends(asked)]
# Entered before the page's own transaction, so left after it: nothing is open then. A refusal goes past it.
_NOTED = Depends(noting, scope="function")


@router.get("/audit", dependencies=[_NOTED])
def show_audit(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn, asked: Wanted) -> Response:
    """Show what happened, the latest first, to admins and auditors; and whether it still says what it said."""
    zone, query = viewer.person.time_zone, asked.address.query
    found = audit.list_audit(db, asked.wanted(db, zone), request_for(asked.address, the), actor=viewer.actor)
    since = audit_chain.newest_seals(db, _SEALS_LOOKED_AT)
    return page(
        "audit.html",
        viewer=viewer.face,
        place=weeks.place(zone),
        offset=weeks.offset(now, zone),
        address=asked.address,
        is_filtered=bool(query.keys() - {"cursor"}),
        file=Address("/audit.csv", asked.address.query).but(cursor=None),
        days=_days(found.rows, zone),
        following=found.next_cursor,
        chain=audit_chain.check(db, since=since, now=now),
    )


@router.get("/audit.csv", dependencies=[_NOTED])
def download_audit(db: ReadDb, the: TheHouse, viewer: SignedIn, asked: Wanted) -> StreamingResponse:
    """Hand over what is looked for as a file, all of it."""
    lines = audit_lines(the.engine, asked.wanted(db, viewer.person.time_zone))
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"', "Cache-Control": "private, no-store"}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _days(rows: Sequence[Any], zone: str) -> Sequence[Day]:
    local = ZoneInfo(zone)
    return [
        Day(f"{on:%A} {on.day} {on:%B %Y}", tuple(_line(row, local) for row in group))
        for on, group in groupby(rows, lambda row: row.at.astimezone(local).date())
    ]


def _line(row: Any, local: ZoneInfo) -> Line:
    detail = row.detail or {}
    is_change = "before" in detail
    by = ", ".join(filter(None, [row.credential_name, row.address and f"signed in from {row.address}"]))
    return Line(
        at=f"{row.at.astimezone(local):%H:%M:%S}",
        iso=row.at.isoformat(),
        act=row.act,
        words=row.act.replace(".", " ").replace("_", " ").capitalize().replace("Api ", "API "),
        is_refusal=row.act.endswith(".refused"),
        actor=row.actor,
        who=row.actor_name or _WHO.get(row.actor, row.actor),
        on_behalf_of=row.on_behalf_of_name or row.on_behalf_of_id or "",
        by=by,
        object_id=row.object_id,
        object_name=row.object_name or "",
        differences=tuple(_changes(detail) if is_change else _facts(detail)),
        is_change=is_change,
    )


def _changes(detail: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what changed. Of secrets the name is said alone."""
    before, after = detail.get("before") or {}, detail.get("after") or {}
    for name in detail.get("changed", ()):
        is_said = name in before or name in after
        yield Difference(name, _text(before.get(name)), _text(after.get(name)) if is_said else "not shown")


def _facts(detail: Mapping[str, Any]) -> Iterator[Difference]:
    for name, value in detail.items():
        yield Difference(name, None, _text(value))


def _text(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
