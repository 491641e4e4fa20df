"""Choose which mail one wants, by the link in a mail: no sign-in, and one click from a mail client (RFC 8058).

The token in the address says who it is, so no cookie is read, and a form of another site could do nothing that its
maker could not do anyway: they would have to know the token.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from app import db
from app.db import DbSession
from app.house import House
from app.operations.mail_settings import QuietAllDay, change_mail_settings
from app.queries.mail_settings import behind_token
from app.rules.access import Actor
from app.rules.reminders import Topic
from app.schemas.mail_settings import PatchMailSettings
from app.vocabulary import Role
from app.web.dependencies import Fields, Now, TheHouse, our_own_form
from app.web.html import page
from app.web.weeks import place

router = APIRouter(include_in_schema=False)

_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_USUAL = ("20:00", "07:00")
"""What is proposed to who has no quiet hours."""


def one_click(fields: Fields) -> bool:
    """Whether a mail client asks in its user's name to switch the topic of a mail off."""
    return _ONE_CLICK in fields.items()


OneClick = Annotated[bool, Depends(one_click)]


async def our_own_form_or_one_click(request: Request, the: TheHouse, is_one_click: OneClick) -> None:
    """Refuse the forms of other sites, as everywhere, but for the one click: mail clients are other sites."""
    if not is_one_click:
        await our_own_form(request, the)


def reader(token: str, the: TheHouse) -> tuple[Any, Topic]:
    """Return which mail somebody wants, and what the mail with this link was about. Looked up before any write begins:
    who guesses waits for no lock.
    """
    with db.transaction(the.engine, writes=False) as reading:
        return behind_token(reading, token, settings=the.settings)


Reader = Annotated[tuple[Any, Topic], Depends(reader)]


@router.get("/r/{token}/mail")
def show_choices(found: Reader, done: str = "") -> Response:
    """Show what they chose. Mail scanners follow links, so looking changes nothing, however often."""
    row, _ = found
    return _choices(row, news="saved" if done == "saved" else "")


@router.post("/r/{token}/mail", dependencies=[Depends(our_own_form_or_one_click)])
def choose(token: str, found: Reader, fields: Fields, is_one_click: OneClick, the: TheHouse, now: Now) -> Response:
    """Save what they chose, or switch the topic of the mail off. Pressing twice changes nothing."""
    row, topic = found
    if is_one_click:
        _change(the, row.person_id, {topic.value: False}, now=now)
        row, _ = reader(token, the)
        return _choices(row, news=topic)  # mail clients follow no redirect (RFC 8058 section 3.2)
    quiet = {"from": fields.get("from"), "to": fields.get("to")} if "quiet" in fields else None
    body = {"reminders": "reminders" in fields, "digest": "digest" in fields, "quiet_hours": quiet}
    try:
        _change(the, row.person_id, PatchMailSettings.model_validate(body).changes(), now=now)
    except (ValidationError, QuietAllDay):
        return _choices(row, refused=fields)
    return RedirectResponse(f"/r/{token}/mail?done=saved", 303)


def _change(the: House, person_id: str, changes: Mapping[str, Any], *, now: datetime) -> None:
    actor = Actor("mail_link", Role.REP, person_id)

    def work(session: DbSession) -> None:
        change_mail_settings(session, person_id=person_id, changes=changes, actor=actor, now=now)

    db.written(the.engine, work)


def _choices(row: Any, *, news: str = "", refused: Mapping[str, str] | None = None) -> Response:
    """Return the page with what holds or, when that can't be, with what was filled in."""
    return page(
        "mail.html",
        status=200 if refused is None else 422,
        filled=_filled(row) if refused is None else refused,
        refused=refused is not None,
        news=news,
        address=_masked(row.email),
        place=place(row.time_zone),
    )


def _filled(row: Any) -> Mapping[str, str]:
    """Return what holds as the form would send it."""
    switches = {"reminders": row.reminders, "digest": row.digest, "quiet": row.quiet_from is not None}
    on = {name: "on" for name, is_on in switches.items() if is_on}
    return {**on, "from": row.quiet_from or _USUAL[0], "to": row.quiet_to or _USUAL[1]}


def _masked(email: str) -> str:
    """Return enough of an address to know it by, and no more: a mail may have been handed on."""
    return f"{email[0]}…@{email.partition('@')[2]}"
