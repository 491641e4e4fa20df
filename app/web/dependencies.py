"""What pages are given: the database, the time, who is signed in; and the wall against other sites' forms.

What touches the database is plain `def`, and runs in a thread; what only looks at the request is `async def`, and saves
the hop.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from app import db
from app.db import DbSession
from app.errors import Forbidden, Gone, Malformed, TooMany, Unauthenticated, Unavailable
from app.house import House
from app.limits import Limits
from app.operations.browser_sessions import NOTED_EVERY, Browser, note_use
from app.queries import access
from app.rules.access import Actor
from app.rules.origins import is_our_own
from app.rules.rates import FAILED_SIGN_INS, network
from app.web import weeks
from app.web.devices import device
from app.web.faces import ViewerFace
from app.web.navigation import sections_for

_MOST_FIELDS = 20
_MOST_OF_A_LONG_FORM = 2000


class ForeignForm(Forbidden):
    """The form was not sent by one of our pages."""

    noted = True
    code = "foreign_form"
    title = "This did not come from one of our pages"


class SignedOut(Unauthenticated):
    """Somebody ended this browser session, and its cookie is still shown."""

    code = "signed_out"
    title = "This browser was signed out"
    noted = True


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page: the actor, and their row for name, zone and limits."""

    actor: Actor
    person: Any

    @property
    def face(self) -> ViewerFace:
        """How pages show them to themselves."""
        face = ViewerFace.of(self.person.id, self.person.name)
        return replace(
            face,
            place=weeks.place(self.person.time_zone),
            is_acted_for=self.actor.behind is not None,
            has_keys=self.person.shortcuts,
            navigation=sections_for(self.actor),
        )


async def house(request: Request) -> House:
    """Return the app's settings, engine and clock."""
    found: House = request.app.state.house
    return found


TheHouse = Annotated[House, Depends(house)]


async def now(the: TheHouse) -> datetime:
    """Return the instant of this request; one request has one."""
    return the.clock()


def read_db(the: TheHouse) -> Iterator[DbSession]:
    """Open a read transaction for the length of the page."""
    with db.transaction(the.engine, writes=False) as session:
        yield session


def write_db(the: TheHouse) -> Iterator[DbSession]:
    """Open a write transaction; it commits before the answer is sent."""
    with db.transaction(the.engine, writes=True) as session:
        yield session


Now = Annotated[datetime, Depends(now)]
ReadDb = Annotated[DbSession, Depends(read_db, scope="function")]
Db = Annotated[DbSession, Depends(write_db, scope="function")]


async def session_cookie(the: TheHouse) -> str:
    """Return the name of the session cookie."""
    return cookie_name(the, "sid")


CookieName = Annotated[str, Depends(session_cookie)]


async def session_secret(request: Request, name: CookieName) -> str | None:
    """Return what the browser sent as its session; only a look-up says whether it is one."""
    return request.cookies.get(name)


SessionSecret = Annotated[str | None, Depends(session_secret)]


def viewer_if_any(request: Request, the: TheHouse, secret: SessionSecret, now: Now) -> Viewer | None:
    """Return whose browser it is, for pages that strangers may read too, and note at most once a minute that it is in
    use: all in transactions that are over before the page begins. A request that waits for its thread must hold no
    connection, for whoever has the thread may be waiting for that.
    """
    if not secret:
        return None
    with db.transaction(the.engine, writes=False) as reading:
        found = access.browser_in_use(reading, secret, now=now)
        if found is None:
            request.state.ended_session = access.ended_session(reading, secret)
            return None
        actor, seen_at = found
        viewer = Viewer(actor, access.person_behind(reading, actor))
    if seen_at <= now - NOTED_EVERY:
        with suppress(Unavailable):  # a busy database is no reason to show no page
            db.written(the.engine, partial(note_use, secret=secret, now=now))
    return viewer


AnyViewer = Annotated[Viewer | None, Depends(viewer_if_any)]


async def actor_if_any(viewer: AnyViewer) -> Actor | None:
    """Return who is signed in, if anybody."""
    return None if viewer is None else viewer.actor


