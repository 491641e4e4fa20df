"""Fixtures: a fresh database per test on each engine, a clock, the service on a real socket."""

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from sqlalchemy import Engine

from app import migrations, streams
from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.jobs import calendars
from app.main import create_app
from app.operations import match_simulations
from app.operations.installation import first_start
from tests import worlds
from tests.compiled import keep_compiled, share_compiled
from tests.databases import Databases, patient
from tests.harness import NOW, TEST_VAULT, Api, FakeClock, served, with_prepared_routes
from tests.patience import PATIENCE_SECONDS
from tests.postgres import create_database, drop_database, running_postgres


def _log_into_a_pipe() -> None:
    """As `serve` does. What structlog does by itself draws every local variable of every frame, for seconds."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )


_log_into_a_pipe()


@pytest.fixture(autouse=True)
def logs_go_where_they_went() -> Iterator[None]:
    """A command that ran in the test's own process logged into a stream that is closed by now."""
    yield
    structlog.reset_defaults()
    _log_into_a_pipe()


SERVER_IS_GIVEN = "TEST_DATABASE_URL" in os.environ
"""Else it is our own, and deleted with all that is in it."""


def _be_patient() -> None:
    """Give children that solve or read for this process, and streams that begin, as long as tests wait for anything."""
    match_simulations._SECONDS, match_simulations._PATIENCE_SECONDS = int(PATIENCE_SECONDS), PATIENCE_SECONDS
    calendars._SECONDS = int(PATIENCE_SECONDS)
    streams._BEGIN_SECONDS = PATIENCE_SECONDS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run fault and load tests at full strength")


def pytest_configure(config: pytest.Config) -> None:
    _be_patient()
    worlds.let_try(all_of_them=config.getoption("--soak"))


def pytest_collection_finish() -> None:
    """What is collected stays to the end: no search for garbage has to walk through it, which took a tenth of all."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _prepared(url: str) -> None:
    engine = make_engine(url)
    migrations.upgrade(engine)
    with transaction(engine, writes=True) as db:
        first_start(db, now=NOW)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "earshot.db"
    _prepared(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    name = f"earshot_template_{os.getpid()}"  # several runs may share one server
    _prepared(create_database(postgres_server, name))
    yield name
    if SERVER_IS_GIVEN:
        drop_database(postgres_server, name)


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: str, postgres_template: str) -> Iterator[Databases]:
    databases = Databases(postgres_server, postgres_template)
    yield databases
    if SERVER_IS_GIVEN:
        databases.drop()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "earshot.db")
    return f"sqlite:///{tmp_path / 'earshot.db'}"


@pytest.fixture
def postgres_url(postgres_databases: Databases) -> Iterator[str]:
    with postgres_databases.lent() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty database; the test runs once on each engine."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = patient(share_compiled(make_engine(database_url, vault=TEST_VAULT)))
    yield made
    keep_compiled(made)
    made.dispose()


@pytest.fixture
def db(engine: Engine) -> Iterator[DbSession]:
    with transaction(engine, writes=True) as session:
        yield session


@pytest.fixture
def serve() -> Iterator[Callable[..., Api]]:
    """Serve any database; everything is closed when the test ends."""
    with ExitStack() as stack:

        def start(database_url: str, clock: FakeClock, folder: Path, *, writers_wait: bool = False) -> Api:
            settings = Settings(
                dir=folder,
                database_url=database_url,
                secret_key=SecretStr("test"),
                allow_plain_http=True,
                _env_file=None,
            )
            engine = share_compiled(make_engine(database_url, vault=TEST_VAULT))
            if writers_wait:
                patient(engine)
            stack.callback(engine.dispose)  # when nobody asks it any more: what is opened later, nobody closes
            stack.callback(keep_compiled, engine)
            url = stack.enter_context(served(with_prepared_routes(create_app(settings, engine=engine, clock=clock))))
            return Api(url, engine, clock, settings, stack)

        yield start


@pytest.fixture
def api(serve: Callable[..., Api], database_url: str, clock: FakeClock, tmp_path: Path) -> Api:
    """The service on each engine."""
    return serve(database_url, clock, tmp_path, writers_wait=True)


@pytest.fixture
def sqlite_api(serve: Callable[..., Api], sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Api:
    """The service on SQLite, for what no engine can change."""
    return serve(sqlite_url, clock, tmp_path, writers_wait=True)
