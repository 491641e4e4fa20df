"""What the floor shows to whom: calls that are on, listeners, hands, what comes next, presence; and what it costs."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, update

from app.db import DbSession
from app.errors import Forbidden, NotFound
from app.models import Account, Person
from app.models.tables import installation
from app.operations.call_outcomes import end_call, start_call
from app.operations.calls import patch_call
from app.operations.floor import raise_hand, set_door
from app.operations.people import patch_person
from app.operations.person_skills import set_skills
from app.operations.presence import set_presence
from app.operations.refused import Past
from app.operations.seats import book_seat
from app.queries import floor as queries
from app.queries.busy import people_rows
from app.queries.calls import call_by_id
from app.queries.floor import Floor, Look, due_by_clock, floor, floors
from app.rules.access import SYSTEM, Actor
from app.rules.floor import OVERTIME
from app.rules.skills import SkillState
from app.vocabulary import CallStatus, Door, Presence, Role, SessionKind
from tests.acts_that_are_told import by
from tests.factories import a_call, a_person, an_open_host
from tests.harness import NOW
from tests.sessions_and_people import HALF, TEN
from tests.statements import counted

MINUTE = timedelta(minutes=1)
NOW_ON = TEN + 5 * MINUTE


def seen_by(db: DbSession, who: Person, now: Any = NOW_ON, actor: Actor | None = None) -> Floor:
    return floor(db, viewer=people_rows(db, [who.id])[who.id], actor=actor or by(who), now=now)


def ids(several: Any) -> list[str]:
    return [one.id for one in several]


def test_calls_that_one_may_not_know_of_are_not_on_ones_floor(db: DbSession) -> None:
    host, mia, lea = a_person(db, "Host"), a_person(db, "Mia"), a_person(db, "Lea")
    db.add(Account(id="acc_1", name="Quiet", observers_allowed=False, created_at=NOW, updated_at=NOW))
    db.flush()
    hushed, closed, known = a_call(db, host, sensitive=True), a_call(db, host, account_id="acc_1"), a_call(db, host)
    leads = Actor("key_l", Role.MANAGER, lea.id, reports=frozenset({host.id}))

    assert ids(seen_by(db, mia).calls) == [known]
    for who, actor in ((host, None), (lea, leads), (mia, SYSTEM)):
        assert sorted(ids(seen_by(db, who, actor=actor).calls)) == sorted([hushed, closed, known])


def test_who_listens_is_told_to_the_host_and_to_themselves_and_counted_for_others(db: DbSession) -> None:
    host, mia, ben, eve = (a_person(db, name) for name in ("Host", "Mia", "Ben", "Eve"))
    call_id = a_call(db, host, seats=3, meeting_url="https://meet.example/1")
    for one in (mia, ben):
        book_seat(db, call_id=call_id, observer_id=one.id, actor=SYSTEM, now=NOW)

    def shown(who: Person) -> tuple[list[str], int, bool, bool]:
        (one,) = seen_by(db, who).calls
        return (
            [listener.name for listener in one.listeners],
            one.others,
            one.my_seat_id is not None,
            bool(one.meeting_url),
        )

    assert shown(host) == (["Mia", "Ben"], 0, False, True)
    assert shown(mia) == (["Mia"], 1, True, True)
    assert shown(eve) == ([], 2, False, False)


def test_the_floor_is_right_though_the_clock_is_late(db: DbSession) -> None:
    host, mia = an_open_host(db), a_person(db, "Mia")
    late, said, over = a_call(db, host), a_call(db, host), a_call(db, host)
    start_call(db, call_id=said, actor=SYSTEM, now=TEN - 2 * MINUTE)
    end_call(db, call_id=over, actor=SYSTEM, now=TEN + MINUTE)

    assert ids(seen_by(db, mia, TEN - 3 * MINUTE).calls) == []
    assert ids(seen_by(db, mia, TEN - MINUTE).calls) == [said]
    early = seen_by(db, mia)
    assert ids(early.calls) == [said, late]
    assert [one.since for one in early.calls] == [TEN - 2 * MINUTE, TEN]
    assert {one.status for one in early.calls} == {CallStatus.LIVE}
    assert {one.door for one in early.calls} == {Door.OPEN}
    assert ids(seen_by(db, mia, TEN + HALF).calls) == [said]
    assert ids(seen_by(db, mia, TEN + HALF + OVERTIME).calls) == []
    assert due_by_clock(db, now=TEN) == [late]


def test_one_drops_in_where_booking_says_so_and_is_told_why_not_where_it_does_not(db: DbSession) -> None:
    mia, shy, outgoing = a_person(db, "Mia"), a_person(db, "Shy"), an_open_host(db, "Outgoing")
    shut, opened, full, own = a_call(db, shy), a_call(db, outgoing), a_call(db, outgoing, seats=0), a_call(db, mia)

    def said(who: Person) -> dict[str, Any]:
        return {one.id: one.drops_in or (one.why_not and one.why_not.code) for one in seen_by(db, who).calls}

    assert said(mia) == {shut: "door_closed", opened: "slot_taken", full: "not_joinable", own: None}
    ben = a_person(db, "Ben")
    assert said(ben) == {shut: "door_closed", opened: True, full: "not_joinable", own: "door_closed"}
    book_seat(db, call_id=opened, observer_id=ben.id, kind=SessionKind.DROP_IN, actor=by(ben), now=NOW_ON)
    assert said(ben)[opened] is None


def test_hands_are_counted_and_the_last_one_speaks(db: DbSession) -> None:
    host, mia, eve = a_person(db, "Host"), a_person(db, "Mia"), a_person(db, "Eve")
    call_id = a_call(db, host)
    book_seat(db, call_id=call_id, observer_id=mia.id, actor=SYSTEM, now=NOW)

    (quiet,) = seen_by(db, eve).calls
    raise_hand(db, call_id=call_id, why="Price", actor=by(host), now=NOW_ON)
    raise_hand(db, call_id=call_id, why=None, actor=by(mia), now=NOW_ON + MINUTE)
    (loud,) = seen_by(db, eve, NOW_ON + MINUTE).calls
    (mine,) = seen_by(db, mia, NOW_ON + MINUTE).calls

    assert (quiet.hand, quiet.hands) == (None, 0)
    assert (loud.hand, loud.hands, loud.my_hand, mine.my_hand) == ("", 2, False, True)


def test_what_one_wants_to_learn_comes_first(db: DbSession) -> None:
    mia = a_person(db, "Mia")
    discovery, demo = a_call(db, type="discovery"), a_call(db, type="demo", starts_at=TEN + MINUTE)
    assert ids(seen_by(db, mia).calls) == [discovery, demo]

    wish = {"demo.storytelling": SkillState(level=0, wants=4)}
    set_skills(db, person_id=mia.id, skills=wish, actor=SYSTEM, now=NOW)

    shown = seen_by(db, mia).calls
    assert [(one.id, one.is_for_me) for one in shown] == [(demo, True), (discovery, False)]


def test_what_comes_next_is_of_today_and_has_a_seat_for_the_viewer(db: DbSession) -> None:
    mia, host = a_person(db, "Mia"), a_person(db, "Host", host_per_day=50, host_per_week=50)
    times = [TEN + n * HALF for n in range(1, 12)]
    calls = [a_call(db, host, starts_at=at) for at in times]
    full, hers, tomorrow = (
        a_call(db, host, starts_at=times[0], seats=0),
        a_call(db, mia, starts_at=times[1]),
        a_call(db, host, starts_at=TEN + 48 * HALF),
    )
    booked = book_seat(db, call_id=calls[0], observer_id=mia.id, actor=SYSTEM, now=NOW)

    shown = ids(seen_by(db, mia).next_calls)

    assert shown == calls[2:8]
    assert not {full, hers, tomorrow, booked.call_id} & set(shown)
    late = TEN + 7 * 2 * HALF  # 17:00: nobody works any more
    assert seen_by(db, mia, late).next_calls == ()


def test_what_comes_next_is_what_one_can_still_book_however_much_starts_sooner(db: DbSession) -> None:
    db.execute(update(installation).values(min_notice_minutes=90))
    mia, host = a_person(db, "Mia"), a_person(db, "Host", host_per_day=500, host_per_week=500)
    for n in range(1, 71):
        a_call(db, host, starts_at=NOW_ON + n * MINUTE)
    bookable = a_call(db, host, starts_at=NOW_ON + 90 * MINUTE)

    assert ids(seen_by(db, mia).next_calls) == [bookable]


def test_people_are_there_as_they_said_and_on_a_call_whatever_they_said(db: DbSession) -> None:
    host, mia, ben, gone = (a_person(db, name) for name in ("Host", "Mia", "Ben", "Gone"))
    a_call(db, host, sensitive=True)
    for who, presence, until in ((host, Presence.HEADS_DOWN, None), (ben, Presence.DIALLING, NOW_ON + MINUTE)):
        set_presence(db, person_id=who.id, presence=presence, until=until, actor=by(who), now=NOW)
    set_presence(db, person_id=gone.id, presence=Presence.DIALLING, actor=by(gone), now=NOW)
    patch_person(db, person_id=gone.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)

    def said(now: Any) -> list[tuple[str, str, bool]]:
        return [(one.name, one.presence, one.is_on_call) for one in seen_by(db, mia, now).presences]

    assert said(NOW_ON) == [("Ben", "dialling", False), ("Host", "heads_down", True)]
    assert said(NOW_ON + MINUTE) == [("Host", "heads_down", True)]
    mine = seen_by(db, mia).mine
    assert mine is not None
    assert (mine.name, mine.presence) == ("Mia", Presence.OPEN)
    assert floor(db, viewer=None, actor=SYSTEM, now=NOW_ON).mine is None


def test_nobody_says_for_others_how_they_work_nor_for_the_past(db: DbSession) -> None:
    mia, ben, gone = a_person(db, "Mia"), a_person(db, "Ben"), a_person(db, "Gone", status="left")
    leads = Actor("key_l", Role.MANAGER, ben.id, reports=frozenset({mia.id}))

    for actor in (by(ben), leads):
        with pytest.raises(Forbidden):
            set_presence(db, person_id=mia.id, presence=Presence.OPEN, actor=actor, now=NOW)
    with pytest.raises(NotFound):
        set_presence(db, person_id=gone.id, presence=Presence.OPEN, actor=by(mia), now=NOW)
    with pytest.raises(Past):
        set_presence(db, person_id=mia.id, presence=Presence.DIALLING, until=NOW, actor=by(mia), now=NOW)

    assert queries.presence_of(db, mia.id, actor=by(ben), now=NOW).version == 0


def test_saying_the_same_again_changes_nothing_and_to_be_open_again_is_told(db: DbSession) -> None:
    mia = a_person(db, "Mia")

    def say(presence: Presence, until: Any = None) -> int:
        set_presence(db, person_id=mia.id, presence=presence, until=until, actor=by(mia), now=NOW)
        version: int = queries.presence_of(db, mia.id, actor=SYSTEM, now=NOW).version
        return version

    assert [say(Presence.OPEN), say(Presence.DIALLING), say(Presence.DIALLING)] == [0, 1, 1]
    assert [say(Presence.DIALLING, TEN), say(Presence.OPEN, TEN), say(Presence.OPEN)] == [2, 3, 3]


@pytest.fixture
def several(db: DbSession) -> tuple[list[Look], list[str]]:
    """Who looks, of every role and from two zones, and the calls that are on: open, hushed, and of a quiet account."""
    host, lea, mia, ben, ann = (a_person(db, name) for name in ("Host", "Lea", "Mia", "Ben", "Ann"))
    far = a_person(db, "Far", time_zone="America/New_York")
    db.add(Account(id="acc_1", name="Quiet", observers_allowed=False, created_at=NOW, updated_at=NOW))
    db.flush()
    given: dict[str, Any] = {"seats": 3, "meeting_url": "https://meet.example/1"}
    on = [
        a_call(db, host, **given),
        a_call(db, host, sensitive=True, **given),
        a_call(db, an_open_host(db, "Jo"), account_id="acc_1", **given),
        a_call(db, an_open_host(db, "Flo"), type="demo", **given),
    ]
    for n in range(1, 20):
        a_call(db, host, starts_at=TEN + n * 2 * HALF)
    book_seat(db, call_id=on[0], observer_id=mia.id, actor=SYSTEM, now=NOW)
    book_seat(db, call_id=on[3], observer_id=ben.id, kind=SessionKind.DROP_IN, actor=by(ben), now=NOW_ON)
    patch_call(db, call_id=on[0], changes={"sensitive": True}, actor=SYSTEM, now=NOW_ON)
    raise_hand(db, call_id=on[3], why="Price", actor=by(ben), now=NOW_ON)
    wish = {"demo.storytelling": SkillState(level=0, wants=4)}
    set_skills(db, person_id=ann.id, skills=wish, actor=SYSTEM, now=NOW)
    set_presence(db, person_id=ann.id, presence=Presence.DIALLING, actor=by(ann), now=NOW)
    rows = people_rows(db, [one.id for one in (host, lea, mia, ben, ann, far)])
    looks = [Look(row, Actor(f"key_{row.name}", Role.REP, row.id)) for row in rows.values()]
    looks += [
        Look(rows[lea.id], Actor("key", Role.MANAGER, lea.id, reports=frozenset({host.id}))),
        Look(rows[lea.id], Actor("key", Role.MANAGER, lea.id, reports=frozenset({mia.id}))),
        Look(rows[ann.id], Actor("key", Role.AUDITOR, ann.id)),
        Look(rows[ann.id], Actor("key", Role.ADMIN, ann.id)),
        Look(None, SYSTEM),
    ]
    return looks, on


def test_who_look_together_see_each_what_they_see_alone(
    db: DbSession, engine: Engine, several: tuple[list[Look], list[str]]
) -> None:
    looks, _ = several
    alone = [floor(db, viewer=one.viewer, actor=one.actor, now=NOW_ON) for one in looks]

    with counted(engine) as statements:
        together = floors(db, looks, now=NOW_ON)

    assert together == alone
    assert len({str(one) for one in together}) > len(looks) // 2
    assert len(statements) == 7


def test_the_floor_shows_the_calls_and_the_ways_in_that_lists_show(
    db: DbSession, several: tuple[list[Look], list[str]]
) -> None:
    looks, on = several

    def listed(actor: Actor) -> dict[str, str | None]:
        found = {}
        for call_id in on:
            with suppress(NotFound):
                found[call_id] = call_by_id(db, call_id, actor=actor).meeting_url
        return found

    seen = [{call.id: call.meeting_url for call in one.calls} for one in floors(db, looks, now=NOW_ON)]

    assert seen == [listed(look.actor) for look in looks]
    assert len({len(one) for one in seen}) > 2


def test_the_floor_costs_the_same_however_many_calls_are_on(db: DbSession, engine: Engine) -> None:
    mia = a_person(db, "Mia")
    viewer, costs = people_rows(db, [mia.id])[mia.id], []
    for several in (1, 12):
        for n in range(several):
            host = an_open_host(db, f"Host {n}")
            call_id = a_call(db, host)
            a_call(db, host, starts_at=TEN + HALF)
            book_seat(db, call_id=call_id, observer_id=a_person(db, "Jo").id, actor=SYSTEM, now=NOW)
        with counted(engine) as statements:
            floor(db, viewer=viewer, actor=by(mia), now=NOW_ON)
        costs.append(len(statements))

    assert costs == [7, 7]


def test_what_is_on_is_found_by_index(db: DbSession, engine: Engine) -> None:
    a_call(db)
    with counted(engine) as statements:
        for _ in range(6):
            due_by_clock(db, now=TEN)

    found = plan(db, engine, statements[-1])
    assert "call_to_start" in found
    assert "call_to_end" in found


def plan(db: DbSession, engine: Engine, statement: str) -> str:
    """How the engine finds what a statement asks for, with times in the places of its parameters."""
    if engine.dialect.name == "sqlite":
        asked = db.connection().exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", (TEN.isoformat(),) * statement.count("?")
        )
        return str(asked.all())
    db.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
    names = [part.partition(")s")[0] for part in statement.split("%(")[1:]]
    return str(db.connection().exec_driver_sql(f"EXPLAIN {statement}", dict.fromkeys(names, TEN)).all())


def test_a_call_that_a_crm_moved_while_its_door_was_open_is_off_the_floor(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db, an_open_host(db))
    patch_call(
        db, call_id=call_id, changes={"starts_at": TEN + HALF, "ends_at": TEN + 2 * HALF}, actor=SYSTEM, now=NOW_ON
    )

    assert seen_by(db, mia).calls == ()
    assert ids(seen_by(db, mia).next_calls) == [call_id]


def test_a_door_that_somebody_opened_shows_at_once(db: DbSession) -> None:
    mia, call_id = a_person(db, "Mia"), a_call(db)
    before = seen_by(db, mia).calls[0]

    set_door(db, call_id=call_id, door=Door.OPEN, actor=SYSTEM, now=NOW_ON)

    after = seen_by(db, mia).calls[0]
    assert [(one.door, one.drops_in) for one in (before, after)] == [(Door.CLOSED, False), (Door.OPEN, True)]
