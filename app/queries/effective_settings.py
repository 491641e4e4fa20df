"""Read which settings hold for a call, a person, a program or a call type, and which layer says so."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from app.db import DbSession
from app.models.tables import account, person
from app.queries import call_types, calls, people, runs
from app.queries.house_rules import house_rules
from app.queries.rows import first_row
from app.rules.access import Actor
from app.rules.matching.problem import DEFAULT_WEIGHTS, MatchConstraints
from app.rules.seating import Allotment, allotment
from app.rules.settings import SEAT_CAPACITY, SETTINGS, Said, Setting, Value, in_force
from app.vocabulary import SettingLayer


@dataclass(frozen=True, slots=True)
class LayerSays:
    """What one layer says of a setting. `id` is None when nobody asked about one; `value` when it says nothing."""

    layer: SettingLayer
    id: str | None
    value: Value | None


@dataclass(frozen=True, slots=True)
class Effective:
    """A setting, what holds, which layer says so, and what each says, the widest first."""

    name: str
    value: Value | None
    layer: SettingLayer | None
    because: str | None
    layers: list[LayerSays]


@dataclass(frozen=True, slots=True)
class _Known:
    """An object and its settings by name."""

    id: str | None
    says: Mapping[str, Any]


def effective_settings(
    db: DbSession,
    *,
    call_id: str | None,
    person_id: str | None,
    program_id: str | None,
    call_type: str | None,
    actor: Actor,
) -> list[Effective]:
    """Return every setting as it holds for these. A call brings its type, its account and its host with it; without
    one, the person is the host. Raises NotFound for what is absent or not for this actor. At most seven statements.
    """
    objects = {
        SettingLayer.SHIPPED: _Known(None, _of_program(DEFAULT_WEIGHTS, asdict(MatchConstraints()))),
        SettingLayer.PROGRAM: _program(runs.program_for_run(db, program_id)),
    }
    house = house_rules(db)
    objects[SettingLayer.ORG] = _Known(house.id, house._mapping)
    if person_id is not None:
        who = people.person_by_id(db, person_id, actor=actor)
        objects[SettingLayer.PERSON] = objects[SettingLayer.HOST] = _Known(who.id, who._mapping)
    call: Any = None
    if call_id is not None:
        call = calls.call_by_id(db, call_id, actor=actor)
        call_type = call.type
        objects[SettingLayer.CALL] = _Known(call.id, {"seat_capacity": call.seat_capacity_override})
        host = first_row(db, select(person).where(person.c.id == call.host_id))
        objects[SettingLayer.HOST] = _Known(host.id, host._mapping)
        if call.account_id is not None:
            of_account = first_row(db, select(account).where(account.c.id == call.account_id))
            objects[SettingLayer.ACCOUNT] = _Known(of_account.id, of_account._mapping)
    if call_type is not None:
        kind = call_types.call_type_by_slug(db, call_type)
        objects[SettingLayer.CALL_TYPE] = _Known(kind.slug, kind._mapping)
    colleagues = 0 if call is None else call.colleagues_invited
    return [_effective(setting, objects, colleagues=colleagues) for setting in SETTINGS]


def _program(row: Any) -> _Known:
    own = {"approval": row.approval, "requests_open": row.requests_open}
    return _Known(row.id, own | _of_program(row.weights, row.constraints))


def _of_program(weights: Mapping[str, int], constraints: Mapping[str, Any]) -> dict[str, Any]:
    weighed = {f"weights.{name}": points for name, points in weights.items()}
    return weighed | {f"constraints.{name}": value for name, value in constraints.items()}


def _effective(setting: Setting, objects: Mapping[SettingLayer, _Known], *, colleagues: int) -> Effective:
    nobody = _Known(None, {})
    said = [(layer, objects.get(layer, nobody)) for layer in setting.layers]
    layers = [LayerSays(layer, known.id, known.says.get(setting.name)) for layer, known in said]
    values = {one.layer: one.value for one in layers}
    if setting is SEAT_CAPACITY and values[SettingLayer.CALL_TYPE] is not None:
        gets = _allotted(values, objects, colleagues=colleagues)
        return Effective(setting.name, gets.seats, gets.layer, gets.by, layers)
    holds: Said[Value] | None = in_force(setting, values)
    value, layer = (holds.value, holds.layer) if holds else (None, None)
    return Effective(setting.name, value, layer, None, layers)


def _allotted(
    values: Mapping[SettingLayer, Any], objects: Mapping[SettingLayer, _Known], *, colleagues: int
) -> Allotment:
    of_account = objects.get(SettingLayer.ACCOUNT, _Known(None, {"observers_allowed": True})).says
    return allotment(
        values[SettingLayer.CALL],
        values[SettingLayer.ACCOUNT],
        values[SettingLayer.HOST],
        values[SettingLayer.CALL_TYPE],
        open_=of_account["observers_allowed"],
        account_ceiling=of_account.get("own_side_ceiling"),
        house_ceiling=objects[SettingLayer.ORG].says["own_side_ceiling"],
        colleagues=colleagues,
    )
