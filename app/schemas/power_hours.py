"""Power hours as they travel: who dials, who listens, and whose turn is when."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.schemas.shapes import Body, Read, absent
from app.vocabulary import Minute, Name, Whole

_MARA, _TOM, _AISHA = (f"per_01jd6x0000e8r9sv4kz2m7n5q{last}" for last in "abd")
_TEAM = "team_01jd6x0000e8r9sv4kz2m7n5qa"
_HOUR: dict[str, Any] = {
    "name": "Tuesday power hour",
    "starts_at": "2026-11-24T10:00:00Z",
    "ends_at": "2026-11-24T10:40:00Z",
    "rotation_minutes": 20,
    "team_id": _TEAM,
    "host_ids": [_MARA, _TOM],
    "observer_ids": [_AISHA],
}
_READ: dict[str, Any] = {
    "id": "pwr_01jd6x0000e8r9sv4kz2m7n5qa",
    **_HOUR,
    "version": 1,
    "created_at": "2026-11-21T09:00:00Z",
    "updated_at": "2026-11-21T09:00:00Z",
}
_TURNS: list[Any] = [
    {
        "observer_id": _AISHA,
        "host_id": host,
        "starts_at": f"2026-11-24T10:{start}:00Z",
        "ends_at": f"2026-11-24T10:{end}:00Z",
    }
    for host, start, end in ((_MARA, "00", "20"), (_TOM, "20", "40"))
]
Rotation = Annotated[Whole, Field(ge=5, le=120, description="How long an observer stays with one host.")]
People = Annotated[
    list[Annotated[str, Field(max_length=48)]],
    Field(min_length=1, max_length=30, description="In the order of the rotation."),
]
_TeamId = Annotated[str | None, Field(max_length=48, description="Whose hour it is, if it is that of a team.")]


class CreatePowerHour(Body):
    """A new power hour, of four hours at most."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HOUR]})

    name: Name
    starts_at: Minute
    ends_at: Minute
    rotation_minutes: Rotation = 20
    team_id: _TeamId = None
    host_ids: People
    observer_ids: People


class PatchPowerHour(Body):
    """What changes about a power hour: absent keeps. A list of people replaces the one before."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"rotation_minutes": 15, "observer_ids": [_AISHA]}]})

    name: Name = absent()
    starts_at: Minute = absent()
    ends_at: Minute = absent()
    rotation_minutes: Rotation = absent()
    team_id: _TeamId = absent()
    host_ids: People = absent()
    observer_ids: People = absent()


class TurnRead(Read):
    """A stretch of a power hour in which an observer listens to one host."""

    model_config = ConfigDict(json_schema_extra={"examples": _TURNS[:1]})

    observer_id: str
    host_id: str
    starts_at: datetime
    ends_at: datetime


class PowerHourRead(Read):
    """A power hour and its people. Who leaves is taken off what is to come."""

    model_config = ConfigDict(json_schema_extra={"examples": [_READ]})

    id: str
    name: str
    team_id: str | None
    starts_at: datetime
    ends_at: datetime
    rotation_minutes: int
    host_ids: list[str]
    observer_ids: list[str]
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any, hosts: Sequence[str], observers: Sequence[str]) -> "PowerHourRead":
        """Build from a row of `power_hour` and its people."""
        return cls(**_values(row), host_ids=list(hosts), observer_ids=list(observers))


class PowerHourTurnsRead(PowerHourRead):
    """A power hour with its turns: they follow from its people and its times."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_READ, "turns": _TURNS}]})

    turns: list[TurnRead]

    @classmethod
    def with_turns(
        cls, row: Any, hosts: Sequence[str], observers: Sequence[str], turns: Iterable[Any]
    ) -> "PowerHourTurnsRead":
        """Build from a row of `power_hour`, its people and their turns."""
        told = [
            TurnRead(observer_id=one.observer, host_id=one.host, starts_at=one.starts_at, ends_at=one.ends_at)
            for one in turns
        ]
        return cls(**_values(row), host_ids=list(hosts), observer_ids=list(observers), turns=told)


def _values(row: Any) -> dict[str, Any]:
    made = {"host_ids", "observer_ids"}
    return {name: getattr(row, name) for name in PowerHourRead.model_fields if name not in made}
