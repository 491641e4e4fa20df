"""The schema: one line of migrations, up and down on both engines, and the rules that only the schema can keep."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError

from app import ids, migrations
from app.db import DbSession, make_engine, retrying, transaction
from app.errors import Conflict
from app.models import Account, Claim, Person, Session, metadata
from app.models.tables import account, call, claim, match_run, person
from app.operations.installation import first_start
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.vocabulary import CallStatus, ClaimKind, PersonStatus, Role, SessionKind, SessionStatus
from tests.factories import a_call
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS
from tests.postgres import create_database, drop_database

STAMPED: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without a single table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: str = request.getfixturevalue("postgres_server")
    yield create_database(server, "earshot_empty")
    drop_database(server, "earshot_empty")


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    made = make_engine(empty_url)
    yield made
    made.dispose()


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


# --- Up and down ------------------------------------------------------------------------------------------------------


def test_there_is_one_head_and_every_migration_says_what_it_changes() -> None:
    scripts = ScriptDirectory(str(migrations.SCRIPTS))

    assert len(scripts.get_heads()) == 1
    assert all(script.doc for script in scripts.walk_revisions())


def test_up_down_and_up_again_ends_in_the_same_schema(empty: Engine) -> None:
    migrations.upgrade(empty)
    first = tables(empty)
    command.downgrade(migrations.config(empty), "base")
    assert tables(empty) == set()

    migrations.upgrade(empty)

    assert tables(empty) == first == set(metadata.tables)
    assert migrations.current(empty) == migrations.newest()


def test_the_migrations_make_what_the_models_say(engine: Engine) -> None:
    command.check(migrations.config(engine))


def test_runs_that_said_some_of_their_weights_say_all_of_them(empty: Engine) -> None:
    command.upgrade(migrations.config(empty), "0006")
    stamps = "1, '2026-11-21 09:00:00+00:00', '2026-11-21 09:00:00+00:00'"
    with transaction(empty, writes=True) as db:
        for row in (
            f"program (id, name, is_default, weights, version, created_at, updated_at) "
            f"VALUES ('prg_1', 'Ramp', true, '{{\"skill\": 6000, \"fresh\": 0}}', {stamps})",
            f"operation (id, kind, status, progress, created_at, updated_at) "
            f"VALUES ('op_1', 'match_run', 'queued', {stamps.replace('1, ', '0, ', 1)})",
            f"match_run (id, program_id, operation_id, status, objective, weights, constraints, pins, forbidden, "
            f"unmatched, version, created_at, updated_at) VALUES ('mrn_1', 'prg_1', 'op_1', 'queued', 'util', "
            f"'{{\"segment\": 0, \"fresh\": 9}}', '{{}}', '[]', '[]', '[]', {stamps})",
        ):
            db.connection().exec_driver_sql(f"INSERT INTO {row}")

    migrations.upgrade(empty)

    with transaction(empty, writes=False) as db:
        weights = db.execute(select(match_run.c.weights)).scalar_one()
    assert weights == {**DEFAULT_WEIGHTS, "skill": 6000, "segment": 0, "fresh": 9}


def test_what_was_said_of_calls_before_the_clock_spoke_of_them_is_still_what_people_said(empty: Engine) -> None:
    migrations.upgrade(empty)
    starts_at, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    with transaction(empty, writes=True) as db:
        first_start(db, now=NOW)
        for status, at in (("live", NOW), ("live", late), ("ended", NOW), ("ended", late), ("scheduled", late)):
            call_id = a_call(db, starts_at=starts_at)
            db.execute(update(call).where(call.c.id == call_id).values(status=CallStatus(status), updated_at=at))
    command.downgrade(migrations.config(empty), "0008")

    migrations.upgrade(empty)

    ends_at = starts_at + timedelta(minutes=30)
    with transaction(empty, writes=False) as db:
        said = db.execute(select(call.c.began_at, call.c.ended_at).order_by(call.c.id)).all()
    assert Counter(map(tuple, said)) == Counter(
        [(NOW, None), (starts_at, None), (None, NOW), (None, ends_at), (None, None)]
    )


def test_a_second_upgrade_changes_nothing(engine: Engine) -> None:
    migrations.upgrade(engine)
    migrations.require_newest(engine)


def test_an_empty_database_is_told_how_to_get_a_schema(empty: Engine) -> None:
    with pytest.raises(migrations.SchemaMismatch, match="earshot migrate"):
        migrations.require_newest(empty)


def test_a_schema_from_the_future_is_refused_in_one_sentence(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    for act in (migrations.upgrade, migrations.require_newest):
        with pytest.raises(migrations.SchemaMismatch) as refused:
            act(engine)
        assert "newer Earshot" in str(refused.value)
        assert "\n" not in str(refused.value)


def migrate_and_start(url: str, go: Any, outcomes: Any) -> None:
    go.wait(PATIENCE_SECONDS)
    engine = make_engine(url)

    def start() -> None:
        with transaction(engine, writes=True) as db:
            first_start(db, now=NOW)

    try:
        migrations.upgrade(engine)
        retrying(start)
        outcomes.put("done")
    except Exception as error:
        outcomes.put(repr(error))
    engine.dispose()


def test_processes_that_start_at_the_same_moment_all_find_a_finished_house(empty_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    go, outcomes = spawn.Event(), spawn.Queue()
    processes = [spawn.Process(target=migrate_and_start, args=(empty_url, go, outcomes)) for _ in range(2)]
    for process in processes:
        process.start()

    go.set()

    assert [outcomes.get(timeout=PATIENCE_SECONDS) for _ in processes] == ["done"] * 2
    for process in processes:
        process.join(PATIENCE_SECONDS)
    engine = make_engine(empty_url)
    migrations.require_newest(engine)
    with transaction(engine, writes=False) as db:
        assert db.execute(text("SELECT count(*) FROM installation")).scalar_one() == 1
        assert db.execute(text("SELECT count(*) FROM program")).scalar_one() == 1
    engine.dispose()


# --- Nobody is in two places at once ----------------------------------------------------------------------------------


def a_person(db: DbSession, email: str = "a@earshot.example") -> str:
    made = Person(id=ids.new("per", NOW), name="A", email=email, time_zone="UTC", **STAMPED)
    db.add(made)
    db.flush()
    return made.id


def a_claim(db: DbSession, who: str, *, start: int, end: int, active: bool = True) -> str:
    """A claim over whole minutes after NOW."""
    session_id = ids.new("ses", NOW)
    span: dict[str, Any] = {"starts_at": NOW + timedelta(minutes=start), "ends_at": NOW + timedelta(minutes=end)}
    kinds: dict[str, Any] = {"kind": SessionKind.SHADOW, "status": SessionStatus.CONFIRMED}
    db.add(Session(id=session_id, uid=session_id, time_zone="UTC", **kinds, **span, **STAMPED))
    db.flush()
    kind = ClaimKind.SESSION
    made = Claim(id=ids.new("clm", NOW), person_id=who, session_id=session_id, kind=kind, active=active, **span)
    db.add(made)
    db.flush()
    return made.id


def minutes(start: int, end: int) -> dict[str, datetime]:
    return {"starts_at": NOW + timedelta(minutes=start), "ends_at": NOW + timedelta(minutes=end)}


@pytest.mark.parametrize(("start", "end"), [(30, 90), (-30, 1), (59, 61), (10, 20), (-10, 70), (0, 60)])
def test_claims_of_one_person_that_overlap_are_refused(engine: Engine, start: int, end: int) -> None:
    def once() -> None:
        with transaction(engine, writes=True) as db:
            who = a_person(db)
            a_claim(db, who, start=0, end=60)
            a_claim(db, who, start=start, end=end)

    with pytest.raises(Conflict) as refused:
        retrying(once)

    assert refused.value.code == "slot_taken"


def test_claims_that_touch_or_are_over_or_are_of_others_stand(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        one, other = a_person(db), a_person(db, "b@earshot.example")
        a_claim(db, one, start=0, end=60)

        a_claim(db, one, start=60, end=90)
        a_claim(db, one, start=-30, end=0)
        a_claim(db, one, start=0, end=60, active=False)
        a_claim(db, other, start=0, end=60)


@pytest.mark.parametrize("change", [minutes(30, 90), {"active": True, **minutes(0, 60)}])
def test_a_claim_moved_or_woken_onto_another_is_refused(engine: Engine, change: dict[str, Any]) -> None:
    with transaction(engine, writes=True) as db:
        who = a_person(db)
        a_claim(db, who, start=0, end=60)
        asleep = a_claim(db, who, start=60, end=90, active="active" not in change)

    def once() -> None:
        with transaction(engine, writes=True) as db:
            db.execute(update(claim).where(claim.c.id == asleep).values(**change))

    with pytest.raises(Conflict) as refused:
        retrying(once)

    assert refused.value.code == "slot_taken"


def test_a_claim_may_be_shortened_in_its_own_place(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        made = a_claim(db, a_person(db), start=0, end=60)

        db.execute(update(claim).where(claim.c.id == made).values(**minutes(10, 50)))


# --- What columns hold ------------------------------------------------------------------------------------------------


def test_enums_are_stored_as_their_values(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_person(db)
        db.execute(update(person).values(status=PersonStatus.ON_LEAVE, role=Role.PROGRAM_MANAGER))

        stored = db.execute(text("SELECT status, role FROM person")).one()
        read = db.execute(select(person.c.status, person.c.role)).one()

    assert tuple(stored) == ("on_leave", "program_manager")
    assert (read.status, read.role) == (PersonStatus.ON_LEAVE, Role.PROGRAM_MANAGER)


def write_a_moment(engine: Engine, moment: datetime) -> None:
    with transaction(engine, writes=True) as db:
        db.add(Account(id="acc_1", name="Acme", created_at=moment, updated_at=moment))


def test_a_moment_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises((StatementError, ValueError)):
        write_a_moment(engine, datetime(2026, 11, 21, 9))  # noqa: DTZ001


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-7))])
def test_moments_come_back_aware_in_utc_to_the_microsecond(engine: Engine, zone: timezone) -> None:
    moment = datetime(2026, 10, 25, 1, 30, 0, 123456, tzinfo=zone)

    write_a_moment(engine, moment)

    with transaction(engine, writes=False) as db:
        read = db.execute(select(account.c.created_at)).scalar_one()
    assert read == moment
    assert read.utcoffset() == timedelta(0)


def test_moments_are_compared_as_instants_whatever_their_zone(engine: Engine) -> None:
    write_a_moment(engine, NOW)
    kolkata = timezone(timedelta(hours=5, minutes=30))

    with transaction(engine, writes=False) as db:
        before = select(account.c.id).where(account.c.created_at < (NOW + timedelta(seconds=1)).astimezone(kolkata))
        after = select(account.c.id).where(account.c.created_at > (NOW - timedelta(seconds=1)).astimezone(kolkata))
        found = (len(db.execute(before).all()), len(db.execute(after).all()))

    assert found == (1, 1)


def test_ids_sort_by_byte_on_both_engines(engine: Engine) -> None:
    names = ["acc_Z", "acc_a", "acc_0", "acc__", "acc_z"]
    with transaction(engine, writes=True) as db:
        db.add_all(Account(id=name, name=name, **STAMPED) for name in names)

    with transaction(engine, writes=False) as db:
        found = list(db.execute(select(account.c.id).order_by(account.c.id)).scalars())

    assert found == sorted(names)


def test_there_is_one_installation(engine: Engine) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO installation (one, id, created_at) VALUES (2, 'x', '2026-11-21')"))
