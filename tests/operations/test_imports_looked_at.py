"""Looking at a file: what reading says comes true, keeps nobody waiting, and many rows cost few statements."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from app.db import DbSession, make_engine, transaction
from app.models.tables import availability, enrollment, event, event_detail, person, person_skill
from app.operations.call_imports import import_calls
from app.operations.imports import ImportReport, OnlyWritingTells, told_by_reading
from app.operations.people_imports import import_people
from app.rules.access import SYSTEM, Actor
from app.rules.csv_files import read_calls, read_people
from app.vocabulary import Role
from tests.harness import NOW
from tests.statements import counted

LATER = NOW + timedelta(hours=1)
HEADER = "external_id,name,email,time_zone,role,team,manager_email,as,capacity,skills,teaches,working_hours"
INTEGRATION = Actor("key_1", Role.INTEGRATION, None)


def people(db: DbSession, text: str, **given: Any) -> ImportReport:
    return import_people(db, read_people(text.encode()), **{"actor": SYSTEM, "now": NOW, **given})


def counts(report: ImportReport) -> tuple[Any, ...]:
    return report.created, report.updated, report.unchanged, report.skipped, report.errors


NAMES = st.sampled_from("abcdef")
ROWS = st.tuples(
    st.sampled_from(["", "1", "2", "3"]),
    st.sampled_from(["Ada", "Bo"]),
    NAMES.map("{}@x.example".format),
    st.sampled_from(["UTC", "Europe/London"]),
    st.sampled_from(["", "", "", "manager"]),
    st.sampled_from(["", "East", "West"]),
    st.one_of(st.just(""), NAMES.map("{}@x.example".format)),
    st.sampled_from([",", "mentor,2", "mentee,"]),
    st.sampled_from([",", "demo.technical=3,demo.technical", ",demo.technical", "closing.ask=4,", "no.such=1,"]),
    st.sampled_from(["", "Mon 08:00-12:00", "Mon-Fri 09:00-17:00"]),
)
FILES = st.lists(ROWS, min_size=1, max_size=5).map(lambda rows: "\n".join([HEADER, *map(",".join, rows)]))


@pytest.fixture
def sqlite(sqlite_url: str) -> Any:
    engine = make_engine(sqlite_url)
    yield engine
    engine.dispose()


@given(before=FILES, text=FILES, actor=st.sampled_from([SYSTEM, INTEGRATION]))
@settings(max_examples=10)
def test_what_reading_says_is_what_trying_says_and_what_writing_does(
    sqlite: Engine, before: str, text: str, actor: Actor
) -> None:
    with transaction(sqlite, writes=True) as db, db.begin_nested() as savepoint:
        people(db, before, skip_bad=True)

        given: dict[str, Any] = {"skip_bad": True, "actor": actor, "now": LATER}
        with counted(sqlite) as statements:
            try:
                read = people(db, text, dry_run=True, reads_only=True, **given)
            except OnlyWritingTells:
                read = None
        tried = people(db, text, dry_run=True, **given)
        done = people(db, text, **given)
        again = people(db, text, **given)

        savepoint.rollback()
    assert all(one.startswith(("SELECT", "SAVEPOINT", "ROLLBACK TO", "RELEASE")) for one in statements)
    assert counts(tried) == counts(done)
    assert read is None or counts(read) == counts(done)
    assert again.created == 0


def test_newcomers_together_leave_what_they_leave_one_by_one(engine: Engine) -> None:
    rows = [
        "1,Ada,a@x.example,UTC,admin,East,,mentor,2,demo.technical=3;closing.ask=1,,Mon 08:00-12:00",
        "2,Bo,b@x.example,UTC,,East,a@x.example,mentee,,,,",
        "3,Cy,c@x.example,UTC,,West,b@x.example,,,closing.ask=2,,Mon-Fri 09:00-17:00",
    ]
    left = []
    for files in ([rows], [[row] for row in rows]):
        with transaction(engine, writes=True) as db, db.begin_nested() as savepoint:
            for some in files:
                people(db, "\n".join([HEADER, *some]))
            left.append(everything_said(db))
            savepoint.rollback()

    assert left[0] == left[1]
    assert ("availability.changed", "Ada", 2, True) in left[0]["events"]
    assert ("skills.changed", "Cy", 2, False) in left[0]["events"]


def everything_said(db: DbSession) -> dict[str, Any]:
    """What is there of people but for ids, which no two runs share."""
    name = dict(db.execute(select(person.c.id, person.c.name)).all())
    whole = [column for column in person.c if column.name not in ("id", "team_id", "manager_id")]
    whole.append(person.c.manager_id)
    told = select(event, event_detail.c.detail).join(event_detail, event_detail.c.event_id == event.c.id, isouter=True)
    return {
        "people": sorted(repr((name.get(row.manager_id), *row[:-1])) for row in db.execute(select(*whole))),
        "hours": sorted(repr((name[row.person_id], *row[1:])) for row in db.execute(select(availability))),
        "skills": sorted(repr((name[row.person_id], *row[1:])) for row in db.execute(select(person_skill))),
        "sides": sorted(
            repr((name[r.person_id], r.side, r.capacity, r.version)) for r in db.execute(select(enrollment))
        ),
        "events": sorted(
            (row.act, name[row.object_id], row.version, row.detail is not None)
            for row in db.execute(told)
            if row.object_id in name
        ),
    }


def test_looking_waits_for_no_writer(engine: Engine) -> None:
    calls = "title,host_email,starts_at,duration_minutes,account\nDemo,a@x.example,2026-11-24T15:00:00Z,30,North\n"
    with transaction(engine, writes=True) as db:
        people(db, f"{HEADER}\n1,Ada,a@x.example,UTC,,,,,,,,")
    with transaction(engine, writes=True) as writing:
        writing.execute(delete(enrollment))  # and holds the one place of who writes

        two = told_by_reading(
            engine,
            lambda db: people(
                db,
                f"{HEADER}\n1,Ada B,a@x.example,UTC,,,,,,,,\n,Bo,b@x.example,UTC,,New,,,,,,",
                dry_run=True,
                reads_only=True,
            ),
        )
        one = told_by_reading(
            engine,
            lambda db: import_calls(
                db, read_calls(calls.encode()), dry_run=True, reads_only=True, actor=SYSTEM, now=NOW
            ),
        )
        role = told_by_reading(
            engine,
            lambda db: people(db, f"{HEADER}\n1,Ada,a@x.example,UTC,manager,,,,,,,", dry_run=True, reads_only=True),
        )

    assert two is not None
    assert (two.created, two.updated, two.written) == (1, 1, False)
    assert one is not None
    assert (one.created, one.written) == (1, False)
    assert role is None


def test_new_rows_cost_no_statement_each(engine: Engine) -> None:
    costs = []
    for rows in (3, 60):
        text = "\n".join(
            f",P{n},p{n}@x.example,UTC,,East,{f'p{n - 1}@x.example' if n else ''},mentor,1,closing.ask=1,,Mon 8:00-9:00"
            for n in range(rows)
        )
        with transaction(engine, writes=True) as db, db.begin_nested() as savepoint:
            with counted(engine) as statements:
                people(db, f"{HEADER}\n{text}")
            assert db.execute(select(func.count()).select_from(person)).scalar_one() == rows
            savepoint.rollback()
        costs.append(len(statements))

    assert costs[0] == costs[1] < 40


def test_a_call_longer_than_a_day_is_a_bad_row(db: DbSession) -> None:
    people(db, f"{HEADER}\n1,Ada,a@x.example,UTC,,,,,,,,")
    header = "title,host_email,starts_at,ends_at\n"
    rows = (
        "Demo,a@x.example,2026-11-24T15:00Z,2026-11-24T16:00Z\nDemo,a@x.example,2026-11-24T15:01Z,2026-12-24T16:00Z\n"
    )

    report = import_calls(db, read_calls((header + rows).encode()), skip_bad=True, actor=SYSTEM, now=NOW)

    assert (report.created, [(error.line, error.code) for error in report.errors]) == (1, [(3, "invalid")])
