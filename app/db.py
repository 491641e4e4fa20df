"""The database: engines for SQLite and PostgreSQL, and the only commit in the product."""

import random
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session as DbSession

from app.errors import Conflict, Invalid, Problem, Unavailable
from app.vault import Vault
from app.wake import Bell

__all__ = ["DbSession", "Retryable", "is_transient", "make_engine", "retrying", "transaction"]

_RETRYABLE = frozenset({"40001", "40P01"})  # serialization failure, deadlock
_BUSY = frozenset({"55P03", "57014", "53300"})  # lock or statement timeout, too many connections
_SQLITE_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)
_ATTEMPTS = 4
_GLANCERS = 4
_LINE = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How long a server may be silent: 5 s when it is called (libpq, seconds), 10 s when it is told something
(milliseconds), 25 s when it is listened to. Without these, one that a broken network cut off is waited for minutes.
"""
T = TypeVar("T")

_TAKEN = {
    "claims_apart": "slot_taken",
    "seat_one_per_number": "seats_full",
    "seat_never_oversold": "seats_full",
    "call_never_oversold": "seats_full",
    "seat_one_per_observer": "already_booked",
    "person_email_key": "email_taken",
    "external_identity_unique": "external_id_taken",
    "external_identity_pkey": "external_id_taken",
    "match_one_per_mentee": "already_matched",
    "enrollment_once": "already_enrolled",
}
"""Constraint to the code that the operation in front of it gives when it looks first."""

_SQLITE_NAMES = {
    "seat.call_id, seat.seat_no": "seat_one_per_number",
    "seat.call_id, seat.observer_id": "seat_one_per_observer",
    "person.email": "person_email_key",
    "external_identity.object_type, external_identity.source, external_identity.external_id": (
        "external_identity_unique"
    ),
    "external_identity.object_id, external_identity.source, external_identity.external_id": "external_identity_pkey",
    "match.program_id, match.mentee_id": "match_one_per_mentee",
    "enrollment.program_id, enrollment.person_id, enrollment.side": "enrollment_once",
}
"""SQLite names the columns of a unique index in place of the index."""


class Retryable(Exception):
    """The database asks to run the whole transaction again. `refusal` is what is left to say when that was in vain."""

    def __init__(self, reason: str = "", *, refusal: Problem | None = None) -> None:
        super().__init__(reason)
        self.refusal = refusal or Unavailable("Too many changes to the same thing at once.")


class WriterQueue:
    """First come, first served: SQLite has one writer, and its own busy polling is neither fair nor quick.

    Acquire and release may happen on different threads. At most `waiting` callers queue up, so that
    waiting writers never use up the threads that readers need; the next one is told to come back.
    """

    def __init__(self, waiting: int = 20) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()
        self._most = waiting

    def acquire(self, timeout: float = 5.0) -> None:
        """Return once it is this caller's turn. Raises Unavailable when the queue is full or slow."""
        with self._guard:
            if not self._held:
                self._held = True
                return
            if len(self._waiting) >= self._most:
                raise Unavailable("Many changes are being written at once.")
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout):
            return
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                raise Unavailable("Other changes took too long to be written.")

    def release(self) -> None:
        """Hand over to the caller who has waited longest."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


def make_engine(url: str, *, pool_size: int = 10, vault: Vault | None = None) -> Engine:
    """Return an engine on which writes are serial and safe. Connections are opened lazily. Without a vault, no secret
    can be kept or had by it.
    """
    parsed = make_url(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed, pool_size)
    engine.update_execution_options(bell=Bell(engine))
    if vault is not None:
        for one in (engine, reader_of(engine)):
            one.update_execution_options(vault=vault)
    return engine


def _postgresql(url: URL, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=5,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and values are people's
        connect_args={
            **_LINE,
            "options": "-c timezone=UTC -c lock_timeout=3000 -c idle_in_transaction_session_timeout=60000",
        },
    )
    # Several rows in one INSERT: the driver would send one for each.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    glancer = _glancer(url)
    event.listen(engine, "engine_disposed", lambda _engine: glancer.dispose())
    engine.update_execution_options(reader=engine.execution_options(postgresql_readonly=True), glancer=glancer)
    return engine


def _glancer(url: URL) -> Engine:
    """Return an engine for single statements that read: one round trip each, where a transaction takes three and its
    connection a fourth to see whether it lives. Its connections can do nothing else. Few are enough, for a statement
    is over when the next thread gets to ask.
    """
    return create_engine(
        url,
        pool_size=_GLANCERS,
        max_overflow=0,
        pool_timeout=5,
        pool_reset_on_return=None,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={
            **_LINE,
            "options": "-c timezone=UTC -c statement_timeout=3000 -c default_transaction_read_only=on",
        },
    )


def _sqlite(url: URL) -> Engine:
    """Return an engine for writing. Reading has one of its own (`reader_of`), whose connections can do nothing else: a
    connection that changed between the two would forget every statement that it has prepared.
    """
    Path(url.database or "earshot.db").parent.mkdir(parents=True, exist_ok=True)
    queue = WriterQueue()
    engine, reader = _sqlite_engine(url), _sqlite_engine(url, "query_only=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if "turn" not in connection.info:
            queue.acquire()
            connection.info["turn"] = queue
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine, "checkin")
    def _hand_over(_connection: Any, entry: ConnectionPoolEntry) -> None:
        # After the commit or rollback: the next writer must find the file unlocked.
        if entry.info.pop("turn", None):
            queue.release()

    @event.listens_for(reader, "begin")
    def _begin_reading(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "engine_disposed", lambda _engine: reader.dispose())
    engine.update_execution_options(reader=reader, glancer=reader, writers=queue)
    return engine


def _sqlite_engine(url: URL, *more_pragmas: str) -> Engine:
    # The driver must not open transactions by itself (it would begin late and lose updates): we begin.
    engine = create_engine(
        url,
        pool_size=40,
        max_overflow=0,
        pool_timeout=5,
        hide_parameters=True,
        connect_args={"isolation_level": None, "timeout": 5.0, "cached_statements": 500},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=5000",
            "foreign_keys=ON",
            "secure_delete=ON",
            *more_pragmas,
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def reader_of(engine: Engine) -> Engine:
    """Return the engine whose transactions can't write."""
    reader: Engine = engine.get_execution_options()["reader"]
    return reader


