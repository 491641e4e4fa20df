"""Who is reminded of what, once; and nothing of what has changed by the time that it would be sent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.models import Person
from app.models.tables import call, claim, event, job, notice, participant, person, session
from app.operations.calls import cancel_call, patch_call
from app.operations.mail_settings import change_mail_settings
from app.operations.people import patch_person
from app.operations.reminders import remind, tell_debriefs
from app.operations.responses import respond
from app.operations.seats import approve_seat, book_seat, release_seat
from app.operations.series import book_series
from app.operations.sessions import cancel_session, reschedule_session, undo_cancel
from app.queries import reminders
from app.queries.entries import Desk
from app.queries.notices import Pointless, Said
from app.queries.reminders import Reason
from app.rules.access import SYSTEM
from app.rules.messages import CATALOGUE
from app.vocabulary import CallStatus, MessageKind, Part, PersonStatus, Response, SessionKind, SessionStatus
from tests.calls_and_seats import Scene, a_scene, a_seat
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.sessions_and_people import TEN, a_plan, a_session
from tests.statements import counted

DAY, SOON, DIGEST = MessageKind.REMINDER_DAY, MessageKind.REMINDER_SOON, MessageKind.DIGEST
A_DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
SUNDAY_TEN = TEN - A_DAY
MORNING = MONDAY + timedelta(hours=7, minutes=30)
DESK = Desk.of(Settings(public_url="https://earshot.example", _env_file=None))
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def due(db: DbSession, now: datetime) -> list[Reason]:
    return [*reminders.starting_soon(db, now=now), *reminders.days_ahead(db, now=now)]


def sweep(db: DbSession, now: datetime) -> list[Any]:
    """Sweep as the jobs do, and return the notices that this wrote."""
    before = {row.id for row in db.execute(select(notice))}
    remind(db, due(db, now), now=now)
    tell_debriefs(db, now=now)
    return [row for row in db.execute(select(notice).order_by(notice.c.once)) if row.id not in before]


def swept(db: DbSession, now: datetime) -> set[tuple[MessageKind, str, str]]:
    return {(one.kind, one.person_id, one.about_id) for one in sweep(db, now)}


def said(db: DbSession, one: Any, now: datetime) -> Said | Pointless:
    return reminders.READERS[one.kind](db, one, desk=DESK, now=now)


def facts(db: DbSession, one: Any, now: datetime) -> dict[str, Any]:
    found = said(db, one, now)
    assert isinstance(found, Said), found
    assert {*found.facts, "name", "settings_link"} == {*CATALOGUE[one.kind].names}
    return dict(found.facts)


def a_seated_scene(db: DbSession, observers: int = 1, **fields: Any) -> tuple[Scene, list[Person], list[Any]]:
    scene = a_scene(db)
    people = [a_person(db, f"Observer {n}", **fields) for n in range(observers)]
    return scene, people, [a_seat(db, scene.call_id, one) for one in people]


@pytest.mark.parametrize(("kind", "due"), [(DAY, SUNDAY_TEN), (SOON, TEN - 10 * MINUTE)])
def test_observers_are_reminded_of_their_sessions_and_their_host_once_of_the_call(
    db: DbSession, kind: MessageKind, due: datetime
) -> None:
    scene, observers, seats = a_seated_scene(db, 3)

    early, now, again = swept(db, due - MINUTE), swept(db, due), swept(db, due + MINUTE)

    assert early == again == set()
    assert now == {
        (kind, scene.host.id, scene.call_id),
        *((kind, who.id, seat.session_id) for who, seat in zip(observers, seats, strict=True)),
    }


def test_a_reminder_is_written_once_with_the_job_that_sends_it(db: DbSession) -> None:
    _, (jo,), (seat,) = a_seated_scene(db)

    one = next(one for one in sweep(db, SUNDAY_TEN) if one.person_id == jo.id)

    assert one.once == f"reminder_day:{seat.session_id}:{jo.id}:2026-11-23T10:00:00Z"
    assert (one.starts_at, one.due_at) == (TEN, SUNDAY_TEN)
    jobs = db.execute(select(job.c.payload).where(job.c.kind == "notice_mail")).scalars()
    assert {"notice_id": one.id} in list(jobs)


def test_everybody_in_a_session_without_a_call_is_reminded_and_of_each_occurrence_of_a_series(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    once = a_session(db, mia, max_)
    plan = a_plan(mia, max_, starts_at=TEN + 2 * HOUR)
    first, _ = book_series(db, plan=plan, rrule="FREQ=DAILY;COUNT=2", on_conflict="refuse", **BY_MACHINE)
    series_id = db.execute(select(session.c.series_id).where(session.c.id == first)).scalar_one()
    of_series = select(session.c.id).where(session.c.series_id == series_id).order_by(session.c.starts_at)
    first, second = db.execute(of_series).scalars()

    assert swept(db, SUNDAY_TEN) == {(DAY, mia.id, once), (DAY, max_.id, once)}
    assert swept(db, SUNDAY_TEN + 2 * HOUR) == {(DAY, mia.id, first), (DAY, max_.id, first)}
    written = [one for one in sweep(db, SUNDAY_TEN + A_DAY + 2 * HOUR) if one.kind is DAY]

    assert {(one.kind, one.person_id, one.about_id) for one in written} == {
        (DAY, mia.id, second),
        (DAY, max_.id, second),
    }
    told = facts(db, written[0], SUNDAY_TEN + A_DAY + 2 * HOUR)
    assert told["when"] == "Tuesday 24 November 2026, 12:00–12:30 (Europe/London)"
    assert told["link"] == f"https://earshot.example/s/{second}"


def test_who_has_just_booked_needs_no_reminder_of_the_day_before_but_one_of_the_start(db: DbSession) -> None:
    scene = a_scene(db)
    early, late = a_person(db, "Early"), a_person(db, "Late")
    a_seat(db, scene.call_id, early)
    book_seat(db, call_id=scene.call_id, observer_id=late.id, actor=SYSTEM, now=SUNDAY_TEN - HOUR)

    day, soon = swept(db, SUNDAY_TEN), swept(db, TEN - 10 * MINUTE)

    assert {who for _, who, _ in day} == {early.id, scene.host.id}, "the host heard with the first of them"
    assert {who for _, who, _ in soon} == {early.id, late.id, scene.host.id}


def test_an_approved_seat_counts_from_when_it_was_approved(db: DbSession) -> None:
    host, jo = a_person(db, "Host", seat_approval="host"), a_person(db, "Jo")
    call_id = a_call(db, host, starts_at=TEN)
    asked = a_seat(db, call_id, jo)

    before = swept(db, SUNDAY_TEN - HOUR)
    approve_seat(db, seat_id=asked.id, actor=SYSTEM, now=SUNDAY_TEN - HOUR)

    assert before == set(), "nobody is reminded of what is only asked for"
    assert swept(db, SUNDAY_TEN) == set(), "who was let in an hour ago knows"
    assert {who for _, who, _ in swept(db, TEN - 10 * MINUTE)} == {host.id, jo.id}


def test_a_move_is_a_new_start_with_reminders_of_its_own(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)
    old = sweep(db, SUNDAY_TEN)

    def move(starts_at: datetime, now: datetime) -> None:
        reschedule_session(db, session_id=session_id, starts_at=starts_at, actor=SYSTEM, now=now)

    move(TEN + 2 * A_DAY, SUNDAY_TEN + MINUTE)
    later = swept(db, TEN + A_DAY)
    move(TEN + A_DAY + 4 * HOUR, TEN + A_DAY)

    assert len(old) == 2
    assert later == {(DAY, mia.id, session_id), (DAY, max_.id, session_id)}
    assert {kind for kind, *_ in swept(db, TEN + A_DAY + HOUR)} == set(), "the move itself has just been told"
    assert len(swept(db, TEN + A_DAY + 4 * HOUR - 10 * MINUTE)) == 2


Change = Callable[[DbSession, str, Person], None]
"""What becomes of a one-on-one of this person's."""


