"""Seats in any order of acts: the database agrees with a small model of what must be true, step by step.

The model knows two times of day, three calls and four people; it says of each act what it refuses and what it changes.
What has expired stays where it is until somebody comes across it, in the model as in the database.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, select

from app.db import DbSession, transaction
from app.errors import Problem
from app.models.tables import call, claim, hold, seat, session, waitlist_entry
from app.operations import holds, seats, waitlist
from app.operations.calls import cancel_call, patch_call
from app.rules.access import SYSTEM
from app.vocabulary import IN_LINE, LIVE_SEATS, ClaimKind, SeatStatus, SessionKind, WaitlistStatus
from tests.factories import MONDAY, a_call, a_person
from tests.seats_that_wait import a_host_who_approves

LENGTH, NOTICE = timedelta(minutes=30), timedelta(minutes=15)
SLOTS = (MONDAY + timedelta(hours=10), MONDAY + timedelta(hours=13))
BEGIN = MONDAY + timedelta(hours=7, minutes=1, seconds=17, milliseconds=500)
CALLS, PEOPLE = 3, 4


class Refused(Exception):
    """The model refuses an act, by its code."""


@dataclass
class Place:
    """A seat: confirmed, or asked for, held or offered until then. `since` is when its person began to wait."""

    state: str
    until: datetime | None = None
    since: datetime | None = None


@dataclass
class Call:
    slot: int
    capacity: int
    approves: bool
    off: bool = False
    seats: dict[int, Place] = field(default_factory=dict)
    line: dict[int, datetime] = field(default_factory=dict)

    @property
    def starts_at(self) -> datetime:
        return SLOTS[self.slot]

    @property
    def last_moment(self) -> datetime:
        return self.starts_at - NOTICE


@dataclass
class Model:
    calls: list[Call]
    order: Callable[[int], list[int]]
    """Who waits for a call, in the order of their entries: ids decide between those who began at once."""
    now: datetime = BEGIN

    def lasts(self, place: Place) -> bool:
        return place.until is None or place.until > self.now

    def closed(self, one: Call) -> str | None:
        if one.off:
            return "call_cancelled"
        if one.starts_at <= self.now:
            return "past"
        if one.last_moment < self.now:
            return "min_notice"
        return "not_joinable" if one.capacity == 0 else None

    def elsewhere(self, number: int, who: int) -> bool:
        here = self.calls[number]
        return any(
            one.slot == here.slot and who in one.seats and self.lasts(one.seats[who])
            for other, one in enumerate(self.calls)
            if other != number
        )

    def check_sitter(self, number: int, who: int) -> Call:
        one = self.calls[number]
        if any(not self.lasts(place) for place in one.seats.values()):
            self.settle(number)
        if who in one.seats:
            raise Refused("already_booked")
        if why := self.closed(one):
            raise Refused(why)
        if self.elsewhere(number, who):
            raise Refused("slot_taken")
        if len(one.seats) >= one.capacity:
            raise Refused("seats_full")
        return one

    def take(self, number: int, who: int) -> None:
        one = self.check_sitter(number, who)
        one.seats[who] = self.taken(one)
        one.line.pop(who, None)

    def taken(self, one: Call) -> Place:
        return Place("asked", one.last_moment) if one.approves else Place("confirmed")

    def wait(self, number: int, who: int) -> None:
        try:
            self.check_sitter(number, who)
        except Refused as why:
            if str(why) != "seats_full":
                raise
            self.calls[number].line.setdefault(who, self.now)

    def hold(self, number: int, who: int) -> None:
        held = [place for one in self.calls for place in one.seats.values() if place.state == "held"]
        if sum(map(self.lasts, held)) >= holds.MOST_HOLDS:
            raise Refused("limit")
        one = self.check_sitter(number, who)
        one.seats[who] = Place("held", min(self.now + timedelta(minutes=5), one.last_moment))

    def convert(self, number: int, who: int) -> None:
        one = self.calls[number]
        place = one.seats.get(who)
        if place is None or place.state != "held" or not self.lasts(place):
            raise Refused("hold_expired")
        if why := self.closed(one):
            raise Refused(why)
        one.seats[who] = self.taken(one)
        one.line.pop(who, None)

    def accept(self, number: int, who: int) -> None:
        one = self.calls[number]
        place = one.seats.get(who)
        if place is None or place.state != "offered":
            raise Refused("not_offered")
        if not self.lasts(place):
            raise Refused("offer_expired")
        if why := self.closed(one):
            raise Refused(why)
        one.seats[who] = self.taken(one)

    def leave(self, number: int, who: int) -> None:
        one = self.calls[number]
        if one.line.pop(who, None) is None and self.lasts(
            one.seats[who]
        ):  # an offer that has expired was left by itself
            self.release(number, who)

    def release(self, number: int, who: int) -> None:
        one = self.calls[number]
        if not self.lasts(one.seats[who]):
            raise Refused("seat_over")
        if one.starts_at + LENGTH <= self.now:
            raise Refused("past")
        del one.seats[who]
        self.promote(number)

    def decide(self, number: int, who: int, *, yes: bool) -> None:
        one = self.calls[number]
        place = one.seats[who]
        if place.state == "confirmed" and yes:
            return
        if place.state != "asked" or not self.lasts(place):
            raise Refused("not_requested")
        if not yes:
            del one.seats[who]
            self.promote(number)
        elif why := self.closed(one):
            raise Refused(why)
        else:
            one.seats[who] = Place("confirmed")

    def move(self, number: int, slot: int) -> None:
        one = self.calls[number]
        if slot == one.slot:
            return
        self.end_overdue(one)
        if one.off:
            raise Refused("call_over")
        if one.seats and one.starts_at + LENGTH <= self.now:
            raise Refused("call_over")
        if one.seats and SLOTS[slot] <= self.now:
            raise Refused("past")
        one.slot = slot
        for who in [who for who in one.seats if self.elsewhere(number, who)]:
            one.line.setdefault(who, one.seats.pop(who).since or self.now)
        for place in one.seats.values():
            if place.until is not None:
                place.until = one.last_moment if place.state == "asked" else min(place.until, one.last_moment)
        self.settle(number)

    def resize(self, number: int, capacity: int) -> None:
        one = self.calls[number]
        if capacity == one.capacity:
            return
        self.end_overdue(one)
        if capacity < len(one.seats):
            raise Refused("capacity_below_taken")
        one.capacity = capacity
        self.promote(number)

    def cancel(self, number: int) -> None:
        one = self.calls[number]
        if one.off:
            return
        if one.starts_at + LENGTH <= self.now:
            raise Refused("call_over")
        one.off = True
        one.seats.clear()
        one.line.clear()

    def settle(self, number: int) -> None:
        self.end_overdue(self.calls[number])
        self.promote(number)

    def end_overdue(self, one: Call) -> None:
        for who in [who for who, place in one.seats.items() if not self.lasts(place)]:
            del one.seats[who]

    def promote(self, number: int) -> None:
        one = self.calls[number]
        until = min(self.now + timedelta(minutes=60), one.last_moment)
        if self.closed(one) or until <= self.now:
            return
        for who in sorted(one.line, key=lambda who: (one.line[who], self.order(number).index(who))):
            if len(one.seats) < one.capacity and who not in one.seats and not self.elsewhere(number, who):
                one.seats[who] = Place("offered", until, one.line.pop(who))


def refusal_of(act: Callable[[Model], None], model: Model) -> str | None:
    try:
        act(model)
    except Refused as why:
        return str(why)
    return None


@dataclass(frozen=True)
class World:
    """What every run begins with."""

    calls: tuple[str, ...]
    people: tuple[str, ...]


def a_world(engine: Engine) -> World:
    with transaction(engine, writes=True) as db:
        many: dict[str, Any] = {"host_per_day": 50, "host_per_week": 50}
        hosts = [a_person(db, "Host", **many), a_person(db, "Host", **many), a_host_who_approves(db, **many)]
        return World(
            calls=tuple(a_call(db, host, starts_at=SLOTS[number // 2], seats=1) for number, host in enumerate(hosts)),
            people=tuple(a_person(db, f"P{number}", observe_per_day=50, observe_per_week=50).id for number in range(4)),
        )


def machine(engine: Engine, world: World) -> type[RuleBasedStateMachine]:
    """Return the machine on this database. It does all in one transaction, which is undone at the end of each run."""
    some_call, somebody = st.integers(0, CALLS - 1), st.integers(0, PEOPLE - 1)

    class Seats(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.opened = transaction(engine, writes=True)
            self.db: DbSession = self.opened.__enter__()
            self.tokens: dict[tuple[int, int], str] = {}
            calls = [Call(number // 2, 1, approves=number == 2) for number in range(CALLS)]
            self.model = Model(calls, self.order)

        def teardown(self) -> None:
            self.db.rollback()
            self.opened.__exit__(None, None, None)

        def order(self, number: int) -> list[int]:
            rows = self.db.execute(self.entries(number).order_by(waitlist_entry.c.id))
            return [world.people.index(row.person_id) for row in rows]

        def entries(self, number: int) -> Any:
            mine = waitlist_entry.c.call_id == world.calls[number], waitlist_entry.c.status.in_(IN_LINE)
            return select(waitlist_entry).where(*mine)

        def entry_of(self, number: int, who: int) -> str | None:
            rows = self.db.execute(self.entries(number).where(waitlist_entry.c.person_id == world.people[who])).all()
            return rows[0].id if rows else None

        def seat_of(self, number: int, who: int) -> str | None:
            mine = seat.c.call_id == world.calls[number], seat.c.observer_id == world.people[who]
            live = select(seat.c.id).where(*mine, seat.c.status.in_(LIVE_SEATS))
            return self.db.execute(live).scalar_one_or_none()

        def both(self, said: Callable[[Model], None], done: Callable[[dict[str, Any]], Any]) -> Any:
            """Do an act in the database and in the model: both refuse it by the same code, or both do it."""
            self.model.now += timedelta(seconds=1)
            then, code, made = deepcopy(self.model, {id(self.model.order): self.model.order}), None, None
            try:
                with self.db.begin_nested():
                    made = done({"actor": SYSTEM, "now": self.model.now})
            except Problem as refused:
                code = refused.code
            expected = refusal_of(said, then)
            assert code == expected
            if expected is None:
                self.model = then
            return made

        @initialize(first=somebody, second=somebody, waiting=st.lists(somebody, max_size=3))
        def begin_with_a_full_call(self, first: int, second: int, waiting: list[int]) -> None:
            self.book(0, first)
            self.book(2, second)
            for who in waiting:
                self.wait(0, who)

        @rule(number=some_call, who=somebody)
        def book(self, number: int, who: int) -> None:
            self.both(
                lambda model: model.take(number, who),
                lambda by: seats.book_seat(self.db, call_id=world.calls[number], observer_id=world.people[who], **by),
            )

        @rule(number=some_call, who=somebody)
        def wait(self, number: int, who: int) -> None:
            self.both(
                lambda model: model.wait(number, who),
                lambda by: seats.wait_if_full(
                    self.db, call_id=world.calls[number], observer_id=world.people[who], **by
                ),
            )

        @rule(number=some_call, who=somebody)
        def hold(self, number: int, who: int) -> None:
            observer: dict[str, Any] = {"observer_id": world.people[who], "kind": SessionKind.SHADOW}
            made = self.both(
                lambda model: model.hold(number, who),
                lambda by: holds.hold_seat(self.db, call_id=world.calls[number], **observer, **by),
            )
            if made:
                self.tokens[number, who] = made.token

        @rule(data=st.data())
        def convert(self, data: st.DataObject) -> None:
            if not self.tokens:
                return
            number, who = data.draw(st.sampled_from(sorted(self.tokens)))
            observer: dict[str, Any] = {"observer_id": world.people[who], "kind": SessionKind.SHADOW}
            token = self.tokens[number, who]
            self.both(
                lambda model: model.convert(number, who),
                lambda by: holds.book_held_seat(self.db, token=token, call_id=world.calls[number], **observer, **by),
            )

        @rule(data=st.data())
        def give_a_hold_back(self, data: st.DataObject) -> None:
            held = self.places("held")
            if not held:
                return
            number, who = data.draw(st.sampled_from(held))
            kept = select(hold.c.id).join(seat, seat.c.session_id == hold.c.session_id)
            hold_id = self.db.execute(kept.where(seat.c.id == self.seat_of(number, who))).scalar_one()

            def said(model: Model) -> None:
                del model.calls[number].seats[who]
                model.promote(number)

            self.both(said, lambda by: holds.give_hold_back(self.db, hold_id=hold_id, **by))

        @rule(data=st.data())
        def release(self, data: st.DataObject) -> None:
            if taken := self.places():
                number, who = data.draw(st.sampled_from(taken))
                seat_id = self.seat_of(number, who) or ""
                self.both(
                    lambda model: model.release(number, who),
                    lambda by: seats.release_seat(self.db, seat_id=seat_id, **by),
                )

        @rule(data=st.data(), yes=st.booleans())
        def decide(self, data: st.DataObject, yes: bool) -> None:
            if taken := self.places():
                number, who = data.draw(st.sampled_from(taken))
                seat_id = self.seat_of(number, who) or ""
                decide = seats.approve_seat if yes else seats.decline_seat
                self.both(
                    lambda model: model.decide(number, who, yes=yes),
                    lambda by: decide(self.db, seat_id=seat_id, **by),
                )

        @rule(data=st.data(), stays=st.booleans())
        def answer(self, data: st.DataObject, stays: bool) -> None:
            waiting = [(number, who) for number, one in enumerate(self.model.calls) for who in sorted(one.line)]
            if in_line := waiting + self.places("offered"):
                number, who = data.draw(st.sampled_from(in_line))
                entry_id = self.entry_of(number, who) or ""
                if stays:
                    self.both(
                        lambda model: model.accept(number, who),
                        lambda by: waitlist.accept_offer(self.db, entry_id=entry_id, **by),
                    )
                else:
                    self.both(
                        lambda model: model.leave(number, who),
                        lambda by: waitlist.leave(self.db, entry_id=entry_id, **by),
                    )

        @rule(number=some_call, slot=st.integers(0, 1))
        def move(self, number: int, slot: int) -> None:
            times = {"starts_at": SLOTS[slot], "ends_at": SLOTS[slot] + LENGTH}
            self.both(
                lambda model: model.move(number, slot),
                lambda by: patch_call(self.db, call_id=world.calls[number], changes=times, **by),
            )

        @rule(number=some_call, capacity=st.integers(0, 3))
        def resize(self, number: int, capacity: int) -> None:
            self.both(
                lambda model: model.resize(number, capacity),
                lambda by: patch_call(self.db, call_id=world.calls[number], changes={"seat_capacity": capacity}, **by),
            )

        @rule(number=some_call, sure=st.integers(0, 3))
        def cancel(self, number: int, sure: int) -> None:
            if sure == 0:  # else all are soon over
                self.both(
                    lambda model: model.cancel(number),
                    lambda by: cancel_call(self.db, call_id=world.calls[number], **by),
                )

        @rule(number=some_call)
        def settle(self, number: int) -> None:
            self.both(
                lambda model: model.settle(number),
                lambda by: waitlist.settle(self.db, call_id=world.calls[number], now=by["now"]),
            )

        @rule(minutes=st.sampled_from([2, 4, 5, 30, 60]))
        def advance(self, minutes: int) -> None:
            self.model.now += timedelta(minutes=minutes)

        def places(self, state: str | None = None) -> list[tuple[int, int]]:
            return [
                (number, who)
                for number, one in enumerate(self.model.calls)
                for who, place in sorted(one.seats.items())
                if state in (None, place.state)
            ]

        @invariant()
        def the_model_is_the_database(self) -> None:
            expected = {
                (number, who): (place.state if self.model.lasts(place) else "over", place.until)
                for number, one in enumerate(self.model.calls)
                for who, place in one.seats.items()
            }
            assert dict(self.seats_in_the_database()) == expected
            waiting = select(waitlist_entry).where(waitlist_entry.c.status == WaitlistStatus.WAITING)
            assert {
                (self.place_of(row.call_id, row.person_id), row.created_at) for row in self.db.execute(waiting)
            } == {
                ((number, who), since) for number, one in enumerate(self.model.calls) for who, since in one.line.items()
            }

        def seats_in_the_database(self) -> Iterator[tuple[tuple[int, int], Any]]:
            mine = (claim.c.session_id == seat.c.session_id) & claim.c.active
            offer = (waitlist_entry.c.seat_id == seat.c.id) & (waitlist_entry.c.status == WaitlistStatus.OFFERED)
            query = select(
                seat, session.c.expires_at, claim.c.kind.label("claimed"), waitlist_entry.c.id.label("offer")
            )
            query = query.join(session, session.c.id == seat.c.session_id).outerjoin(claim, mine)
            query = query.outerjoin(waitlist_entry, offer).where(seat.c.status.in_(LIVE_SEATS))
            for row in self.db.execute(query):
                if row.expires_at is not None and row.expires_at <= self.model.now:
                    state = "over"
                elif row.status is SeatStatus.CONFIRMED:
                    state = "confirmed"
                elif row.claimed is ClaimKind.PENDING:
                    state = "asked"
                else:
                    state = "offered" if row.offer else "held"
                yield self.place_of(row.call_id, row.observer_id), (state, row.expires_at)

        def place_of(self, call_id: str, person_id: str) -> tuple[int, int]:
            return world.calls.index(call_id), world.people.index(person_id)

        @invariant()
        def nobody_is_claimed_twice(self) -> None:
            live = claim.c.expires_at.is_(None) | (claim.c.expires_at > self.model.now)
            rows = self.db.execute(select(claim).where(claim.c.active, live)).all()
            for one, other in combinations(rows, 2):
                apart = one.ends_at <= other.starts_at or other.ends_at <= one.starts_at
                assert apart or one.person_id != other.person_id

        @invariant()
        def seats_are_counted_numbered_and_no_more_than_there_are(self) -> None:
            numbers: dict[str, list[int]] = {call_id: [] for call_id in world.calls}
            for row in self.db.execute(select(seat.c.call_id, seat.c.seat_no).where(seat.c.status.in_(LIVE_SEATS))):
                numbers[row.call_id].append(row.seat_no)
            for row in self.db.execute(select(call)):
                taken, capacity = numbers[row.id], self.model.calls[world.calls.index(row.id)].capacity
                assert row.seats_taken == len(taken) == len(set(taken)) <= row.seat_capacity == capacity

    return Seats


def test_seats_in_any_order_of_acts_are_what_a_small_model_says(engine: Engine, soak: bool) -> None:
    runs, steps = (500, 60) if soak else (20, 40)
    made = machine(engine, a_world(engine))

    run_state_machine_as_test(
        made,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