@contextmanager
def glance(engine: Engine) -> Generator[Any]:
    """A cursor of the driver for one statement that reads, with no transaction around it and nothing in front of it.

    Nobody looked whether the connection lives. After any error, which is the driver's own, it is thrown away: whoever
    needs the answer asks again in a `transaction`, which looks.
    """
    glancer: Engine = engine.get_execution_options()["glancer"]
    line = glancer.raw_connection()
    try:
        cursor = line.cursor()
        yield cursor
        cursor.close()
    except BaseException:
        line.invalidate()
        raise
    finally:
        line.close()


@contextmanager
def only_writer(engine: Engine) -> Generator[sqlite3.Connection]:
    """The driver's own connection to an SQLite file, outside of any transaction, while this process writes nothing
    else: for what SQLite does with the whole file. Writers wait in their queue.
    """
    line = engine.raw_connection()
    try:
        turn: WriterQueue = engine.get_execution_options()["writers"]
        turn.acquire()
        line.info["turn"] = turn  # given back with the connection
        yield cast(sqlite3.Connection, line.driver_connection)
    finally:
        line.close()


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Generator[DbSession]:
    """One transaction: committed at the end, rolled back on any exception.

    It begins with the first statement, so a request refused before that holds no lock. Read transactions
    can't write. Raises Retryable when another run may go better, Unavailable when the database is busy or away,
    and a Problem when a constraint refuses.
    """
    db = DbSession(engine if writes else reader_of(engine), expire_on_commit=False, autoflush=False)
    try:
        yield db
        db.commit()
        for act in db.info.get("after_commit", ()):
            act()
    except DBAPIError as error:
        raise _understood(error) from error
    except PoolTimeout as error:
        raise Unavailable("Every connection to the database is in use.") from error
    finally:
        _end(db)


