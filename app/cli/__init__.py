"""The console script `earshot`: start the service, and do what its operator does by hand.

A command is imported when it is run: who imports a file needs no web framework, and waits for none.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

_COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("serving", "Serve the API and the pages. On SQLite the worker runs inside."),
    "worker": ("working", "Run due jobs: several workers, on several machines, on PostgreSQL."),
    "demo": ("demonstrating", "Play the whole loop on a made-up company, through the REST API."),
    "migrate": ("keeping", "Bring the database to the schema of this version."),
    "import": ("importing", "Import people or calls from a CSV file, or calls from a calendar."),
    "login-link": ("letting_in", "Print a link that signs a person in, once, within 15 minutes."),
    "openapi": ("describing", "Write openapi.json, the description of the API."),
    "backup": ("keeping", "Write everything that must not be lost into one file, while the service runs."),
    "restore": ("keeping", "Put a backup into an empty folder or database."),
    "rekey": ("rekeying", "Seal every secret by a new key, while the service runs."),
    "doctor": ("examining", "Look at the installation and say what is well and what is not."),
    "audit": ("auditing", "The audit of who did what."),
    "person": ("privacy", "Export and erase one person."),
    "key": ("keys", "API keys."),
    "ical": ("reading_calendars", "Calendars of others."),
}
"""Command to the module of this package that has it, and what it does in a line."""


class _Commands(TyperGroup):
    """Says what every command does, and imports the one that is run."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # Typer hides the types
        """Return the name of the command, the command itself, and what is left to it."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return None, None, rest
        module = import_module(f"{__name__}.{_COMMANDS[name][0]}")
        return name, get_group(module.commands).commands[name], rest


app = typer.Typer(
    name="earshot",
    cls=_Commands,
    help="Put every junior rep within earshot of a good sales call again.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, (_, _about) in _COMMANDS.items():
    app.command(_name, help=_about)(lambda: None)


def main() -> None:
    """Run the console script."""
    app()
