"""Feeds: 200 events in full and as 304 against bare Starlette with the same bytes; 1,000 stored fragments joined.

CPU of the server per request, over HTTP. The bare app holds the bytes and their ETag in memory. A feed of a team of one
shows the same events.
"""

import argparse
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.db import transaction
from app.ical import write
from app.ical.entries import Entry, Organizer
from app.models.tables import calendar_entry
from app.operations.feeds import create_feed
from app.operations.seats import book_seat
from app.operations.teams import create_team
from app.queries.entries import Desk, drawn_entries
from app.rules.access import SYSTEM
from app.vocabulary import FeedKind, FeedPrivacy, Part
from benchmarks.databases import copies
from benchmarks.figures import Figure, median_cpu
from benchmarks.servers import Get, apart, earshot, made, milliseconds
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW

_EVENTS = 200
_A_DAY = 16  # half hours from 09:00 to 17:00
_PLAIN = {"Accept-Encoding": "identity"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--requests", type=int, default=50, help="per round; there are six")


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure the requests, then the join alone."""
    with ExitStack() as stack:
        (secret, team_secret, entries), copy = stack.enter_context(copies(options.engine, _fill))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(apart(made(earshot, copy(), folder)))
        path = f"/feeds/{secret}.ics"
        first = ours.get(path, _PLAIN, expect=200)  # draws the events; from now on they are stored
        assert first.content.count(b"BEGIN:VEVENT") == _EVENTS
        etag = first.headers["etag"]
        bare = stack.enter_context(apart(made(_bare, first.content, etag)))
        assert bare.get("/", _PLAIN, expect=200).content == first.content
        known = {"If-None-Match": etag}
        team_path = f"/feeds/{team_secret}.ics"
        team = ours.get(team_path, _PLAIN, expect=200)
        assert team.content.count(b"BEGIN:VEVENT") == _EVENTS
        gets = [
            Get(ours, path, _PLAIN),
            Get(bare, "/", _PLAIN),
            Get(ours, path, known, 304),
            Get(bare, "/", known, 304),
            Get(ours, path, {"Accept-Encoding": "gzip"}),
            Get(ours, team_path, _PLAIN),
            Get(ours, team_path, {"If-None-Match": team.headers["etag"]}, 304),
        ]
        spent = milliseconds(gets, requests=options.requests)
        full, bare_full, unchanged, bare_unchanged, zipped, team_full, team_unchanged = spent
    on = f"on {options.engine}"
    return [
        Figure(f"feed of 200 events in full {on}", full, "ms CPU", bare_full, "bare Starlette", 1 / 0.45),
        Figure(f"the same, 304 {on}", unchanged, "ms CPU", bare_unchanged, "bare Starlette", 1 / 0.30),
        Figure(f"the same in full, gzip {on}", zipped, "ms CPU", bare_full, "bare Starlette without gzip"),
        Figure(f"the same events as a team's, in full {on}", team_full, "ms CPU"),
        Figure(f"those, 304 {on}", team_unchanged, "ms CPU"),
        *_written(entries),
    ]


def _written(entries: list[Entry]) -> list[Figure]:
    fragments = [write.vevent(entry, rsvp=False) for entry in entries] * (1000 // _EVENTS)
    joined = 1000 * median_cpu(50, lambda: write.feed(fragments, name="Earshot: Priya", time_zone="Europe/London"))
    bare = 1000 * median_cpu(50, lambda: b"".join(fragments))
    rendered = 1000 * median_cpu(5, lambda: [write.vevent(entry, rsvp=False) for entry in entries]) / _EVENTS
    return [
        Figure("1,000 stored fragments as a feed, no database", joined, "ms CPU", at_most=5),
        Figure("the same against a bare join of the bytes", joined, "ms CPU", bare, "b''.join"),
        Figure("one VEVENT rendered, once per revision", rendered, "ms CPU", at_most=1.5),
    ]


def _fill(engine: Engine) -> tuple[str, str, list[Entry]]:
    """Seat one junior on 200 calls of one host, half an hour each; return the secrets of their feed and of their
    team's, and their entries.
    """
    desk = Desk(Organizer("Earshot", "earshot@earshot.example"), "http://127.0.0.1:8000")
    with transaction(engine, writes=True) as db:
        team_id = create_team(db, name="North", actor=SYSTEM, now=NOW).id
        host = a_person(db, "Mara Okafor", host_per_day=100, host_per_week=100)
        junior = a_person(db, "Priya Raman", team_id=team_id, observe_per_day=100, observe_per_week=100)
        for number in range(_EVENTS):
            day, half_hour = divmod(number, _A_DAY)
            at = MONDAY + timedelta(days=day + 2 * (day // 5), hours=9, minutes=30 * half_hour)
            call_id = a_call(db, host, starts_at=at, seats=1, meeting_url="https://meet.example/1")
            book_seat(db, call_id=call_id, observer_id=junior.id, actor=SYSTEM, now=NOW)
        whose: dict[str, Any] = {"person_id": junior.id, "privacy": FeedPrivacy.FULL}
        issued = create_feed(db, **whose, kind=FeedKind.PERSONAL, actor=SYSTEM, now=NOW)
        of_team = create_feed(db, **whose, kind=FeedKind.TEAM, team_id=team_id, actor=SYSTEM, now=NOW)
        mine = db.execute(select(calendar_entry.c.id).where(calendar_entry.c.part == Part.OBSERVER)).scalars()
        return issued.secret, of_team.secret, [drawn.entry for drawn in drawn_entries(db, mine, desk=desk)]


def _bare(content: bytes, etag: str) -> ASGIApp:
    """Return an app that holds one calendar."""
    headers = {"ETag": etag, "Content-Type": "text/calendar; charset=utf-8"}

    def calendar(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers)

    return Starlette(routes=[Route("/", calendar)])
