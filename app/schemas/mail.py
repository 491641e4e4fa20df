"""Mail that does not arrive, as it travels."""

from datetime import datetime

from pydantic import ConfigDict

from app.rules.bounces import BounceOutcome
from app.schemas.shapes import Read


class MailTroubleRead(Read):
    """An address that takes no mail, so nothing more is sent there; `person_id` is whose it is now, if anybody's."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "email": "ana@earshot.example",
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    "why": "bounced with 5.1.1: 550 5.1.1 no such mailbox",
                    "since": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    email: str
    person_id: str | None
    why: str
    since: datetime


class BounceRead(Read):
    """What became of a mail that was handed in: `in_trouble`, nothing more is sent to its reader's address; `noted`, it
    did not arrive, and that was not the address's fault; `ignored`.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "outcome": "in_trouble",
                    "why": "Nothing more is sent to this address: bounced with 5.1.1: 550 5.1.1 no such mailbox.",
                }
            ]
        },
    )

    outcome: BounceOutcome
    why: str
