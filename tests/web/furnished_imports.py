"""Imports in the houses in which pages are looked at: one that stands, and one that was undone but for what changed."""

import csv
import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.operations.import_undo import finish_undo, put_back_next, start_undo
from app.operations.people import patch_person
from app.operations.people_imports import import_people
from app.queries.people import ids_by_email
from app.rules.access import SYSTEM, Actor
from app.rules.csv_files import read_people
from app.vocabulary import Role
from tests.web.houses import LOOKED_AT, Furnishing


def imports_of_the_house(house: Furnishing) -> Mapping[str, str]:
    """12 people who came in, 200 in a huge house; and of some who left again, a few whom somebody changed meanwhile."""
    admin = Actor("key", Role.ADMIN, house.people["admin"].id)
    undone = _imported(house, "undone", house.many(6, huge=120), admin, hours=3)
    for email in _emails("undone", house.many(2, huge=110)):
        changes: dict[str, Any] = {"languages": ["de"]}
        person_id = ids_by_email(house.db, [email])[email]
        patch_person(house.db, person_id=person_id, changes=changes, actor=SYSTEM, now=LOOKED_AT)
    by: dict[str, Any] = {"import_id": undone, "actor": admin, "now": LOOKED_AT}
    start_undo(house.db, **by)
    while put_back_next(house.db, **by) is not None:
        pass
    finish_undo(house.db, **by)
    return {"undone_import": undone, "import_id": _imported(house, "stands", house.many(12, huge=200), admin, hours=1)}


def _imported(house: Furnishing, name: str, many: int, actor: Actor, *, hours: int) -> str:
    text = io.StringIO()
    rows = ((house.text("Elif Grewal"), email, "Europe/Berlin") for email in _emails(name, many))
    csv.writer(text).writerows([("name", "email", "time_zone"), *rows])
    file = read_people(text.getvalue().encode())
    at = LOOKED_AT - timedelta(hours=hours)
    done = import_people(house.db, file, file_name=house.text(f"{name}.csv")[:200], actor=actor, now=at).import_id
    assert done is not None
    return done


def _emails(name: str, many: int) -> list[str]:
    return [f"{name}.{number}@earshot.example" for number in range(many)]
