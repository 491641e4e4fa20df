"""What the pages of power hours show: one that is on, one to come, and many people in a huge house."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.operations.power_hours import create_power_hour
from app.rules.access import SYSTEM
from tests.factories import MONDAY
from tests.harness import NOW
from tests.web.houses import Furnishing

_TEN = MONDAY + timedelta(hours=10)


def hours_of_the_house(house: Furnishing) -> Mapping[str, str]:
    """Nora hears Mara and others at ten, and Lea, who leads her, tomorrow."""
    some = [house.person(f"Dialler {number}").id for number in range(house.many(2, huge=12))]
    others = [house.person(f"Listener {number}").id for number in range(house.many(2, huge=28))]
    nora, mara, lea = (house.people[who].id for who in ("junior", "mentor", "manager"))
    now = _made(house, "Monday power hour", 0, [mara, *some], [nora, *others])
    for day in range(2, house.many(3, huge=60)):
        _made(house, "Power hour of the team", day, [mara, *some], others)
    return {"hour_on": now, "hour_to_come": _made(house, "Price talk", 1, [lea], [nora])}


def _made(house: Furnishing, name: str, day: int, hosts: list[str], observers: list[str]) -> str:
    at = _TEN + timedelta(days=day)
    values: dict[str, Any] = {
        "name": house.text(name),
        "starts_at": at,
        "ends_at": at + timedelta(hours=1),
        "rotation_minutes": 20,
        "team_id": None,
        "host_ids": hosts,
        "observer_ids": observers,
    }
    made: str = create_power_hour(house.db, values=values, actor=SYSTEM, now=NOW).id
    return made
