"""`earshot person`: export and erase one person."""

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app import clock
from app.cli.installation import Dir, existing, one_sentence, opened, person_id
from app.cli.saying import fail, say
from app.db import DbSession, transaction, written
from app.erasures import ErasureList
from app.operations import erasing, privacy
from app.operations.audit import note_reads
from app.queries import personal
from app.rules.access import SYSTEM
from app.schemas.privacy import PersonExport

commands = typer.Typer(rich_markup_mode=None)
people = typer.Typer(no_args_is_help=True)
commands.add_typer(people, name="person", help="Export and erase one person.")


@people.command("export")
def export(email: str, file: Path, dir: Dir = None) -> None:
    """Write everything that is kept about one person into a new JSON file that only you can read."""
    now = clock.now()
    with one_sentence(), opened(existing(dir)) as engine:
        with transaction(engine, writes=False) as db:
            who = person_id(db, email)
            tables = personal.everything_about(db, who, actor=SYSTEM)
        # Before the file is there: nothing leaves that the audit does not know of.
        noted = partial(note_reads, act="person.read", object_ids=[who], object_type="person", actor=SYSTEM, now=now)
        written(engine, noted)
    text = PersonExport.of(who, tables, at=now).model_dump_json(indent=2) + "\n"
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        fail(f"{file} can't be written: {error.strerror}.")
    say(f"Exported to {file}.")


@people.command("erase")
def erase(
    email: str,
    confirm: Annotated[str, typer.Option(prompt="Write the address again, to be sure that it is them")],
    dir: Dir = None,
) -> None:
    """Erase one person for good: whatever tells who they were goes, counts stay."""
    settings = existing(dir)
    listed = ErasureList(settings.dir)

    def make(db: DbSession) -> str:
        who = person_id(db, email)
        return privacy.erase_person(db, person_id=who, confirm=confirm, listed=listed, actor=SYSTEM, now=clock.now())

    with one_sentence(), opened(settings) as engine:
        written(engine, make)
        erasing.search_now(engine, settings)
    say("Erased.")
