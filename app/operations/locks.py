"""Lock calls with everybody on them.

Whatever locks several rows does it in one order, each kind by id, so that no two transactions wait for each other:
first the names that upserts give (`external`), people, their tree, accounts, call types, calls, calendar entries,
claims. Who waits for a call is on it: a seat that comes free is offered in the transaction that frees it.
"""

from collections.abc import Iterable
from typing import Any

from app.db import DbSession, Retryable
from app.models.tables import call
from app.operations import invites
from app.operations.capacity import hold_references, lock_calls_where
from app.queries import calls, people
from app.queries.rows import in_parts


def lock_calls(
    db: DbSession, call_ids: Iterable[str], *, also: Iterable[str] = (), account_ids: Iterable[str] = ()
) -> None:
    """Lock calls with all that changing them locks: those on them and `also`, what they take their seats from, the
    calls, their entries. Asks for another run when somebody came on between looking and locking.
    """
    wanted = sorted(set(call_ids))
    before = calls.people_on(db, wanted)
    for part in in_parts(sorted({who for _, who in before} | set(also))):
        people.lock_people(db, part)
    hold_references(db, account_ids)
    for part in in_parts(wanted):
        lock_calls_where(db, call.c.id.in_(part))
    if not calls.people_on(db, wanted) <= before:
        raise Retryable("somebody came on a call meanwhile")
    invites.lock_entries(db, wanted)


def lock_call_with_people(
    db: DbSession, call_id: str, *, also: Iterable[str] = (), account_ids: Iterable[str] = ()
) -> Any:
    """Lock one call as `lock_calls` does and return its row."""
    lock_calls(db, [call_id], also=also, account_ids=account_ids)
    return calls.call_for_update(db, call_id)


def lock_to_sit(db: DbSession, seen: Any, observer_id: str) -> tuple[dict[str, Any], Any]:
    """Lock an observer and the host of a call that was seen, then the call; return of the people by id, and of the
    call, what decides about seats. Asks for another run when it got another host meanwhile.
    """
    rows = people.people_to_sit(db, [observer_id, seen.host_id])
    found = calls.call_to_sit(db, seen.id)
    if found.host_id != seen.host_id:
        raise Retryable("the call got another host meanwhile")
    return rows, found
