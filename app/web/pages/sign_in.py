"""Sign in by a link that comes by mail or from the command line, or at an OpenID provider; and sign out."""

import json
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter, ValidationError

from app import credentials, db, ids
from app.adapters.http import NoAnswer
from app.adapters.oidc import Attempt, NotVouched, Provider, Vouched
from app.db import DbSession
from app.errors import Forbidden, Malformed, NotFound, Problem, TooMany, Unavailable
from app.house import House
from app.operations.browser_sessions import BROWSER_LIFE, Browser, sign_out
from app.operations.sign_in import (
    ask_for_link,
    check_link,
    connect_identity,
    redeem_sign_in_link,
    sign_in_with_identity,
)
from app.rules.access import Actor
from app.rules.rates import FAILED_SIGN_INS, SIGN_IN_LINKS_OF_ADDRESS, SIGN_IN_LINKS_OF_NETWORK
from app.vault import WontOpen, vault_of
from app.vocabulary import Email
from app.web.dependencies import (
    AnyActor,
    AskingNetwork,
    CookieName,
    Db,
    Fields,
    Now,
    ReadDb,
    SessionSecret,
    TheBrowser,
    TheHouse,
    TheLimits,
    cookie_name,
    failures_counted,
    keep_cookie,
    page_router,
)
from app.web.html import page
from app.web.places import own_place

router = page_router()

_WAIT = timedelta(hours=1)
"""How long a browser remembers where its user wanted to go: getting a link takes a while."""
ATTEMPT_LIFE = timedelta(minutes=10)
"""How long somebody may take at the provider."""
_BOUND_TO = "cookie.oidc:one"
_EMAIL = TypeAdapter[str](Email)


class SignInInterrupted(Malformed):
    """Whoever comes back from the provider did not set out from this browser, or too long ago."""

    code = "sign_in_interrupted"
    title = "This sign-in was begun elsewhere, or too long ago"
    noted = True


class SignInFailed(Forbidden):
    """The provider does not vouch for anybody, or what it says proves nothing."""

    code = "sign_in_failed"
    title = "The sign-in did not work"
    noted = True


def provider(request: Request) -> Provider:
    """Return where people can sign in beside here. Raises NotFound when there is no such place."""
    found: Provider | None = request.app.state.provider
    if found is None:
        raise NotFound
    return found


TheProvider = Annotated[Provider, Depends(provider)]


def place_cookie(the: TheHouse) -> str:
    """Return the name of the cookie that keeps, until the link is used, where its browser was headed."""
    return cookie_name(the, "next")


def asked_cookie(the: TheHouse) -> str:
    """Return the name of the cookie by which a link knows the browser that asked for it."""
    return cookie_name(the, "asked")


def attempt_cookie(the: TheHouse) -> str:
    """Return the name of the cookie that keeps, sealed, what a sign-in at the provider must come back with."""
    return cookie_name(the, "oidc")


PlaceCookie = Annotated[str, Depends(place_cookie)]
AskedCookie = Annotated[str, Depends(asked_cookie)]
AttemptCookie = Annotated[str, Depends(attempt_cookie)]


@router.get("/login")
def login(
    request: Request,
    the: TheHouse,
    cookie: PlaceCookie,
    session: CookieName,
    actor: AnyActor,
    next: str = "/",
    sent: bool = False,
) -> Response:
    """Ask who it is. The link comes from elsewhere, so the browser keeps `next`: where to go on to."""
    place = own_place(next)
    answer = _login_page(the, goes_on=place != "/", is_sent=sent)
    if place != "/":
        keep_cookie(answer, cookie, place, the, life=_WAIT)
    elif cookie in request.cookies and not sent:
        keep_cookie(answer, cookie, "", the, life=_WAIT)
    if session in request.cookies and actor is None:
        keep_cookie(answer, session, "", the, life=BROWSER_LIFE)  # that one is over
    return answer


