"""Matches as they travel."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.rules.access import Actor, sees_program
from app.rules.matching.lives import EXPIRES_AFTER, shown_terms
from app.schemas.shapes import Body, Read
from app.vocabulary import Approver, EndedBecause, Fit, MatchStatus, Side

Id = Annotated[str, Field(max_length=48)]

_MATCH: dict[str, Any] = {
    "id": "mat_01jd6x0000e8r9sv4kz2m7n5qf",
    "program_id": "prg_01jd6x0000e8r9sv4kz2m7n5qh",
    "run_id": None,
    "mentee_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
    "mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
    "status": "active",
    "score": 8123,
    "terms": {"skill": 4200, "co_availability": 1900, "segment": 1500, "overlap": 523},
    "pinned": False,
    "asked_by_id": None,
    "awaiting": [],
    "asked_at": None,
    "expires_at": None,
    "started_at": "2026-11-21T09:00:00Z",
    "ended_because": None,
    "fit_asked_at": "2026-11-23T11:00:00Z",
    "mentee_fit": "good",
    "mentor_fit": None,
    "version": 2,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-23T11:00:00Z",
}


class AskForMatch(Body):
    """A match that somebody would like: a mentee names a mentor; who leads them, or runs the program, names both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mentor_id": "per_01jd6x0000e8r9sv4kz2m7n5qb"}]})

    mentor_id: Id
    mentee_id: Annotated[Id | None, Field(description="You, unless you lead them or run the program.")] = None
    program_id: Annotated[Id | None, Field(description="The default program unless named.")] = None


class ApproveMatch(Body):
    """A yes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}]})

    said_as: Annotated[
        Approver | None,
        Field(alias="as", description="Whose yes it is: your own unless named; who runs the program may name one."),
    ] = None


class AnswerFit(Body):
    """How a match feels."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answer": "good"}]})

    answer: Fit
    side: Annotated[
        Side | None,
        Field(alias="as", description="Whose answer it is: your own unless named; who runs the program names one."),
    ] = None


class MatchRead(Read):
    """A mentee and a mentor over time; `terms` sum to `score`, as people were when it was asked for or proposed. What
    the two would like themselves, `affinity`, is in both only for who runs the program.

    While it is pending, `awaiting` says whose yes is missing, and `expires_at` until when. Of the answers to how it
    feels you see your own, and all of a program that you run.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_MATCH]})

    id: str
    program_id: str
    run_id: str | None
    mentee_id: str
    mentor_id: str
    status: MatchStatus
    score: int | None
    terms: dict[str, int]
    pinned: bool
    asked_by_id: str | None
    awaiting: list[Approver]
    asked_at: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    ended_because: EndedBecause | None
    fit_asked_at: datetime | None
    mentee_fit: Fit | None
    mentor_fit: Fit | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, seen_by: Actor) -> "MatchRead":
        """Build from a row of `match`, as this actor sees it."""
        made = {"score", "terms", "expires_at", "mentee_fit", "mentor_fit"}
        values = {name: getattr(row, name) for name in cls.model_fields if name not in made}
        inside = sees_program(seen_by, row.program_id)
        terms = shown_terms(row.terms, sees_wishes=inside)
        waits = row.status is MatchStatus.PENDING and row.asked_at is not None
        return cls(
            **values,
            score=sum(terms.values()),
            terms=terms,
            expires_at=row.asked_at + EXPIRES_AFTER if waits else None,
            mentee_fit=row.mentee_fit if inside or seen_by.person_id == row.mentee_id else None,
            mentor_fit=row.mentor_fit if inside or seen_by.person_id == row.mentor_id else None,
        )
