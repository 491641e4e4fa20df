"""`earshot audit`: whether the audit still says what it said."""

import re
from typing import Annotated

import typer

from app import clock
from app.cli.installation import Dir, existing, one_sentence, opened
from app.cli.saying import fail, say
from app.db import transaction
from app.queries.audit_chain import check

commands = typer.Typer(rich_markup_mode=None)
audit = typer.Typer(no_args_is_help=True)
commands.add_typer(audit, name="audit", help="The audit of who did what.")

_SINCE = re.compile(r"([0-9]{1,9}):([0-9a-f]{64})")


@audit.callback()
def _audit() -> None:
    """The audit of who did what."""


@audit.command()
def verify(
    since: Annotated[
        str | None, typer.Option(help="NUMBER:DIGEST as this command said it before: begin there, and look for it.")
    ] = None,
    dir: Dir = None,
) -> None:
    """Check every seal of the audit. Keep the NUMBER:DIGEST that it says in another place, for the next time."""
    found = _SINCE.fullmatch(since or "")
    if since is not None and found is None:
        fail("--since takes NUMBER:DIGEST as this command said it before.")
    settings = existing(dir)
    with one_sentence(), opened(settings) as engine, transaction(engine, writes=False) as db:
        checked = check(db, since=(int(found[1]), found[2]) if found else None, now=clock.now())
    if checked.broken:
        fail(f"{checked.broken} The {checked.number} seals before it hold.")
    say(f"{checked.events} events hold, and {checked.unsealed} wait for their seal.")
    if checked.given_up:
        say(f"The events of {checked.given_up} seals are gone, for they were kept long enough.")
    say(f"{checked.number}:{checked.digest}")
