"""`earshot key`: what it refuses in a sentence, and the life of a key from the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.credentials import key_id_of, read_api_key

PEOPLE = "name,email,time_zone,role\nAna,ana@earshot.example,Etc/UTC,rep\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(PEOPLE)
    assert run(tmp_path / "d", "import", "people", str(tmp_path / "people.csv")).exit_code == 0
    return tmp_path / "d"


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--dir", str(folder)])


def said(folder: Path, *arguments: str) -> str:
    result = run(folder, "key", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ((), "--person"),
        (("--role", "rep"), "--person"),
        (("--role", "integration"), "scopes"),
        (("--role", "integration", "--scope", "calls:delete"), "scopes: "),
        (("--role", "admin", "--name", "two\nlines"), "name: "),
        (("--role", "admin", "--requests-per-minute", "0"), "requests_per_minute: "),
        (("--role", "admin", "--person", "ana@earshot.example"), "rep"),
        (("--person", "nobody@earshot.example"), "nobody@earshot.example"),
    ],
)
def test_a_key_that_nobody_may_have_is_refused_in_one_line(folder: Path, wanted: tuple[str, ...], why: str) -> None:
    refused = run(folder, "key", "create", *wanted)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert why in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_key_is_made_listed_rotated_and_revoked(folder: Path) -> None:
    crm = said(folder, "create", "--role", "integration", "--scope", "calls:write", "--name", "CRM")
    said(folder, "create", "--person", "ana@earshot.example", "--expires-in-days", "7")
    assert read_api_key(crm)

    first, second = said(folder, "list").splitlines()
    assert first.split("  ") == [
        key_id_of(crm),
        "CRM",
        "no person",
        "integration",
        "calls:write",
        "never used",
        "until revoked",
    ]
    assert second.split("  ")[2:5] == ["ana@earshot.example", "rep", "everything"]

    again = said(folder, "rotate", key_id_of(crm), "--overlap-hours", "1")
    assert (key_id_of(again), again == crm) == (key_id_of(crm), False)
    assert said(folder, "revoke", key_id_of(crm)) == ""
    assert said(folder, "list").splitlines() == [second]
    assert run(folder, "key", "rotate", key_id_of(crm)).exit_code == 1
    assert run(folder, "key", "revoke", "key_nobody").exit_code == 1
