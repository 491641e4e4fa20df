"""`earshot doctor`."""

import typer

from app import clock
from app.cli.installation import Dir, look_at
from app.doctor import examine

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def doctor(dir: Dir = None) -> None:
    """Look at the installation and say what is well and what is not."""
    findings = examine(look_at(dir), now=clock.now())
    for finding in findings:
        typer.echo(f"{'ok ' if finding.well else 'BAD'}  {finding.what}: {finding.detail}")
    if not all(finding.well for finding in findings):
        raise typer.Exit(1)
