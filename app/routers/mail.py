"""Mail that does not arrive: bounces come in, and addresses that take no mail can be seen and cleared."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request

from app.errors import Forbidden, NotFound, UnsupportedMedia
from app.operations import mail_troubles as operations
from app.operations.changes import check_admin
from app.queries import mail_troubles
from app.routers.dependencies import Answer, CurrentActor, Db, Now, Page, ReadDb, Route
from app.routers.problems import refusals
from app.rules.bounces import Bounce, NotAReport, bounces
from app.schemas.mail import BounceRead, MailTroubleRead
from app.schemas.shapes import Listing
from app.vocabulary import Email

router = APIRouter(prefix="/v1", tags=["mail"], route_class=Route)

_EXAMPLE = (
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; relay.example\r\n\r\n"
    "Final-Recipient: rfc822; ana@earshot.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    "Message-ID: <ntc_01jd6x0000e8r9sv4kz2m7n5qe@6f1k2m3n4p5q.earshot>\r\n\r\n--b--\r\n"
)
_A_MAIL: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A mail (RFC 5322), at most 1 MiB.",
        "content": {"message/rfc822": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    }
}


def reading(request: Request, actor: CurrentActor) -> list[Bounce]:
    """Read the body before the write transaction begins: nobody waits for that."""
    check_admin(actor)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "message/rfc822":
        raise UnsupportedMedia("Send message/rfc822.")
    try:
        return bounces(request.state.body)
    except NotAReport:
        return []


@router.post(
    "/bounces", operation_id="bounces_take", responses=refusals(Forbidden, UnsupportedMedia), openapi_extra=_A_MAIL
)
def take_bounce(found: Annotated[list[Bounce], Depends(reading)], db: Db, now: Now, actor: CurrentActor) -> BounceRead:
    """Hand in a mail that came to the mailbox that we send from, as it is: `message/rfc822`, at most 1 MiB.

    A delivery report (RFC 3464) about a mail of ours that was given up for good is believed. All other mail is ignored,
    so a gateway may hand in whatever arrives, as often as it likes.
    """
    return BounceRead.model_validate(operations.take_bounces(db, found=found, actor=actor, now=now))


@router.get("/mail-troubles", operation_id="mail_troubles_list", responses=refusals(NotFound))
def list_mail_troubles(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[MailTroubleRead]:
    """List the addresses that take no mail."""
    found = mail_troubles.list_troubles(db, page, actor=actor)
    return answer.page(found, [MailTroubleRead.model_validate(row) for row in found.rows])


@router.delete(
    "/mail-troubles/{email}",
    status_code=204,
    operation_id="mail_troubles_clear",
    responses=refusals(Forbidden, NotFound),
)
def clear_mail_trouble(email: Annotated[Email, Path()], db: Db, now: Now, actor: CurrentActor) -> None:
    """Send to this address again. What was not sent meanwhile stays unsent."""
    operations.clear_trouble(db, email=email, actor=actor, now=now)