def after_commit(db: DbSession, act: Callable[[], None]) -> None:
    """Do this, which never raises, when the transaction has been committed: once, however often it is asked for."""
    db.info.setdefault("after_commit", {})[act] = None


def _end(db: DbSession) -> None:
    """Roll back what was not committed. A line that broke meanwhile has nothing to roll back, and hides no refusal."""
    with suppress(DBAPIError):
        db.close()


def _understood(error: DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", None)
    if state in _RETRYABLE:
        return Retryable(str(state))
    if state in _BUSY or is_transient(error):
        return Unavailable("The database is busy or restarting.")
    if state == "22001":
        return Invalid("A text is longer than its field.", code="too_long")
    if isinstance(error, IntegrityError):
        return _against_a_constraint(error)
    return error


def _against_a_constraint(error: IntegrityError) -> Exception:
    """Say which rule of the schema stood in the way.

    Operations look before they write. Where writers run side by side (PostgreSQL) somebody was quicker between the
    two: another run sees their row, so that an upsert finds it and a refusal can name it.
    """
    kind, name = _constraint(error)
    if code := _TAKEN.get(name):
        refusal: Problem = Conflict("Somebody else was quicker. Look again, then choose.", code=code)
    elif kind == "unique":
        refusal = Conflict("There is one like it already.")
    elif kind == "foreign key" and (error.statement or "").startswith("DELETE"):
        return Conflict("Other things refer to it.", code="in_use")
    elif kind == "foreign key":
        refusal = Invalid("Something that is referred to does not exist.", code="unknown_reference")
    elif kind == "check":
        return Invalid("A value is outside what is allowed.")
    else:
        return error
    return refusal if isinstance(error.orig, sqlite3.Error) else Retryable(name, refusal=refusal)


def _constraint(error: IntegrityError) -> tuple[str, str]:
    """Return the kind of the violated constraint (empty: NOT NULL and the like) and its name on PostgreSQL."""
    if isinstance(error.orig, sqlite3.Error):
        what, _, which = str(error.orig).partition(" constraint failed: ")
        if not which:  # RAISE in a trigger says just the name; a foreign key none
            return ("foreign key", "") if what.startswith("FOREIGN KEY") else ("trigger", what)
        return what.lower(), _SQLITE_NAMES.get(which, which)
    kinds = {"23505": "unique", "23P01": "exclusion", "23503": "foreign key", "23514": "check"}
    diagnosis = getattr(error.orig, "diag", None)
    return kinds.get(getattr(error.orig, "sqlstate", ""), ""), getattr(diagnosis, "constraint_name", None) or ""


def is_transient(error: DBAPIError) -> bool:
    """Whether the same statement may work later: a locked file, a full disk, a lost or refused connection."""
    if error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE_PASSING
    state = getattr(error.orig, "sqlstate", None)
    return state is None or str(state).startswith(("08", "57P", "53"))  # without a state, no server has answered


def retrying(work: Callable[[], T]) -> T:
    """Run a whole transaction again, at most three times, when the database asks for it."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return work()
        except Retryable:
            time.sleep(attempt * random.uniform(0.005, 0.025))  # noqa: S311 - spreads rivals, no secret
    try:
        return work()
    except Retryable as lost:
        raise lost.refusal from None


def written(engine: Engine, work: Callable[[DbSession], T]) -> T:
    """Do the work in a write transaction of its own, and again when the database asks for another run."""

    def once() -> T:
        with transaction(engine, writes=True) as db:
            return work(db)

    return retrying(once)


def one_at_a_time(db: DbSession, subject: str) -> None:
    """Make other transactions that name this subject wait until this one is over (SQLite has one writer anyway)."""
    if db.get_bind().dialect.name == "postgresql":
        db.execute(text("SELECT pg_advisory_xact_lock(hashtext(:subject))"), {"subject": subject})
