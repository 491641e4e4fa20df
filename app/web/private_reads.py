"""Leave a line in the audit when a page shows somebody what is private to somebody else, as the API does."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from fastapi import Depends

from app import db
from app.house import House
from app.operations.audit import note_reads_after
from app.queries.sessions import parts_in
from app.rules.access import sees_the_house
from app.web.dependencies import Now, Pressing, TheHouse, Viewer


def note_private(the: House, nouns: Iterable[str], person_id: str, *, viewer: Viewer, now: datetime) -> None:
    """Note `<noun>.read` for each, once in an hour, unless it is their own. After the page's transaction."""
    if viewer.person.id == person_id and viewer.actor.behind is None:
        return
    for noun in nouns:
        note_reads_after(the.engine, f"{noun}.read", [person_id], object_type="person", actor=viewer.actor, now=now)


def _session(session_id: str, the: TheHouse, viewer: Pressing, now: Now) -> Iterator[None]:
    yield
    actor = viewer.actor
    if not (sees_the_house(actor) or actor.reports or actor.behind):
        return
    with db.transaction(the.engine, writes=False) as reading:
        theirs = viewer.person.id in parts_in(reading, session_id)
    if not theirs or actor.behind:
        note_reads_after(the.engine, "session.read", [session_id], object_type="session", actor=actor, now=now)


SESSION: Any = Depends(_session, scope="function")
"""Of pages that show one session. Entered before the page's own transaction, so left after it: nothing is open then. A
refusal goes past it.
"""
