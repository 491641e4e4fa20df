"""Count what the database is asked: a list of three rows may not cost more statements than a list of one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from sqlalchemy import Engine, event

from app.db import reader_of
from tests.harness import Api


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that the engine executes meanwhile."""
    seen: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    both = {engine, reader_of(engine)} if engine.dialect.name == "sqlite" else {engine}
    for one in both:
        event.listen(one, "before_cursor_execute", remember)
    try:
        yield seen
    finally:
        for one in both:
            event.remove(one, "before_cursor_execute", remember)


def assert_same_cost(api: Api, client: httpx.Client, url: str) -> None:
    """Read a list that has at least three rows with limits of one and of three, and compare the statements."""
    client.get(url, params={"limit": 1})  # the first read of what is somebody else's is noted
    costs = []
    for limit in (1, 3):
        with counted(api.engine) as statements:
            rows = client.get(url, params={"limit": limit}).json()["data"]
        assert len(rows) == limit, rows
        costs.append(len(statements))
    assert costs[0] == costs[1], costs
