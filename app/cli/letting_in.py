"""`earshot login-link`: let people in, and the first admin."""

from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from app import clock
from app.cli.installation import Dir, existing, one_sentence, opened, person_id
from app.cli.saying import fail
from app.db import DbSession, written
from app.operations.sign_in import create_sign_in_link, first_admin
from app.rules.access import SYSTEM
from app.vocabulary import Email, Name, ZoneName

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def login_link(
    email: str,
    name: Annotated[str | None, typer.Option(help="Of a first admin whom nobody has added yet.")] = None,
    zone: Annotated[str, typer.Option(help="Where that one lives, such as Europe/Berlin.")] = "UTC",
    dir: Dir = None,
) -> None:
    """Print a link that signs a person in, once, within 15 minutes. Where there is no admin, they become one."""
    settings = existing(dir)
    address = _valid(Email, email, "is not an e-mail address")
    called = _valid(Name, name or address.partition("@")[0], "is no name: it must be one line of 1 to 200 characters")
    lives_in = _valid(ZoneName, zone, "is not an IANA time zone such as Europe/Berlin")

    def make(db: DbSession) -> tuple[str, bool]:
        now = clock.now()
        made = first_admin(db, email=address, name=called, time_zone=lives_in, now=now)
        who = made or person_id(db, address)
        return create_sign_in_link(db, person_id=who, actor=SYSTEM, now=now), made is not None

    with one_sentence(), opened(settings) as engine:
        secret, is_first = written(engine, make)
    if is_first:
        typer.echo(f"There was no admin: {address} is one now.", err=True)
    typer.echo(f"{settings.public_url.rstrip('/')}/login/t/{secret}")


def _valid(kind: Any, given: str, why: str) -> str:
    try:
        valid: str = TypeAdapter(kind).validate_python(given)
    except ValidationError:
        fail(f"{given} {why}.")
    return valid
