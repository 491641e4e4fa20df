"""An endpoint that looks for something in vain, and says so by a stray StopIteration. No Future carries one out of a
thread: what runs our threads must make another failure of it, else the request waits for ever with its locks.
"""

from collections.abc import Iterator

import httpx
import pytest
from fastapi import APIRouter, Response

from app.main import create_app
from app.routers.dependencies import CurrentActor, Db, Route
from app.web.dependencies import Db as PageDb
from app.web.dependencies import page_router
from tests.harness import Api, served
from tests.patience import PATIENCE_SECONDS

api_routes = APIRouter(prefix="/v1/stray", tags=["people"], route_class=Route)
page_routes = page_router()


@api_routes.post("/plain")
def stray_stop(db: Db, actor: CurrentActor) -> Response:
    assert db
    assert actor
    return next(iter(list[Response]()))


@page_routes.post("/stray")
def stray_stop_of_a_page(db: PageDb) -> Response:
    assert db
    return next(iter(list[Response]()))


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    app = create_app(api.settings, engine=api.engine, clock=api.clock)
    for router in (api_routes, page_routes):
        app.include_router(router)
    with served(app) as found:
        yield found


@pytest.mark.parametrize("path", ["/v1/stray/plain", "/stray"])
def test_a_stray_stop_is_a_failure_like_any_other_and_gives_its_transaction_back(api: Api, url: str, path: str) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Authorization": api.admin.headers["authorization"]}

    answer = httpx.post(f"{url}{path}", headers=headers, timeout=PATIENCE_SECONDS, trust_env=False)
    after = api.admin.post("/v1/teams", json={"name": "West"}, timeout=PATIENCE_SECONDS)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert after.status_code == 201
