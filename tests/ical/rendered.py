"""Renders what a database tells calendars, in a process of its own: `python -m tests.ical.rendered URL NOW SECRET…`."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import select

from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.ical import itip, write
from app.models.tables import calendar_entry as entry
from app.queries.entries import Desk, drawn_entries
from app.queries.feeds import feed_fragments, feed_state
from tests.ical.test_ical_golden import written

DESK = Desk.of(Settings(_env_file=None))


def digests(database_url: str, now: str, *secrets: str) -> dict[str, str]:
    """What the bytes of the golden files are, of an invite and a cancellation for every entry, and of feeds as they are
    `now`.
    """
    at = datetime.fromisoformat(now)
    engine = make_engine(database_url)
    with transaction(engine, writes=False) as db:
        found = {**written(), **dict(_messages(db)), **dict(_feeds(db, secrets, at))}
    engine.dispose()
    return {name: sha256(content).hexdigest() for name, content in found.items()}


def _messages(db: DbSession) -> Iterator[tuple[str, bytes]]:
    for drawn in drawn_entries(db, db.execute(select(entry.c.id)).scalars(), desk=DESK):
        yield f"{drawn.id} on", itip.request(drawn.entry)
        yield f"{drawn.id} off", itip.cancel(drawn.entry)


def _feeds(db: DbSession, secrets: Sequence[str], now: datetime) -> Iterator[tuple[str, bytes]]:
    for secret in secrets:
        state = feed_state(db, secret=secret, desk=DESK, now=now)
        fragments, _ = feed_fragments(db, state, desk=DESK)
        assert fragments
        yield f"feed {secret}", write.feed(fragments, name=state.title, time_zone=state.time_zone)


if __name__ == "__main__":
    json.dump(digests(*sys.argv[1:]), sys.stdout)