def _cancelled(db: DbSession, session_id: str, _: Person) -> None:
    cancel_session(db, session_id=session_id, **BY_MACHINE)


def _moved(db: DbSession, session_id: str, _: Person) -> None:
    reschedule_session(db, session_id=session_id, starts_at=TEN + A_DAY, **BY_MACHINE)


def _declined(db: DbSession, session_id: str, who: Person) -> None:
    other, no = TEN + A_DAY, Response.DECLINED  # without another time it would be off
    respond(db, session_id=session_id, person_id=who.id, response=no, proposed_starts_at=other, actor=SYSTEM, now=NOW)


def _unwanted(db: DbSession, _: str, who: Person) -> None:
    change_mail_settings(db, person_id=who.id, changes={"reminders": False, "digest": False}, **BY_MACHINE)


def _gone(db: DbSession, _: str, who: Person) -> None:
    patch_person(db, person_id=who.id, changes={"status": PersonStatus.LEFT}, **BY_MACHINE)


def _on_leave(db: DbSession, _: str, who: Person) -> None:
    patch_person(db, person_id=who.id, changes={"status": PersonStatus.ON_LEAVE}, **BY_MACHINE)


def _taken_out(db: DbSession, session_id: str, who: Person) -> None:
    db.execute(participant.delete().where(participant.c.session_id == session_id, participant.c.person_id == who.id))


