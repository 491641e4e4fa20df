"""Calendars on the command line: when one is busy, and calls from one."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.clock import now
from tests.calendars_outside import WITH_CUSTOMER, an_hour
from tests.ical.foreign_calendars import a_calendar
from tests.test_cli import PEOPLE, earshot, write

WEEK = ("--from", "2026-11-23T00:00:00Z", "--to", "2026-11-30T00:00:00Z")
CALENDAR = a_calendar(
    an_hour("1", "SUMMARY:Später", "STATUS:TENTATIVE", start="DTSTART:20261124T090000"),
    an_hour("2", "SUMMARY:Free", "TRANSP:TRANSPARENT"),
    an_hour("3", "SUMMARY:Out of the window", start="DTSTART:20261130T000000Z"),
)
LATER = {
    "start": "2026-11-24T08:00:00Z",
    "end": "2026-11-24T09:00:00Z",
    "summary": "Später",
    "transparent": False,
    "status": "tentative",
}
FREE = {
    "start": "2026-11-23T09:00:00Z",
    "end": "2026-11-23T10:00:00Z",
    "summary": "Free",
    "transparent": True,
    "status": "confirmed",
}


def ical_busy(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["ical", "busy", *arguments])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<html>Sign in</html>", "no calendar"),
        (b"", "no calendar"),
        (CALENDAR[:-16], "ends before"),
        (a_calendar(an_hour("1", "RRULE:FREQ=SECONDLY")), "repeats every minute or second"),
    ],
)
def test_an_unreadable_file_is_one_line_and_exit_1(content: bytes, words: str, tmp_path: Path) -> None:
    code, said, why = ical_busy(write(tmp_path / "a.ics", content), *WEEK)

    assert (code, said, len(why.splitlines())) == (1, "", 1)
    assert words in why


def test_no_more_is_read_of_a_file_than_a_calendar_may_be() -> None:
    code, said, why = ical_busy("/dev/zero", *WEEK)

    assert (code, said, why) == (1, "", "/dev/zero can't be read: The calendar is larger than 5 MB.\n")


def test_a_missing_file_a_wrong_zone_and_a_wrong_time_are_one_line_each(tmp_path: Path) -> None:
    file = write(tmp_path / "a.ics", CALENDAR)
    for arguments in (
        (str(tmp_path / "none.ics"), *WEEK),
        (file, *WEEK, "--time-zone", "Berlin"),
        (file, "--from", "soon", "--to", "2026-11-30"),
    ):
        code, said, why = ical_busy(*arguments)

        assert (code, said, len(why.splitlines())) == (1, "", 1)


def test_busy_time_is_told_in_utc_and_raw_with_what_takes_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.ics", CALENDAR)
    here = ("--time-zone", "Europe/Berlin")

    code, said, _ = ical_busy(file, *WEEK, *here)
    assert (code, json.loads(said)) == (0, [LATER])
    code, said, _ = ical_busy(file, *WEEK, *here, "--raw")
    assert (code, json.loads(said)) == (0, [FREE, LATER])


def test_calls_come_from_a_calendar_once(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    earshot("import", "people", write(tmp_path / "people.csv", PEOPLE), folder=folder)
    start = f"DTSTART:{now() + timedelta(days=3):%Y%m%dT%H0000Z}"
    file = write(
        tmp_path / "calendar.ics", a_calendar(an_hour("1", *WITH_CUSTOMER, start=start), an_hour("2", start=start))
    )
    mine = ("import", "calls", file, "--host", "mara@earshot.example")

    nobody = earshot("import", "calls", file, folder=folder)
    stranger = earshot("import", "calls", file, "--host", "eve@earshot.example", folder=folder)
    dry, first, again = (earshot(*mine, *more, folder=folder) for more in (("--dry-run",), (), ()))
    page = earshot(*mine[:2], write(tmp_path / "page.ics", "<html>"), *mine[3:], folder=folder)

    assert [(done.returncode, len(done.stderr.splitlines())) for done in (nobody, stranger, page)] == [(1, 1)] * 3
    assert "--host" in nobody.stderr
    assert dry.stdout.strip() == "calls: 1 created, 0 updated, 0 unchanged, 0 skipped (dry run, nothing was written)"
    assert first.stdout.strip() == "calls: 1 created, 0 updated, 0 unchanged, 0 skipped"
    assert again.stdout.strip() == "calls: 0 created, 0 updated, 1 unchanged, 0 skipped"
