"""Sign in by a one-time link, and sign out."""

from datetime import datetime

from fastapi import Response
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

router = page_router()


@router.get("/login")
def login() -> Response:
    """Say how to get a link."""
    return page("login.html")


@router.get("/login/t/{token}")
def confirm(token: str, db: ReadDb, now: Now) -> Response:
    """Show the button. Mail scanners follow links, so looking changes nothing, however often."""
    return page("sign_in.html", who=_masked(_name_behind(db, token, now=now)))


@router.post("/login/t/{token}")
def redeem(token: str, db: Db, the: TheHouse, now: Now, cookie: CookieName, old: SessionSecret) -> Response:
    """Use the link up and start a session; the one that this browser had before is over."""
    secret = access.redeem_sign_in_link(db, secret=token, now=now)
    if old:
        access.sign_out(db, secret=old)
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        cookie,
        secret,
        max_age=int(BROWSER_LIFE.total_seconds()),
        path="/",
        secure=not the.settings.allow_plain_http,
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/logout")
def logout(db: Db, the: TheHouse, cookie: CookieName, secret: SessionSecret) -> Response:
    """End the session of this browser."""
    if secret:
        access.sign_out(db, secret=secret)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(cookie, path="/", secure=not the.settings.allow_plain_http, httponly=True, samesite="lax")
    return answer


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
