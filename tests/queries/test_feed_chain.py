"""A year of random edits: after each the feed says what the database holds, and as a valid chain of revisions.

RFC 5546 section 2.1.4: a UID is one thing for ever, and what is later has the higher SEQUENCE, then the later DTSTAMP.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from app.config import Settings
from app.db import DbSession, transaction
from app.errors import Problem
from app.ical import write
from app.ical.expand import busy_times
from app.models import Person
from app.operations.calls import cancel_call, patch_call
from app.operations.feeds import create_feed
from app.operations.people import patch_person
from app.operations.seats import book_seat, release_seat
from app.operations.series import book_series
from app.operations.series_changes import cancel, reschedule
from app.operations.sessions import cancel_session, reschedule_session
from app.queries.entries import Desk
from app.queries.feeds import FeedState, feed_fragments, feed_state
from app.queries.series import occurrence_rows
from app.rules.access import SYSTEM
from app.rules.recurrence import Scope
from app.vocabulary import FeedKind, FeedPrivacy
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.ical.checker import Component, Line, events_of, parse, problems
from tests.sessions_and_people import a_plan, a_session, claimed, row_of

DESK = Desk.of(Settings(_env_file=None))


@dataclass(frozen=True)
class Edit:
    """One act some hours after the one before, on the newest thing but `pick`, towards a time some days ahead; of what
    recurs, by some days and to another hour.
    """

    act: str
    hours_later: int
    days_ahead: int
    hour: int
    pick: int


ACTS = (
    *("meet", "move", "cancel", "wait", "recur", "recur", "recur"),
    *("seat", "release", "move_call", "rehost", "cancel_call", "rename_host", "rename_mentor"),
)
SCOPES: dict[str, tuple[str, Scope]] = {
    f"{done}_{which}": (done, which) for done in ("move", "cancel") for which in get_args(Scope)
}
WHEN = ("DTSTART", "DTEND", "RRULE", "EXDATE", "RECURRENCE-ID", "STATUS")
RULES = ("FREQ=WEEKLY;COUNT=6", "FREQ=DAILY;INTERVAL=7;COUNT=3", "FREQ=WEEKLY;INTERVAL=2;COUNT=4")
EDITS = st.builds(
    Edit,
    act=st.sampled_from((*ACTS, *SCOPES)),
    hours_later=st.one_of(st.just(0), st.integers(0, 14 * 24)),
    days_ahead=st.integers(0, 20),
    hour=st.integers(9, 16),
    pick=st.integers(0, 3),
)


class Year:
    """Jo meets Max, now and then or week by week, sits in on the calls of Mara and Ines, and has a feed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.sessions: list[str] = []
        self.calls: list[str] = []
        self.seats: list[str] = []
        self.recurring: list[str] = []
        self.names = 0
        with transaction(engine, writes=True) as db:
            limits: dict[str, Any] = {
                "observe_per_day": 20,
                "observe_per_week": 50,
                "sessions_per_day": 20,
                "sessions_per_week": 50,
            }
            self.jo = a_person(db, "Jo", **limits)
            self.max = a_person(db, "Max", sessions_per_day=20, sessions_per_week=50)
            self.hosts = [a_person(db, name, host_per_day=20, host_per_week=50) for name in ("Mara", "Ines")]
            self.mara = self.hosts[0]
            made = create_feed(
                db,
                person_id=self.jo.id,
                kind=FeedKind.PERSONAL,
                privacy=FeedPrivacy.FULL,
                actor=SYSTEM,
                now=NOW,
            )
        self.secret = made.secret
        self.known: dict[str, list[Component]] = {}
        self.state: FeedState | None = None
        self.content = b""

    def do(self, edit: Edit) -> None:
        """Act, or be refused as anybody would be."""
        self.now += timedelta(hours=edit.hours_later)
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        at = max(midnight, MONDAY) + timedelta(days=edit.days_ahead, hours=edit.hour)
        try:
            with transaction(self.engine, writes=True) as db:
                self._act(db, edit, at)
        except Problem:
            pass

    def _act(self, db: DbSession, edit: Edit, at: datetime) -> None:
        by: dict[str, Any] = {"actor": SYSTEM, "now": self.now}

        def picked(some: list[str]) -> str:
            return some[-1 - edit.pick % len(some)]

        if edit.act == "meet":
            self.sessions.append(a_session(db, self.jo, self.max, now=self.now, starts_at=at))
        elif edit.act == "move" and self.sessions:
            reschedule_session(db, session_id=picked(self.sessions), starts_at=at, **by)
        elif edit.act == "cancel" and self.sessions:
            cancel_session(db, session_id=picked(self.sessions), **by)
        elif edit.act == "seat":
            call_id = a_call(db, self.mara, starts_at=at, seats=2)
            self.seats.append(book_seat(db, call_id=call_id, observer_id=self.jo.id, **by).id)
            self.calls.append(call_id)
        elif edit.act == "release" and self.seats:
            release_seat(db, seat_id=picked(self.seats), **by)
        elif edit.act == "move_call" and self.calls:
            times = {"starts_at": at, "ends_at": at + timedelta(minutes=30)}
            patch_call(db, call_id=picked(self.calls), changes=times, **by)
        elif edit.act == "cancel_call" and self.calls:
            cancel_call(db, call_id=picked(self.calls), **by)
        elif edit.act == "rehost" and self.calls:
            host = {"host_id": self.hosts[edit.pick % 2].id}
            patch_call(db, call_id=picked(self.calls), changes=host, **by)
        elif edit.act == "recur":
            plan, rule = a_plan(self.jo, self.max, starts_at=at), RULES[edit.pick % len(RULES)]
            first, _ = book_series(db, plan=plan, rrule=rule, on_conflict="skip", **by)
            of = row_of(db, first).series_id
            self.recurring = [row.id for row in occurrence_rows(db, [of])[of]]
        elif edit.act in SCOPES and self.recurring:
            done, which = SCOPES[edit.act]
            one = row_of(db, self.recurring[edit.pick % len(self.recurring)])
            if done == "cancel":
                cancel(db, session_id=one.id, which=which, **by)
            else:
                days = timedelta(days=edit.days_ahead % 3 - 1)
                to = (one.starts_at + days).replace(hour=edit.hour)
                reschedule(db, session_id=one.id, starts_at=to, which=which, **by)
        elif edit.act.startswith("rename"):
            self.names += 1
            who: Person = self.mara if edit.act == "rename_host" else self.max
            patch_person(db, person_id=who.id, changes={"name": f"Name {self.names}"}, **by)

    def check(self) -> None:
        """Fetch, and compare with the database and with the fetch before."""
        with transaction(self.engine, writes=False) as db:
            state = feed_state(db, secret=self.secret, desk=DESK, now=self.now)
            fragments = feed_fragments(db, state, desk=DESK)[0]
            taken = claimed(db, self.jo)
        content = write.feed(fragments, name=state.title, time_zone=state.time_zone)
        events: dict[str, list[Component]] = defaultdict(list)
        for event in events_of(parse(content)):
            events[event.value("UID") or ""].append(event)
        oldest = state.day - timedelta(days=30)
        read = busy_times(content, start=oldest, end=state.day + timedelta(days=365), owner_zone="UTC")

        assert not events or problems(content, method=None) == []
        assert len(events) == len(fragments)
        assert [(one.start, one.end) for one in read.occurrences] == [time for time in taken if time[1] > oldest]
        for uid in events.keys() & self.known.keys():
            _check_revision(self.known[uid], events[uid])
        if self.state is not None:
            assert (content == self.content) or (state.digest != self.state.digest)
        self.known |= events
        self.state, self.content = state, content


def _says_when(events: list[Component]) -> list[list[Line]]:
    """All that says when, and whether, an event and what differs from it takes place."""
    return [[line for line in event.lines if line.name in WHEN] for event in events]


def _revision(events: list[Component]) -> tuple[int, datetime]:
    """SEQUENCE and DTSTAMP, which are the same in all that is told under one UID."""
    ((sequence, stamp),) = {(event.value("SEQUENCE") or "", event.value("DTSTAMP") or "") for event in events}
    return int(sequence), datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _check_revision(before: list[Component], after: list[Component]) -> None:
    if before == after:
        return
    said, says = _revision(before), _revision(after)
    assert says[0] >= said[0]
    assert says[1] > said[1]
    if _says_when(before) != _says_when(after):
        assert says[0] > said[0]


@settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(edits=st.lists(EDITS, min_size=20, max_size=50))
def test_after_every_edit_of_a_year_the_feed_is_what_the_database_holds(engine: Engine, edits: list[Edit]) -> None:
    year = Year(engine)

    for edit in edits:
        year.do(edit)

        year.check()
