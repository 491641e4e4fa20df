"""The rules of the house as they travel."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from app.rules.settings import Value
from app.schemas.shapes import Body, Read, absent
from app.vocabulary import SettingLayer, Tag, Whole

_EXAMPLE: dict[str, Any] = {
    "min_notice_minutes": 15,
    "closed_stages": ["legal", "legal_review"],
    "own_side_ceiling": 4,
    "hold_minutes": 5,
    "offer_minutes": 60,
    "late_cancel_minutes": 120,
    "no_show_grace_minutes": 5,
    "horizon_days": 180,
}


class PatchSettings(Body):
    """Which rules of the house change: absent keeps, null clears."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"min_notice_minutes": 30}]})

    min_notice_minutes: Annotated[
        Whole, Field(ge=0, le=10_080, description="Seats and sessions are booked at least so long before they start.")
    ] = absent()
    closed_stages: Annotated[list[Tag], Field(max_length=100, description="Deal stages in which nobody sits in.")] = (
        absent()
    )
    own_side_ceiling: Annotated[
        Annotated[Whole, Field(ge=1, le=51)] | None,
        Field(description="Faces of ours that a customer sees on one call at most, host and colleagues counted."),
    ] = None
    hold_minutes: Annotated[Whole, Field(ge=1, le=60, description="How long a hold lasts.")] = absent()
    offer_minutes: Annotated[
        Whole, Field(ge=1, le=2_880, description="How long a free seat is kept for who is next on the waitlist.")
    ] = absent()
    late_cancel_minutes: Annotated[
        Whole,
        Field(ge=0, le=10_080, description="Giving a seat back later than so long before the call is late."),
    ] = absent()
    no_show_grace_minutes: Annotated[
        Whole, Field(ge=0, le=120, description="How long after its start nobody is a no-show yet.")
    ] = absent()
    horizon_days: Annotated[
        Whole, Field(ge=1, le=730, description="How far ahead sessions without a call are planned.")
    ] = absent()


class SettingsRead(Read):
    """The rules of the house."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"examples": [{**_EXAMPLE, "version": 2}]})

    min_notice_minutes: int
    closed_stages: list[str]
    own_side_ceiling: int | None
    hold_minutes: int
    offer_minutes: int
    late_cancel_minutes: int
    no_show_grace_minutes: int
    horizon_days: int
    version: int


class LayerSaysRead(Read):
    """What one layer says of a setting. `id` is null when nothing was asked about; `value` when it says nothing."""

    layer: SettingLayer
    id: str | None
    value: Value | None


class EffectiveRead(Read):
    """A setting and the value that holds. `layer` says so: the last of `layers` that says anything, or for a ceiling
    the lowest; null when none does, and nothing limits it. `because` says in words what else has decided.
    """

    name: str
    value: Value | None
    layer: SettingLayer | None
    because: str | None
    layers: list[LayerSaysRead]


class EffectiveSettingsRead(Read):
    """Every setting as it holds for what was asked about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [
                        {
                            "name": "own_side_ceiling",
                            "value": 2,
                            "layer": "account",
                            "because": None,
                            "layers": [
                                {"layer": "org", "id": "earshot.example", "value": 4},
                                {"layer": "account", "id": "acc_01jd6x0000e8r9sv4kz2m7n5qa", "value": 2},
                            ],
                        }
                    ]
                }
            ]
        }
    )

    data: list[EffectiveRead]
