"""Sessions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from app.errors import NotFound
from app.ical import write
from app.queries import sessions
from app.queries.entries import Desk, drawn_entries
from app.routers import conditional
from app.routers.dependencies import Answer, CurrentActor, Page, ReadDb, Route, TheHouse
from app.routers.problems import refusals
from app.schemas.sessions import SessionRead
from app.schemas.shapes import Listing
from app.vocabulary import Instant, SessionKind, SessionStatus

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], route_class=Route)

_INVITE: dict[int | str, dict[str, Any]] = {
    200: {"description": "One event", "content": {"text/calendar": {"schema": {"type": "string"}}}}
}


@router.get("", operation_id="sessions_list", responses=refusals())
def list_sessions(
    db: ReadDb,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    kind: Annotated[list[SessionKind], Query()] = [],
    status: Annotated[list[SessionStatus], Query()] = [],
    person_id: Annotated[list[str], Query(description="Somebody who takes part.")] = [],
    call_id: Annotated[list[str], Query()] = [],
    starts_at_gte: Annotated[Instant | None, Query()] = None,
    starts_at_lt: Annotated[Instant | None, Query()] = None,
    updated_at_gte: Annotated[Instant | None, Query()] = None,
    sort: Literal["starts_at", "-starts_at", "updated_at", "-updated_at"] = "starts_at",
) -> Listing[SessionRead]:
    """List the sessions you take part in."""
    wanted = sessions.SessionFilter(
        kind=tuple(kind),
        status=tuple(status),
        person_id=tuple(person_id),
        call_id=tuple(call_id),
        starts_at_gte=starts_at_gte,
        starts_at_lt=starts_at_lt,
        updated_at_gte=updated_at_gte,
    )
    found = sessions.list_sessions(
        db, wanted, page, sort=sort.lstrip("-"), descending=sort.startswith("-"), actor=actor
    )
    people = sessions.participants(db, [row.id for row in found.rows])
    data = [SessionRead.of(row, people.get(row.id, [])) for row in found.rows]
    return answer.page(found, data)


@router.get("/{session_id}", operation_id="sessions_get", responses=refusals(NotFound))
def get_session(session_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> SessionRead:
    """Read one session."""
    found = sessions.session_by_id(db, session_id, actor=actor)
    people = sessions.participants(db, [found.id]).get(found.id, [])
    return answer.version(found.version, SessionRead.of(found, people))


@router.get(
    "/{session_id}/invite.ics",
    operation_id="sessions_invite",
    response_class=Response,
    responses=_INVITE | refusals(NotFound),
)
def get_invite(session_id: str, request: Request, db: ReadDb, actor: CurrentActor, the: TheHouse) -> Response:
    """Read a session as a calendar file, in your own view: an observer's, or the one entry of the call's host.

    The file has the UID of the mailed invite and no METHOD. It is a copy to import, not a message: as a REQUEST,
    clients would answer it, and as PUBLISH, Outlook would add the event a second time.
    """
    entry_id = sessions.entry_id_of_session(db, session_id, actor=actor)
    (drawn,) = drawn_entries(db, [entry_id], desk=Desk.of(the.settings))
    content = write.calendar([drawn.fragment().content], method=None)
    etag = conditional.tag(content)
    headers = {
        "Content-Disposition": 'attachment; filename="invite.ics"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding, Authorization",
    }
    changed_at: datetime = conditional.rounded_up(drawn.row_changed_at)
    if known := conditional.seen(request, etag, changed_at):
        return conditional.unchanged(known, headers)
    return conditional.calendar(request, content, etag, headers)
