"""The cancel of a session on its page, with a word to the others; and what has been done to a session until now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.db import DbSession
from app.operations import series_changes
from app.queries.session_history import history
from app.schemas.sessions import CancelSession
from app.web.dependencies import Viewer
from app.web.filled import one, read
from app.web.lists import brief
from app.web.pages.session_moves import Which, which_of

LONGEST_NOTE = 140
_WRONG = {"note": f"Write at most {LONGEST_NOTE} letters, in one line."}
_MOST = 30
_ACTS: Mapping[str, str] = {
    "session.requested": "Asked for",
    "session.booked": "Booked",
    "session.answered": "Answered",
    "session.moved": "Moved to another time",
    "session.changed": "Changed",
    "session.cancelled": "Cancelled",
    "session.restored": "Put on again",
    "session.started": "Started",
    "session.completed": "Said to have taken place",
    "session.no_show": "Said not to have taken place",
    "session.expired": "Confirmed by nobody in time",
}
_KINDS = {"session.cancelled": "bad", "session.expired": "bad", "session.no_show": "bad", "session.completed": "good"}
_ITSELF = "Earshot"
_NO_PERSON = "an integration"


@dataclass(frozen=True, slots=True)
class CancelForm:
    """What was filled in to cancel, and what is wrong with it."""

    note: str = ""
    scope: Which = "this"
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, form: Mapping[str, tuple[str, ...]]) -> "CancelForm":
        """Return what was filled in."""
        return cls(one(form, "note"), which_of(form))


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done to a session; on the viewer's clocks."""

    at: str
    iso: str
    words: str
    kind: str
    who: str
    on_behalf_of: str
    note: str


def cancel(db: DbSession, session_id: str, filled: CancelForm, *, viewer: Viewer, now: datetime) -> None:
    """Cancel a session, or with it those of its series that follow. Raises Misfilled."""
    asked = read(CancelSession, {"note": filled.note or None, "scope": filled.scope}, _WRONG)
    series_changes.cancel(db, session_id=session_id, which=asked.scope, note=asked.note, actor=viewer.actor, now=now)


def deeds(db: DbSession, session_id: str, *, viewer: Viewer, now: datetime) -> list[Deed]:
    """Return what was done to a session, the latest first. One statement."""
    zone = viewer.person.time_zone
    rows = history(db, session_id, acts=_ACTS.keys(), actor=viewer.actor, limit=_MOST)
    return [
        Deed(
            at=brief(row.at, zone, now=now),
            iso=row.at.isoformat(),
            words=_ACTS[row.act],
            kind=_KINDS.get(row.act, ""),
            who=row.name or (_ITSELF if row.actor == "system" else _NO_PERSON),
            on_behalf_of=row.on_behalf_of_name or "",
            note=(row.detail or {}).get("note") or "",
        )
        for row in rows
    ]


def last_word(done: Sequence[Deed]) -> Any:
    """Return the cancel that was the last thing done, if something was written with it; else None."""
    return next((one for one in done[:1] if one.note), None)
