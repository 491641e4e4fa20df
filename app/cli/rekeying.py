"""`earshot rekey`."""

from typing import Annotated

import typer

from app.cli.installation import Dir, existing, one_sentence, opened
from app.cli.saying import fail, say
from app.jobs.resealing import reseal_all
from app.vault import FILE, Key, vault_of

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def rekey(
    dir: Dir = None,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Make no key, and forget all but the first. Older backups need those.")
    ] = False,
) -> None:
    """Seal every secret by a new key, while the service runs. With several machines, give each the key file first."""
    settings = existing(dir)
    given = bool(settings.vault_keys.get_secret_value())
    with opened(settings) as engine, one_sentence():
        vault = vault_of(engine)
        if not drop_old and not given:
            vault.put_first(Key.new())
        done = reseal_all(engine)
        say(f"{done.values} secrets are sealed anew, by the key {vault.keys[0].id}.")
        if done.locked:
            fail(f"{done.locked} more can't be opened: their key is not in {FILE}. `earshot doctor` names it.")
        if given:
            say("Keys are given by EARSHOT_VAULT_KEYS: what comes after the first there seals nothing any more.")
        elif drop_old:
            vault.forget_others()
            say("It is the only key now.")
        else:
            say(f"Keep a copy of {settings.dir / FILE} apart from the backups: without it no secret opens.")
