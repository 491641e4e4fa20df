"""`earshot migrate`, `backup` and `restore`."""

from pathlib import Path

import typer

from app import backup, clock, migrations
from app.cli import installation
from app.cli.installation import Dir, existing, load, look_at, one_sentence, opened
from app.cli.saying import say
from app.erasures import FILE as LIST
from app.erasures import ErasureList
from app.operations import erasing
from app.vault import FILE

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def migrate(dir: Dir = None) -> None:
    """Bring the database to the schema of this version."""
    installation.migrate(load(dir))
    say(f"The database is at revision {migrations.newest()}.")


@commands.command("backup")
def back_up(file: Path, dir: Dir = None) -> None:
    """Write everything that must not be lost into one file, while the service runs."""
    with one_sentence(backup.BackupFailed):
        backup.back_up(existing(dir), file, now=clock.now())
    say(f"Backed up to {file}.")


@commands.command()
def restore(file: Path, dir: Dir = None) -> None:
    """Put a backup into an empty folder or database. Who is on the list of erasures there is erased again."""
    looked = look_at(dir)
    with one_sentence(backup.BackupFailed):
        backup.restore(looked, file)
    if erased := ErasureList(looked.dir).erased():
        settings = load(dir)
        installation.migrate(settings)
        with opened(settings) as engine:
            erasing.search_now(engine, settings)
        say(f"The list of erasures was applied: {len(erased)} in it.")
    else:
        say(f"No backup holds who was erased since. Put {LIST} of that installation into {looked.dir}.")
    say("Restored.")
    if not looked.vault_keys.get_secret_value() and not (looked.dir / FILE).exists():
        say(f"No backup holds what opens its secrets. Put {FILE} of that installation into {looked.dir}.")
