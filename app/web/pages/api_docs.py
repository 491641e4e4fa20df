"""The reference of our API, from the description that the service gives of itself: all in short, and group by group."""

from typing import Any

from fastapi import Request, Response

from app.errors import NotFound
from app.house import House
from app.web.dependencies import AnyViewer, TheHouse, Viewer, page_router
from app.web.html import page

router = page_router()


@router.get("/docs")
def api_docs(request: Request, the: TheHouse, viewer: AnyViewer) -> Response:
    """Show every operation in a line. Anybody may read it: it tells nothing about this installation."""
    return page("docs.html", **_said(request, the, viewer))


@router.get("/docs/{group_id}")
def api_docs_of_group(group_id: str, request: Request, the: TheHouse, viewer: AnyViewer) -> Response:
    """Show a group of operations with fields, refusals, an example and a line to copy."""
    said = _said(request, the, viewer)
    group = next((one for one in said["reference"].groups if one.id == group_id), None)
    if group is None:
        raise NotFound
    return page("docs_group.html", group=group, **said)


def _said(request: Request, the: House, viewer: Viewer | None) -> dict[str, Any]:
    document = request.app.openapi()
    return {
        "viewer": viewer.face if viewer else None,
        "title": document["info"]["title"],
        "version": document["info"]["version"],
        "base_url": the.settings.public_url.rstrip("/"),
        "reference": request.app.state.reference(),  # a third of a second to make, so it is made once
    }
