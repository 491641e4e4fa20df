"""Who is asking, and where they are signed in."""

from fastapi import APIRouter

from app.errors import NotFound
from app.operations import browser_sessions as operations
from app.operations.browser_sessions import OnBehalf
from app.queries import browser_sessions
from app.queries.people import person_by_id
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route
from app.routers.private_reads import private
from app.routers.problems import refusals
from app.schemas.me import BrowserSessionRead, MeRead, SignedOutRead
from app.schemas.shapes import Listing

router = APIRouter(prefix="/v1", tags=["me"], route_class=Route)


@router.get("/me", operation_id="me_get", responses=refusals())
def get_me(actor: CurrentActor) -> MeRead:
    """Say who this key is and what it may."""
    return MeRead(
        credential_id=actor.credential_id,
        role=actor.role,
        person_id=actor.person_id,
        scopes=None if actor.scopes is None else sorted(actor.scopes),
        acts_for_id=actor.on_behalf_of_id,
        program_ids=sorted(actor.programs),
        report_ids=sorted(actor.reports),
    )


@router.get("/me/browser-sessions", operation_id="me_browser_sessions_list", responses=refusals(OnBehalf))
def list_own_sessions(
    db: ReadDb, now: Now, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[BrowserSessionRead]:
    """List the browsers in which you are signed in, newest first."""
    operations.check_own(actor)
    found = browser_sessions.list_sessions(db, page, person_id=actor.person_id, actor=actor, now=now)
    return answer.page(found, [BrowserSessionRead.model_validate(row) for row in found.rows])


@router.delete(
    "/me/browser-sessions/{browser_session_id}",
    status_code=204,
    operation_id="me_browser_sessions_end",
    responses=refusals(OnBehalf, NotFound),
)
def end_own_session(browser_session_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """Sign one of your browsers out."""
    operations.end_session(db, session_id=browser_session_id, actor=actor, now=now)


@router.post("/me/sign-out-everywhere", operation_id="me_sign_out_everywhere", responses=refusals(OnBehalf))
def sign_out_everywhere(db: Db, now: Now, actor: CurrentActor) -> SignedOutRead:
    """Sign all of your browsers out, but the one that asks. API keys go on working."""
    return SignedOutRead(ended=operations.sign_out_elsewhere(db, actor=actor, now=now))


@router.get(
    "/people/{person_id}/browser-sessions",
    operation_id="browser_sessions_list",
    responses=refusals(NotFound),
    dependencies=[private("browser_sessions")],
)
def list_sessions(
    person_id: str, db: ReadDb, now: Now, actor: CurrentActor, page: Page, answer: Answer
) -> Listing[BrowserSessionRead]:
    """List the browsers in which somebody is signed in: for admins, and for that person."""
    person_by_id(db, person_id, actor=actor)
    found = browser_sessions.list_sessions(db, page, person_id=person_id, actor=actor, now=now)
    return answer.page(found, [BrowserSessionRead.model_validate(row) for row in found.rows])


@router.delete(
    "/people/{person_id}/browser-sessions",
    status_code=204,
    operation_id="browser_sessions_end",
    responses=refusals(NotFound),
)
def sign_person_out(person_id: str, db: Db, now: Now, actor: CurrentActor) -> None:
    """Sign all browsers of somebody out, as an admin. They can sign in again."""
    person_by_id(db, person_id, actor=actor)
    operations.sign_out_person(db, person_id=person_id, actor=actor, now=now)
