"""`earshot audit verify`: what it says of an audit that holds, and of one that somebody changed."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import make_engine, transaction
from app.operations.sealing import seal_some
from tests.harness import NOW
from tests.tampering import take_the_guards_off
from tests.test_cli import Done, earshot


@pytest.fixture
def folder(sqlite_url: str, tmp_path: Path) -> Path:
    """An installation with one seal."""
    engine = make_engine(sqlite_url)
    with transaction(engine, writes=True) as db:
        seal_some(db, now=NOW)
    engine.dispose()
    return tmp_path


def verify(folder: Path, *arguments: str) -> Done:
    return earshot("audit", "verify", *arguments, folder=folder)


def test_an_audit_that_holds_says_what_to_keep_for_the_next_time(folder: Path) -> None:
    done = verify(folder)

    assert (done.returncode, done.stderr) == (0, "")
    said, kept = done.stdout.splitlines()
    assert said == "1 events hold, and 0 wait for their seal."
    assert re.fullmatch("1:[0-9a-f]{64}", kept)
    again = verify(folder, "--since", kept)
    assert again.stdout.splitlines() == ["0 events hold, and 0 wait for their seal.", kept]


def test_an_audit_that_somebody_changed_ends_with_an_error_and_says_where(folder: Path) -> None:
    engine = make_engine(f"sqlite:///{folder / 'earshot.db'}")
    with transaction(engine, writes=True) as db:
        take_the_guards_off(db)
        db.execute(text("UPDATE event SET actor = 'per_other'"))
    engine.dispose()

    done = verify(folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Seal 1, made 2026-11-21 09:00 UTC over 1 events, is broken: ")


@pytest.mark.parametrize("since", ["1", "1:abc", f"x:{'0' * 64}"])
def test_what_is_no_seal_is_no_place_to_begin(folder: Path, since: str) -> None:
    done = verify(folder, "--since", since)

    assert (done.returncode, done.stderr) == (1, "--since takes NUMBER:DIGEST as this command said it before.\n")
