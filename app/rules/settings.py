"""Which layers say something of which setting, and which of them holds: one table for booking and for whoever asks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints
from app.vocabulary import SettingLayer

T = TypeVar("T")
Value = int | bool | str | list[str]
"""What a setting can be set to."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting and who may say something of it, from the widest layer to the nearest, which holds: unless it is a
    ceiling, of which the lowest does.
    """

    name: str
    layers: tuple[SettingLayer, ...]
    lowest_holds: bool = False


@dataclass(frozen=True, slots=True)
class Said(Generic[T]):
    """What holds, and who says so."""

    value: T
    layer: SettingLayer


def in_force(setting: Setting, values: Mapping[SettingLayer, T | None]) -> Said[T] | None:
    """What holds of a setting, of which each layer says this; None: it says nothing. Among equal ceilings, the nearer
    layer's; None when no layer says anything.
    """
    said = (Said(value, layer) for layer in reversed(setting.layers) if (value := values.get(layer)) is not None)
    if setting.lowest_holds:
        return min(said, key=attrgetter("value"), default=None)
    return next(said, None)


_ORG, _HOST, _PERSON = (SettingLayer.ORG,), (SettingLayer.HOST,), (SettingLayer.PERSON,)
_IN_PROGRAM = (SettingLayer.SHIPPED, SettingLayer.PROGRAM)
SEAT_CAPACITY = Setting(
    "seat_capacity", (SettingLayer.CALL_TYPE, SettingLayer.HOST, SettingLayer.ACCOUNT, SettingLayer.CALL)
)
"""Cut by `OWN_SIDE_CEILING`, and nothing on an account that allows no observers: `seating.allotment`."""
OWN_SIDE_CEILING = Setting("own_side_ceiling", (SettingLayer.ORG, SettingLayer.ACCOUNT), lowest_holds=True)
SETTINGS = (
    Setting("min_notice_minutes", _ORG),
    Setting("closed_stages", _ORG),
    Setting("hold_minutes", _ORG),
    Setting("offer_minutes", _ORG),
    Setting("late_cancel_minutes", _ORG),
    Setting("no_show_grace_minutes", _ORG),
    Setting("horizon_days", _ORG),
    OWN_SIDE_CEILING,
    SEAT_CAPACITY,
    Setting("observers_allowed", (SettingLayer.ACCOUNT,)),
    Setting("seat_approval", _HOST),
    Setting("host_gap_minutes", _HOST),
    Setting("host_per_day", _HOST),
    Setting("host_per_week", _HOST),
    Setting("observe_per_day", _PERSON),
    Setting("observe_per_week", _PERSON),
    Setting("sessions_per_day", _PERSON),
    Setting("sessions_per_week", _PERSON),
    Setting("approval", (SettingLayer.PROGRAM,)),
    Setting("requests_open", (SettingLayer.PROGRAM,)),
    *(Setting(f"weights.{criterion}", _IN_PROGRAM) for criterion in DEFAULT_WEIGHTS),
    *(Setting(f"constraints.{name}", _IN_PROGRAM) for name in asdict(MatchConstraints())),
)
"""All that somebody can set and others go by, in the order in which it is shown."""
