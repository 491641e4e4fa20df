"""Where one is signed in, by which account one can sign in; and acting on somebody's behalf."""

from datetime import datetime
from typing import Any

from fastapi import Response
from fastapi.responses import RedirectResponse

from app.operations import browser_sessions as operations
from app.operations.browser_sessions import act_for, check_own, stop_acting
from app.operations.sign_in import disconnect_identities
from app.queries import browser_sessions
from app.queries.people import ids_by_email
from app.rules.access import may_stand_in
from app.vocabulary import SignedInBy
from app.web.clocks import moment
from app.web.dependencies import (
    Db,
    Fields,
    Now,
    Pressing,
    ReadDb,
    SignedIn,
    TheHouse,
    keep_cookie,
    page_router,
)
from app.web.html import page
from app.web.pages.sign_in import ATTEMPT_LIFE, AttemptCookie, TheProvider, begun

router = page_router()

_BY = {SignedInBy.LINK: "by a link", SignedInBy.OIDC: "by company account"}


@router.get("/me/security")
def show(db: ReadDb, the: TheHouse, now: Now, viewer: SignedIn) -> Response:
    """Show in which browsers the viewer is signed in, and what else lets them in."""
    check_own(viewer.actor)
    me, issuer = viewer.person, the.settings.oidc_issuer
    devices = browser_sessions.sessions_in_use(db, me.id, now=now)
    linked_at = browser_sessions.identity_at(db, issuer, person_id=me.id) if issuer else None
    return page(
        "security.html",
        viewer=viewer.face,
        email=me.email,
        devices=[_device(row, viewer.actor.credential_id, me.time_zone, now=now) for row in devices],
        provider=the.settings.oidc_name if issuer else None,
        linked_at=linked_at and moment(linked_at, me.time_zone, now=now),
        stands_in=may_stand_in(viewer.actor),
    )


@router.post("/me/security/sign-out")
def sign_out_elsewhere(db: Db, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Sign one browser of the viewer's out, or all but this one."""
    if session_id := fields.get("session"):
        operations.end_session(db, session_id=session_id, actor=viewer.actor, now=now)
    else:
        operations.sign_out_elsewhere(db, actor=viewer.actor, now=now)
    return RedirectResponse("/me/security", 303)


@router.post("/me/security/connect")
def connect(the: TheHouse, there: TheProvider, now: Now, viewer: Pressing, cookie: AttemptCookie) -> Response:
    """Lead to the provider by a page of ours: a form of ours leads nowhere else (CSP `form-action`), and a link that
    anybody may set could connect an account that is not the viewer's.
    """
    check_own(viewer.actor)
    place, kept = begun(the, there, connects=viewer.person.id, now=now)
    answer = page("onward.html", provider=the.settings.oidc_name, place=place)
    keep_cookie(answer, cookie, kept, the, life=ATTEMPT_LIFE)
    return answer


@router.post("/me/security/disconnect")
def disconnect(db: Db, there: TheProvider, now: Now, viewer: Pressing) -> Response:
    """Let the viewer's account at the provider sign them in no more."""
    disconnect_identities(db, issuer=there.issuer, actor=viewer.actor, now=now)
    return RedirectResponse("/me/security", 303)


@router.post("/act-for")
def begin_acting_for_address(db: Db, now: Now, viewer: Pressing, fields: Fields) -> Response:
    """Act on behalf of who has this address."""
    email = fields.get("email", "").strip().lower()
    act_for(db, person_id=ids_by_email(db, [email]).get(email, ""), actor=viewer.actor, now=now)
    return RedirectResponse("/", 303)


@router.post("/act-for/stop")
def stop_acting_for(db: Db, now: Now, viewer: Pressing) -> Response:
    """Act for oneself again."""
    stop_acting(db, actor=viewer.actor, now=now)
    return RedirectResponse("/", 303)


@router.post("/act-for/{person_id}")
def begin_acting_for(person_id: str, db: Db, now: Now, viewer: Pressing) -> Response:
    """Act on behalf of somebody, until one stops."""
    act_for(db, person_id=person_id, actor=viewer.actor, now=now)
    return RedirectResponse("/", 303)


def _device(row: Any, this: str, time_zone: str, *, now: datetime) -> dict[str, Any]:
    return {
        "id": row.id,
        "device": row.device or "A browser",
        "is_this": row.id == this,
        "how": _BY[row.signed_in_by],
        "address": row.address,
        "since": moment(row.created_at, time_zone, now=now),
        "seen": moment(row.seen_at, time_zone, now=now),
    }
