"""The order for full calls."""

from fastapi import APIRouter

from app.errors import Forbidden, NotFound, Stale
from app.operations import waitlist as operations
from app.operations.refused import CallCancelled, MinNotice, NotJoinable, Past
from app.queries import calls, waitlist
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, ReadDb, Route
from app.routers.problems import refusals
from app.schemas.waitlist import WaitlistEntryRead, WaitlistRead

router = APIRouter(prefix="/v1", tags=["waitlist"], route_class=Route)


@router.get("/calls/{call_id}/waitlist", operation_id="waitlist_read", responses=refusals(NotFound))
def read_waitlist(call_id: str, db: ReadDb, now: Now, actor: CurrentActor) -> WaitlistRead:
    """Read who waits for a call, first in line first: all of them for its host, yourself for everybody else.

    Who has been offered a seat comes first. Then it goes by need, which is how much somebody wants to learn what the
    call shows and how far they have to go, then by time.
    """
    calls.call_by_id(db, call_id, actor=actor)
    data = [WaitlistEntryRead.model_validate(row) for row in waitlist.line_of(db, call_id, actor=actor, now=now)]
    return WaitlistRead(data=data)


@router.get("/waitlist-entries/{entry_id}", operation_id="waitlist_entries_get", responses=refusals(NotFound))
def get_entry(entry_id: str, db: ReadDb, now: Now, actor: CurrentActor, answer: Answer) -> WaitlistEntryRead:
    """Read one place in line."""
    found = waitlist.entry_by_id(db, entry_id, actor=actor, now=now)
    return answer.version(found.version, WaitlistEntryRead.model_validate(found))


@router.post(
    "/waitlist-entries/{entry_id}/accept",
    operation_id="waitlist_entries_accept",
    responses=refusals(
        NotFound, Forbidden, Stale, operations.NotOffered, operations.OfferExpired,
        CallCancelled, NotJoinable, Past, MinNotice,
    ),
)  # fmt: skip
def accept_offer(
    entry_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> WaitlistEntryRead:
    """Take the seat that is offered. Where the host approves every seat, they are asked first.

    Taking it ends the wait: whoever the host turns down then is no longer in line.
    """
    found = operations.accept_offer(db, entry_id=entry_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, WaitlistEntryRead.model_validate(found))


@router.post(
    "/waitlist-entries/{entry_id}/leave",
    operation_id="waitlist_entries_leave",
    responses=refusals(NotFound, Forbidden, Stale, operations.OfferTaken),
)
def leave_line(
    entry_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer
) -> WaitlistEntryRead:
    """Leave the line. A seat that is offered goes to whoever is next. Once it is taken, release it instead."""
    found = operations.leave(db, entry_id=entry_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, WaitlistEntryRead.model_validate(found))
