"""Answers to our invites, as a mail gateway hands them in."""

from collections.abc import Sequence
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request

from app.errors import Forbidden, Invalid, UnsupportedMedia
from app.ical.reply import NotAReply, Reply, ReplyMail, read_calendar, read_mail
from app.operations import replies as operations
from app.operations.changes import check_admin
from app.operations.replies import Gate, NotVouchedFor
from app.routers.dependencies import CurrentActor, Db, Now, Route, TheHouse
from app.routers.problems import refusals
from app.schemas.itip import RepliesRead, ReplyRead

router = APIRouter(prefix="/v1", tags=["mail"], route_class=Route)
log = structlog.get_logger("earshot.http")

_CALENDAR = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Their calendar//EN\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\n"
    "UID:ses_01jd6x0000e8r9sv4kz2m7n5qe@6f1k2m3n4p5q.earshot\r\nSEQUENCE:0\r\nDTSTAMP:20261121T090000Z\r\n"
    "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ana@earshot.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_MAIL = (
    "Authentication-Results: mx.earshot.example; dmarc=pass header.from=earshot.example\r\n"
    "From: ana@earshot.example\r\nTo: earshot@earshot.example\r\n"
    f"Content-Type: text/calendar; method=REPLY; charset=utf-8\r\n\r\n{_CALENDAR}"
)
_A_MESSAGE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A mail (RFC 5322), or the calendar alone; at most 1 MiB.",
        "content": {
            "message/rfc822": {"schema": {"type": "string"}, "example": _MAIL},
            "text/calendar": {"schema": {"type": "string"}, "example": _CALENDAR},
        },
    }
}


class UnreadableReply(Invalid):
    """What was handed in answers nothing."""

    code = "not_a_reply"
    title = "There is no answer to an invite in it that could be read"


def reading(request: Request, actor: CurrentActor) -> ReplyMail | Sequence[Reply]:
    """Read the body before the write transaction begins: nobody waits for that."""
    check_admin(actor)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "message/rfc822":
            return read_mail(request.state.body)
        if kind == "text/calendar":
            return read_calendar(request.state.body)
    except NotAReply as why:
        raise UnreadableReply(str(why)) from why
    raise UnsupportedMedia("Send message/rfc822 or text/calendar.")


@router.post(
    "/itip",
    operation_id="itip_take",
    responses=refusals(Forbidden, NotVouchedFor, UnreadableReply, UnsupportedMedia),
    openapi_extra=_A_MESSAGE,
)
def take_reply(
    found: Annotated[ReplyMail | Sequence[Reply], Depends(reading)],
    the: TheHouse,
    db: Db,
    now: Now,
    actor: CurrentActor,
) -> RepliesRead:
    """Hand in what somebody's calendar answered to an invite: REPLY or COUNTER (RFC 5546), at most 1 MiB.

    A mail, `message/rfc822`, is believed when our own gateway says on top of it that DMARC passed for its sender, or
    when it went to the address of that very invite. For a bare `text/calendar` you vouch yourself. Answers may come
    twice and in any order: the last one counts, by SEQUENCE and DTSTAMP.
    """
    if not isinstance(found, ReplyMail):
        taken = operations.take_calendar(db, replies=found, actor=actor, now=now)
    else:
        try:
            taken = operations.take_mail(db, mail=found, gate=Gate.of(the.settings), actor=actor, now=now)
        except NotVouchedFor:
            log.warning("reply not vouched for", uid=found.replies[0].uid)
            raise
    return RepliesRead(replies=[ReplyRead.model_validate(one) for one in taken])
