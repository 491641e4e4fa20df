"""`earshot key`: make, list, rotate and revoke API keys."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from pydantic import ValidationError

from app import clock
from app.cli.installation import Dir, existing, one_sentence, opened, person_id
from app.cli.saying import fail, say
from app.db import DbSession, transaction, written
from app.operations import api_keys as operations
from app.queries.api_keys import KeyListed, keys_listed
from app.rules.access import SYSTEM
from app.schemas.api_keys import CreateApiKey
from app.vocabulary import Role

commands = typer.Typer(rich_markup_mode=None)
keys = typer.Typer(no_args_is_help=True)
commands.add_typer(keys, name="key", help="API keys.")

KeyId = Annotated[str, typer.Argument(help="Which one, as `earshot key list` names it.")]


class KeyRole(StrEnum):
    """What a key may do."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    INTEGRATION = "integration"
    REP = "rep"


@keys.command("create")
def create_key(
    role: Annotated[
        KeyRole | None, typer.Option(help="What the key may do; with --person left out, what that person may.")
    ] = None,
    person_email: Annotated[str | None, typer.Option("--person", help="The person that it acts as, by e-mail.")] = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[
        list[str] | None, typer.Option(help="Let it into this part alone, such as calls:read; may be repeated.")
    ] = None,
    days: Annotated[int | None, typer.Option("--expires-in-days", min=1, max=3650, help="How long it works.")] = None,
    requests_per_minute: Annotated[int | None, typer.Option(help="How often it may ask.")] = None,
    dir: Dir = None,
) -> None:
    """Make an API key and print it: this is the only time that it can be seen."""
    if person_email is None and role in (None, KeyRole.REP):
        fail("A rep's key acts as somebody: name them by --person EMAIL. Or say --role integration, auditor or admin.")
    now = clock.now()
    try:
        wanted = CreateApiKey(
            name=name,
            role=Role(role) if role else None,
            scopes=scope or None,
            requests_per_minute=requests_per_minute,
            expires_at=now + timedelta(days=days) if days else None,
        )
    except ValidationError as error:
        fail("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors()))
    settings = existing(dir)

    def make(db: DbSession) -> str:
        who = person_id(db, person_email) if person_email else None
        return operations.issue_api_key(db, **{**dict(wanted), "person_id": who}, actor=SYSTEM, now=now).secret

    with one_sentence(), opened(settings) as engine:
        say(written(engine, make))


@keys.command("list")
def list_keys(dir: Dir = None) -> None:
    """List every API key that works, the oldest first: what it is called, what it may do, and when it was used."""
    settings = existing(dir)
    with one_sentence(), opened(settings) as engine, transaction(engine, writes=False) as db:
        found = keys_listed(db, now=clock.now())
    for key in found:
        say(_line(key))


@keys.command("rotate")
def rotate_key(
    key_id: KeyId,
    hours: Annotated[
        int, typer.Option("--overlap-hours", min=0, max=168, help="How long what it held before works too.")
    ] = 24,
    dir: Dir = None,
) -> None:
    """Give an API key something else to hold and print that: this is the only time that it can be seen."""
    settings = existing(dir)

    def rotate(db: DbSession) -> str:
        overlap = timedelta(hours=hours)
        return operations.rotate_api_key(db, key_id=key_id, overlap=overlap, actor=SYSTEM, now=clock.now()).secret

    with one_sentence(), opened(settings) as engine:
        say(written(engine, rotate))


@keys.command("revoke")
def revoke_key(key_id: KeyId, dir: Dir = None) -> None:
    """End an API key at once and for good."""
    settings = existing(dir)

    def revoke(db: DbSession) -> None:
        operations.revoke_api_key(db, key_id=key_id, actor=SYSTEM, now=clock.now())

    with one_sentence(), opened(settings) as engine:
        written(engine, revoke)


def _line(key: KeyListed) -> str:
    scopes = " ".join(key.scopes) if key.scopes else "everything"
    used = f"last used {key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
    until = f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "until revoked"
    return "  ".join([key.id, key.name, key.email or "no person", key.role, scopes, used, until])
