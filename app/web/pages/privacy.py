"""What people are told about being listened to, and everything that is kept about them as a file."""

from fastapi import Response

from app.operations.browser_sessions import check_own
from app.queries import personal
from app.queries.house_rules import house_rules
from app.rules.personal import NOTICE
from app.schemas.privacy import PersonExport
from app.web.dependencies import Now, ReadDb, SignedIn, page_router
from app.web.html import page

router = page_router()


@router.get("/privacy")
def show(db: ReadDb, viewer: SignedIn) -> Response:
    """Show the monitoring notice, and how to have what is known about oneself."""
    found = house_rules(db)
    return page(
        "privacy.html",
        viewer=viewer.face,
        notice=(found.monitoring_notice or NOTICE).splitlines(),
        person_insights=found.person_insights,
    )


@router.get("/privacy/mine")
def download(db: ReadDb, now: Now, viewer: SignedIn) -> Response:
    """Hand the viewer everything that is kept about them. Not to who acts on their behalf."""
    check_own(viewer.actor)
    me = viewer.person.id
    found = PersonExport.of(me, personal.everything_about(db, me, actor=viewer.actor), at=now)
    named = {"Content-Disposition": 'attachment; filename="earshot.json"'}
    return Response(found.model_dump_json(indent=2), media_type="application/json", headers=named)
