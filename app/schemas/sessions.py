"""Sessions as they travel."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.rules.availability import Range
from app.schemas.seats import HoldToken
from app.schemas.shapes import Body, Read
from app.vocabulary import CALL_KINDS, Minute, Part, Remark, Response, SessionKind, SessionStatus, Whole, ZoneName

Id = Annotated[str, StringConstraints(min_length=1, max_length=48)]
Minutes = Annotated[Whole, Field(ge=5, le=480)]
Scope = Annotated[
    Literal["this", "following", "all"],
    Field(description="Of a series: this occurrence alone, this and those that follow, or all of them."),
]

_EXAMPLE: dict[str, Any] = {
    "id": "ses_01jd6x0000e8r9sv4kz2m7n5qe",
    "uid": "ses_01jd6x0000e8r9sv4kz2m7n5qe@4t7wq0m8zc1x.earshot",
    "kind": "shadow",
    "status": "confirmed",
    "call_id": "call_01jd6x0000e8r9sv4kz2m7n5qc",
    "follows_id": None,
    "series_id": None,
    "recurrence_id": None,
    "starts_at": "2026-11-23T10:00:00Z",
    "ends_at": "2026-11-23T10:30:00Z",
    "time_zone": "Europe/London",
    "sequence": 0,
    "expires_at": None,
    "participants": [
        {
            "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
            "as": "host",
            "response": "needs_action",
            "proposed_starts_at": None,
        },
        {
            "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
            "as": "observer",
            "response": "tentative",
            "proposed_starts_at": None,
        },
    ],
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}


PLAN: dict[str, Any] = {
    "kind": "one_on_one",
    "participants": [
        {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qb", "as": "mentor"},
        {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "as": "mentee"},
    ],
    "starts_at": "2026-11-24T10:00:00Z",
    "duration_minutes": 30,
}
_SKIPPED: dict[str, Any] = {
    "starts_at": "2026-12-01T10:00:00Z",
    "ends_at": "2026-12-01T10:30:00Z",
    "code": "slot_taken",
    "detail": "This person is taken at that time.",
    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qb",
}


class TakesPart(Body):
    """Somebody in a session, and in which part."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": PLAN["participants"]})

    person_id: Id
    part: Part = Field(alias="as")


class OneOfThese(Body):
    """Whoever's turn it is among those of these people who are free takes part."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "as": "mentor",
                    "person_ids": ["per_01jd6x0000e8r9sv4kz2m7n5qb", "per_01jd6x0000e8r9sv4kz2m7n5qd"],
                }
            ]
        },
    )

    part: Part = Field(alias="as")
    person_ids: Annotated[list[Id], Field(min_length=1, max_length=20)]


class Recurs(Body):
    """How a session recurs: a rule that ends (RFC 5545 section 3.3.10), kept in wall time of `time_zone`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rrule": "FREQ=WEEKLY;COUNT=8", "on_conflict": "skip"}]})

    rrule: Annotated[str, StringConstraints(min_length=1, max_length=300)]
    on_conflict: Annotated[
        Literal["refuse", "skip"],
        Field(description="Plan all or nothing, or leave out, and return, the times at which somebody can't."),
    ] = "refuse"


class BookSession(Body):
    """A session to plan. On a call (`shadow`, `reverse_shadow`, `ride_along`, `drop_in`) it takes a seat and has the
    times of the call; every other kind says when, and needs at least two people.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [PLAN]})

    kind: SessionKind
    participants: Annotated[list[TakesPart], Field(min_length=1, max_length=20)]
    starts_at: Annotated[Minute | None, Field(description="A session that is over by now is logged as completed.")] = (
        None
    )
    duration_minutes: Minutes | None = None
    time_zone: Annotated[ZoneName | None, Field(description="Yours, unless you say so.")] = None
    call_id: Id | None = None
    recurrence: Recurs | None = None
    one_of: OneOfThese | None = None
    hold_token: Annotated[HoldToken | None, Field(description="Of the hold that keeps this very time.")] = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> "BookSession":
        if wrong := self._on_call() if self.kind in CALL_KINDS else self._without_call():
            raise PydanticCustomError("kind_mismatch", wrong)
        return self

    def _on_call(self) -> str | None:
        if self.call_id is None:
            return "This kind is on a call: name it in call_id"
        if sorted(one.part for one in self.participants) not in ([Part.OBSERVER], [Part.HOST, Part.OBSERVER]):
            return "On a call, one observer takes part, besides its host"
        if self._names_somebody_twice():
            return "Somebody is named twice"
        if self.recurrence or self.one_of:
            return "A session on a call neither recurs nor goes round: leave out recurrence and one_of"
        if self.hold_token:
            return "A seat that is held is booked at its call"
        return None

    def _without_call(self) -> str | None:
        if self.call_id is not None:
            return "This kind is not on a call: leave out call_id"
        if self.starts_at is None or self.duration_minutes is None:
            return "This kind says when: name starts_at and duration_minutes"
        if self.hold_token and (self.recurrence or self.one_of):
            return "What is held neither recurs nor goes round: leave out recurrence and one_of"
        if self._names_somebody_twice():
            return "Somebody is named twice"
        number = len(self.participants) + (1 if self.one_of else 0)
        if number < 2:
            return "At least two people meet"
        if self.kind is SessionKind.ONE_ON_ONE and number > 2:
            return "A one-on-one is between two people"
        return None

    def _names_somebody_twice(self) -> bool:
        named = [one.person_id for one in self.participants]
        named += self.one_of.person_ids if self.one_of else []
        return len(set(named)) < len(named)


class RescheduleSession(Body):
    """Another time for a session; it stays as long as it is unless you say so."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"starts_at": "2026-11-24T14:00:00Z"}]})

    starts_at: Minute
    duration_minutes: Minutes | None = None
    scope: Scope = "this"


