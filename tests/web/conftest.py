"""The pages on a real socket, and browsers for them."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.config import Settings
from app.db import make_engine
from app.main import create_app
from app.web.edge import PageEdge
from app.web.pages import ROUTERS
from tests.harness import Api, FakeClock, served
from tests.web.browsers import Site


@pytest.fixture
def site(sqlite_url: str, clock: FakeClock, tmp_path: Path) -> Iterator[Site]:
    settings = Settings(
        dir=tmp_path, database_url=sqlite_url, secret_key=SecretStr("test"), allow_plain_http=True, _env_file=None
    )
    engine = make_engine(sqlite_url)
    app = create_app(settings, engine=engine, clock=clock)
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(PageEdge)
    with ExitStack() as stack:
        url = stack.enter_context(served(app))
        stack.callback(engine.dispose)
        yield Site(Api(url, engine, clock, settings, stack))
