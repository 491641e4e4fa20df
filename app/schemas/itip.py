"""Answers from calendars, as they travel."""

from typing import Literal

from pydantic import ConfigDict

from app.schemas.shapes import Read


class ReplyRead(Read):
    """What became of an answer to one event: `answered`, it counts as if given here; `suggested`, the others are asked
    for another time; `refused`, it can't be done, and a calendar that suggested a time is told so; `ignored`, it is no
    answer to what stands now.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "uid": "ses_01jd6x0000e8r9sv4kz2m7n5qe@6f1k2m3n4p5q.earshot",
                    "outcome": "answered",
                    "why": "Noted as accepted.",
                }
            ]
        },
    )

    uid: str
    outcome: Literal["answered", "suggested", "refused", "ignored"]
    why: str


class RepliesRead(Read):
    """What became of the answers in one message: one event, or several occurrences of one series."""

    replies: list[ReplyRead]
