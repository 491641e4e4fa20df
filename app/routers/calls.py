"""Calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from app.db import DbSession
from app.errors import Fault, Forbidden, Invalid, NotFound, Stale
from app.operations import call_outcomes, floor
from app.operations import calls as operations
from app.operations.changes import UnknownReference
from app.operations.external import ExternalIdTaken, Upserted
from app.operations.refused import NotActive, NotJoinable, NotStarted, Past
from app.queries import calls, external, joinable, people
from app.routers import batches
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.rules import floor as floor_rules
from app.rules import seating
from app.rules.access import may_see
from app.schemas.calls import CallRead, CreateCall, MissedCallRead, PatchCall, UpsertCall, UpsertCallItem, UpsertCalls
from app.schemas.floor import HandRead, RaiseHand, SetDoor
from app.schemas.joinable import CallForObserver
from app.schemas.shapes import BatchRead, Listing
from app.vocabulary import CallStatus, Door, ExternalId, Instant, Source

router = APIRouter(prefix="/v1/calls", tags=["calls"], route_class=Route)

_JOINABLE_BY = "Who would take a seat: you, or for an admin anybody."
_EXPAND = "`refusal`: why `joinable_by`, or you without it, could not take a seat now; null where they could."
_CREATE = (Forbidden, UnknownReference, NotActive, ExternalIdTaken)
_CHANGE = (Forbidden, UnknownReference, NotActive, operations.CapacityBelowTaken, operations.CallOver, Past)


@router.get("", operation_id="calls_list", responses=refusals(NotFound, Forbidden))
def list_calls(
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    page: Page,
    answer: Answer,
    type: Annotated[list[str], Query()] = [],
    host_id: Annotated[list[str], Query()] = [],
    account_id: Annotated[list[str], Query()] = [],
    status: Annotated[list[CallStatus], Query()] = [],
    language: Annotated[list[str], Query()] = [],
    segment: Annotated[list[str], Query()] = [],
    skill: Annotated[list[str], Query(description="Calls of a type that lets an observer hear it.")] = [],
    starts_at_gte: Annotated[Instant | None, Query()] = None,
    starts_at_lt: Annotated[Instant | None, Query()] = None,
    updated_at_gte: Annotated[Instant | None, Query()] = None,
    q: Annotated[str | None, Query(max_length=100, description="Part of the title.")] = None,
    joinable_by: Annotated[str | None, Query(max_length=48, description=_JOINABLE_BY)] = None,
    expand: Annotated[list[Literal["refusal"]], Query(description=_EXPAND)] = [],
    sort: Literal["starts_at", "-starts_at", "updated_at", "-updated_at"] = "starts_at",
) -> Listing[CallRead | CallForObserver]:
    """List the calls you may know of. `meeting_url` is told to the host and to those who have a seat.

    With `joinable_by` only those on which this person could take a seat now. With `expand=refusal` all of them, each
    with the reason why the person could not.
    """
    wanted = calls.CallFilter(
        type=tuple(type),
        host_id=tuple(host_id),
        account_id=tuple(account_id),
        status=tuple(status),
        language=tuple(language),
        segment=tuple(segment),
        skill=tuple(skill),
        starts_at_gte=starts_at_gte,
        starts_at_lt=starts_at_lt,
        updated_at_gte=updated_at_gte,
        q=q,
    )
    column, descending = sort.lstrip("-"), sort.startswith("-")
    if joinable_by is not None and not expand:
        _check_may_ask(actor, joinable_by)
        found = joinable.joinable_calls(
            db, wanted, page, sort=column, descending=descending, observer_id=joinable_by, actor=actor, now=now
        )
    else:
        found = calls.list_calls(db, wanted, page, sort=column, descending=descending, actor=actor)
    data = _read(db, found.rows, now=now)
    if expand:
        return answer.page(found, [*_for_observer(db, found.rows, data, joinable_by, actor=actor, now=now)])
    return answer.page(found, [*data])


@router.post("", status_code=201, operation_id="calls_create", responses=refusals(*_CREATE))
def create_call(body: CreateCall, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> CallRead:
    """Add a call. Without a type it is classified by its title and the deal's stage."""
    refs = [(ref.source, ref.id) for ref in body.external]
    call_id = operations.create_call(
        db, fields=body.model_dump(exclude={"external"}), external=refs, actor=actor, now=now
    )
    made = _one(db, call_id, actor=actor, now=now)
    answer.response.headers["Location"] = f"/v1/calls/{made.id}"
    return _answered(answer, made)