CHANGES = (_cancelled, _moved, _declined, _unwanted, _gone, _on_leave, _taken_out)
every_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
every_kind = pytest.mark.parametrize(
    ("kind", "due"), [(DAY, SUNDAY_TEN), (SOON, TEN - 10 * MINUTE), (DIGEST, MORNING)], ids=lambda v: str(v)[:12]
)


@every_change
@every_kind
def test_nobody_is_reminded_of_what_they_are_not_in(
    db: DbSession, change: Change, kind: MessageKind, due: datetime
) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)

    change(db, session_id, mia)

    assert not {one for one in swept(db, due) if one[:2] == (kind, mia.id)}


@every_change
@every_kind
def test_what_was_written_before_the_change_is_not_sent_after_it(
    db: DbSession, change: Change, kind: MessageKind, due: datetime
) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)
    (one,) = (one for one in sweep(db, due) if (one.kind, one.person_id) == (kind, mia.id))
    facts(db, one, due + MINUTE)

    change(db, session_id, mia)

    assert isinstance(said(db, one, due + MINUTE), Pointless)


def _seat_given_back(db: DbSession, scene: Scene, seat: Any) -> None:
    release_seat(db, seat_id=seat.id, **BY_MACHINE)


def _call_off(db: DbSession, scene: Scene, seat: Any) -> None:
    cancel_call(db, call_id=scene.call_id, **BY_MACHINE)


def _call_moved(db: DbSession, scene: Scene, seat: Any) -> None:
    times = {"starts_at": TEN + A_DAY, "ends_at": TEN + A_DAY + HOUR}
    patch_call(db, call_id=scene.call_id, changes=times, **BY_MACHINE)


def _call_begun_early(db: DbSession, scene: Scene, seat: Any) -> None:
    db.execute(update(call).where(call.c.id == scene.call_id).values(status=CallStatus.LIVE))


@pytest.mark.parametrize(
    "change", [_seat_given_back, _call_off, _call_moved, _call_begun_early], ids=lambda change: change.__name__[1:]
)
@every_kind
def test_observer_and_host_hear_nothing_of_a_seat_or_a_call_that_is_gone(
    db: DbSession, change: Callable[[DbSession, Scene, Any], None], kind: MessageKind, due: datetime
) -> None:
    scene, _, (seat,) = a_seated_scene(db)
    written = [one for one in sweep(db, due) if one.kind is kind]

    change(db, scene, seat)

    assert len(written) == 2
    assert [type(said(db, one, due + MINUTE)) for one in written] == [Pointless] * 2
    assert sweep(db, due + MINUTE) == []


