"""`earshot openapi`."""

from pathlib import Path
from typing import Annotated

import typer

import app
from app.cli.saying import fail
from app.main import openapi_text

OPENAPI = Path(app.__file__).parent.parent / "openapi.json"

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def openapi(
    check: Annotated[bool, typer.Option("--check", help="Only say whether it is current.")] = False,
) -> None:
    """Write openapi.json, the description of the API."""
    text = openapi_text()
    if not check:
        OPENAPI.write_text(text)
    elif not OPENAPI.exists() or OPENAPI.read_text() != text:
        fail("openapi.json is not what the code says: run `./dev openapi`.")
