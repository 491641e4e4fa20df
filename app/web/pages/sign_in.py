"""Sign in by a one-time link, and sign out."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from app import credentials
from app.db import DbSession
from app.models.tables import person, sign_in_link
from app.operations import access
from app.operations.access import BROWSER_LIFE, LinkUsed
from app.vocabulary import PersonStatus
from app.web.dependencies import CookieName, Db, Now, ReadDb, SessionSecret, TheHouse, page_router
from app.web.html import page
from app.web.places import own_place

router = page_router()

_WAIT = timedelta(hours=1)
"""How long a browser remembers where its user wanted to go: getting a link takes a while."""


def place_cookie(the: TheHouse) -> str:
    """Return the name of the cookie that keeps, until the link is used, where its browser was headed."""
    return "next" if the.settings.allow_plain_http else "__Host-next"


PlaceCookie = Annotated[str, Depends(place_cookie)]


@router.get("/login")
def login(request: Request, the: TheHouse, cookie: PlaceCookie, next: str = "/") -> Response:
    """Say how to get a link. The link comes from elsewhere, so the browser keeps `next`: where to go on to."""
    place = own_place(next)
    answer = page("login.html", goes_on=place != "/")
    if place != "/":
        _set_cookie(answer, cookie, place, the, life=_WAIT)
    elif cookie in request.cookies:
        _set_cookie(answer, cookie, "", the, life=_WAIT)
    return answer


@router.get("/login/t/{token}")
def confirm(token: str, db: ReadDb, now: Now) -> Response:
    """Show the button. Mail scanners follow links, so looking changes nothing, however often."""
    return page("sign_in.html", who=_masked(_name_behind(db, token, now=now)))


@router.post("/login/t/{token}")
def redeem(
    token: str,
    request: Request,
    db: Db,
    the: TheHouse,
    now: Now,
    cookie: CookieName,
    old: SessionSecret,
    headed: PlaceCookie,
) -> Response:
    """Use the link up, start a session and go on to where the browser was headed; the session before it is over."""
    secret = access.redeem_sign_in_link(db, secret=token, now=now)
    if old:
        access.sign_out(db, secret=old)
    answer = RedirectResponse(own_place(request.cookies.get(headed, "/")), 303)
    _set_cookie(answer, cookie, secret, the, life=BROWSER_LIFE)
    if headed in request.cookies:
        _set_cookie(answer, headed, "", the, life=_WAIT)
    return answer


@router.post("/logout")
def logout(db: Db, the: TheHouse, cookie: CookieName, secret: SessionSecret) -> Response:
    """End the session of this browser."""
    if secret:
        access.sign_out(db, secret=secret)
    answer = RedirectResponse("/login", 303)
    _set_cookie(answer, cookie, "", the, life=BROWSER_LIFE)
    return answer


def _set_cookie(answer: Response, name: str, value: str, the: TheHouse, *, life: timedelta) -> None:
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


def _name_behind(db: DbSession, token: str, *, now: datetime) -> str:
    """Return the name of who a link would sign in. Refused as `link_used`, as redeeming it would be."""
    found = db.execute(
        select(person.c.name)
        .join(sign_in_link, sign_in_link.c.person_id == person.c.id)
        .where(
            sign_in_link.c.digest == credentials.digest(token),
            sign_in_link.c.used_at.is_(None),
            sign_in_link.c.expires_at > now,
            person.c.status != PersonStatus.LEFT,
        )
    ).first()
    if found is None:
        raise LinkUsed
    name: str = found.name
    return name


def _masked(name: str) -> str:
    """Return enough of a name to know oneself by, and not enough to learn who somebody is: `A… B…`."""
    words = name.split()
    return " ".join(f"{word[0]}…" for word in dict.fromkeys((words[0], words[-1])))