@router.post("/login")
def ask(
    request: Request,
    db: Db,
    the: TheHouse,
    now: Now,
    limits: TheLimits,
    network: AskingNetwork,
    cookie: AskedCookie,
    fields: Fields,
) -> Response:
    """Have a link sent that works in this browser. What is answered, and when, is the same whoever it is."""
    try:
        email = _EMAIL.validate_python(fields.get("email", ""))
    except ValidationError:
        return _login_page(the, refused=fields.get("email", ""), status=422)
    for rate, key in ((SIGN_IN_LINKS_OF_NETWORK, network), (SIGN_IN_LINKS_OF_ADDRESS, email)):
        if (wait := limits.take(rate, key, at=now)) is not None:
            raise TooMany(wait)
    asked = _kept(request, cookie) or ids.secret()
    ask_for_link(db, email=email, asked=asked, now=now)
    answer = RedirectResponse("/login?sent=true", 303)
    keep_cookie(answer, cookie, asked, the, life=_WAIT)
    return answer


@router.get("/login/t/{token}")
def confirm(
    token: str,
    request: Request,
    db: ReadDb,
    now: Now,
    limits: TheLimits,
    network: AskingNetwork,
    cookie: AskedCookie,
) -> Response:
    """Show the button. Mail scanners follow links, so looking changes nothing, however often."""
    with failures_counted(limits, network, at=now):
        name = check_link(db, token, asked=_kept(request, cookie), now=now)
    return page("sign_in.html", who=_masked(name))


@router.post("/login/t/{token}")
def redeem(
    token: str,
    request: Request,
    db: Db,
    the: TheHouse,
    now: Now,
    limits: TheLimits,
    network: AskingNetwork,
    session: CookieName,
    browser: TheBrowser,
    asked: AskedCookie,
    headed: PlaceCookie,
) -> Response:
    """Use the link up, start a session and go on to where the browser was headed; the session before it is over."""
    with failures_counted(limits, network, at=now):
        secret = redeem_sign_in_link(db, secret=token, asked=_kept(request, asked), browser=browser, now=now)
    answer = _let_in(request, the, secret, session=session, headed=headed)
    if asked in request.cookies:
        keep_cookie(answer, asked, "", the, life=_WAIT)
    return answer


@router.get("/login/oidc")
def set_out(the: TheHouse, there: TheProvider, now: Now, cookie: AttemptCookie) -> Response:
    """Go to the provider. Nothing changes here but a cookie."""
    place, kept = begun(the, there, connects=None, now=now)
    answer = RedirectResponse(place, 303)
    keep_cookie(answer, cookie, kept, the, life=ATTEMPT_LIFE)
    return answer


@router.get("/login/oidc/callback")
def come_back(
    request: Request,
    the: TheHouse,
    there: TheProvider,
    now: Now,
    limits: TheLimits,
    network: AskingNetwork,
    actor: AnyActor,
    session: CookieName,
    browser: TheBrowser,
    cookie: AttemptCookie,
    headed: PlaceCookie,
) -> Response:
    """Let in whom the provider vouches for, or connect them with who is signed in: as it was begun. The cookie is gone
    afterwards, however it ends.
    """
    forgotten = Response()
    keep_cookie(forgotten, cookie, "", the, life=ATTEMPT_LIFE)
    try:
        with failures_counted(limits, network, at=now):
            attempt, connects = _attempt(request, the, cookie, now=now)
            if (wait := limits.wait(FAILED_SIGN_INS, network, at=now)) is not None:
                raise TooMany(wait)  # the provider is not asked for who guesses
            vouched = _vouched(request, the, there, attempt, now=now)
            if connects is not None:
                answer: Response = _connected(the, vouched, actor, connects, now=now)
            else:
                secret = _signed_in(the, vouched, browser, now=now)
                answer = _let_in(request, the, secret, session=session, headed=headed)
    except Problem as refused:
        refused.headers["Set-Cookie"] = forgotten.headers["set-cookie"]
        raise
    answer.headers.append("Set-Cookie", forgotten.headers["set-cookie"])
    return answer


@router.post("/logout")
def logout(db: Db, the: TheHouse, now: Now, cookie: CookieName, secret: SessionSecret) -> Response:
    """End the session of this browser."""
    if secret:
        sign_out(db, secret=secret, now=now)
    answer = RedirectResponse("/login", 303)
    keep_cookie(answer, cookie, "", the, life=BROWSER_LIFE)
    return answer


