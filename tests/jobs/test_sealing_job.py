"""The job that seals what happened."""

import pytest
from sqlalchemy import Engine, func, select

from app.db import transaction
from app.jobs import HANDLERS, PERIODIC
from app.models.tables import audit_seal, event
from app.operations import sealing
from app.operations.events import tell_many
from app.rules.access import SYSTEM
from tests.harness import NOW
from tests.jobs.house import House


def test_the_job_seals_until_nothing_waits(engine: Engine, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "AT_ONCE", 2)
    with transaction(engine, writes=True) as db:
        tell_many(db, "skill.changed", [(f"skl_{n}", 1) for n in range(4)], actor=SYSTEM, now=NOW)

    HANDLERS["seal"](house.context({}))

    with transaction(engine, writes=False) as db:
        waiting = db.execute(select(func.count()).where(event.c.seal.is_(None))).scalar_one()
        seals = db.execute(select(audit_seal.c.events).order_by(audit_seal.c.number)).scalars().all()
    assert waiting == 0
    assert seals == [2, 2, 1]
    assert "seal" in PERIODIC
