"""What commands say to whoever runs them, and what they read for them."""

from pathlib import Path
from typing import NoReturn

import typer


def say(line: str) -> None:
    """Say what was done."""
    typer.echo(line)


def fail(sentence: str) -> NoReturn:
    """End with exit code 1, saying in one sentence what to mend."""
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def content(file: Path, *, at_most_bytes: int = -1) -> bytes:
    """Return what a file holds, all of it unless `at_most_bytes` says otherwise; fail when it can't be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(at_most_bytes)
    except OSError as error:
        fail(f"{file} can't be read: {error.strerror}.")
