"""The reference of our API, from the description that the service gives of itself."""

from fastapi import Request, Response

from app.web.dependencies import AnyViewer, TheHouse, page_router
from app.web.faces import Face
from app.web.html import page
from app.web.reference import reference

router = page_router()


@router.get("/docs")
def api_docs(request: Request, the: TheHouse, viewer: AnyViewer) -> Response:
    """Show every operation. Anybody may read it: it tells nothing about this installation."""
    document = request.app.openapi()
    return page(
        "docs.html",
        viewer=Face.of(viewer.person.id, viewer.person.name) if viewer else None,
        title=document["info"]["title"],
        version=document["info"]["version"],
        base_url=the.settings.public_url.rstrip("/"),
        reference=reference(document, base_url=the.settings.public_url),
    )
