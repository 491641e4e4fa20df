"""Sessions."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar, cast

from fastapi import APIRouter, Query, Request, Response

from app.db import DbSession
from app.errors import Forbidden, NotFound, Stale
from app.ical import write
from app.operations import holds, past_sessions, replies, responses, series, series_changes, session_outcomes
from app.operations import sessions as operations
from app.operations.changes import UnknownReference
from app.operations.refused import MEETING_REFUSALS, REFUSALS, AlreadyBooked, NotActive, Past, SeatOver, SlotTaken
from app.operations.session_locks import IllegalMove, TooEarly
from app.queries import alternatives, sessions
from app.queries.entries import Desk, drawn_entries
from app.routers import conditional
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route, TheHouse
from app.routers.private_reads import SESSION, SESSIONS
from app.routers.problems import refusals
from app.rules.access import Actor
from app.schemas.sessions import (
    AlternativesRead,
    BookSession,
    CancelSession,
    DeclineSuggestion,
    RescheduleSession,
    RespondToSession,
    SessionBooked,
    SessionRead,
)
from app.schemas.shapes import Listing
from app.vocabulary import CALL_KINDS, Instant, SessionKind, SessionStatus

router = APIRouter(prefix="/v1/sessions", tags=["sessions"], route_class=Route)

_INVITE: dict[int | str, dict[str, Any]] = {
    200: {"description": "One event", "content": {"text/calendar": {"schema": {"type": "string"}}}}
}


_THIS = CancelSession()
T = TypeVar("T", bound=SessionRead)


@router.get("", operation_id="sessions_list", responses=refusals(), dependencies=[SESSIONS])
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


@router.post(
    "",
    status_code=201,
    operation_id="sessions_book",
    responses=refusals(
        Forbidden,
        NotFound,
        UnknownReference,
        past_sessions.TooLongAgo,
        past_sessions.CallMissed,
        AlreadyBooked,
        series.RecurrenceInvalid,
        holds.HoldConflict,
        holds.HoldExpired,
        *MEETING_REFUSALS,
        *REFUSALS,
    ),
)
def book_session(body: BookSession, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> SessionBooked:
    """Plan a session, or take a seat on a call. Everybody in it is invited. One that is over is logged as completed.

    So is having listened to a call that is over without a seat: the seat has been attended. Nobody was in two places at
    once, so what is logged may not overlap what else they did.

    A refusal names whose time is taken from when until when, and up to three times when all are free. With `recurrence`
    it is the first of a series, which keeps its wall time in `time_zone`; all occurrences are checked, and a refusal
    names the first five at which somebody can't in `blocked`.
    """
    people = {one.person_id: one.part for one in body.participants}
    skipped: list[series.Skipped] = []
    if body.recurrence is not None:
        made, skipped = series.book_series(
            db,
            plan=_plan(body),
            rrule=body.recurrence.rrule,
            on_conflict=body.recurrence.on_conflict,
            actor=actor,
            now=now,
        )
    elif body.call_id is not None:
        made = operations.book_on_call(
            db,
            kind=body.kind,
            call_id=body.call_id,
            people=people,
            starts_at=body.starts_at,
            duration_minutes=body.duration_minutes,
            actor=actor,
            now=now,
        )
    elif body.hold_token is not None:
        made = holds.book_held_time(db, token=body.hold_token, plan=_plan(body), actor=actor, now=now)
    else:
        made = operations.book_session(db, plan=_plan(body), actor=actor, now=now)
    read = _one(db, made, actor=actor)
    answer.response.headers["Location"] = f"/v1/sessions/{made}"
    return _tagged(answer, SessionBooked.with_skipped(read, skipped))


@router.get("/{session_id}", operation_id="sessions_get", responses=refusals(NotFound), dependencies=[SESSION])
def get_session(session_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> SessionRead:
    """Read one session."""
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/reschedule",
    operation_id="sessions_reschedule",
    responses=refusals(
        NotFound, Stale, IllegalMove, operations.MovesWithCall, series.RecurrenceInvalid, *MEETING_REFUSALS
    ),
)
def reschedule_session(
    session_id: str, body: RescheduleSession, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Move a session to another time. It stays the same event in every calendar, and everybody is asked anew.

    Of a series, every occurrence in `scope` that is still to come moves as far, or none does. Those that move away from
    others before them become a series, and an event, of their own.
    """
    series_changes.reschedule(
        db,
        session_id=session_id,
        starts_at=body.starts_at,
        duration_minutes=body.duration_minutes,
        which=body.scope,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/cancel",
    operation_id="sessions_cancel",
    responses=refusals(NotFound, Stale, IllegalMove, Past, SeatOver),
)
def cancel_session(
    session_id: str,
    db: Db,
    now: Now,
    actor: CurrentActor,
    if_match: IfMatch,
    answer: Answer,
    body: CancelSession = _THIS,
) -> SessionRead:
    """Cancel a session, or of a series every occurrence in `scope` that is still to come. Everybody's time is free at
    once, and each is told once, with the note. On a call, the seat is released, without one.
    """
    series_changes.cancel(
        db,
        session_id=session_id,
        which=body.scope,
        note=body.note,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/undo-cancel",
    operation_id="sessions_undo_cancel",
    responses=refusals(NotFound, Stale, IllegalMove, operations.UndoOver, SlotTaken, SeatOver, NotActive, Past),
)
def undo_cancel(
    session_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Put a session on again within 15 seconds of its cancel, if all who had not declined are still free.

    Of a series, what was cancelled with the scope `this`; what was cancelled together stays so, and is booked again.
    """
    operations.undo_cancel(db, session_id=session_id, expected_version=if_match, actor=actor, now=now)
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/start",
    operation_id="sessions_start",
    responses=refusals(NotFound, Stale, IllegalMove, TooEarly),
)
def start_session(
    session_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Say that a session is under way.

    Not earlier than the notice of the house before its start (`min_notice_minutes` of the settings); on a call, once
    that is live or its time has come.
    """
    session_outcomes.start_session(db, session_id=session_id, expected_version=if_match, actor=actor, now=now)
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/complete",
    operation_id="sessions_complete",
    responses=refusals(NotFound, Stale, IllegalMove, TooEarly),
)
def complete_session(
    session_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Say that a session took place. On a call, the observer has attended."""
    session_outcomes.complete_session(db, session_id=session_id, expected_version=if_match, actor=actor, now=now)
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/no-show",
    operation_id="sessions_no_show",
    responses=refusals(NotFound, Stale, IllegalMove, TooEarly),
)
def miss_session(
    session_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Say that somebody did not come, so that nothing came of a session. On a call, it is the observer.

    Not before a few minutes' grace after its start (`no_show_grace_minutes` of the settings).
    """
    session_outcomes.miss_session(db, session_id=session_id, expected_version=if_match, actor=actor, now=now)
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/respond",
    operation_id="sessions_respond",
    responses=refusals(NotFound, Forbidden, Stale, IllegalMove, Past, SlotTaken),
)
def respond_to_session(
    session_id: str, body: RespondToSession, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Answer an invite, and suggest another time. Who declines has their time back at once.

    On a call, declining releases the seat. Without a call, a session in which nobody else is left is cancelled; with
    another time suggested it stands until somebody reschedules or cancels it.
    """
    responses.respond(
        db,
        session_id=session_id,
        person_id=body.person_id or actor.person_id or "",
        response=body.response,
        proposed_starts_at=body.proposed_starts_at,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, session_id, actor=actor, answer=answer)


@router.post(
    "/{session_id}/decline-suggestion",
    operation_id="sessions_decline_suggestion",
    responses=refusals(NotFound, Stale),
)
def decline_suggestion(
    session_id: str, body: DeclineSuggestion, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> SessionRead:
    """Let a session stay at its time although somebody in it suggests another; to take it up, reschedule.

    A calendar that suggested it is told. Where nobody suggests anything, nothing changes.
    """
    replies.decline_suggestion(
        db,
        session_id=session_id,
        person_id=body.person_id,
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    return _answered(db, session_id, actor=actor, answer=answer)


@router.get(
    "/{session_id}/alternatives",
    operation_id="sessions_alternatives",
    responses=refusals(NotFound, operations.MovesWithCall),
)
def list_alternatives(
    session_id: str,
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    starts_at_gte: Annotated[Instant | None, Query(description="From then on; else from its own start on.")] = None,
) -> AlternativesRead:
    """List up to three other times when everybody in a session is free, the nearest first."""
    found = sessions.session_by_id(db, session_id, actor=actor)
    if found.kind in CALL_KINDS:
        raise operations.MovesWithCall("Look for another call instead.", extra={"call_id": found.call_id})
    return AlternativesRead.of(alternatives.other_times_for(db, found, after=starts_at_gte, now=now))


@router.get(
    "/{session_id}/invite.ics",
    operation_id="sessions_invite",
    response_class=Response,
    responses=_INVITE | refusals(NotFound),
    dependencies=[SESSION],
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


def _plan(body: BookSession) -> operations.Plan:
    """Return what is to be planned: what is not on a call says when (`BookSession`)."""
    starts_at, minutes = cast(datetime, body.starts_at), cast(int, body.duration_minutes)
    one_of = operations.OneOf(body.one_of.part, body.one_of.person_ids) if body.one_of else None
    return operations.Plan(
        kind=body.kind,
        people={one.person_id: one.part for one in body.participants},
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=minutes),
        time_zone=body.time_zone,
        one_of=one_of,
    )


def _answered(db: DbSession, session_id: str, *, actor: Actor, answer: Answer) -> SessionRead:
    return _tagged(answer, _one(db, session_id, actor=actor))


def _tagged(answer: Answer, read: T) -> T:
    """Send a session. The sequence of its series counts what changes about other occurrences: its tag says that too."""
    return answer.version(read.version, read, shows=f"s{read.sequence}" if read.series_id else "")


def _one(db: DbSession, session_id: str, *, actor: Actor) -> SessionRead:
    found = sessions.session_by_id(db, session_id, actor=actor)
    return SessionRead.of(found, sessions.participants(db, [session_id]).get(session_id, []))
