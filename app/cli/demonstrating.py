"""`earshot demo`."""

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.cli.installation import Dir, Port
from app.cli.logs import log
from app.cli.saying import fail, say
from app.demo.tour import DemoFailed, run_demo
from app.serving import PortTaken

commands = typer.Typer(rich_markup_mode=None)


class DemoSize(StrEnum):
    """How many people the demo has."""

    DEMO = "demo"
    TEAM = "team"
    ORG = "org"


@commands.command()
def demo(
    dir: Dir = None,
    once: Annotated[bool, typer.Option("--once", help="End when everything is written.")] = False,
    size: Annotated[DemoSize, typer.Option(help="How many people.")] = DemoSize.DEMO,
    port: Port = 8000,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 1,
    today: Annotated[str | None, typer.Option(help="Play on this day (2026-11-23) in place of today.")] = None,
) -> None:
    """Play the whole loop on a made-up company: match, plan, book, invite, feed. Through the REST API."""
    log(quiet=True)
    try:
        day = date.fromisoformat(today) if today else None
    except ValueError:
        fail("--today takes a date such as 2026-11-23.")
    folder = dir or Path("earshot-demo")
    try:
        run_demo(folder, size=size.value, seed=seed, today=day, port=port, once=once, say=say)
    except (DemoFailed, PortTaken) as why:
        fail(str(why))
    except OSError as error:
        fail(f"{error.filename} can't be used: {error.strerror}.")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