def begun(the: House, there: Provider, *, connects: str | None, now: datetime) -> tuple[str, str]:
    """Begin a sign-in at the provider; return where to send the browser, and what it must come back with, sealed. It
    `connects` the identity with a person who is signed in, or signs in.
    """
    attempt = Attempt.new()
    try:
        place = there.place_to_ask(attempt, redirect_uri=_callback(the))
    except (NoAnswer, NotVouched) as why:
        raise Unavailable("The sign-in service can't be reached just now.") from why
    kept = json.dumps({**asdict(attempt), "at": now.timestamp(), "connects": connects})
    return place, vault_of(the.engine).seal(kept, bound_to=_BOUND_TO)


def _attempt(request: Request, the: House, cookie: str, *, now: datetime) -> tuple[Attempt, str | None]:
    """Return what the browser set out with. Raises SignInInterrupted unless it comes back with that, and in time."""
    try:
        kept = json.loads(vault_of(the.engine).open(request.cookies.get(cookie, ""), bound_to=_BOUND_TO))
    except WontOpen:
        raise SignInInterrupted("Begin again.") from None
    attempt = Attempt(kept["state"], kept["nonce"], kept["verifier"])
    is_late = now.timestamp() - kept["at"] > ATTEMPT_LIFE.total_seconds()
    if is_late or not credentials.same(request.query_params.get("state", ""), attempt.state):
        raise SignInInterrupted("Begin again.")
    return attempt, kept["connects"]


def _vouched(request: Request, the: House, there: Provider, attempt: Attempt, *, now: datetime) -> Vouched:
    """Return whom the provider vouches for. Raises SignInFailed, also for an answer of another one (RFC 9207)."""
    told = request.query_params
    code = told.get("code", "")
    if "error" in told or not code or len(code) > _LONGEST_CODE or told.get("iss", there.issuer) != there.issuer:
        raise SignInFailed("Begin again, or sign in with a link.")
    try:
        return there.vouched(code=code, attempt=attempt, redirect_uri=_callback(the), now=now)
    except NotVouched as why:
        raise SignInFailed("Begin again, or sign in with a link.") from why
    except NoAnswer as why:
        raise Unavailable("The sign-in service can't be reached just now.") from why


_LONGEST_CODE = 2000


def _signed_in(the: House, vouched: Vouched, browser: Browser, *, now: datetime) -> str:
    def work(session: DbSession) -> str:
        return sign_in_with_identity(
            session,
            issuer=vouched.issuer,
            subject=vouched.subject,
            verified_email=vouched.verified_email,
            browser=browser,
            now=now,
        )

    return db.written(the.engine, work)


def _connected(the: House, vouched: Vouched, actor: Actor | None, connects: str, *, now: datetime) -> Response:
    """Connect the identity with who began it, if it is still they who are signed in."""
    if actor is None or actor.person_id != connects:
        raise SignInInterrupted("Sign in, then begin again.")

    def work(session: DbSession) -> None:
        connect_identity(session, issuer=vouched.issuer, subject=vouched.subject, actor=actor, now=now)

    db.written(the.engine, work)
    return RedirectResponse("/me/security", 303)


def _let_in(request: Request, the: House, secret: str, *, session: str, headed: str) -> Response:
    answer = RedirectResponse(own_place(request.cookies.get(headed, "/")), 303)
    keep_cookie(answer, session, secret, the, life=BROWSER_LIFE)
    if headed in request.cookies:
        keep_cookie(answer, headed, "", the, life=_WAIT)
    return answer


def _login_page(the: House, *, status: int = 200, **shown: Any) -> Response:
    said: dict[str, Any] = {"goes_on": False, "is_sent": False, "refused": None, **shown}
    name = the.settings.oidc_name if the.settings.oidc_issuer else None
    return page("login.html", status=status, provider=name, sends_mail=bool(the.settings.smtp_host), **said)


def _callback(the: House) -> str:
    return f"{the.settings.public_url.rstrip('/')}/login/oidc/callback"


def _kept(request: Request, cookie: str) -> str | None:
    """Return what the browser keeps since it asked for a link."""
    return request.cookies.get(cookie) or None


def _masked(name: str) -> str:
    """Return enough of a name to know oneself by, and not enough to learn who somebody is: `A… B…`."""
    words = name.split()
    return " ".join(f"{word[0]}…" for word in dict.fromkeys((words[0], words[-1])))
