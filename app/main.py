"""The service: an app made from settings, with no state of its own at module level."""

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import SecretStr
from sqlalchemy import Engine

from app import clock as wall
from app.adapters.oidc import Provider
from app.clock import Clock
from app.config import Settings
from app.db import make_engine
from app.house import House
from app.limits import Limits
from app.routers import (
    accounts,
    api_keys,
    audit,
    availability,
    calendars,
    call_types,
    calls,
    dialler_hooks,
    diallers,
    feeds,
    floor,
    health,
    holds,
    imports,
    itip,
    jobs,
    mail,
    mail_settings,
    match_questions,
    match_runs,
    matches,
    me,
    message_templates,
    openapi,
    people,
    person_skills,
    plan_runs,
    power_hours,
    preferences,
    privacy,
    problems,
    programs,
    runs,
    seats,
    sessions,
    settings,
    skills,
    slots,
    streams,
    suggestions,
    teams,
    waitlist,
    webhooks,
)
from app.routers.edges import Edge
from app.routers.gate import Gate
from app.routers.rates import RateHeaders
from app.routers.subscriptions import Lane, Subscriptions
from app.streams import Streams
from app.vault import Vault
from app.web import pages
from app.web.edge import PageEdge
from app.web.pages import floor as the_floor
from app.web.reference import reference
from app.worker import Worker

ROUTERS: tuple[APIRouter, ...] = (
    feeds.router,
    the_floor.router,  # everybody asks for it whenever it changes, and routes are tried in this order
    people.router,
    me.router,
    person_skills.router,
    availability.router,
    calendars.router,
    mail_settings.router,
    slots.router,
    teams.router,
    skills.router,
    call_types.router,
    accounts.router,
    calls.router,
    floor.router,
    power_hours.router,
    diallers.router,
    dialler_hooks.router,
    seats.router,
    suggestions.router,
    waitlist.router,
    holds.router,
    sessions.router,
    programs.router,
    match_questions.router,
    match_runs.router,
    runs.router,
    plan_runs.router,
    matches.router,
    preferences.router,
    jobs.router,
    message_templates.router,
    mail.router,
    itip.router,
    webhooks.router,
    imports.router,
    settings.router,
    streams.router,
    privacy.router,
    audit.router,
    api_keys.router,
    health.router,
    *pages.ROUTERS,
)


def create_app(
    settings: Settings, *, engine: Engine | None = None, clock: Clock = wall.now, worker_threads: int = 0
) -> FastAPI:
    """Return the app. It opens no connection and starts no thread before it serves; with `worker_threads`, a worker
    runs inside.
    """
    engine = engine or make_engine(settings.url, pool_size=settings.pool_size, vault=Vault.of(settings))
    app = FastAPI(
        title="Earshot",
        version="0.1.0",
        summary="Puts every junior rep within earshot of a good sales call again.",
        lifespan=_lifespan(Worker(engine, settings, clock, threads=worker_threads) if worker_threads else None),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.house = House(settings, engine, clock)
    app.state.limits = Limits()
    app.state.provider = Provider.of(settings)
    app.state.streams = Streams(engine, clock)
    app.state.sights = the_floor.sights(engine)
    app.state.subscriptions = Subscriptions(app.state.house, app.state.limits)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = openapi.described(app)  # type: ignore[method-assign]
    app.state.reference = cache(lambda: reference(app.openapi(), base_url=settings.public_url))
    problems.install(app, allowed_methods=problems.AllowedMethods(_routes()))
    app.add_middleware(RateHeaders)
    app.add_middleware(Edge)
    app.add_middleware(PageEdge, signed_in_by=settings.cookie_name("sid"))
    app.add_middleware(Lane, subscriptions=app.state.subscriptions)
    app.add_middleware(Gate, settings=settings)  # the last one added is the outermost
    return app


def openapi_text() -> str:
    """Return the description of the API as openapi.json holds it."""
    app = create_app(Settings(secret_key=SecretStr("unused"), database_url="sqlite:///unused.db", _env_file=None))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def _routes() -> list[Any]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _lifespan(worker: Worker | None) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=worker.run, args=(stop,), name="worker") if worker else None
        if thread:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            await app.state.streams.closed()
            if thread:
                thread.join()

    return lifespan