def test_a_host_is_reminded_while_anybody_listens_and_the_new_host_in_place_of_the_old(db: DbSession) -> None:
    scene, _, seats = a_seated_scene(db, 2)
    written = [one for one in sweep(db, TEN - 10 * MINUTE) if one.person_id == scene.host.id]
    new = a_person(db, "Nia")

    release_seat(db, seat_id=seats[0].id, **BY_MACHINE)
    told = facts(db, written[0], TEN - 9 * MINUTE)
    patch_call(db, call_id=scene.call_id, changes={"host_id": new.id}, **BY_MACHINE)

    assert told["what"] == "Observers on your Northwind Freight call: Observer 1"
    assert told["link"] == f"https://earshot.example/calls/{scene.call_id}"
    assert told["join"] == "https://meet.example/1"
    assert isinstance(said(db, written[0], TEN - 9 * MINUTE), Pointless)
    assert swept(db, TEN - 9 * MINUTE) == {(SOON, new.id, scene.call_id)}


def test_an_observer_reads_what_their_calendar_says_in_their_own_time(db: DbSession) -> None:
    _, (jo,), (seat,) = a_seated_scene(db, time_zone="Asia/Kolkata")

    (one,) = (one for one in sweep(db, SUNDAY_TEN) if one.person_id == jo.id)

    assert facts(db, one, SUNDAY_TEN) == {
        "what": "Shadow: Mara Okafor · Northwind Freight (discovery)",
        "when": "Monday 23 November 2026, 15:30–16:00 (Asia/Kolkata)",
        "join": "https://meet.example/1",
        "link": f"https://earshot.example/s/{seat.session_id}",
    }


