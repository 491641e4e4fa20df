"""The console script: what it says, what it leaves behind, how it refuses, and what it waits for."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import app
from app.db import make_engine, transaction
from app.erasures import ErasureList
from tests.faults.commands import serving
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS, until

PEOPLE = """\
name,email,time_zone,as,capacity
Mara,mara@earshot.example,Europe/London,mentor,2
Aisha,a@earshot.example,Asia/Kolkata,mentee,1
"""
CALLS = """\
title,host_email,starts_at,ends_at
Northwind: demo,mara@earshot.example,2030-01-08T10:00:00Z,2030-01-08T10:30:00Z
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


def earshot(*arguments: str, folder: Path, **environment: str) -> Done:
    """Run a command in this process. An accident in it is one here."""
    plain = {name: None for name in os.environ if name.startswith("EARSHOT_")}
    done = CliRunner().invoke(
        app, [*arguments, "--dir", str(folder)], env={**plain, **environment}, catch_exceptions=False
    )
    return Done(done.exit_code, done.stdout, done.stderr)


def process(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as an operator does."""
    return subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", *arguments, "--dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_SECONDS,
        check=False,
        cwd=Path(__file__).parents[1],
    )


def write(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("people", b"%PDF-1.7\n\x00\xff binary", "CSV"),
        ("people", b"", "empty"),
        ("people", CALLS, "people"),
        ("people", "name,email\nMara,mara@earshot.example\n", "time_zone"),
    ],
)
def test_a_wrong_file_gets_one_sentence_and_writes_nothing(
    kind: str, content: str | bytes, words: str, tmp_path: Path
) -> None:
    refused = earshot("import", kind, write(tmp_path / "file.csv", content), folder=tmp_path / "d")

    assert refused.returncode == 1
    assert len(refused.stderr.strip().splitlines()) == 1
    assert words.lower() in refused.stderr.lower()
    assert "Traceback" not in refused.stderr


def test_bad_rows_are_named_by_line_and_can_be_left_out(tmp_path: Path) -> None:
    file = write(tmp_path / "people.csv", PEOPLE + "Tom,not an address,Europe/London,mentee,1\n")

    refused = earshot("import", "people", file, folder=tmp_path / "d")
    skipped = earshot("import", "people", file, "--skip-bad", folder=tmp_path / "d")
    again = earshot("import", "people", file, "--skip-bad", folder=tmp_path / "d")

    assert (refused.returncode, "line 4, email" in refused.stderr) == (1, True)
    assert "not an address" not in refused.stderr
    assert skipped.stdout.strip() == "people: 2 created, 0 updated, 0 unchanged, 1 skipped"
    assert again.stdout.strip() == "people: 0 created, 0 updated, 2 unchanged, 1 skipped"


def test_a_missing_file_a_directory_and_an_unknown_person_are_one_line_errors(tmp_path: Path) -> None:
    for arguments in (
        ("import", "people", str(tmp_path / "none.csv")),
        ("import", "people", str(tmp_path)),
        ("login-link", "nobody@earshot.example"),
        ("key", "create", "--role", "rep", "--person", "nobody@earshot.example"),
        ("key", "create", "--role", "rep"),
        ("restore", str(tmp_path / "none.tar.gz")),
    ):
        refused = earshot(*arguments, folder=tmp_path / "d")

        assert refused.returncode == 1, arguments
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_a_restore_names_what_no_backup_holds_until_it_is_there(tmp_path: Path) -> None:
    house, kept = tmp_path / "house", tmp_path / "kept.tar.gz"
    earshot("migrate", folder=house)
    earshot("backup", str(kept), folder=house)

    bare = earshot("restore", str(kept), folder=tmp_path / "bare")
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    (prepared / "vault.keys").write_bytes((house / "vault.keys").read_bytes())
    ErasureList(prepared).add("per_1", at=NOW)
    whole = earshot("restore", str(kept), folder=prepared)

    assert (bare.returncode, whole.returncode) == (0, 0), whole.stderr
    assert "vault.keys" in bare.stdout
    assert "erasures.jsonl" in bare.stdout
    assert whole.stdout.splitlines() == ["The list of erasures was applied: 1 in it.", "Restored."]


WEB, OUTSIDE, SOLVERS = ("fastapi", "starlette", "uvicorn"), ("httpx", "httpcore"), ("scipy", "highspy")


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ((), (*WEB, *OUTSIDE, *SOLVERS, "sqlalchemy", "pydantic")),
        (("ical", "busy"), (*WEB, *OUTSIDE, *SOLVERS, "sqlalchemy")),
        (("import",), (*WEB, *OUTSIDE, *SOLVERS)),
        (("worker",), (*WEB, *SOLVERS, "httpx")),
    ],
)
def test_a_command_waits_for_nothing_that_it_does_not_need(command: tuple[str, ...], unneeded: tuple[str, ...]) -> None:
    script = f"""
import sys
from app.cli import main
try:
    main()
finally:
    print([name for name in {unneeded!r} if name in sys.modules], file=sys.stderr)
"""

    helped = subprocess.run(
        [sys.executable, "-c", script, *command, "--help"],
        capture_output=True,
        text=True,
        timeout=10 * PATIENCE_SECONDS,
        check=False,
        cwd=Path(__file__).parents[1],
    )

    assert (helped.returncode, helped.stderr.strip()) == (0, "[]")
    assert helped.stdout.startswith("Usage:")


def test_every_command_of_the_list_is_there() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout
    names = re.findall(r"^  ([a-z-]+)  +\S", listed.partition("Commands:")[2], re.MULTILINE)

    assert "import" in names
    for name in names:
        assert f" root {name}" in CliRunner().invoke(app, [name, "--help"], prog_name="root").stdout


def test_a_command_that_is_none_is_told_what_comes_near() -> None:
    refused = CliRunner().invoke(app, ["wroker"])

    assert refused.exit_code == 2
    assert "'worker'" in refused.stderr


def test_a_mistyped_folder_gets_no_database(tmp_path: Path) -> None:
    for arguments in (
        ("backup", str(tmp_path / "b.tar.gz")),
        ("key", "create", "--role", "admin"),
        ("login-link", "a@earshot.example"),
    ):
        refused = earshot(*arguments, folder=tmp_path / "mistyped")

        assert (refused.returncode, "There is no database in" in refused.stderr) == (1, True), arguments
        assert list(tmp_path.iterdir()) == []


def test_a_database_of_a_newer_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    assert earshot("migrate", folder=tmp_path).returncode == 0
    engine = make_engine(f"sqlite:///{tmp_path / 'earshot.db'}")
    with transaction(engine, writes=True) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    refused = earshot("key", "create", "--role", "admin", folder=tmp_path)

    assert (refused.returncode, "newer Earshot" in refused.stderr) == (1, True)


def test_a_database_that_is_away_is_one_sentence(tmp_path: Path) -> None:
    away = "postgresql+psycopg://nobody@127.0.0.1:1/none"

    refused = earshot("worker", folder=tmp_path, EARSHOT_DATABASE_URL=away)

    assert refused.returncode == 1
    assert "can't be reached" in refused.stderr
    assert "Traceback" not in refused.stderr


def calls_if_served(client: httpx.Client) -> list[Any]:
    try:
        found: list[Any] = client.get("/v1/calls").json()["data"]
    except httpx.ConnectError:
        return []
    return found


def test_two_files_become_a_served_team_whose_key_and_login_link_work(tmp_path: Path) -> None:
    folder = tmp_path / "team"
    assert earshot("import", "people", write(tmp_path / "people.csv", PEOPLE), folder=folder).returncode == 0
    assert earshot("import", "calls", write(tmp_path / "calls.csv", CALLS), folder=folder).returncode == 0
    link = process("login-link", "a@earshot.example", folder=folder).stdout.strip()
    key = earshot("key", "create", "--role", "rep", "--person", "a@earshot.example", folder=folder).stdout.strip()

    with serving(folder) as (url, served):
        with httpx.Client(
            base_url=url, trust_env=False, timeout=PATIENCE_SECONDS, headers={"Authorization": f"Bearer {key}"}
        ) as client:
            calls = until(lambda: calls_if_served(client))
            assert [call["title"] for call in calls] == ["Northwind: demo"]
            assert "Sign in" in client.get(httpx.URL(link).path).text
        assert served.poll() is None
    assert served.returncode in (0, -signal.SIGTERM)
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600


def demo_in(folder: Path) -> dict[str, Any]:
    done = process("demo", "--once", "--today", "2026-11-21", folder=folder)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_the_demo_plays_the_whole_loop_and_plays_it_the_same_way_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"

    first = demo_in(one)
    invites, feeds = len(list((one / "outbox").glob("ent_*.eml"))), list((one / "feeds").glob("*.ics"))
    one.rename(two)
    second = demo_in(two)

    assert (first["matched"], first["unmatched"]) == (first["mentees"], 0)
    assert first["sessions_booked"] == first["seats_planned"] > 0
    assert first["plan_gap_percent"] <= 0.1
    assert first["invites_written"] == invites
    assert feeds
    assert second["digest"] == first["digest"]


def test_the_demo_leaves_a_folder_with_other_things_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    refused = earshot("demo", "--once", folder=tmp_path)

    assert (refused.returncode, "not a demo" in refused.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_bad_setting_is_one_sentence_without_its_value(tmp_path: Path) -> None:
    for arguments in (("doctor",), ("login-link", "a@earshot.example"), ("migrate",)):
        refused = earshot(*arguments, folder=tmp_path, EARSHOT_SMTP_PORT="hunter2")

        assert refused.returncode == 1
        assert "EARSHOT_SMTP_PORT" in refused.stderr
        assert "hunter2" not in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_file_that_is_no_database_and_a_url_that_is_none_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "earshot.db").write_bytes(b"not a database, but long enough to look at" * 100)

    damaged = earshot("key", "create", "--role", "admin", folder=tmp_path)
    unknown = earshot("migrate", folder=tmp_path, EARSHOT_DATABASE_URL="postgres://user:hunter2@host/name")
    unread = earshot("backup", "b", folder=tmp_path, EARSHOT_DATABASE_URL="sqlite:hunter2")
    no_port = earshot("worker", folder=tmp_path, EARSHOT_DATABASE_URL="postgresql+psycopg://user:hunter2@host:x/name")

    for refused in (damaged, unknown, unread, no_port):
        assert (refused.returncode, len(refused.stderr.strip().splitlines())) == (1, 1), refused.stderr
        assert "hunter2" not in refused.stderr
