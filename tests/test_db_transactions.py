"""Transactions on both engines, with real threads and processes: nothing is lost, nobody starves, faults are named."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, create_engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from app import ids, migrations
from app.db import DbSession, Retryable, WriterQueue, make_engine, retrying, transaction
from app.errors import Conflict, Invalid, NotFound, Problem, Unavailable
from app.models import Account, Claim, Enrollment, Match, Person, Session, Team
from app.models.tables import account, claim, person, program, team
from app.operations.installation import first_start
from app.vocabulary import ClaimKind, MatchStatus, SessionKind, SessionStatus, Side
from tests.databases import patient
from tests.harness import NOW, Api, FakeClock
from tests.patience import PATIENCE_SECONDS, until
from tests.postgres import Postgres, create_database, own_postgres

AISHA = {"name": "Aisha Bello", "email": "aisha@earshot.example", "time_zone": "America/Phoenix"}
STAMPED: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}


def an_account(engine: Engine, name: str = "Acme") -> str:
    made = Account(id=ids.new("acc", NOW), name=name, **STAMPED)
    with transaction(engine, writes=True) as db:
        db.add(made)
    return made.id


def a_person(db: DbSession, email: str = "a@earshot.example") -> str:
    made = Person(id=ids.new("per", NOW), name="A", email=email, time_zone="UTC", **STAMPED)
    db.add(made)
    db.flush()
    return made.id


def a_session(db: DbSession) -> str:
    id_ = ids.new("ses", NOW)
    span: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "time_zone": "UTC"}
    kinds: dict[str, Any] = {"kind": SessionKind.SHADOW, "status": SessionStatus.CONFIRMED}
    db.add(Session(id=id_, uid=f"{id_}@test", **span, **kinds, **STAMPED))
    db.flush()
    return id_


def add_a_person_then_raise(engine: Engine, error: BaseException) -> None:
    with transaction(engine, writes=True) as db:
        a_person(db)
        raise error


def version(engine: Engine, account_id: str) -> int:
    with transaction(engine, writes=False) as db:
        return int(db.execute(select(account.c.version).where(account.c.id == account_id)).scalar_one())


def read_then_write(engine: Engine, account_id: str) -> None:
    """Add one, the way operations do: lock, look, write."""

    def once() -> None:
        with transaction(engine, writes=True) as db:
            seen = db.execute(
                select(account.c.version).where(account.c.id == account_id).with_for_update()
            ).scalar_one()
            db.execute(update(account).where(account.c.id == account_id).values(version=seen + 1))

    retrying(once)


def add_one(engine: Engine, account_id: str) -> None:
    """Come back, as often as it is asked."""

    def done() -> bool:
        with suppress(Unavailable):
            read_then_write(engine, account_id)
            return True
        return False

    until(done)


def add_many(url: str, account_id: str, times: int) -> None:
    engine = make_engine(url)
    for _ in range(times):
        add_one(engine, account_id)
    engine.dispose()


# --- Nothing is lost --------------------------------------------------------------------------------------------------


def test_200_increments_by_threads_and_processes_lose_nothing(engine: Engine, database_url: str) -> None:
    account_id = an_account(engine)
    before = version(engine, account_id)
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=add_many, args=(database_url, account_id, 50)) for _ in range(2)]

    for process in processes:
        process.start()
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: add_one(engine, account_id), range(100)))
    for process in processes:
        process.join(PATIENCE_SECONDS)

    assert [process.exitcode for process in processes] == [0, 0]
    assert version(engine, account_id) == before + 200


def test_an_exception_rolls_everything_back(engine: Engine) -> None:
    with pytest.raises(NotFound):
        add_a_person_then_raise(engine, NotFound())

    with transaction(engine, writes=False) as db:
        assert db.execute(select(person.c.id)).all() == []


def test_a_read_transaction_can_not_write_and_leaves_the_connection_able_to(engine: Engine) -> None:
    for _ in range(3):
        with pytest.raises(DBAPIError), transaction(engine, writes=False) as db:
            a_person(db)

    with transaction(engine, writes=True) as db:
        assert db.execute(select(person.c.id)).all() == []
        a_person(db)


def test_a_read_transaction_sees_one_state_on_sqlite(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    account_id = an_account(engine)
    with transaction(engine, writes=False) as reading:
        first = reading.execute(select(account.c.version).where(account.c.id == account_id)).scalar_one()
        read_then_write(engine, account_id)

        again = reading.execute(select(account.c.version).where(account.c.id == account_id)).scalar_one()

    assert again == first
    engine.dispose()


def test_the_effect_is_committed_before_the_answer_is_received(api: Api, database_url: str) -> None:
    beside = create_engine(database_url)
    try:
        for number in range(25):
            answer = api.admin.post("/v1/people", json={**AISHA, "email": f"p{number}@earshot.example"})
            with beside.connect() as connection:
                found = connection.execute(select(person.c.id).where(person.c.id == answer.json()["id"])).all()
            assert len(found) == 1
    finally:
        beside.dispose()


# --- Deadlocks and other calls for another run ------------------------------------------------------------------------


def lock_both(engine: Engine, first: str, second: str, barrier: threading.Barrier, runs: list[str]) -> None:
    with transaction(engine, writes=True) as db:
        runs.append(first)
        db.execute(update(account).where(account.c.id == first).values(version=account.c.version + 1))
        if len(runs) <= 2:
            barrier.wait(PATIENCE_SECONDS)  # only the first runs meet: each holds what the other wants
        db.execute(update(account).where(account.c.id == second).values(version=account.c.version + 1))


def test_a_real_deadlock_is_run_again_and_both_succeed(postgres_url: str) -> None:
    engine = patient(make_engine(postgres_url))
    a, b = an_account(engine, "A"), an_account(engine, "B")
    barrier, runs = threading.Barrier(2), list[str]()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(retrying, lambda: lock_both(engine, a, b, barrier, runs))
        other = pool.submit(retrying, lambda: lock_both(engine, b, a, barrier, runs))
        one.result(PATIENCE_SECONDS), other.result(PATIENCE_SECONDS)

    assert len(runs) == 3
    assert (version(engine, a), version(engine, b)) == (3, 3)
    engine.dispose()


def test_without_another_run_a_deadlock_says_that_it_wants_one(postgres_url: str) -> None:
    engine = patient(make_engine(postgres_url))
    a, b = an_account(engine, "A"), an_account(engine, "B")
    barrier, runs = threading.Barrier(2), list[str]()

    with ThreadPoolExecutor(2) as pool:
        futures = [
            pool.submit(lock_both, engine, a, b, barrier, runs),
            pool.submit(lock_both, engine, b, a, barrier, runs),
        ]
        errors = [future.exception(PATIENCE_SECONDS) for future in futures]

    assert sorted(type(error).__name__ for error in errors) == ["NoneType", "Retryable"]
    engine.dispose()


def test_work_that_never_stops_asking_for_another_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def work() -> None:
        runs.append(1)
        raise Retryable("40001")

    with pytest.raises(Unavailable):
        retrying(work)
    assert len(runs) == 4


def test_a_lock_that_nobody_lets_go_is_unavailable(postgres_url: str, soak: bool) -> None:
    engine = make_engine(postgres_url)
    account_id = an_account(engine)
    with engine.connect() as holder:
        holder.execute(update(account).where(account.c.id == account_id).values(version=9))

        started = time.monotonic()
        with pytest.raises(Unavailable):
            read_then_write(engine, account_id)

    assert 2.5 < time.monotonic() - started < (10 if soak else PATIENCE_SECONDS)
    engine.dispose()


# --- The writers' queue -----------------------------------------------------------------------------------------------


def waiting(queue: WriterQueue) -> int:
    return len(queue._waiting)


def test_writers_go_in_the_order_in_which_they_came() -> None:
    queue, served = WriterQueue(), list[int]()
    queue.acquire()

    def write(number: int) -> None:
        queue.acquire(PATIENCE_SECONDS)
        served.append(number)
        queue.release()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda expected=number + 1: waiting(queue) == expected)  # type: ignore[misc]
    queue.release()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)

    assert served == list(range(20))
    queue.acquire(timeout=0.1)


def test_the_twenty_first_who_would_wait_is_told_to_come_back() -> None:
    queue = WriterQueue()
    queue.acquire()
    with ThreadPoolExecutor(20) as pool:
        waiters = [pool.submit(queue.acquire, PATIENCE_SECONDS) for _ in range(20)]
        until(lambda: waiting(queue) == 20)

        with pytest.raises(Unavailable) as refused:
            queue.acquire()

        assert refused.value.headers["Retry-After"] == "1"
        for _ in waiters:
            queue.release()
        for waiter in waiters:
            waiter.result(PATIENCE_SECONDS)


def test_who_waited_too_long_gives_up_their_place() -> None:
    queue = WriterQueue()
    queue.acquire()

    with pytest.raises(Unavailable):
        queue.acquire(timeout=0.02)
    queue.release()

    assert waiting(queue) == 0
    queue.acquire(timeout=0.1)


def test_a_turn_given_at_the_moment_of_giving_up_is_never_lost() -> None:
    queue, turns = WriterQueue(), list[int]()

    def write(number: int) -> None:
        for _ in range(50):
            try:
                queue.acquire(timeout=0.0005)
            except Unavailable:
                continue
            turns.append(number)
            time.sleep(0.0005)
            queue.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    assert turns
    queue.acquire(timeout=0.1)


def test_a_turn_may_be_given_back_by_another_thread() -> None:
    queue = WriterQueue()
    queue.acquire()

    thread = threading.Thread(target=queue.release)
    thread.start()
    thread.join()

    queue.acquire(timeout=0.1)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
def test_a_writer_that_fails_hands_over(sqlite_url: str, error: type[BaseException]) -> None:
    engine = make_engine(sqlite_url)
    for _ in range(3):
        with pytest.raises(error):
            add_a_person_then_raise(engine, error())

    with transaction(engine, writes=True) as db:  # refused after five seconds if the turn was lost
        a_person(db)
    engine.dispose()


# --- A database that is busy, away or full ----------------------------------------------------------------------------


def hold_the_file(path: str, held: Any, let_go: Any) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    held.set()
    let_go.wait(PATIENCE_SECONDS)
    connection.close()


def test_a_file_locked_by_another_process_is_unavailable_and_comes_back(sqlite_api: Api, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    held, let_go = spawn.Event(), spawn.Event()
    other = spawn.Process(target=hold_the_file, args=(str(tmp_path / "earshot.db"), held, let_go))
    other.start()
    assert held.wait(PATIENCE_SECONDS)

    refused = sqlite_api.admin.post("/v1/people", json=AISHA)
    readable = sqlite_api.admin.get("/v1/people")
    let_go.set()
    other.join(PATIENCE_SECONDS)
    after = sqlite_api.admin.post("/v1/people", json=AISHA)

    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "unavailable", "1")
    assert (readable.status_code, after.status_code) == (200, 201)


def fill_the_disk(engine: Engine) -> None:
    """Write more than the file may grow to: SQLite reports it as it reports a full disk."""
    with transaction(engine, writes=True) as db:
        pages = db.connection().exec_driver_sql("PRAGMA page_count").scalar_one()
        db.connection().exec_driver_sql(f"PRAGMA max_page_count={pages}")
        db.add_all(Account(id=ids.new("acc", NOW), name=f"{number} " + "x" * 190, **STAMPED) for number in range(500))
        db.flush()


def test_a_full_disk_is_unavailable_and_heals(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)

    with pytest.raises(Unavailable):
        fill_the_disk(engine)

    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=4294967294")
    an_account(engine)
    engine.dispose()


def test_a_pool_with_nothing_left_is_unavailable(postgres_url: str) -> None:
    engine = make_engine(postgres_url, pool_size=1)
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with transaction(engine, writes=False) as db:
        db.execute(text("SELECT 1"))

        with pytest.raises(Unavailable), transaction(engine, writes=False) as other:
            other.execute(text("SELECT 1"))
    engine.dispose()


def lose_the_line_then_refuse(engine: Engine, killer: Engine) -> None:
    with transaction(engine, writes=True) as db:
        pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with killer.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        time.sleep(0.1)
        raise NotFound


def test_a_refusal_on_a_line_that_broke_meanwhile_is_still_that_refusal(postgres_url: str) -> None:
    engine, killer = make_engine(postgres_url), create_engine(postgres_url)

    with pytest.raises(NotFound):
        lose_the_line_then_refuse(engine, killer)

    an_account(engine)
    engine.dispose()
    killer.dispose()


@pytest.fixture(scope="module")
def own_server() -> Iterator[Postgres]:
    with own_postgres() as server:
        yield server


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restarted_server_is_unavailable_for_a_while_and_never_an_error(
    own_server: Postgres, serve: Callable[..., Api], clock: FakeClock, tmp_path: Path, mode: Any, soak: bool
) -> None:
    url = create_database(own_server.url, f"restarted_{mode}")
    first = make_engine(url)
    migrations.upgrade(first)
    with transaction(first, writes=True) as db:
        first_start(db, now=NOW)
    first.dispose()
    api = serve(url, clock, tmp_path)
    done, answers, lock = threading.Event(), list[tuple[int, str]](), threading.Lock()

    def write_on(worker: int) -> None:
        number = 0
        while not done.is_set():
            email = f"{worker}.{number}@earshot.example"
            status = api.admin.post("/v1/people", json={**AISHA, "email": email}).status_code
            with lock:
                answers.append((status, email))
            number += 1

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(write_on, worker) for worker in range(4)]
        try:
            until(lambda: len(answers) > 20)
            own_server.stop(mode)
            until(lambda: any(status == 503 for status, _ in answers))
            own_server.start()
            back_at, seen = time.monotonic(), len(answers)
            until(lambda: sum(status == 201 for status, _ in answers[seen:]) > 8)
            took = time.monotonic() - back_at
        finally:
            done.set()
        for worker in workers:
            worker.result(PATIENCE_SECONDS)

    assert {status for status, _ in answers} == {201, 503}
    assert took <= (5 if soak else PATIENCE_SECONDS)
    with transaction(api.engine, writes=False) as db:
        there = set(db.execute(select(person.c.email)).scalars())
    assert {email for status, email in answers if status == 201} <= there


# --- Constraints refuse by name ---------------------------------------------------------------------------------------


def two_claims_that_overlap(db: DbSession) -> None:
    who, session_id = a_person(db), a_session(db)
    for shift in (0, 30):
        starts = NOW + timedelta(minutes=shift)
        span: dict[str, Any] = {"starts_at": starts, "ends_at": starts + timedelta(hours=1)}
        db.add(Claim(id=ids.new("clm", NOW), person_id=who, session_id=session_id, kind=ClaimKind.SESSION, **span))
        db.flush()


def two_people_with_one_address(db: DbSession) -> None:
    a_person(db), a_person(db)


def two_teams_with_one_name(db: DbSession) -> None:
    for _ in range(2):
        db.add(Team(id=ids.new("team", NOW), name="West", **STAMPED))
        db.flush()


def two_matches_of_one_mentee(db: DbSession) -> None:
    program_id = db.execute(select(program.c.id)).scalar_one()
    mentee, mentor = a_person(db), a_person(db, "b@earshot.example")
    for _ in range(2):
        whom: dict[str, Any] = {"program_id": program_id, "mentee_id": mentee, "mentor_id": mentor}
        db.add(Match(id=ids.new("mat", NOW), **whom, status=MatchStatus.ACTIVE, score=1, terms={}, **STAMPED))
        db.flush()


def two_enrollments_on_one_side(db: DbSession) -> None:
    program_id, who = db.execute(select(program.c.id)).scalar_one(), a_person(db)
    for _ in range(2):
        db.add(Enrollment(id=ids.new("enr", NOW), program_id=program_id, person_id=who, side=Side.MENTEE, **STAMPED))
        db.flush()


def a_name_of_another_object(db: DbSession) -> None:
    names = "object_id, source, external_id, object_type"
    for object_id in ("a", "b"):
        db.execute(text(f"INSERT INTO external_identity ({names}) VALUES ('{object_id}', 'crm', '1', 'person')"))  # noqa: S608


def a_manager_who_does_not_exist(db: DbSession) -> None:
    db.execute(update(person).where(person.c.id == a_person(db)).values(manager_id="per_nobody"))


def a_manager_taken_away(db: DbSession) -> None:
    manager, low = a_person(db), a_person(db, "b@earshot.example")
    db.execute(update(person).where(person.c.id == low).values(manager_id=manager))
    db.execute(delete(person).where(person.c.id == manager))


def limits_below_zero(db: DbSession) -> None:
    db.execute(update(person).where(person.c.id == a_person(db)).values(observe_per_day=-1))


@pytest.mark.parametrize(
    ("act", "kind", "code"),
    [
        (two_claims_that_overlap, Conflict, "slot_taken"),
        (two_people_with_one_address, Conflict, "email_taken"),
        (two_teams_with_one_name, Conflict, "conflict"),
        (two_matches_of_one_mentee, Conflict, "already_matched"),
        (two_enrollments_on_one_side, Conflict, "already_enrolled"),
        (a_name_of_another_object, Conflict, "external_id_taken"),
        (a_manager_who_does_not_exist, Invalid, "unknown_reference"),
        (a_manager_taken_away, Conflict, "in_use"),
        (limits_below_zero, Invalid, "invalid"),
    ],
)
def test_a_broken_constraint_is_a_refusal_with_the_code_of_its_rule(
    engine: Engine, act: Callable[[DbSession], None], kind: type[Problem], code: str
) -> None:
    def once() -> None:
        with transaction(engine, writes=True) as db:
            act(db)

    with pytest.raises(kind) as refused:
        retrying(once)

    assert refused.value.code == code
    with transaction(engine, writes=False) as db:
        assert db.execute(select(person.c.id)).all() == []


SEATS = {
    "seat_one_per_number": (("s1", "c", "p1", 1, 2), ("s2", "c", "p2", 1, 2), "seats_full"),
    "seat_one_per_observer": (("s1", "c", "p1", 1, 2), ("s2", "c", "p1", 2, 2), "already_booked"),
    "seat_never_oversold": (("s1", "c", "p1", 1, 2), ("s2", "c", "p2", 3, 2), "seats_full"),
}


@pytest.mark.parametrize("rule", SEATS)
def test_a_seat_against_a_constraint_is_refused_by_the_code_of_booking(engine: Engine, rule: str) -> None:
    first, second, code = SEATS[rule]

    def once() -> None:
        with transaction(engine, writes=True) as db:
            people = {name: a_person(db, f"{name}@earshot.example") for name in ("p1", "p2")}
            call = {
                "id": "c",
                "host": people["p1"],
                "at": NOW.isoformat(),
                "to": (NOW + timedelta(hours=1)).isoformat(),
            }
            db.execute(
                text(
                    "INSERT INTO call (id, title, type, type_source, status, host_id, starts_at, ends_at, language,"
                    " sensitive, colleagues_invited, seat_capacity, seats_taken, version, created_at, updated_at)"
                    " VALUES (:id, 't', 'demo', 'rule', 'scheduled', :host, :at, :to, 'en', false, 0, 2, 0, 1, :at,"
                    " :at)"
                ),
                call,
            )
            for id_, call_id, observer, number, capacity in (first, second):
                db.execute(
                    text(
                        "INSERT INTO seat (id, call_id, observer_id, session_id, kind, status, seat_no, capacity,"
                        " late, version, created_at, updated_at) VALUES (:id, :call, :observer, :session, 'shadow',"
                        " 'confirmed', :number, :capacity, false, 1, :at, :at)"
                    ),
                    {
                        "id": id_,
                        "call": call_id,
                        "observer": people[observer],
                        "session": a_session(db),
                        "number": number,
                        "capacity": capacity,
                        "at": NOW.isoformat(),
                    },
                )

    with pytest.raises(Conflict) as refused:
        retrying(once)

    assert refused.value.code == code


def test_a_bug_of_ours_is_not_dressed_up_as_a_refusal(engine: Engine) -> None:
    with pytest.raises(DBAPIError), transaction(engine, writes=True) as db:
        db.execute(text("SELECT connection FROM connections_that_are_locked"))
    with pytest.raises(DBAPIError), transaction(engine, writes=True) as db:
        db.execute(insert(team).values(id="team_x", name=None, version=1, **STAMPED))


def test_what_was_written_is_not_in_the_words_of_a_database_error(engine: Engine) -> None:
    with pytest.raises(DBAPIError) as failed, transaction(engine, writes=True) as db:
        db.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": "canary"})

    assert "canary" not in str(failed.value)


def test_a_text_too_long_for_its_column_is_refused(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with pytest.raises(Invalid) as refused, transaction(engine, writes=True) as db:
        db.execute(insert(team).values(id="team_x", name="x" * 201, version=1, **STAMPED))

    assert refused.value.code == "too_long"
    engine.dispose()


def at_once(requests: list[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    barrier = threading.Barrier(len(requests))

    def send(request: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait(PATIENCE_SECONDS)
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def test_of_many_who_want_one_address_one_gets_it(api: Api) -> None:
    for number in range(6):
        body = {**AISHA, "email": f"race{number}@earshot.example"}

        answers = at_once([lambda b=body: api.admin.post("/v1/people", json=b)] * 6)  # type: ignore[misc]

        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
        assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"email_taken"}


@pytest.mark.parametrize("noun", ["people", "teams", "accounts", "calls"])
def test_the_same_upsert_sent_several_times_at_once_creates_one_and_the_others_find_it(api: Api, noun: str) -> None:
    host_id = api.admin.post("/v1/people", json=AISHA).json()["id"]
    times = {"starts_at": "2026-11-23T10:00:00Z", "ends_at": "2026-11-23T10:30:00Z"}
    for number in range(6):
        body: dict[str, Any] = {
            "people": {**AISHA, "email": f"up{number}@earshot.example"},
            "teams": {"name": f"Team {number}"},
            "accounts": {"name": f"Account {number}"},
            "calls": {"title": "Discovery", "host_id": host_id, **times},
        }[noun]
        place = f"/v1/{noun}/by-external-id/crm/{number}"

        answers = at_once([lambda p=place, b=body: api.admin.put(p, json=b)] * 6)  # type: ignore[misc]

        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 200, 201]
        assert len({answer.json()["id"] for answer in answers}) == 1


def test_claims_of_one_person_side_by_side_are_refused_by_the_schema_when_both_looked(postgres_url: str) -> None:
    engine = patient(make_engine(postgres_url))
    with transaction(engine, writes=True) as db:
        who, session_id = a_person(db), a_session(db)
    both_looked, first_wrote = threading.Barrier(2), threading.Event()

    def take(waits: bool) -> None:
        with transaction(engine, writes=True) as db:
            assert db.execute(select(claim.c.id)).all() == []
            both_looked.wait(PATIENCE_SECONDS)
            if waits:  # two rows written at the very same moment wait for each other: the deadlock is another test
                assert first_wrote.wait(PATIENCE_SECONDS)
            span: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "active": True}
            row = {"id": ids.new("clm", NOW), "person_id": who, "session_id": session_id, "kind": "session", **span}
            db.execute(insert(claim).values(**row))
            first_wrote.set()

    with ThreadPoolExecutor(2) as pool:
        won, lost = (
            future.exception(PATIENCE_SECONDS) for future in [pool.submit(take, False), pool.submit(take, True)]
        )
    engine.dispose()

    assert won is None
    assert isinstance(lost, Retryable)
    assert lost.refusal.code == "slot_taken"


def test_of_claims_written_at_the_very_same_moment_one_stands_and_the_other_is_asked_to_run_again(
    postgres_url: str,
) -> None:
    engine = patient(make_engine(postgres_url))
    for number in range(5):
        with transaction(engine, writes=True) as db:
            who, session_id = a_person(db, f"p{number}@earshot.example"), a_session(db)
        both_looked = threading.Barrier(2)

        def take(who: str, session_id: str, both_looked: threading.Barrier) -> None:
            with transaction(engine, writes=True) as db:
                assert db.execute(select(claim.c.id).where(claim.c.person_id == who)).all() == []
                span: dict[str, Any] = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "active": True}
                row = {"id": ids.new("clm", NOW), "person_id": who, "session_id": session_id, "kind": "session", **span}
                both_looked.wait(PATIENCE_SECONDS)
                db.execute(insert(claim).values(**row))

        with ThreadPoolExecutor(2) as pool:
            futures = [pool.submit(take, who, session_id, both_looked) for _ in range(2)]
            errors = [future.exception(PATIENCE_SECONDS) for future in futures]

        (lost,) = [error for error in errors if error is not None]
        assert isinstance(lost, Retryable), lost
        assert lost.refusal.code in ("slot_taken", "unavailable"), "the schema refuses one, or they wait for each other"
        with transaction(engine, writes=False) as db:
            assert len(db.execute(select(claim.c.id).where(claim.c.person_id == who)).all()) == 1
    engine.dispose()


def test_an_operational_error_without_a_cause_in_the_database_is_not_transient(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    with pytest.raises(OperationalError), transaction(engine, writes=True) as db:
        db.execute(text("SELECT busy FROM locked"))
    engine.dispose()