@router.get("/{call_id}", operation_id="calls_get", responses=refusals(NotFound, Forbidden))
def get_call(
    call_id: str,
    db: ReadDb,
    now: Now,
    actor: CurrentActor,
    answer: Answer,
    joinable_by: Annotated[str | None, Query(max_length=48, description=_JOINABLE_BY)] = None,
    expand: Annotated[list[Literal["refusal"]], Query(description=_EXPAND)] = [],
) -> CallRead | CallForObserver:
    """Read one call. `meeting_url` is told to its host and to those who have a seat.

    With `expand=refusal` it comes with the reason why `joinable_by` could not take a seat on it now, and without ETag.
    """
    row = calls.call_by_id(db, call_id, actor=actor)
    data = _read(db, [row], now=now)
    if expand:
        return _for_observer(db, [row], data, joinable_by, actor=actor, now=now)[0]
    return _answered(answer, data[0])


@router.patch("/{call_id}", operation_id="calls_patch", responses=refusals(NotFound, Stale, *_CHANGE))
def patch_call(
    call_id: str, body: PatchCall, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> CallRead:
    """Change a call (JSON Merge Patch). Seats go along with a new time; an observer who is elsewhere then is
    told and the seat is free.
    """
    operations.patch_call(
        db,
        call_id=call_id,
        changes=body.model_dump(exclude_unset=True),
        expected_version=if_match,
        actor=actor,
        now=now,
    )
    found = _one(db, call_id, actor=actor, now=now)
    return _answered(answer, found)


@router.post(
    "/{call_id}/cancel",
    operation_id="calls_cancel",
    responses=refusals(NotFound, Forbidden, Stale, operations.CallOver),
)
def cancel_call(call_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> CallRead:
    """Cancel a call and the seats on it. Everybody on it is told once."""
    operations.cancel_call(db, call_id=call_id, expected_version=if_match, actor=actor, now=now)
    found = _one(db, call_id, actor=actor, now=now)
    return _answered(answer, found)


@router.post(
    "/{call_id}/start",
    operation_id="calls_start",
    responses=refusals(NotFound, Forbidden, Stale, operations.CallOver),
)
def start_call(call_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> CallRead:
    """Say that a call is under way, and with it the sessions of those who sit in."""
    call_outcomes.start_call(db, call_id=call_id, expected_version=if_match, actor=actor, now=now)
    found = _one(db, call_id, actor=actor, now=now)
    return _answered(answer, found)


@router.post(
    "/{call_id}/end",
    operation_id="calls_end",
    responses=refusals(NotFound, Forbidden, Stale, operations.CallOver, NotStarted),
)
def end_call(call_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> CallRead:
    """Say that a call is over. Whoever sat in has attended, but for those who were marked as no-show before."""
    call_outcomes.end_call(db, call_id=call_id, expected_version=if_match, actor=actor, now=now)
    found = _one(db, call_id, actor=actor, now=now)
    return _answered(answer, found)


@router.post(
    "/{call_id}/no-show",
    operation_id="calls_no_show",
    responses=refusals(NotFound, Forbidden, Stale, operations.CallOver, NotStarted),
)
def miss_call(call_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> MissedCallRead:
    """Say that the prospect did not come. Whoever sat in is credited with an attempt, and offered other calls."""
    instead = call_outcomes.miss_call(db, call_id=call_id, expected_version=if_match, actor=actor, now=now)
    found = _one(db, call_id, actor=actor, now=now)
    _answered(answer, found)
    return MissedCallRead.with_replacements(found, instead)


@router.post(
    "/{call_id}/door",
    operation_id="calls_door",
    responses=refusals(NotFound, Forbidden, Stale, NotStarted, operations.CallOver, NotJoinable),
)
def set_door(
    call_id: str, body: SetDoor, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> CallRead:
    """Open or close the door of a call that is on. A closed door lets nobody new drop in, and puts nobody out."""
    floor.set_door(db, call_id=call_id, door=body.door, expected_version=if_match, actor=actor, now=now)
    found = _one(db, call_id, actor=actor, now=now)
    return _answered(answer, found)


@router.put(
    "/{call_id}/hand",
    operation_id="calls_raise_hand",
    responses=refusals(NotFound, Forbidden, NotStarted, operations.CallOver),
)
def raise_hand(call_id: str, body: RaiseHand, db: Db, now: Now, actor: CurrentActor) -> HandRead:
    """Raise your hand on a call that is on: listen to this one. Hosts do, and those who have a seat."""
    return HandRead.model_validate(floor.raise_hand(db, call_id=call_id, why=body.why, actor=actor, now=now))


@router.delete(
    "/{call_id}/hand",
    status_code=204,
    operation_id="calls_lower_hand",
    responses=refusals(NotFound, Forbidden),
)
def lower_hand(call_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """Lower your hand on a call; when the call ends, it goes down by itself."""
    floor.lower_hand(db, call_id=call_id, actor=actor, now=now)


@router.put(
    "/by-external-id/{source}/{external_id:path}",
    operation_id="calls_upsert",
    responses={201: {"model": CallRead, "description": "A new call"}, **refusals(*_CREATE, *_CHANGE)},
)
def upsert_call(
    source: Source,
    external_id: ExternalId,
    body: UpsertCall,
    db: Db,
    now: Now,
    actor: CurrentActor,
    answer: Answer,
) -> CallRead:
    """Create or change the call that another system calls `external_id`. Safe to repeat and to send late."""
    done = _upsert(db, source, external_id, body, now=now, actor=actor)
    if done.status == "created":
        answer.response.status_code = 201
    found = _one(db, done.id, actor=actor, now=now)
    return _answered(answer, found)


@router.post(
    "/batch-upsert",
    operation_id="calls_batch_upsert",
    responses={
        207: {"model": BatchRead, "description": "Some items were refused"},
        **refusals(Forbidden, batches.BatchRefused),
    },
)
def batch_upsert_calls(body: UpsertCalls, db: Db, now: Now, actor: CurrentActor, answer: Answer) -> BatchRead:
    """Create or change up to 200 calls, and say of each what happened."""

    def upsert(item: UpsertCallItem) -> Upserted:
        return _upsert(db, item.external.source, item.external.id, item, now=now, actor=actor)

    def lock(items: list[UpsertCallItem]) -> None:
        several = [((item.external.source, item.external.id), _changes(item)) for item in items]
        operations.lock_for_upserts(db, several, actor=actor)

    return batches.carry_out(db, body.items, atomic=body.atomic, lock=lock, upsert=upsert, response=answer.response)


def _upsert(
    db: DbSession, source: str, external_id: str, body: UpsertCall, *, now: datetime, actor: CurrentActor
) -> Upserted:
    changes = _changes(body)
    return operations.upsert_call(db, source=source, external_id=external_id, changes=changes, actor=actor, now=now)


def _changes(body: UpsertCall) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True, exclude={"external"})


def _answered(answer: Answer, found: CallRead) -> CallRead:
    """Send a call. The clock and the host's leave close it, and the clock opens its door, without a change of its own:
    its tag says that too.
    """
    shows = ("" if found.joinable else "closed") + ("door" if found.door is Door.OPEN else "")
    return answer.version(found.version, found, shows=shows)


def _check_may_ask(actor: CurrentActor, person_id: str) -> None:
    if not may_see(actor, person_id):
        raise Forbidden("You can ask only what you, and who reports to you, could join.")


def _for_observer(
    db: DbSession,
    rows: Sequence[Any],
    data: list[CallRead],
    observer_id: str | None,
    *,
    actor: CurrentActor,
    now: datetime,
) -> list[CallForObserver]:
    about = observer_id or actor.person_id
    if about is None:
        fault = Fault("query:joinable_by", "required", "is required: this key belongs to no person")
        raise Invalid("Say who would take a seat.", faults=(fault,))
    _check_may_ask(actor, about)
    found = joinable.refusals(db, rows, people.person_by_id(db, about, actor=actor), now=now)
    return [CallForObserver.with_refusal(one, found[one.id]) for one in data]


def _one(db: DbSession, call_id: str, *, actor: CurrentActor, now: datetime) -> CallRead:
    return _read(db, [calls.call_by_id(db, call_id, actor=actor)], now=now)[0]


def _read(db: DbSession, rows: Sequence[Any], *, now: datetime) -> list[CallRead]:
    skills = calls.skills_by_type(db)
    names = external.identities(db, [row.id for row in rows])
    return [
        CallRead.of(
            row,
            joinable=row.seats_taken < row.seat_capacity and seating.closed(row, now=now) is None,
            door=floor_rules.door(row, now=now),
            skills=skills.get(row.type, []),
            external=names.get(row.id, []),
        )
        for row in rows
    ]
