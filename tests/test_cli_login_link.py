"""`earshot login-link`: the first admin, and a link for everybody after them."""

from pathlib import Path

from sqlalchemy import select

from app.cli.installation import existing, opened
from app.db import transaction
from app.models.tables import person, sign_in_link
from tests.test_cli import earshot


def people(folder: Path) -> list[tuple[str, str, str]]:
    with opened(existing(folder)) as engine, transaction(engine, writes=False) as db:
        rows = db.execute(select(person.c.email, person.c.name, person.c.role).order_by(person.c.created_at))
        return [(row.email, row.name, row.role.value) for row in rows]


def test_the_first_one_is_made_an_admin_and_told_so_and_nobody_after_them(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earshot("migrate", folder=folder)
    before = people(folder)

    first = earshot(
        "login-link", "Ada@earshot.example", "--name", "Ada Admin", "--zone", "Europe/Berlin", folder=folder
    )
    again = earshot("login-link", "ada@earshot.example", folder=folder)
    other = earshot("login-link", "eve@earshot.example", folder=folder)

    assert before == []
    assert (first.returncode, first.stderr) == (0, "There was no admin: ada@earshot.example is one now.\n")
    assert "/login/t/" in first.stdout
    assert (again.returncode, again.stderr) == (0, "")
    assert (other.returncode, other.stderr) == (1, "Nobody here has the address eve@earshot.example.\n")
    assert people(folder) == [("ada@earshot.example", "Ada Admin", "admin")]


def test_its_links_are_of_use_in_any_browser_and_only_their_digests_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earshot("migrate", folder=folder)

    link = earshot("login-link", "ada@earshot.example", folder=folder).stdout.strip()

    with opened(existing(folder)) as engine, transaction(engine, writes=False) as db:
        row = db.execute(select(sign_in_link)).one()
    assert row.browser_digest is None
    assert link.rpartition("/")[2] not in str(row)


def test_a_mistyped_address_or_zone_makes_nobody_an_admin(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earshot("migrate", folder=folder)

    for arguments in (("ada",), ("ada@earshot.example", "--zone", "Berlin"), ("ada@earshot.example", "--name", "a\nb")):
        refused = earshot("login-link", *arguments, folder=folder)
        assert (refused.returncode, len(refused.stderr.strip().splitlines())) in ((1, 1), (1, 2))

    assert people(folder) == []
