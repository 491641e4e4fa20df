"""Houses to look at pages in: the same people with nothing, with a usual week, with very much, or with hostile names.

It is Monday 23 November 2026, 10:12 UTC: Mara is on a call. Who looks is one of `PEOPLE`; what paths refer to is in
`House.known`. A family of pages that needs more furniture brings it with its entry in `pages_of_the_house.py`.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.errors import Problem
from app.main import create_app
from app.models import Person
from app.operations.program_managers import add_manager
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.queries import runs
from app.rules.access import SYSTEM
from app.serving import PortTaken
from app.vocabulary import Role
from tests.factories import a_person
from tests.harness import TEST_VAULT, Api, FakeClock, served, with_prepared_routes
from tests.patience import until
from tests.web import styleguide
from tests.web.browsers import Site
from tests.web.test_web_week import HOSTILE

LOOKED_AT = datetime(2026, 11, 23, 10, 12, tzinfo=UTC)

PEOPLE: Mapping[str, tuple[str, Role, str]] = {
    "junior": ("Nora Quinn", Role.REP, "Europe/London"),
    "mentor": ("Mara Okafor", Role.REP, "Europe/London"),
    "manager": ("Lea Brandt", Role.MANAGER, "Europe/Berlin"),
    "program manager": ("Pia Rossi", Role.PROGRAM_MANAGER, "Europe/Berlin"),
    "admin": ("Diego Salas", Role.ADMIN, "America/New_York"),
    "auditor": ("Ina Weber", Role.AUDITOR, "Asia/Kolkata"),
}
"""Who looks, by what they are: name, role, zone. Lea leads Nora; Mara mentors her; Pia runs the program."""
NOBODY = ""
"""Who looks without being signed in."""


class State(StrEnum):
    """What a house is filled with."""

    EMPTY = "empty"
    TYPICAL = "typical"
    HUGE = "huge"
    HOSTILE = "hostile"


@dataclass
class Furnishing:
    """A house while it is filled."""

    db: DbSession
    state: State
    settings: Settings
    people: dict[str, Person] = field(default_factory=dict)
    """The viewers, by what they are."""
    known: dict[str, str] = field(default_factory=dict)
    """What paths refer to."""
    _numbers: "count[int]" = field(default_factory=count)

    def text(self, usual: str) -> str:
        """What somebody wrote: something hostile in a hostile house, another one each time."""
        return HOSTILE[next(self._numbers) % len(HOSTILE)] if self.state is State.HOSTILE else usual

    def many(self, usual: int, *, huge: int) -> int:
        """How many of something there are."""
        return huge if self.state is State.HUGE else usual

    def person(self, name: str, **fields: Any) -> Person:
        """Let somebody work here."""
        email = f"p{next(self._numbers)}@earshot.example"
        return a_person(self.db, self.text(name), email=email, **fields)


Furnish = Callable[[Furnishing], Mapping[str, str]]
"""Put something into a house, and return what paths may refer to from now on."""


@dataclass(repr=False)
class House(Site):
    """A furnished house whose pages are served."""

    state: State
    people: Mapping[str, str]
    """The ids of the viewers, by what they are."""
    known: Mapping[str, str]
    web: ExitStack
    """Holds the server."""

    def stop(self) -> None:
        """Stop serving; pages that are open find nobody."""
        self.web.close()

    def start(self) -> None:
        """Serve again, at the same address."""
        api = self.api
        app = _app(api.settings, api.engine, api.clock)

        def is_served() -> bool:
            try:
                self.web.enter_context(served(app, port=urlsplit(api.url).port or 0))
            except PortTaken:  # somebody else's for a moment
                return False
            return True

        until(is_served)

    def path(self, path: str) -> str:
        """Fill in what a path refers to."""
        return path.format_map(self.known)

    def cookie(self, who: str) -> str:
        """Sign one of the viewers in; return the secret that their browser keeps as `sid`."""
        now = self.api.clock()
        with self.db() as db:
            link = create_sign_in_link(db, person_id=self.people[who], actor=SYSTEM, now=now)
            return redeem_sign_in_link(db, secret=link, now=now)


@dataclass(frozen=True)
class Furnished:
    """A database that is ready to be copied, and what is in it."""

    database: Path
    people: Mapping[str, str]
    known: Mapping[str, str]


def settings_in(folder: Path) -> Settings:
    """The settings of every house, whose data lie in `folder`."""
    return Settings(
        dir=folder,
        database_url=f"sqlite:///{folder / 'earshot.db'}",
        secret_key=SecretStr("test"),
        allow_plain_http=True,
        _env_file=None,
    )


def furnish(template: Path, folder: Path, state: State, furniture: tuple[Furnish, ...]) -> Furnished:
    """Fill a copy of a migrated, empty database; nothing but the viewers is put into an empty house."""
    settings = settings_in(folder)
    shutil.copy(template, folder / "earshot.db")
    engine = make_engine(settings.url, vault=TEST_VAULT)
    try:
        with transaction(engine, writes=True) as db:
            house = Furnishing(db, state, settings)
            for who, (name, role, zone) in PEOPLE.items():
                house.people[who] = house.person(name, role=role, time_zone=zone, **_limits(who, house))
            pia, program = house.people["program manager"].id, runs.program_for_run(db, None)
            add_manager(db, program_id=program.id, person_id=pia, actor=SYSTEM, now=LOOKED_AT)
            for put in furniture if state is not State.EMPTY else ():
                house.known.update(put(house))
            people = {who: one.id for who, one in house.people.items()}
    finally:
        engine.dispose()
    return Furnished(folder / "earshot.db", people, house.known)


def _limits(who: str, house: Furnishing) -> dict[str, Any]:
    if who == "junior":
        return {"observe_per_day": 20, "observe_per_week": 100}
    return {"host_per_day": 20, "host_per_week": 100} if who == "mentor" else {}


@dataclass
class Houses:
    """Furnishes each kind of house once, and opens as many copies as are asked for."""

    template: Path
    folder: Path
    furniture: tuple[Furnish, ...]
    _ready: dict[State, Furnished] = field(default_factory=dict)

    def furnished(self, state: State) -> Furnished:
        """Return the database of a kind of house."""
        if state not in self._ready:
            self.folder.mkdir(exist_ok=True)
            folder = Path(mkdtemp(prefix=state, dir=self.folder))
            self._ready[state] = furnish(self.template, folder, state, self.furniture)
        return self._ready[state]

    @contextmanager
    def open(self, state: State, folder: Path) -> Iterator[House]:
        """Serve a copy on a free port, for as long as it is open; its data lie in `folder`."""
        made = self.furnished(state)
        shutil.copy(made.database, folder / "earshot.db")
        with served_house(made, state, folder) as house:
            yield house


@contextmanager
def served_house(made: Furnished, state: State, folder: Path) -> Iterator[House]:
    """Serve the house whose database lies in `folder`."""
    settings, clock = settings_in(folder), FakeClock(LOOKED_AT)
    with ExitStack() as stack:
        engine = make_engine(settings.url, vault=TEST_VAULT)
        stack.callback(engine.dispose)
        web = stack.enter_context(ExitStack())
        url = web.enter_context(served(_app(settings, engine, clock)))
        yield House(Api(url, engine, clock, settings, stack), state, made.people, made.known, web)


def _app(settings: Settings, engine: Engine, clock: FakeClock) -> FastAPI:
    """The product, and the pages that tests alone look at."""
    app = with_prepared_routes(create_app(settings, engine=engine, clock=clock))
    app.router.routes.extend(Route(f"/refused/{status}", partial(_refused, status)) for status in REFUSALS)
    app.router.routes.append(Route("/styleguide", styleguide.shown))
    return app


REFUSALS = (400, 403, 404, 409, 410, 413, 422, 429, 500, 503)
"""`/refused/STATUS` of every house refuses so; the product has no such addresses."""


def _refused(status: int, _request: Request) -> Response:
    raise type("Refused", (Problem,), {"status": status, "code": f"refused_{status}", "title": "Refused"})()
