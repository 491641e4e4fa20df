"""What people are told about being listened to, and what becomes of what is kept about them."""

from fastapi import Response

from app.queries.house_rules import house_rules
from app.rules.personal import NOTICE
from app.web.dependencies import ReadDb, SignedIn, page_router
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
