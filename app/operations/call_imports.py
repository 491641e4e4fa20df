"""Import calls from a file, with the accounts that they are with."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from app import ids
from app.db import DbSession
from app.errors import Problem
from app.models.tables import account, call, call_type
from app.operations import accounts, calls, locks
from app.operations.calls import NewCall
from app.operations.changes import check_admin
from app.operations.imports import (
    SOURCE,
    ImportReport,
    OnlyWritingTells,
    Tally,
    all_or_none,
    ids_by_email,
    ids_by_external_id,
)
from app.operations.remembered_imports import Written
from app.queries.rows import in_parts
from app.rules.access import Actor
from app.rules.accounts import folded, meant
from app.rules.csv_files import CallRow, CallsFile


def import_calls(
    db: DbSession,
    file: CallsFile,
    *,
    source: str = SOURCE,
    skip_bad: bool = False,
    dry_run: bool = False,
    reads_only: bool = False,
    file_name: str | None = None,
    actor: Actor,
    now: datetime,
) -> ImportReport:
    """Create or change calls, found by external id; what the file does not say is kept, and seats follow their call.

    Accounts are found by name however it is spelt, the strictest of several, or made. Importing a file twice changes
    nothing. Locks the calls that change or whose accounts do, and everybody on them, before it changes any. A dry run
    may be one that `reads_only`, and raises OnlyWritingTells where that is not enough.
    """
    check_admin(actor)
    return all_or_none(
        db,
        file.errors,
        lambda: _calls(db, file.rows, source=source, reads_only=reads_only, actor=actor, now=now),
        kind="calls",
        file_name=file_name,
        skip_bad=skip_bad,
        dry_run=dry_run,
        actor=actor,
        now=now,
    )


def _calls(
    db: DbSession, rows: Sequence[CallRow], *, source: str, reads_only: bool, actor: Actor, now: datetime
) -> Tally:
    tally = Tally()
    hosts = ids_by_email(db, (row.host_email for row in rows))
    types = frozenset(db.execute(select(call_type.c.slug)).scalars())
    good = []
    for row in rows:
        if row.host_email not in hosts:
            tally.refuse(row.line, "host_email", "unknown", "`host_email` is nobody here: import people first.")
        elif row.type and row.type not in types:
            tally.refuse(row.line, "type", "unknown", "`type` is no call type here; leave it empty to go by the title.")
        else:
            try:
                calls.check_times({"starts_at": row.starts_at, "ends_at": row.ends_at})
            except Problem as problem:
                tally.refused(row.line, problem)
            else:
                good.append(row)
    account_ids, segments = _accounts(db, good, reads_only=reads_only, actor=actor, now=now)
    known = ids_by_external_id(db, "call", source, (row.external_id for row in good))
    found: dict[str, Any] = {}
    for part in in_parts(known.values()):
        found |= {one.id: one for one in db.execute(select(call).where(call.c.id.in_(part)))}

    gone = calls.who_left(db, hosts.values())
    new: list[NewCall] = []
    changing: list[tuple[CallRow, str, dict[str, Any]]] = []
    for row in good:
        fields = _call_fields(row, hosts[row.host_email], account_ids.get(row.account or ""))
        call_id = known.get(row.external_id)
        if call_id is None and fields["host_id"] in gone:
            tally.refuse(row.line, "host_email", "left", "`host_email` has left: name somebody who works here.")
        elif call_id is None:
            new.append(NewCall(fields, ((source, row.external_id),)))
        elif not calls.says_nothing_new(found[call_id], fields):
            changing.append((row, call_id, fields))
        else:
            tally.rows["updated" if account_ids.get(row.account or "") in segments else "unchanged"] += 1
    if reads_only:
        if changing:  # who has heard a call, and how many sit in, has a say in what may become of it
            raise OnlyWritingTells
        tally.rows["created"] += len(new)
        return tally
    following = {call_id for _, call_id, _ in changing}
    for part in in_parts(segments):
        following |= set(db.execute(select(call.c.id).where(call.c.account_id.in_(part))).scalars())
    everybody = {hosts[row.host_email] for row in good}
    locks.lock_calls(db, following, also=everybody, account_ids=account_ids.values())
    for account_id, (before, segment) in sorted(segments.items()):
        accounts.patch_account(db, account_id=account_id, changes={"segment": segment}, actor=actor, now=now)
        tally.written.append(Written("account", account_id, before={"segment": before}))
    made = calls.create_calls(db, new, actor=actor, now=now)
    tally.rows["created"] += len(made)
    for call_id, one in zip(made, new, strict=True):
        tally.written.append(Written("call", call_id, True, {"external": one.external[0]}))
    for row, call_id, fields in changing:
        try:
            with db.begin_nested():
                calls.patch_call(db, call_id=call_id, changes=fields, actor=actor, now=now)
        except Problem as problem:
            tally.refused(row.line, problem)
        else:
            tally.rows["updated"] += 1
            tally.written.append(Written("call", call_id, before=calls.as_it_was(found[call_id], fields)))
    return tally


def _call_fields(row: CallRow, host_id: str, account_id: str | None) -> dict[str, Any]:
    """Name what the row says as a call's fields are named."""
    said = {
        "type": row.type,
        "account_id": account_id,
        "language": row.language,
        "stage": row.stage,
        "meeting_url": row.meeting_url,
        "seat_capacity": row.seats,
    }
    return {
        "title": row.title,
        "host_id": host_id,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        **{name: value for name, value in said.items() if value is not None},
    }


def _accounts(
    db: DbSession, rows: Sequence[CallRow], *, reads_only: bool, actor: Actor, now: datetime
) -> tuple[dict[str, str], dict[str, tuple[str | None, str]]]:
    """Return the ids of accounts by name as the rows spell it, made where there was none, and by id the segments that
    are to change, before and after. Where nothing may be written, new ones have ids that nothing has. Linear in the
    accounts that there are.
    """
    spelt: dict[str, str] = {}
    segments: dict[str, str | None] = {}
    for row in rows:
        if row.account:
            name = spelt.setdefault(folded(row.account), row.account)
            segments[name] = segments.get(name) or row.account_segment
    known: dict[str, list[Any]] = {}
    if spelt:
        for there in db.execute(select(account)):
            known.setdefault(folded(there.name), []).append(there)
    found = {name: one for key, name in spelt.items() if (one := meant(known.get(key, ()), name)) is not None}
    new = {name: segment for name, segment in segments.items() if name not in found}
    if reads_only:
        made = {name: ids.new("acc", now) for name in new}
    else:
        made = accounts.create_accounts(db, new, actor=actor, now=now)
    changing = {
        one.id: (one.segment, segment)
        for name, one in found.items()
        if (segment := segments[name]) is not None and segment != one.segment
    }
    which = {**{name: one.id for name, one in found.items()}, **made}
    return {row.account: which[spelt[folded(row.account)]] for row in rows if row.account}, changing
