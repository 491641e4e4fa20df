"""See to what is left of somebody who was erased: in what others wrote, in the outbox, in the files of the database."""

import email
import email.policy
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, text

from app.config import Settings
from app.db import only_writer, transaction, written
from app.erasures import ErasureList
from app.models import metadata
from app.operations import privacy
from app.queries import personal
from app.rules.access import SYSTEM
from app.rules.personal import RECORDS, Traces


def search(
    engine: Engine,
    settings: Settings,
    payload: Mapping[str, Any],
    *,
    progress: Callable[[int], None] = lambda _percent: None,
) -> dict[str, Any]:
    """Search for the words of an erasure's payload, then forget them; return what was done in all."""
    if not payload["words"]:
        return dict(payload["result"])
    traces = Traces(payload["words"], person_id=payload["result"]["person_id"])
    searched, found = _searched(), 0
    for number, table in enumerate(searched):
        progress(90 * number // len(searched))
        found += _take_out(engine, table, traces)
    result = {**payload["result"], "texts_changed": found, "mails_deleted": _clear_outbox(settings.outbox, traces)}
    done = {**payload, "result": result}
    written(engine, partial(privacy.forget_words, operation_id=payload["operation_id"], payload=done))
    return result


def search_now(engine: Engine, settings: Settings) -> None:
    """Do at once, and for all who were erased, what else a worker does: it then finds nothing to search for."""
    with transaction(engine, writes=False) as reading:
        waiting = personal.erasures_at_work(reading)
    for payload in waiting:
        search(engine, settings, payload)
    compact(engine)


def erase_again(engine: Engine, settings: Settings, *, now: datetime) -> None:
    """Erase those on the list outside the database whom the database knows: a backup of before was put back. When
    there are none this costs a look at a file, and at a few keys.
    """
    listed = ErasureList(settings.dir)
    if not (erased := listed.erased()):
        return
    with transaction(engine, writes=False) as reading:
        known = personal.not_erased(reading, erased)
    for person_id in known:
        again = partial(privacy.erase_person, person_id=person_id, confirm=None, listed=listed, actor=SYSTEM, now=now)
        written(engine, again)


def _searched() -> list[Table]:
    return [metadata.tables[name] for name, record in RECORDS.items() if record.searched]


def _take_out(engine: Engine, table: Table, traces: Traces) -> int:
    """Search one table, a batch at a time."""
    found, after = 0, None
    while True:
        with transaction(engine, writes=False) as reading:
            rows = personal.texts(reading, table, after=after)
        if named := [row for row in rows if privacy.named_in(table, row[1], traces)]:
            found += written(engine, partial(privacy.take_out, table=table, rows=named, traces=traces))
        if len(rows) < personal.BATCH:
            return found
        after = rows[-1][0]


def _clear_outbox(outbox: Path, traces: Traces) -> int:
    """Delete the mails to or about them, and return how many these were. Without a relay that is where mail is put."""
    about = [file for file in sorted(outbox.glob("*.eml")) if _names(file.read_bytes(), traces)]
    for file in about:
        file.unlink(missing_ok=True)
    return len(about)


def _names(mail: bytes, traces: Traces) -> bool:
    read = email.message_from_bytes(mail, policy=email.policy.default)
    if traces.in_text("\n".join(str(value) for value in read.values())):
        return True
    contents = (part.get_payload(decode=True) for part in read.walk())
    return any(traces.in_calendar(content) for content in contents if isinstance(content, bytes))


def compact(engine: Engine) -> bool:
    """Give back the pages of what was deleted, so that no file holds it: neither the database nor its journal. False
    while somebody reads the journal. On PostgreSQL dead rows are made free for new ones; its own journal and replicas
    keep to its own rules.
    """
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE)"))  # statistics hold values, too
        return True
    with only_writer(engine) as connection:
        connection.execute("VACUUM")
        [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
