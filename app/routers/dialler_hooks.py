"""Where diallers post what they have to say: no key lets them in, but their signature on each message."""

import re
from datetime import datetime, timedelta
from functools import partial

from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers

from app import credentials
from app.db import transaction, written
from app.errors import TooLarge, Unauthenticated
from app.operations.dialled_calls import hear_dialler
from app.queries.diallers import secret_in_use
from app.routers.dependencies import Now, Route, TheHouse
from app.routers.rates import count_stranger
from app.rules.rates import of_failed_keys

router = APIRouter(prefix="/hooks/dialler", tags=["diallers"], route_class=Route, include_in_schema=False)

_LONGEST = 256 * 1024  # bytes
_FRESH = timedelta(minutes=5)
"""How far from ours the clock may be by which a message was signed; who replays it later gets nowhere."""
_ID = re.compile(r"[\x21-\x7e]{1,255}")
_SECONDS = re.compile(r"[0-9]{1,12}")


class WrongSignature(Unauthenticated):
    """A message that its dialler did not sign, or not just now."""

    noted = True
    code = "wrong_signature"
    title = "The signature is not that of this dialler"


@router.post("/{connection_id}", status_code=202)
def hear(connection_id: str, request: Request, the: TheHouse, now: Now) -> Response:
    """Take what a dialler says, signed by the Standard Webhooks specification.

    What is not understood is taken all the same: its dialler would only say it again.
    """
    body: bytes = request.state.body
    if len(body) > _LONGEST:
        raise TooLarge(f"At most {_LONGEST // 1024} KiB are read here.")
    with transaction(the.engine, writes=False) as reading:
        secret = secret_in_use(reading, connection_id)
    message_id = _signed_id(request.headers, secret, body, now=now)
    if message_id is None:
        count_stranger(request, of_failed_keys(the.settings.failed_keys_per_minute), at=now)
        raise WrongSignature("Sign id, time and body with the secret that this dialler has now.")
    written(the.engine, partial(hear_dialler, connection_id=connection_id, message_id=message_id, body=body, now=now))
    return Response(status_code=202)


def _signed_id(headers: Headers, secret: str, body: bytes, *, now: datetime) -> str | None:
    """Return the id of a message that was signed with this secret, at most 5 minutes from now; None for any other."""
    message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(sent_at):
        return None
    if abs(int(sent_at) - now.timestamp()) > _FRESH.total_seconds():
        return None
    right = credentials.webhook_signature(secret, message_id=message_id, sent_at=int(sent_at), body=body)
    given = headers.get("webhook-signature", "").split(" ")
    return message_id if any(credentials.same(one, right) for one in given) else None
