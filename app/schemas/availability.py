"""Working hours and busy time as they travel."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from app.schemas.shapes import Body, Read
from app.vocabulary import BusyStatus, Day, Instant, Source, Whole, ZoneName

Start = Annotated[str, StringConstraints(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
End = Annotated[str, StringConstraints(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Buffer = Annotated[Whole, Field(ge=0, le=120)]
Weekday = Annotated[Whole, Field(ge=1, le=7, description="1 is Monday (ISO 8601).")]

_HOURS: dict[str, Any] = {
    "time_zone": "America/Phoenix",
    "weekly": [{"weekday": 1, "start": "09:00", "end": "17:30"}],
    "exceptions": [{"date": "2026-12-24", "ranges": []}],
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 10,
}
_PAUSE: dict[str, Any] = {"starts_on": "2026-12-21", "ends_on": "2027-01-03"}
_INTERVAL: dict[str, Any] = {
    "starts_at": "2026-11-23T09:00:00Z",
    "ends_at": "2026-11-23T10:00:00Z",
    "status": "busy",
}


class Hours(Body):
    """A range of wall time on one day, half-open; 24:00 is the midnight at its end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "09:00", "end": "17:30"}]})

    start: Start
    end: End


class WeeklyHours(Body):
    """A range of wall time on every such weekday, half-open; 24:00 is the midnight at its end."""

    model_config = ConfigDict(json_schema_extra={"examples": _HOURS["weekly"]})

    weekday: Weekday
    start: Start
    end: End


class DayHours(Body):
    """What replaces the weekly hours on one date; no ranges make a day off."""

    model_config = ConfigDict(json_schema_extra={"examples": _HOURS["exceptions"]})

    date: Day
    ranges: Annotated[list[Hours], Field(max_length=24)]


def _each_date_once(days: list[DayHours]) -> list[DayHours]:
    if len({day.date for day in days}) != len(days):
        raise PydanticCustomError("duplicate", "A date is named twice")
    return days


class SetAvailability(Body):
    """When somebody works, in wall time of their zone."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HOURS]})

    time_zone: ZoneName
    weekly: Annotated[list[WeeklyHours], Field(max_length=168)]
    exceptions: Annotated[list[DayHours], Field(max_length=366), AfterValidator(_each_date_once)] = []
    buffer_before_minutes: Annotated[Buffer, Field(description="Kept free before each session.")] = 0
    buffer_after_minutes: Annotated[Buffer, Field(description="Kept free after each session.")] = 0

    def minutes(self) -> tuple[list[tuple[int, int, int]], dict[str, list[tuple[int, int]]]]:
        """Return weekly (weekday, start, end) and exceptions by ISO date, in minutes after midnight, in this order."""
        weekly = [(row.weekday, _minute(row.start), _minute(row.end)) for row in self.weekly]
        exceptions = {
            day.date.isoformat(): [(_minute(hours.start), _minute(hours.end)) for hours in day.ranges]
            for day in self.exceptions
        }
        return weekly, exceptions


class AvailabilityRead(Read):
    """When somebody works, in wall time of their zone."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa",
                    **_HOURS,
                    "version": 2,
                    "updated_at": "2026-11-21T09:00:00Z",
                }
            ]
        },
    )

    person_id: str
    time_zone: str
    weekly: list[WeeklyHours]
    exceptions: list[DayHours]
    buffer_before_minutes: int
    buffer_after_minutes: int
    version: int
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> "AvailabilityRead":
        """Build from a row of `availability` with the person's zone."""
        return cls(
            person_id=row.person_id,
            time_zone=row.time_zone,
            weekly=[WeeklyHours(weekday=on, start=_clock(start), end=_clock(end)) for on, start, end in row.weekly],
            exceptions=[
                DayHours(
                    date=date.fromisoformat(day),
                    ranges=[Hours(start=_clock(start), end=_clock(end)) for start, end in ranges],
                )
                for day, ranges in sorted(row.exceptions.items())
            ],
            buffer_before_minutes=row.buffer_before_minutes,
            buffer_after_minutes=row.buffer_after_minutes,
            version=row.version,
            updated_at=row.updated_at,
        )


class CreatePause(Body):
    """Days, the last one included, on which somebody takes nothing new; local to where they live."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PAUSE]})

    starts_on: Day
    ends_on: Day

    @model_validator(mode="after")
    def _forward(self) -> "CreatePause":
        if self.ends_on < self.starts_on:
            raise PydanticCustomError("end_before_start", "ends_on must not be earlier than starts_on")
        return self


class PauseRead(Read):
    """Days, the last one included, on which somebody takes nothing new; local to where they live."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [{"id": "pau_01jd6x0000e8r9sv4kz2m7n5qa", **_PAUSE, "created_at": "2026-11-21T09:00:00Z"}]
        },
    )

    id: str
    starts_on: date
    ends_on: date
    created_at: datetime


class BusyInterval(Body):
    """Time that is taken, half-open."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INTERVAL]})

    starts_at: Instant
    ends_at: Instant
    status: BusyStatus = BusyStatus.BUSY

    @model_validator(mode="after")
    def _forward(self) -> "BusyInterval":
        if self.ends_at <= self.starts_at:
            raise PydanticCustomError("end_before_start", "ends_at must be later than starts_at")
        return self


class ReplaceBusy(Body):
    """All that a source says of somebody's time from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"source": "outlook", "intervals": [_INTERVAL]}]})

    source: Source
    intervals: Annotated[list[BusyInterval], Field(max_length=5000)]


class BusyReplaced(Read):
    """What was taken over."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{"source": "outlook", "intervals": 12}]}
    )

    source: str
    intervals: int


class BusyRead(Read):
    """An interval that a source says is taken."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={"examples": [{"id": "bsy_01jd6x0000e8r9sv4kz2m7n5qa", "source": "outlook", **_INTERVAL}]},
    )

    id: str
    source: str
    starts_at: datetime
    ends_at: datetime
    status: BusyStatus


def _minute(wall: str) -> int:
    hours, _, minutes = wall.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
