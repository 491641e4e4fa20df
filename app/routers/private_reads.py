"""Leave a line in the audit when somebody reads what is private to somebody else."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from fastapi import Depends, Request

from app import db
from app.house import House
from app.operations.audit import note_reads_after
from app.queries.sessions import parts_in
from app.routers.dependencies import CurrentActor, Now, TheHouse
from app.rules.access import Actor, sees_the_house

EVERYBODY = "everybody"
"""Whose sessions somebody read who asked for those of nobody in particular."""


def private(noun: str) -> Any:
    """Return the dependency of routes below `/people/{person_id}` whose answers are private to that person: who else
    reads them leaves a line, `<noun>.read`, once in an hour. What changes something leaves one anyhow.
    """

    def noting(request: Request, person_id: str, the: TheHouse, actor: CurrentActor, now: Now) -> Iterator[None]:
        yield
        if request.method == "GET" and (actor.person_id != person_id or actor.behind):
            _note(the, f"{noun}.read", [person_id], object_type="person", actor=actor, now=now)

    return _after(noting)


def _sessions(request: Request, the: TheHouse, actor: CurrentActor, now: Now) -> Iterator[None]:
    yield
    if _sees_others(actor):
        people = set(request.query_params.getlist("person_id")) - {actor.person_id} or {EVERYBODY}
        _note(the, "sessions.read", sorted(people), object_type="person", actor=actor, now=now)


def _session(session_id: str, the: TheHouse, actor: CurrentActor, now: Now) -> Iterator[None]:
    yield
    if not _sees_others(actor):
        return
    with db.transaction(the.engine, writes=False) as reading:
        theirs = actor.person_id in parts_in(reading, session_id)
    if not theirs or actor.behind:
        _note(the, "session.read", [session_id], object_type="session", actor=actor, now=now)


def _audit(the: TheHouse, actor: CurrentActor, now: Now) -> Iterator[None]:
    yield
    _note(the, "audit.read", [EVERYBODY], object_type="audit", actor=actor, now=now)


def _sees_others(actor: Actor) -> bool:
    """Whether some of the sessions that the actor sees may be others' alone."""
    return sees_the_house(actor) or bool(actor.reports) or actor.behind is not None


def _after(noting: Callable[..., Iterator[None]]) -> Any:
    # Entered before the route's own transaction, so left after it: nothing is open then. A refusal goes past it.
    return Depends(noting, scope="function")


SESSIONS, SESSION = _after(_sessions), _after(_session)
"""Of routes that show sessions, and one session."""
AUDIT = _after(_audit)
"""Of routes that show what everybody did, before and after."""


def _note(the: House, act: str, object_ids: Collection[str], *, object_type: str, actor: Actor, now: datetime) -> None:
    note_reads_after(the.engine, act, object_ids, object_type=object_type, actor=actor, now=now)
