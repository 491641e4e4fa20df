"""`earshot ical busy`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from app.cli.saying import content, fail
from app.ical.entries import EntryStatus
from app.ical.expand import busy_times
from app.ical.read import LARGEST, Unreadable
from app.vocabulary import zone

commands = typer.Typer(rich_markup_mode=None)
ical = typer.Typer(no_args_is_help=True)
commands.add_typer(ical, name="ical", help="Calendars of others.")


@ical.command()
def busy(
    file: Annotated[Path, typer.Argument(help="A calendar, such as calendar.ics.")],
    from_: Annotated[str, typer.Option("--from", help="From when, such as 2026-11-23T00:00:00Z.")],
    to: Annotated[str, typer.Option(help="Until when; that moment is not in it.")],
    time_zone: Annotated[str, typer.Option(help="Where floating times and whole days are meant.")] = "UTC",
    raw: Annotated[bool, typer.Option("--raw", help="Also what takes no time: free, cancelled, declined.")] = False,
) -> None:
    """Say as JSON when the owner of a calendar is busy: UTC, sorted, half-open."""
    try:
        where = ZoneInfo(zone(time_zone))
    except ValueError:
        fail("--time-zone takes an IANA time zone such as Europe/Berlin.")
    start, end = (_instant(told, where) for told in (from_, to))
    found = content(file, at_most_bytes=LARGEST + 1)  # one more is refused, however much follows
    try:
        reading = busy_times(found, start=start, end=end, owner_zone=time_zone, raw=raw)
    except Unreadable as why:
        fail(f"{file} can't be read: {why}")
    told = [
        {
            "start": f"{one.start:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{one.end:%Y-%m-%dT%H:%M:%SZ}",
            "summary": one.summary,
            "transparent": one.transparent,
            "status": one.status if raw or not one.tentative else EntryStatus.TENTATIVE,
        }
        for one in reading.occurrences
    ]
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))


def _instant(told: str, where: ZoneInfo) -> datetime:
    """Read an instant; a day, or a time without an offset, is meant where the owner is."""
    try:
        at = datetime.fromisoformat(told)
        return (at if at.tzinfo else at.replace(tzinfo=where)).astimezone(UTC)
    except (ValueError, OverflowError):
        fail(f"{told} is no time such as 2026-11-23T00:00:00Z.")