def test_a_session_that_is_restored_within_the_undo_is_reminded_of_as_before(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    session_id = a_session(db, mia, max_)

    cancel_session(db, session_id=session_id, actor=SYSTEM, now=SUNDAY_TEN - MINUTE)
    off = swept(db, SUNDAY_TEN - MINUTE)
    undo_cancel(db, session_id=session_id, actor=SYSTEM, now=SUNDAY_TEN - MINUTE)

    assert off == set()
    assert swept(db, SUNDAY_TEN) == {(DAY, mia.id, session_id), (DAY, max_.id, session_id)}


def test_what_waited_too_long_for_the_mail_is_not_sent(db: DbSession) -> None:
    a_session(db, a_person(db, "Mia"), a_person(db, "Max"))
    day, soon = sweep(db, SUNDAY_TEN)[0], sweep(db, TEN - 10 * MINUTE)[0]

    facts(db, day, SUNDAY_TEN + 2 * HOUR)
    facts(db, soon, TEN - 2 * MINUTE)

    assert isinstance(said(db, day, SUNDAY_TEN + 2 * HOUR + MINUTE), Pointless)
    assert isinstance(said(db, soon, TEN - MINUTE), Pointless)


def test_quiet_hours_that_somebody_sets_hold_for_what_is_not_sent_yet(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    a_session(db, mia, a_person(db, "Max"))
    one = next(one for one in sweep(db, SUNDAY_TEN) if one.person_id == mia.id)

    quiet = {"quiet_hours": ("09:00", "12:00")}
    change_mail_settings(db, person_id=mia.id, changes=quiet, **BY_MACHINE)

    assert isinstance(said(db, one, SUNDAY_TEN + MINUTE), Pointless)


def test_each_reader_is_reminded_when_it_is_loud_where_they_live(db: DbSession) -> None:
    # Monday 10:00 in London is 03:00 in Phoenix and 21:00 in Sydney: a day before, both sleep or are about to.
    phoenix, sydney = a_person(db, "P", time_zone="America/Phoenix"), a_person(db, "S", time_zone="Australia/Sydney")
    session_id = a_free_session(db, phoenix, sydney)

    at_due = swept(db, SUNDAY_TEN)
    # Phoenix wakes at 07:00 (UTC-7), Sydney at 07:00 (UTC+11).
    phoenix_wakes, sydney_wakes = SUNDAY_TEN.replace(hour=14), SUNDAY_TEN.replace(hour=20)

    assert at_due == swept(db, phoenix_wakes - MINUTE) == set()
    assert swept(db, phoenix_wakes) == {(DAY, phoenix.id, session_id)}
    assert swept(db, sydney_wakes - MINUTE) == set()
    assert (DAY, sydney.id, session_id) in swept(db, sydney_wakes)


def a_free_session(db: DbSession, *people: Person, starts_at: datetime = TEN) -> str:
    """A session at any hour, as a host of another zone may plan one."""
    from_home = {one.id: one.time_zone for one in people}
    for one in people:
        db.execute(update(person).where(person.c.id == one.id).values(time_zone="Europe/London"))
    session_id = a_session(db, *people, starts_at=TEN)
    db.execute(update(session).where(session.c.id == session_id).values(starts_at=starts_at, ends_at=starts_at + HOUR))
    db.execute(claim.delete().where(claim.c.session_id == session_id))
    for who, zone in from_home.items():
        db.execute(update(person).where(person.c.id == who).values(time_zone=zone))
    db.expire_all()
    return session_id


def test_a_digest_says_what_the_day_holds_once_and_only_if_it_holds_something(db: DbSession) -> None:
    scene, (jo,), _ = a_seated_scene(db)
    idle = a_person(db, "Idle")
    a_session(db, jo, a_person(db, "Max"), starts_at=TEN + 5 * HOUR)
    a_session(db, jo, a_person(db, "Tom"), starts_at=TEN + A_DAY)

    early, written = swept(db, MORNING - MINUTE), sweep(db, MORNING)
    digests = {one.person_id: one for one in written if one.kind is DIGEST}

    assert early == set()
    assert idle.id not in digests
    assert facts(db, digests[jo.id], MORNING) == {
        "day": "Monday 23 November 2026",
        "agenda": (
            "10:00–10:30 Shadow: Mara Okafor · Northwind Freight (discovery)",
            "15:00–15:30 1:1: Max & Observer 0",
        ),
        "link": "https://earshot.example/",
    }
    assert facts(db, digests[scene.host.id], MORNING)["agenda"] == (
        "10:00–10:30 Observers on your Northwind Freight call: Observer 0",
    )
    assert digests[jo.id].once == f"digest:{jo.id}:2026-11-23"
    assert not [one for one in sweep(db, MORNING + HOUR) if one.kind is DIGEST]


def test_who_books_in_the_course_of_the_morning_reads_no_digest_of_it(db: DbSession) -> None:
    mia, max_ = a_person(db, "Mia"), a_person(db, "Max")
    a_session(db, mia, max_, now=MORNING + HOUR, starts_at=TEN + HOUR)

    assert swept(db, MORNING + HOUR + 15 * MINUTE) == set()


def test_a_digest_that_is_sent_late_leaves_out_what_is_over_or_off(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    a_session(db, mia, a_person(db, "A"), starts_at=MONDAY + 9 * HOUR, minutes=15)
    off = a_session(db, mia, a_person(db, "B"), starts_at=TEN)
    a_session(db, mia, a_person(db, "C"), starts_at=TEN + 2 * HOUR)
    (one,) = (one for one in sweep(db, MORNING) if one.person_id == mia.id and one.kind is DIGEST)

    cancel_session(db, session_id=off, **BY_MACHINE)

    assert facts(db, one, MORNING + 2 * HOUR)["agenda"] == ("12:00–12:30 1:1: C & Mia",)
    assert isinstance(said(db, one, MORNING + 2 * HOUR + MINUTE), Pointless)


def test_each_morning_is_that_of_where_somebody_lives(db: DbSession) -> None:
    zones = ("Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "America/Phoenix", "Australia/Lord_Howe")
    people = [a_person(db, zone, time_zone=zone) for zone in zones]
    a_free_session(db, *people[:2], starts_at=MONDAY + 6 * HOUR)
    a_free_session(db, *people[2:], starts_at=MONDAY + 21 * HOUR)
    mornings: dict[str, set[datetime]] = {}

    for n in range(-48, 4 * 48):
        now = MONDAY + n * timedelta(minutes=15)
        for kind, who, _ in swept(db, now):
            if kind is DIGEST:
                mornings.setdefault(who, set()).add(now)

    assert [mornings[one.id] for one in people] == [
        {datetime(2026, 11, 22, 17, 30, tzinfo=UTC)},  # Monday 07:30 at UTC+14
        {datetime(2026, 11, 23, 2, 0, tzinfo=UTC)},
        {datetime(2026, 11, 23, 6, 30, tzinfo=UTC)},
        {datetime(2026, 11, 23, 14, 30, tzinfo=UTC)},
        {datetime(2026, 11, 23, 20, 30, tzinfo=UTC)},  # there it is Tuesday already
    ]


def test_who_moves_to_another_zone_within_the_week_has_one_digest_for_each_day(db: DbSession) -> None:
    mia = a_person(db, "Mia", time_zone="Australia/Sydney")
    for hours in (0, 24, 34, 58):  # the last two are in the afternoons of Tuesday and Wednesday in Phoenix
        a_free_session(db, mia, a_person(db, f"M{hours}"), starts_at=TEN + hours * HOUR)
    written: list[str] = []

    for n in range(-24, 3 * 24):
        now = MONDAY + n * HOUR + 30 * MINUTE
        if n == 24:  # from Tuesday noon in Sydney to the night before in Phoenix
            db.execute(update(person).where(person.c.id == mia.id).values(time_zone="America/Phoenix"))
        written += [one.once for one in sweep(db, now) if one.person_id == mia.id and one.kind is DIGEST]

    days = [once.rpartition(":")[2] for once in written]
    assert days == ["2026-11-23", "2026-11-24", "2026-11-25"]


def test_a_debrief_that_begins_is_told_once_and_one_that_is_off_or_long_past_never(db: DbSession) -> None:
    host, jo, max_ = a_person(db, "Host"), a_person(db, "Jo"), a_person(db, "Max")
    made = {}
    for n, (who, at) in enumerate([(jo, TEN), (max_, TEN), (jo, TEN + 3 * HOUR)]):
        call_id = a_call(db, host if n != 1 else a_person(db, "Other"), starts_at=at)
        seat = book_seat(db, call_id=call_id, observer_id=who.id, debrief_minutes=20, **BY_MACHINE)
        made[n] = db.execute(select(session.c.id).where(session.c.follows_id == seat.session_id)).scalar_one()
    cancel_session(db, session_id=made[1], **BY_MACHINE)
    told = select(event.c.object_id, event.c.actor).where(event.c.act == "session.debrief_due")

    for now in (TEN + 29 * MINUTE, TEN + 30 * MINUTE, TEN + 31 * MINUTE, TEN + 6 * HOUR):
        sweep(db, now)

    assert [tuple(row) for row in db.execute(told)] == [(made[0], "system")]


def test_a_started_debrief_is_told_too_and_a_completed_one_is_not(db: DbSession) -> None:
    ids = [a_session(db, a_person(db, "A"), a_person(db, "B"), kind=SessionKind.ONE_ON_ONE) for _ in range(2)]
    for session_id, status in zip(ids, (SessionStatus.IN_PROGRESS, SessionStatus.COMPLETED), strict=True):
        values = {"status": status, "kind": SessionKind.DEBRIEF}
        db.execute(update(session).where(session.c.id == session_id).values(**values))

    assert [one for one, _ in reminders.debriefs_due(db, now=TEN)] == [ids[0]]
    assert reminders.debriefs_due(db, now=TEN - MINUTE) == []


@pytest.mark.parametrize("now", [SUNDAY_TEN, TEN - 10 * MINUTE, MORNING])
def test_a_sweep_costs_as_many_statements_for_thirty_people_as_for_two(sqlite_url: str, now: datetime) -> None:
    engine: Engine = make_engine(sqlite_url)
    costs = []
    for pairs in (1, 14):
        with transaction(engine, writes=True) as db:
            for n in range(pairs):
                a_session(db, a_person(db, f"M{n}"), a_person(db, f"N{n}"))
        with transaction(engine, writes=False) as db, counted(engine) as statements:
            found = due(db, now)
        assert len(found) >= 2 * pairs
        costs.append(len(statements))
    engine.dispose()

    assert costs[0] == costs[1] <= 6, "with BEGIN"


def test_the_parts_that_are_reminded_are_all_parts(db: DbSession) -> None:
    people = [a_person(db, name) for name in ("Mia", "Max", "Ola")]
    session_id = a_session(db, *people)

    written = swept(db, SUNDAY_TEN)

    parts = db.execute(select(participant.c.part).where(participant.c.session_id == session_id)).scalars()
    assert {*parts} == {Part.MENTEE, Part.MENTOR, Part.OBSERVER}
    assert written == {(DAY, one.id, session_id) for one in people}
