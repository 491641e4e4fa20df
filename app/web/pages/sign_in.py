"""Sign in by a one-time link, and sign out."""

from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from app.operations.browser_sessions import BROWSER_LIFE, sign_out
from app.operations.sign_in import LinkUsed, redeem_sign_in_link
from app.queries.access import name_behind_link
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
    name = name_behind_link(db, token, now=now)
    if name is None:
        raise LinkUsed
    return page("sign_in.html", who=_masked(name))


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
    secret = redeem_sign_in_link(db, secret=token, now=now)
    if old:
        sign_out(db, secret=old)
    answer = RedirectResponse(own_place(request.cookies.get(headed, "/")), 303)
    _set_cookie(answer, cookie, secret, the, life=BROWSER_LIFE)
    if headed in request.cookies:
        _set_cookie(answer, headed, "", the, life=_WAIT)
    return answer


@router.post("/logout")
def logout(db: Db, the: TheHouse, cookie: CookieName, secret: SessionSecret) -> Response:
    """End the session of this browser."""
    if secret:
        sign_out(db, secret=secret)
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


def _masked(name: str) -> str:
    """Return enough of a name to know oneself by, and not enough to learn who somebody is: `A… B…`."""
    words = name.split()
    return " ".join(f"{word[0]}…" for word in dict.fromkeys((words[0], words[-1])))
