"""Light or dark, as somebody chooses for this browser."""

from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from app.web import themes
from app.web.dependencies import Fields, TheHouse, keep_cookie, page_router
from app.web.places import own_place

router = page_router()

_KEPT = timedelta(days=365)


@router.post("/me/theme")
def choose(request: Request, the: TheHouse, fields: Fields) -> Response:
    """Keep the choice in a cookie and go back to the page whose button it was. Strangers choose, too."""
    chosen = next((one for one in themes.Theme if one == fields.get("theme")), themes.Theme.AUTO)
    came_from = urlsplit(request.headers.get("referer", ""))
    answer = RedirectResponse(own_place(came_from.path + (came_from.query and f"?{came_from.query}")), 303)
    keep_cookie(answer, themes.COOKIE, "" if chosen is themes.Theme.AUTO else chosen, the, life=_KEPT)
    return answer
