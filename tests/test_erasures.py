"""The list of erasures outlives crashes and older databases, and whoever is on it is erased again, whatever died."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from app.cli.installation import opened
from app.config import Settings
from app.db import only_writer, transaction
from app.erasures import ErasureList
from app.models.tables import call, job, person
from app.operations import erasing
from app.operations.privacy import erase_person
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS


def test_the_list_is_empty_before_anybody_is_on_it(tmp_path: Path) -> None:
    assert ErasureList(tmp_path).erased() == {}


def test_somebody_is_written_down_once_with_the_first_instant(tmp_path: Path) -> None:
    listed = ErasureList(tmp_path)

    listed.add("per_1", at=NOW)
    listed.add("per_1", at=NOW + timedelta(days=1))

    assert listed.erased() == {"per_1": NOW}
    assert (tmp_path / "erasures.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_line_that_a_crash_cut_off_is_written_over(tmp_path: Path) -> None:
    listed = ErasureList(tmp_path)
    listed.add("per_1", at=NOW)
    with (tmp_path / "erasures.jsonl").open("a") as file:
        file.write('{"person_id": "per_2", "a')

    listed.add("per_3", at=NOW)

    assert listed.erased() == {"per_1": NOW, "per_3": NOW}


def test_any_number_may_write_at_once(tmp_path: Path) -> None:
    names = [f"per_{number}" for number in range(40)]

    with ThreadPoolExecutor(8) as several:
        list(several.map(lambda name: ErasureList(tmp_path).add(name, at=NOW), names * 2))

    assert sorted(ErasureList(tmp_path).erased()) == sorted(names)
    assert len((tmp_path / "erasures.jsonl").read_text().splitlines()) == len(names)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(dir=tmp_path, database_url=database_url, secret_key=SecretStr("test"), _env_file=None)


def erased_once(engine: Engine, settings: Settings) -> Mapping[str, Any]:
    """Erase somebody whom a call is named after; return the job's payload."""
    with transaction(engine, writes=True) as db:
        ana = a_person(db, "Ana Canary7f3a").id
        a_call(db, title="Northwind: demo with Ana Canary7f3a")
    with transaction(engine, writes=True) as db:
        erase_person(db, person_id=ana, confirm=None, listed=ErasureList(settings.dir), actor=SYSTEM, now=NOW)
    with transaction(engine, writes=False) as db:
        payload: Mapping[str, Any] = db.execute(select(job.c.payload).where(job.c.kind == "erase_person")).scalar_one()
    return payload


def titles(engine: Engine) -> list[str]:
    with transaction(engine, writes=False) as db:
        return list(db.execute(select(call.c.title)).scalars())


def test_a_search_that_died_half_way_is_done_by_the_next(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = erased_once(engine, settings)

    def dies(percent: int) -> None:
        if percent > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erasing.search(engine, settings, payload, progress=dies)
    with transaction(engine, writes=False) as db:
        again = db.execute(select(job.c.payload).where(job.c.kind == "erase_person")).scalar_one()
    result = erasing.search(engine, settings, again)

    assert again["words"] == payload["words"]
    assert titles(engine) == ["Northwind: demo with [erased]"]
    assert result["rows_deleted"] == payload["result"]["rows_deleted"]
    with transaction(engine, writes=False) as db:
        assert "canary" not in repr(db.execute(select(job)).all()).lower()


def test_nobody_is_erased_when_the_list_cannot_be_written(engine: Engine, settings: Settings) -> None:
    with transaction(engine, writes=True) as db:
        ana = a_person(db, "Ana").id
    nowhere = ErasureList(settings.dir / "missing")

    with pytest.raises(FileNotFoundError), transaction(engine, writes=True) as db:
        erase_person(db, person_id=ana, confirm=None, listed=nowhere, actor=SYSTEM, now=NOW)

    with transaction(engine, writes=False) as db:
        assert db.execute(select(person.c.name).where(person.c.id == ana)).scalar_one() == "Ana"


def test_whatever_opens_the_database_erases_again_whom_it_knows(engine: Engine, settings: Settings) -> None:
    with transaction(engine, writes=True) as db:
        ana, ben = a_person(db, "Ana").id, a_person(db, "Ben").id
    ErasureList(settings.dir).add(ana, at=NOW)
    ErasureList(settings.dir).add("per_of_another_backup", at=NOW)

    with opened(settings) as served, transaction(served, writes=False) as db:
        names = {row.id: row.name for row in db.execute(select(person.c.id, person.c.name))}

    assert (names[ana], names[ben]) == ("Erased person", "Ben")


def test_somebody_who_was_the_last_admin_when_the_backup_was_made_is_erased_again(
    engine: Engine, settings: Settings
) -> None:
    with transaction(engine, writes=True) as db:
        ada = a_person(db, "Ada", role=Role.ADMIN).id
    ErasureList(settings.dir).add(ada, at=NOW)

    with opened(settings) as served, transaction(served, writes=False) as db:
        found = db.execute(select(person.c.name, person.c.role).where(person.c.id == ada)).one()

    assert tuple(found) == ("Erased person", Role.REP)


def test_writers_wait_while_the_file_is_cleared_and_none_is_refused(engine: Engine, settings: Settings) -> None:
    written_meanwhile: list[str] = []

    def write() -> None:
        with transaction(engine, writes=True) as db:
            written_meanwhile.append(a_person(db, "Ana").id)

    if engine.dialect.name == "postgresql":
        assert erasing.compact(engine)
        return
    with ThreadPoolExecutor(1) as other:
        with only_writer(engine) as connection:
            waits = other.submit(write)
            connection.execute("VACUUM")
            sleep(0.1)
            assert written_meanwhile == []
        waits.result(PATIENCE_SECONDS)

    assert len(written_meanwhile) == 1
    assert erasing.compact(engine)


def test_who_was_erased_is_not_erased_again_at_every_start(engine: Engine, settings: Settings) -> None:
    erased_once(engine, settings)

    for _ in range(2):
        with opened(settings):
            pass

    with transaction(engine, writes=False) as db:
        assert len(db.execute(select(job.c.id).where(job.c.kind == "erase_person")).all()) == 1
