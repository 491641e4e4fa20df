"""What was changed is in the audit with its values before and after; a secret never is."""

from typing import Any

import pytest
from sqlalchemy import select

from app.db import DbSession
from app.models.tables import event, event_detail
from app.operations.calls import patch_call
from app.operations.changes import SECRETS, before_and_after
from app.operations.people import patch_person
from app.operations.settings import patch_settings
from app.rules.access import SYSTEM
from tests.factories import a_call, a_person
from tests.harness import NOW


def details(db: DbSession, act: str) -> list[Any]:
    query = select(event_detail.c.detail).join(event, event.c.id == event_detail.c.event_id)
    return list(db.execute(query.where(event.c.act == act).order_by(event.c.sequence)).scalars())


def test_a_change_says_what_was_before_and_is_after(db: DbSession) -> None:
    ana = a_person(db, "Ana")

    patch_person(db, person_id=ana.id, changes={"name": "Ann", "time_zone": ana.time_zone}, actor=SYSTEM, now=NOW)

    assert details(db, "person.changed") == [{"changed": ["name"], "before": {"name": "Ana"}, "after": {"name": "Ann"}}]


def test_a_change_of_nothing_leaves_nothing(db: DbSession) -> None:
    ana = a_person(db, "Ana")

    patch_person(db, person_id=ana.id, changes={"name": "Ana"}, actor=SYSTEM, now=NOW)

    assert details(db, "person.changed") == []


def test_rules_of_the_house_say_it_too(db: DbSession) -> None:
    patch_settings(db, changes={"min_notice_minutes": 30}, actor=SYSTEM, now=NOW)

    assert details(db, "settings.changed") == [
        {"changed": ["min_notice_minutes"], "before": {"min_notice_minutes": 15}, "after": {"min_notice_minutes": 30}}
    ]


def test_calls_say_it_too_but_for_the_way_in(db: DbSession) -> None:
    changes = {"language": "pt", "meeting_url": "https://meet.example/canary"}

    patch_call(db, call_id=a_call(db), changes=changes, actor=SYSTEM, now=NOW)

    assert details(db, "call.changed") == [
        {"changed": ["language", "meeting_url"], "before": {"language": "en"}, "after": {"language": "pt"}}
    ]


class Row:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_of_a_secret_the_audit_says_only_that_it_changed(name: str) -> None:
    detail = before_and_after(Row(**{name: "old canary"}), {name: "new canary"})

    assert detail == {"changed": [name], "before": {}, "after": {}}


def test_values_are_as_json_has_them() -> None:
    row = Row(at=NOW, on=NOW.date(), of={"weights": (1, 2)}, tags=frozenset({"b", "a"}), none=None)

    before = before_and_after(row, vars(row))["before"]

    assert before == {
        "at": "2026-11-21T09:00:00+00:00",
        "on": "2026-11-21",
        "of": {"weights": [1, 2]},
        "tags": ["a", "b"],
        "none": None,
    }
