"""Common free time as it travels."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field

from app.rules.slots import CommonSlots, EmptyReason
from app.schemas.shapes import Read

DAY_MINUTES = 24 * 60
_SLOT: dict[str, Any] = {"starts_at": "2026-11-23T09:00:00Z", "ends_at": "2026-11-23T09:30:00Z"}
_PERSON: dict[str, Any] = {"person_id": "per_01jd6x0000e8r9sv4kz2m7n5qa", "empty_reason": None}


def _divides_a_day(step: int) -> int:
    if DAY_MINUTES % step:
        raise ValueError("must divide a day: 5, 10, 15, 20, 30, 45, 60, 90 or 120, say")
    return step


Step = Annotated[int, Field(ge=5, le=DAY_MINUTES), AfterValidator(_divides_a_day)]
"""Minutes between two starts."""


class SlotRead(Read):
    """A time at which all of them are free, half-open."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_SLOT]})

    starts_at: datetime
    ends_at: datetime


class SlotPersonRead(Read):
    """Somebody who was asked about."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [_PERSON]})

    person_id: str
    empty_reason: Annotated[
        EmptyReason | None,
        Field(
            description="Why there are no slots, null when there are. `range_too_short`: none fits between two steps; "
            "`not_active`: on leave; `no_working_hours`: never at work that long; `min_notice`: only in the past, or "
            "too soon; `beyond_horizon`: too far ahead; `busy`: taken, or within a buffer; `limit`: enough sessions "
            "on those days; `no_common_time`: free, but not with the others."
        ),
    ]


class SlotsRead(Read):
    """When all of them are free, in order, and why they never are."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{"slots": [_SLOT], "people": [_PERSON]}]}
    )

    slots: list[SlotRead]
    people: list[SlotPersonRead]

    @classmethod
    def of(cls, person_ids: list[str], found: CommonSlots) -> "SlotsRead":
        """Build from what was asked and found."""
        return cls(
            slots=[SlotRead(starts_at=start, ends_at=end) for start, end in found.slots],
            people=[SlotPersonRead(person_id=one, empty_reason=found.empty_reasons.get(one)) for one in person_ids],
        )
