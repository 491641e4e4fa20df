"""Eight clients book at once on PostgreSQL: the whole of ours against a database function that writes the same rows.

Ours is what a request does in its transaction: the Idempotency-Key, `book_seat` with its looks, locks and checks, the
answer kept beside it; eight processes with a connection each, HTTP left out. The function (PL/pgSQL, called by pgbench
with as many clients and prepared statements) locks the same people and call and writes the same rows, and looks at
nothing else: what the database itself could do if there were no rules.
"""

import multiprocessing
import random
import re
import subprocess
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Literal

from sqlalchemy import Engine, func, make_url, select, text

from app.db import DbSession, make_engine, retrying, transaction
from app.models import tables
from app.operations import idempotency
from app.operations.calls import NewCall, create_calls
from app.operations.seats import book_seat
from app.rules.access import SYSTEM
from app.schemas.seats import SeatRead
from benchmarks.databases import copies
from benchmarks.figures import Figure
from tests.factories import MONDAY, a_person
from tests.harness import NOW
from tests.postgres import find_binaries

CLIENTS = 8
_BEFORE = 1000
"""Bookings that are there at first: plans that PostgreSQL prepares on empty tables read all there is, for good."""
_WARMING = 8 * CLIENTS
"""Bookings before the clock starts: statements are compiled and prepared by then, on both sides."""
_SEATS = 50
Where = Literal["spread", "hot"]
_AT_MOST = 1 / 0.15
_LIMITS = ("observe_per_day", "observe_per_week", "host_per_day", "host_per_week")
_PROCESSES: Any = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["benchmarks.booking_crowd"])
_WRITTEN = (
    tables.idempotency_record,
    tables.session,
    tables.participant,
    tables.claim,
    tables.seat,
    tables.calendar_entry,
    tables.job,
    tables.event,
)

_PREPARE = (
    "CREATE TABLE turn (number bigint PRIMARY KEY, call_id text, host_id text, observer_id text)",
    "CREATE SEQUENCE next_turn",
    """
    CREATE FUNCTION raw_book(given bigint) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE
        wanted turn;
        the_call call;
        at timestamptz := now();
        key text := replace(gen_random_uuid()::text, '-', '');
        answered bytea := convert_to(repeat('x', 350), 'UTF8');
        host_entry text;
    BEGIN
        SELECT * INTO STRICT wanted FROM turn WHERE number = given;
        INSERT INTO idempotency_record (credential, idempotency_key, fingerprint, status, headers, created_at)
            VALUES ('system', key, repeat('0', 64), 0, '{}', at);
        PERFORM 1 FROM person WHERE id IN (wanted.host_id, wanted.observer_id) ORDER BY id FOR NO KEY UPDATE;
        SELECT * INTO STRICT the_call FROM call WHERE id = wanted.call_id FOR NO KEY UPDATE;
        INSERT INTO session (id, uid, kind, status, call_id, starts_at, ends_at, time_zone, sequence, version,
                created_at, updated_at)
            VALUES ('ses_' || key, 'ses_' || key || '@raw.earshot', 'shadow', 'confirmed', the_call.id,
                the_call.starts_at, the_call.ends_at, 'Europe/London', 0, 1, at, at);
        INSERT INTO participant (session_id, person_id, part, response)
            VALUES ('ses_' || key, wanted.host_id, 'host', 'needs_action'),
                ('ses_' || key, wanted.observer_id, 'observer', 'needs_action');
        INSERT INTO claim (id, person_id, session_id, kind, starts_at, ends_at, active)
            VALUES ('clm_' || key, wanted.observer_id, 'ses_' || key, 'session', the_call.starts_at, the_call.ends_at,
                true);
        INSERT INTO seat (id, call_id, observer_id, session_id, kind, status, seat_no, capacity, late, version,
                created_at, updated_at)
            VALUES ('seat_' || key, the_call.id, wanted.observer_id, 'ses_' || key, 'shadow', 'confirmed',
                the_call.seats_taken + 1, the_call.seat_capacity, false, 1, at, at);
        UPDATE call SET seats_taken = seats_taken + 1, version = version + 1, updated_at = at WHERE id = the_call.id;
        INSERT INTO calendar_entry (id, person_id, uid, part, call_id, session_id, status, starts_at, ends_at, sequence,
                changed_at, created_at)
            VALUES ('ent_' || key, wanted.observer_id, 'ses_' || key || '@raw.earshot', 'observer', the_call.id,
                'ses_' || key, 'confirmed', the_call.starts_at, the_call.ends_at, 0, at, at);
        UPDATE calendar_entry SET sequence = sequence + 1, changed_at = at, vevent = NULL, renderer = NULL
            WHERE call_id = the_call.id AND part = 'host' RETURNING id INTO host_entry;
        IF NOT FOUND THEN
            host_entry := 'ent_h' || key;
            INSERT INTO calendar_entry (id, person_id, uid, part, call_id, status, starts_at, ends_at, sequence,
                    changed_at, created_at)
                VALUES (host_entry, wanted.host_id, the_call.id || '@raw.earshot', 'host', the_call.id, 'confirmed',
                    the_call.starts_at, the_call.ends_at, 0, at, at);
        END IF;
        INSERT INTO job (id, kind, payload, singleton, status, priority, due_at, attempts, max_attempts, created_at,
                updated_at)
            VALUES ('job_' || key, 'invite_mail', json_build_object('entry_id', 'ent_' || key),
                    'invite_mail:ent_' || key, 'queued', 100, at, 0, 3000, at, at),
                ('job_h' || key, 'invite_mail', json_build_object('entry_id', host_entry),
                    'invite_mail:' || host_entry, 'queued', 100, at, 0, 3000, at, at)
            ON CONFLICT (singleton) WHERE status = 'queued' AND singleton IS NOT NULL
            DO UPDATE SET due_at = least(job.due_at, excluded.due_at);
        INSERT INTO event (id, at, actor, act, object_type, object_id, version)
            VALUES ('evt_1' || key, at, 'system', 'call.seats_changed', 'call', the_call.id, the_call.version + 1),
                ('evt_2' || key, at, 'system', 'seat.booked', 'seat', 'seat_' || key, 1),
                ('evt_3' || key, at, 'system', 'session.booked', 'session', 'ses_' || key, 1);
        UPDATE idempotency_record SET status = 201, headers = '{"etag": "\\"v1\\""}', body = answered
            WHERE credential = 'system' AND idempotency_key = key;
    END $$
    """,
)


