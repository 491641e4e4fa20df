"""The database itself refuses to change what the audit says: S15."""

from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, insert, text, update
from sqlalchemy.exc import DBAPIError

from app.db import transaction
from app.models.tables import audit_seal, event
from app.operations.events import tell
from app.rules.access import SYSTEM
from tests.harness import NOW

SEALED_AND_NOT: dict[str, Any] = {"sealed_at": NOW, "events": 1, "digest": "d" * 64}


@pytest.fixture
def audit(engine: Engine) -> Engine:
    """An event under a seal, one under a seal that was given up, and one under none."""
    with transaction(engine, writes=True) as db:
        for number, object_id in ((1, "skl_old"), (2, "skl_sealed"), (None, "skl_new")):
            tell(db, "skill.changed", object_id, version=1, actor=SYSTEM, now=NOW)
            db.execute(update(event).where(event.c.object_id == object_id).values(seal=number))
        db.execute(insert(audit_seal), [{"number": number, **SEALED_AND_NOT} for number in (1, 2)])
        db.execute(update(audit_seal).where(audit_seal.c.number == 1).values(purged_at=NOW))
    return engine


@pytest.mark.parametrize(
    "forbidden",
    [
        *(
            update(event).values({name: value})
            for name, value in (
                ("at", NOW),
                ("actor", "per_other"),
                ("on_behalf_of_id", "per_other"),
                ("credential_id", None),
                ("act", "skill.created"),
                ("object_id", "skl_other"),
                ("version", 7),
            )
        ),
        update(event).where(event.c.object_id == "skl_sealed").values(seal=None),
        update(event).where(event.c.object_id == "skl_sealed").values(seal=1),
        delete(event).where(event.c.object_id == "skl_sealed"),
        delete(event).where(event.c.object_id == "skl_new"),
        update(event).where(event.c.object_id == "skl_new").values(seal=1),
        update(event).where(event.c.object_id == "skl_new").values(seal=9, actor="per_other"),
        update(audit_seal).values(digest="e" * 64),
        update(audit_seal).values(events=0),
        update(audit_seal).where(audit_seal.c.number == 1).values(purged_at=None),
        delete(audit_seal).where(audit_seal.c.number == 1),
    ],
    ids=str,
)
def test_what_the_audit_says_stays(audit: Engine, forbidden: Any) -> None:
    with pytest.raises(DBAPIError, match="audit_is_append_only"), transaction(audit, writes=True) as db:
        db.execute(forbidden)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the other has no REPLACE
@pytest.mark.parametrize("table", [event, audit_seal], ids=str)
def test_nothing_takes_the_place_of_what_the_audit_says(audit: Engine, table: Table) -> None:
    again = f"REPLACE INTO {table.name} SELECT * FROM {table.name}"  # noqa: S608 - a name of ours

    with pytest.raises(DBAPIError, match="audit_is_append_only"), transaction(audit, writes=True) as db:
        db.execute(text(again))


def test_an_event_may_be_announced_and_come_under_a_seal_and_go_when_that_was_given_up(audit: Engine) -> None:
    with transaction(audit, writes=True) as db:
        db.execute(update(event).values(announced=True))
        db.execute(update(event).where(event.c.object_id == "skl_new").values(seal=3))
        gone = db.execute(delete(event).where(event.c.seal == 1)).rowcount  # type: ignore[attr-defined]

    assert gone == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # the other has no TRUNCATE
def test_no_table_of_the_audit_is_emptied_at_once(audit: Engine) -> None:
    for table in ("event", "audit_seal"):
        with pytest.raises(DBAPIError, match="audit_is_append_only"), transaction(audit, writes=True) as db:
            db.execute(text(f"TRUNCATE {table}"))
