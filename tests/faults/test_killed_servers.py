"""A server that is killed, or whose database goes away, in the midst of booking: nothing acknowledged is lost, nothing
is half-written, and it comes back by itself.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Engine

from app import clock, migrations
from app.db import make_engine, transaction
from app.operations.installation import first_start
from tests.faults.bookers import all_act, booking, held_by
from tests.faults.invariants import broken
from tests.faults.servers import serving
from tests.faults.worlds import a_roomy_day, an_admin_key
from tests.patience import PATIENCE_SECONDS, until
from tests.postgres import NoPostgresError, Postgres, create_database, own_postgres

CLIENTS = 4
MOST_SECONDS_TO_COME_BACK = 5


def test_what_was_acknowledged_survives_every_kill_of_the_server(
    database_url: str, engine: Engine, tmp_path: Path, soak: bool
) -> None:
    kills, rng = 200 if soak else 3, random.Random(11)
    with transaction(engine, writes=True) as db:
        api_key, day = an_admin_key(db), a_roomy_day(db, observers=CLIENTS)

    with (
        serving(database_url, tmp_path, processes=1) as (server,),
        booking([server.port], *day, api_key=api_key) as bookers,
    ):
        for _ in range(kills):
            all_act(bookers)
            time.sleep(rng.uniform(0, 0.05))  # so that it comes at any moment of a booking
            server.kill()
            server.start()
        all_act(bookers)

    assert broken(engine) == {}
    assert [held_by(engine, booker) for booker in bookers] == [booker.held for booker in bookers]


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    try:
        with own_postgres() as running:
            yield running
    except NoPostgresError as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_the_service_is_back_soon_after_its_database(
    own_server: Postgres, how: Literal["fast", "immediate"], tmp_path: Path, soak: bool
) -> None:
    url = create_database(own_server.url, "earshot")
    engine = make_engine(url)
    migrations.upgrade(engine)
    with transaction(engine, writes=True) as db:
        first_start(db, now=clock.now())
        api_key, day = an_admin_key(db), a_roomy_day(db, observers=CLIENTS)

    with (
        serving(url, tmp_path, processes=2) as servers,
        booking([one.port for one in servers], *day, api_key=api_key) as bookers,
    ):
        for _ in range(10 if soak else 1):
            all_act(bookers)
            own_server.stop(how)
            stopped_at = time.monotonic()
            until(lambda since=stopped_at: all(booker.client.refused_at > since for booker in bookers))  # type: ignore[misc]
            own_server.start()
            all_act(bookers, within_seconds=MOST_SECONDS_TO_COME_BACK if soak else PATIENCE_SECONDS)

    assert broken(engine) == {}
    assert [held_by(engine, booker) for booker in bookers] == [booker.held for booker in bookers]
    engine.dispose()
