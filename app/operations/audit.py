"""Tell the audit of what changed nothing: requests that were refused, and reads of what is private to somebody else."""

from dataclasses import dataclass
from datetime import datetime

from app.db import DbSession
from app.operations.events import tell
from app.rules.access import Actor
from app.vocabulary import Role

_STRANGER = Actor(credential_id="anonymous", role=Role.REP, person_id=None)
"""Who shows a credential that is worth nothing is nobody in particular."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that the audit has a line about. `path` is as its route is written, `by` the known credential shown."""

    request_id: str
    code: str
    method: str
    path: str
    address: str
    signing_in: bool
    by: str | None


def note_refusal(db: DbSession, refused: Refused, *, passed_over: int, now: datetime) -> None:
    """Tell of one refusal. `passed_over` are others before it that came too quickly to be told of one by one."""
    act = "sign_in.refused" if refused.signing_in else "request.refused"
    detail = {
        "code": refused.code,
        "method": refused.method,
        "path": refused.path,
        "address": refused.address,
        "passed_over": passed_over,
    }
    actor = _STRANGER if refused.by is None else Actor(refused.by, Role.REP, None)
    tell(db, act, refused.request_id, version=1, actor=actor, now=now, detail=detail)