def figures(bookings: int) -> list[Figure]:
    """Measure calls that are many, and one at a time that everybody wants."""
    return [_figure("spread", bookings), _figure("hot", bookings)]


def _figure(where: Where, bookings: int) -> Figure:
    with copies("postgresql", partial(_fill, where=where, bookings=_BEFORE + _WARMING + bookings)) as (_, copy):
        ours, raw = copy(), copy()
        seconds, raw_seconds = _ours(ours, bookings), _raw(raw, bookings)
        _check_same_rows(ours, raw)
    what = f"booking by {CLIENTS} clients on PostgreSQL, {where}"
    each, raw_each = 1000 * seconds / bookings, 1000 * raw_seconds / bookings
    return Figure(what, each, "ms", raw_each, "database function", _AT_MOST)


def _fill(engine: Engine, *, where: Where, bookings: int) -> None:
    turns = _many_calls(engine, bookings) if where == "spread" else _few_calls(engine, bookings)
    with transaction(engine, writes=True) as db:
        for statement in _PREPARE:
            db.execute(text(statement))
        table = text("INSERT INTO turn VALUES (:number, :call_id, :host_id, :observer_id)")
        for number, (call_id, host_id, observer_id) in enumerate(turns, start=1):
            values = {"number": number, "call_id": call_id, "host_id": host_id, "observer_id": observer_id}
            db.execute(table, values)
        db.execute(text("SELECT raw_book(nextval('next_turn')) FROM generate_series(1, :before)"), {"before": _BEFORE})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _many_calls(engine: Engine, bookings: int) -> list[tuple[str, str, str]]:
    """Return (call, host, observer) in no order, with sixteen calls a host and eight seats an observer: a full week."""
    side = -(-bookings // 16)
    with transaction(engine, writes=True) as db:
        hosts, observers = _people(db, side), _people(db, 2 * side)
        slots = [(number // side, hosts[number % side]) for number in range(bookings)]
        calls = _calls(db, slots, seats=1)
    random.Random(1).shuffle(observers)
    turns = [
        (call_id, host, observers[number % len(observers)])
        for number, (call_id, (_, host)) in enumerate(zip(calls, slots, strict=True))
    ]
    random.Random(2).shuffle(turns)
    return turns


def _few_calls(engine: Engine, bookings: int) -> list[tuple[str, str, str]]:
    """Return (call, host, observer) such that all clients are on one call until its fifty seats are taken."""
    number = -(-bookings // _SEATS)
    with transaction(engine, writes=True) as db:
        hosts, observers = _people(db, number), _people(db, _SEATS)
        calls = _calls(db, list(enumerate(hosts)), seats=_SEATS)
    turns = [(call_id, host, who) for call_id, host in zip(calls, hosts, strict=True) for who in observers]
    return turns[:bookings]


def _people(db: DbSession, number: int) -> list[str]:
    no_limits: dict[str, Any] = dict.fromkeys(_LIMITS, 100)
    return [a_person(db, "Rep", **no_limits).id for _ in range(number)]


def _calls(db: DbSession, slots: Sequence[tuple[int, str]], *, seats: int) -> list[str]:
    """Add a half-hour call in each (number of the slot, host): the first is on Monday at 09:00, the next on Tuesday."""
    new = []
    for slot, host_id in slots:
        starts_at = MONDAY + timedelta(days=slot % 5, hours=9, minutes=30 * (slot // 5))
        new.append(
            NewCall(
                {
                    "title": "Northwind: discovery call",
                    "host_id": host_id,
                    "starts_at": starts_at,
                    "ends_at": starts_at + timedelta(minutes=30),
                    "seat_capacity_override": seats,
                }
            )
        )
    return create_calls(db, new, actor=SYSTEM, now=NOW)


def _ours(url: str, bookings: int) -> float:
    """Return the seconds of the clock from the first of so many bookings to the last, after those that warm up."""
    turn, together = _PROCESSES.Value("i", _BEFORE), _PROCESSES.Barrier(CLIENTS)
    found = _PROCESSES.SimpleQueue()
    clients = [
        _PROCESSES.Process(target=_client, args=(url, bookings, turn, together, found), daemon=True)
        for _ in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    spans = [found.get() for _ in clients]
    for client in clients:
        client.join()
    return float(max(end for _, end in spans) - min(start for start, _ in spans))


def _client(url: str, bookings: int, turn: Any, together: Any, found: Any) -> None:
    engine = make_engine(url, pool_size=1)
    with transaction(engine, writes=False) as db:
        wanted = {row.number: row for row in db.execute(text("SELECT * FROM turn"))}

    def book_until(last: int) -> None:
        while (number := _next(turn, last)) is not None:
            _book(engine, wanted[number].call_id, wanted[number].observer_id)

    book_until(_BEFORE + _WARMING)
    together.wait(120)
    started_at = time.monotonic()
    book_until(_BEFORE + _WARMING + bookings)
    found.put((started_at, time.monotonic()))
    engine.dispose()


def _next(turn: Any, last: int) -> int | None:
    with turn.get_lock():
        if turn.value == last:
            return None
        turn.value += 1
        return int(turn.value)


def _book(engine: Engine, call_id: str, observer_id: str) -> None:
    keyed = {"credential": SYSTEM.credential_id, "key": f"{call_id}-{observer_id}"}

    def work() -> None:
        with transaction(engine, writes=True) as db:
            idempotency.begin(db, **keyed, fingerprint="0" * 64, now=NOW)
            made = book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=NOW)
            body = SeatRead.model_validate(made).model_dump_json().encode()
            idempotency.keep(db, **keyed, status=201, headers={"etag": '"v1"'}, body=body)

    retrying(work)


def _raw(url: str, bookings: int) -> float:
    """Return the same of the database function."""
    _pgbench(url, _WARMING)
    return bookings / _pgbench(url, bookings)


def _pgbench(url: str, bookings: int) -> float:
    """Return the bookings per second."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    command = [
        str(find_binaries() / "pgbench"),
        "--no-vacuum",
        "--protocol=prepared",
        "--file=-",
        f"--client={CLIENTS}",
    ]
    done = subprocess.run(
        [*command, "--jobs=2", f"--transactions={bookings // CLIENTS}", plain],
        input="SELECT raw_book(nextval('next_turn'));\n",
        check=True,
        capture_output=True,
        text=True,
    )
    rate = re.search(r"tps = ([0-9.]+)", done.stdout)
    if rate is None or "ERROR" in done.stderr:
        raise RuntimeError(done.stdout + done.stderr)
    return float(rate[1])


def _check_same_rows(ours: str, raw: str) -> None:
    """Refuse a comparison in which one side did less."""
    counts = [_counts(url) for url in (ours, raw)]
    if counts[0] != counts[1]:
        raise RuntimeError(f"not the same rows: ours {counts[0]}, raw {counts[1]}")


def _counts(url: str) -> dict[str, int]:
    engine = make_engine(url)
    with transaction(engine, writes=False) as db:
        found = {table.name: db.execute(select(func.count()).select_from(table)).scalar_one() for table in _WRITTEN}
    engine.dispose()
    return found