AnyActor = Annotated[Actor | None, Depends(actor_if_any)]


async def signed_in(request: Request, viewer: AnyViewer) -> Viewer:
    """Return who is signed in. A stranger is sent to the sign-in page (`PageEdge`)."""
    if viewer is None:
        if ended := getattr(request.state, "ended_session", None):
            raise SignedOut("Sign in again.", by=ended)
        raise Unauthenticated("Sign in first.")
    return viewer


SignedIn = Annotated[Viewer, Depends(signed_in)]
Pressing = SignedIn
"""Who presses a button: nobody waits for a lock with another transaction open."""


async def limits(request: Request) -> Limits:
    """Return who came how often."""
    found: Limits = request.app.state.limits
    return found


TheLimits = Annotated[Limits, Depends(limits)]


def address(request: Request) -> str:
    """Return from where a request comes, as the edge says."""
    return request.client.host if request.client else ""


def asking_network(request: Request) -> str:
    """Return by what strangers are counted who come from one place."""
    return network(address(request))


AskingNetwork = Annotated[str, Depends(asking_network)]


@contextmanager
def failures_counted(limits: Limits, network: str, *, at: datetime) -> Iterator[None]:
    """Count by its network who fails to sign in: those beyond the rate hear TooMany, and leave no line. Who is right is
    let in however many were wrong: a whole office comes from one address.
    """
    try:
        yield
    except (Malformed, Forbidden, Gone) as refused:
        if (wait := limits.take(FAILED_SIGN_INS, network, at=at)) is not None:
            raise TooMany(wait) from refused
        raise


def browser(request: Request, old: SessionSecret) -> Browser:
    """Return what is seen of the browser that asks."""
    told = request.headers.get("user-agent", "")
    return Browser(device=device(told), address=address(request)[:45], old_session=old)


TheBrowser = Annotated[Browser, Depends(browser)]


async def form_fields(request: Request) -> Mapping[str, str]:
    """Return what was filled in: mail clients send multipart/form-data, or what browsers send (RFC 8058 section 3.2).
    Files are refused.
    """
    form = await request.form(max_files=0, max_fields=_MOST_FIELDS)
    return {name: value for name, value in form.items() if isinstance(value, str)}


Fields = Annotated[Mapping[str, str], Depends(form_fields)]


async def long_form(request: Request) -> Mapping[str, tuple[str, ...]]:
    """Return what was filled in where fields are many, or one has several values: hours of a week, a list of skills."""
    form = await request.form(max_files=0, max_fields=_MOST_OF_A_LONG_FORM)
    return {name: tuple(one for one in form.getlist(name) if isinstance(one, str)) for name in form}


LongForm = Annotated[Mapping[str, tuple[str, ...]], Depends(long_form)]


def keep_cookie(answer: Response, name: str, value: str, the: House, *, life: timedelta) -> None:
    """Make the browser keep a value from scripts and other sites; an empty one is forgotten at once."""
    answer.set_cookie(
        name,
        value,
        max_age=int(life.total_seconds()) if value else 0,
        path="/",
        secure=not the.settings.allow_plain_http,
        httponly=True,
        samesite="lax",
    )


def cookie_name(the: House, name: str) -> str:
    """Return the full name of a cookie."""
    return the.settings.cookie_name(name)


async def our_own_form(request: Request, the: TheHouse) -> None:
    """Refuse what another site makes a browser send in our user's name, and what says nothing of where it is from."""
    if request.method in ("GET", "HEAD"):
        return
    if not is_our_own(
        site=request.headers.get("sec-fetch-site"),
        origin=request.headers.get("origin"),
        public_url=the.settings.public_url,
        here=f"{request.url.scheme}://{request.headers.get('host', '')}",
    ):
        raise ForeignForm("Open the page in Earshot itself, then press its button again.")


def page_router() -> APIRouter:
    """Return a router for pages: guarded against other sites' forms, absent from the API's description."""
    return APIRouter(include_in_schema=False, dependencies=[Depends(our_own_form), Depends(viewer_if_any)])
