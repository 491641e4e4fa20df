"""The service: an app made from settings, with no state of its own at module level."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Engine

from app import clock as wall
from app.clock import Clock
from app.config import Settings
from app.db import make_engine
from app.routers import calls, people, problems, seats
from app.routers.dependencies import House
from app.routers.edges import Edge

ROUTERS: tuple[APIRouter, ...] = (people.router, calls.router, seats.router)


def create_app(settings: Settings, *, engine: Engine | None = None, clock: Clock = wall.now) -> FastAPI:
    """Return the app. It opens no connection and starts no thread before it serves."""
    app = FastAPI(
        title="Earshot",
        version="0.1.0",
        summary="Puts every junior rep within earshot of a good sales call again.",
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.house = House(settings, engine or make_engine(settings.url, pool_size=settings.pool_size), clock)
    for router in ROUTERS:
        app.include_router(router)
    problems.install(app, allowed_methods=problems.AllowedMethods(_routes()))
    app.add_middleware(Edge)
    return app


def _routes() -> list[Any]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.house.engine.dispose()
