"""The pairs of a plan are found in columns: exactly those that the rule of booking has nothing against."""

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app.db import DbSession, make_engine, transaction
from app.models.tables import seat
from app.queries import busy, calls, planning, pool
from app.rules import seating
from app.vocabulary import LIVE_SEATS, Side
from tests.factories import MONDAY, a_call
from tests.harness import NOW
from tests.operations.test_plan_books import SmallWorld, build, worlds
from tests.pools import a_mentee, a_mentor, start_plan


def asked_one_by_one(db: DbSession, run: Any) -> set[tuple[str, str]]:
    """The pairs (observer, call) that nothing stands against, by asking the rule about each."""
    juniors = [found.row for found in pool.enrolled(db, run.program_id, Side.MENTEE)]
    rows = [row for row in db.execute(calls.calls_with_hosts()) if run.from_at <= row.starts_at < run.to_at]
    everybody = {row.id: row for row in juniors} | busy.people_rows(db, {row.host_id for row in rows})
    observing, hosting = busy.loads(db, list(everybody.values()), run.from_at, run.to_at, now=NOW)
    observers = busy.observers(db, juniors, run.from_at, run.to_at, observing=observing, now=NOW)
    seated = select(seat.c.observer_id, seat.c.call_id).where(seat.c.status.in_(LIVE_SEATS))
    held = {(row.observer_id, row.call_id) for row in db.execute(seated)}
    return {
        (who.id, row.id)
        for who in juniors
        for row in rows
        if seating.refusal(row, observers[who.id], hosting[row.host_id], now=NOW) is None
        and row.language in who.languages
        and (who.id, row.id) not in held
    }


def test_columns_find_the_pairs_that_the_rule_finds(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, soak: bool
) -> None:
    @settings(max_examples=1_000 if soak else 30)
    @given(world=worlds)
    def holds(world: SmallWorld) -> None:
        path = tmp_path_factory.mktemp("world") / "earshot.db"
        shutil.copy(sqlite_template, path)
        engine = make_engine(f"sqlite:///{path}")
        hosts = [replace(one, gap=0) for one in world.hosts]  # whose calls lie apart is settled for all pairs at once
        observers = [replace(one, gap=0) for one in world.observers]
        try:
            with transaction(engine, writes=True) as db:
                build(db, replace(world, hosts=hosts, observers=observers))
                run = start_plan(db, from_at=world.from_at, to_at=world.to_at)
                problem = planning.plan_problem(db, run, now=NOW)
                found = {(problem.observers[pair.observer].id, problem.calls[pair.call].id) for pair in problem.pairs}
                assert found == asked_one_by_one(db, run)
        finally:
            engine.dispose()
            path.unlink()

    holds()


def test_of_calls_too_close_together_those_stay_that_seat_the_most(db: DbSession) -> None:
    for name in ("Aisha", "Tom", "Leo"):
        a_mentee(db, name)
    mentor = a_mentor(db, "Mara", host_gap_minutes=30)
    early, middle, late = (
        a_call(db, mentor, starts_at=MONDAY + timedelta(hours=10, minutes=45 * at), seats=seats)
        for at, seats in enumerate((1, 3, 1))
    )

    problem = planning.plan_problem(db, start_plan(db), now=NOW)

    assert {problem.calls[pair.call].id for pair in problem.pairs} == {middle}
    assert early != late


def test_a_pinned_call_stays_whatever_its_neighbours_seat(db: DbSession) -> None:
    juniors = [a_mentee(db, name) for name in ("Aisha", "Tom", "Leo")]
    mentor = a_mentor(db, "Mara", host_gap_minutes=30)
    first, _ = (
        a_call(db, mentor, starts_at=MONDAY + timedelta(hours=10, minutes=45 * at), seats=seats)
        for at, seats in enumerate((1, 3))
    )

    problem = planning.plan_problem(db, start_plan(db, pins=[(juniors[0].id, first)]), now=NOW)

    assert {problem.calls[pair.call].id for pair in problem.pairs} == {first}
    assert [(problem.observers[o].id, problem.calls[c].id) for o, c in problem.pins] == [(juniors[0].id, first)]


hours = st.integers(0, 20).map(lambda hour: MONDAY + timedelta(hours=hour))
spans = st.lists(
    st.tuples(hours, st.integers(1, 5), st.integers(1, 9)).map(lambda s: ((s[0], s[0] + timedelta(hours=s[1])), s[2])),
    max_size=8,
).map(lambda found: sorted(found, key=lambda one: one[0][1]))


@given(spans)
def test_no_other_choice_of_intervals_apart_weighs_more(
    given_spans: list[tuple[tuple[datetime, datetime], int]],
) -> None:
    ranges, weights = [one for one, _ in given_spans], [weight for _, weight in given_spans]

    chosen = planning.heaviest_apart(ranges, weights)

    def apart(some: tuple[int, ...]) -> bool:
        return all(ranges[a][1] <= ranges[b][0] or ranges[b][1] <= ranges[a][0] for a, b in combinations(some, 2))

    every = (some for size in range(len(ranges) + 1) for some in combinations(range(len(ranges)), size))
    best = max(sum(weights[at] for at in some) for some in every if apart(some))
    assert apart(tuple(chosen))
    assert sum(weights[at] for at in chosen) == best
