"""`earshot key` and `login-link`: let people and programs in."""

from enum import StrEnum
from typing import Annotated

import typer

from app import clock
from app.cli.installation import Dir, existing, one_sentence, opened, person_id
from app.cli.saying import fail
from app.db import DbSession, written
from app.operations.api_keys import create_api_key
from app.operations.sign_in import create_sign_in_link
from app.rules.access import SYSTEM
from app.vocabulary import Role

commands = typer.Typer(rich_markup_mode=None)
keys = typer.Typer(no_args_is_help=True)
commands.add_typer(keys, name="key", help="API keys.")


class KeyRole(StrEnum):
    """What a key may do."""

    ADMIN = "admin"
    REP = "rep"


@keys.command("create")
def create_key(
    role: Annotated[KeyRole, typer.Option(help="What the key may do.")],
    person_email: Annotated[str | None, typer.Option("--person", help="The person that it acts as, by e-mail.")] = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    dir: Dir = None,
) -> None:
    """Make an API key and print it: this is the only time that it can be seen."""
    if role is KeyRole.REP and person_email is None:
        fail("A rep's key acts as somebody: name them by --person EMAIL.")
    settings = existing(dir)

    def make(db: DbSession) -> str:
        who = person_id(db, person_email) if person_email else None
        return create_api_key(db, name=name, role=Role(role), person_id=who, actor=SYSTEM, now=clock.now())

    with one_sentence(), opened(settings) as engine:
        typer.echo(written(engine, make))


@commands.command()
def login_link(email: str, dir: Dir = None) -> None:
    """Print a link that signs a person in, once, within 15 minutes."""
    settings = existing(dir)

    def make(db: DbSession) -> str:
        return create_sign_in_link(db, person_id=person_id(db, email), actor=SYSTEM, now=clock.now())

    with one_sentence(), opened(settings) as engine:
        secret = written(engine, make)
    typer.echo(f"{settings.public_url.rstrip('/')}/login/t/{secret}")