class CancelSession(Body):
    """How much of a series is cancelled with it, and a word to the others, who read it in the mail that tells them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"scope": "this", "note": "I am ill today."}]})

    scope: Scope = "this"
    note: Remark | None = None


class RespondToSession(Body):
    """What somebody answers to the invite, and when they could instead."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"response": "declined", "proposed_starts_at": "2026-11-24T14:00:00Z"}]}
    )

    response: Literal[Response.ACCEPTED, Response.DECLINED, Response.TENTATIVE]
    proposed_starts_at: Annotated[Minute | None, Field(description="Another time, with declined or tentative.")] = None
    person_id: Annotated[Id | None, Field(description="Whose answer: yours, unless you are an admin.")] = None


class DeclineSuggestion(Body):
    """Whose suggestion of another time is not taken."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa"}]})

    person_id: Id


class ParticipantRead(Read):
    """Somebody in a session, in which part, what they answered to the invite, and another time that they suggest."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)

    person_id: str
    part: Part = Field(alias="as")
    response: Response
    proposed_starts_at: datetime | None


class SessionRead(Read):
    """A planned learning meeting. `sequence` is that of the invite; `uid` is the same there and in every feed. In
    calendars a series is one event: its occurrences share both, and `recurrence_id` tells them apart. A requested
    session that nobody confirms until `expires_at` is over. A debrief follows the session of a seat.
    """

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    uid: str
    kind: SessionKind
    status: SessionStatus
    call_id: str | None
    follows_id: str | None
    series_id: str | None
    recurrence_id: datetime | None
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    sequence: int
    expires_at: datetime | None
    participants: list[ParticipantRead]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, participants: Iterable[Any]) -> "SessionRead":
        """Build from a row of `session` and those of its participants."""
        made = {"recurrence_id", "participants"}
        values = {name: getattr(row, name) for name in SessionRead.model_fields if name not in made}
        people = [ParticipantRead.model_validate(one) for one in participants]
        return SessionRead(**values, recurrence_id=row.occurrence_at, participants=people)


class SkippedRead(Read):
    """An occurrence that is not planned, and why."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_SKIPPED]})

    starts_at: datetime
    ends_at: datetime
    code: str
    detail: str
    person_id: str | None


class SessionBooked(SessionRead):
    """The session, or the first of a series, and the occurrences of the series that were left out."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{**_EXAMPLE, "skipped": [_SKIPPED]}]}
    )

    skipped: list[SkippedRead]

    @classmethod
    def with_skipped(cls, made: SessionRead, skipped: Iterable[Any]) -> "SessionBooked":
        """Build from the session, or the first of a series, and what was left out."""
        return cls(**dict(made), skipped=[SkippedRead.model_validate(one) for one in skipped])


class TimeRead(Read):
    """A time when everybody is free."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"starts_at": "2026-11-24T14:00:00Z", "ends_at": "2026-11-24T14:30:00Z"}]}
    )

    starts_at: datetime
    ends_at: datetime


class AlternativesRead(Read):
    """The nearest other times for a session; none when nobody finds one within two weeks."""

    alternatives: list[TimeRead]

    @classmethod
    def of(cls, times: Sequence[Range]) -> "AlternativesRead":
        """Build from times."""
        return cls(alternatives=[TimeRead(starts_at=starts_at, ends_at=ends_at) for starts_at, ends_at in times])
