"""What was changed is in the audit with its values before and after; a secret never is."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.credentials import key_id_of
from app.db import DbSession
from app.models.tables import enrollment, event, event_detail
from app.operations.api_keys import create_api_key, patch_api_key, revoke_api_key, rotate_api_key
from app.operations.availability import create_pause, delete_pause, set_availability
from app.operations.calls import patch_call
from app.operations.changes import SECRETS, before_and_after
from app.operations.message_templates import delete_template, put_template
from app.operations.pair_rules import delete_pair_rule, put_pair_rule
from app.operations.people import patch_person
from app.operations.preferences import set_preferences
from app.operations.settings import patch_settings
from app.rules.access import SYSTEM
from app.rules.templates import Words
from app.vocabulary import MessageKind, PairRuleKind, Role, Side
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor


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


def test_hours_and_pauses_say_it_too(db: DbSession) -> None:
    ana = a_person(db, "Ana").id
    same: Any = {"person_id": ana, "time_zone": "Europe/London", "exceptions": {}, "actor": SYSTEM, "now": NOW}
    set_availability(db, weekly=[(1, 540, 1020)], **same)
    set_availability(db, weekly=[(1, 600, 1020)], buffers=(5, 0), **{**same, "time_zone": "Asia/Tokyo"})
    days = {"starts_on": MONDAY.date(), "ends_on": MONDAY.date()}
    paused, _ = create_pause(db, person_id=ana, **days, actor=SYSTEM, now=NOW)
    delete_pause(db, person_id=ana, pause_id=paused.id, actor=SYSTEM, now=NOW)

    assert details(db, "availability.changed")[-1] == {
        "changed": ["buffer_before_minutes", "time_zone", "weekly"],
        "before": {"buffer_before_minutes": 0, "weekly": [[1, 540, 1020]]},
        "after": {"buffer_before_minutes": 5, "weekly": [[1, 600, 1020]]},
    }
    assert details(db, "person.changed") == [
        {"changed": ["time_zone"], "before": {"time_zone": "Europe/London"}, "after": {"time_zone": "Asia/Tokyo"}}
    ]
    said = {"person_id": ana, "starts_on": "2026-11-23", "ends_on": "2026-11-23"}
    assert [one["after"] for one in details(db, "pause.created")] == [said]
    assert [one["before"] for one in details(db, "pause.deleted")] == [said]


def test_hours_that_only_move_with_their_zone_say_so(db: DbSession) -> None:
    same: Any = {"person_id": a_person(db, "Ana").id, "weekly": [(1, 540, 1020)], "exceptions": {}}
    for zone in ("Europe/London", "Asia/Tokyo", "Asia/Tokyo"):
        set_availability(db, time_zone=zone, **same, actor=SYSTEM, now=NOW)

    assert details(db, "availability.changed")[1:] == [{"changed": ["time_zone"], "before": {}, "after": {}}]
    assert len(details(db, "person.changed")) == 1


def test_rules_of_pairs_and_whom_one_would_like_say_it_too(db: DbSession) -> None:
    mentee, mentor = a_mentee(db, "Mia"), a_mentor(db, "Max")
    program = db.execute(select(enrollment.c.program_id)).scalars().first() or ""
    pair: Any = {"program_id": program, "mentee_id": mentee.id, "mentor_id": mentor.id, "actor": SYSTEM, "now": NOW}
    for kind in (PairRuleKind.FORCED, PairRuleKind.FORBIDDEN):
        put_pair_rule(db, kind=kind, **pair)
    delete_pair_rule(db, **pair)
    liked: Any = {"person_id": mentee.id, "program_id": program, "side": Side.MENTEE, "actor": SYSTEM, "now": NOW}
    set_preferences(db, preferred=[mentor.id], **liked)

    [made], [changed], [gone] = (details(db, f"pair_rule.{act}") for act in ("created", "changed", "deleted"))
    assert (made["before"], made["after"]["mentor_id"]) == ({}, mentor.id)
    assert (changed["changed"], changed["after"]["kind"]) == (["kind"], "forbidden")
    assert (gone["before"]["mentee_id"], gone["after"]) == (mentee.id, {})
    [said] = details(db, "preferences.changed")
    assert (said["changed"], said["before"]["preferred"]) == (["preferred"], [])
    assert said["after"] == {"program_id": program, "side": "mentee", "preferred": [mentor.id]}


def test_keys_say_it_too_but_for_what_they_hold(db: DbSession) -> None:
    secret = create_api_key(db, name="CI", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=NOW)
    which: Any = {"key_id": key_id_of(secret), "actor": SYSTEM, "now": NOW}
    patch_api_key(db, changes={"scopes": ["calls:read"]}, **which)
    rotate_api_key(db, overlap=timedelta(hours=1), **which)
    revoke_api_key(db, **which)

    [made], [changed] = details(db, "api_key.created"), details(db, "api_key.changed")
    assert (made["after"]["name"], made["after"]["role"]) == ("CI", "admin")
    assert changed == {"changed": ["scopes"], "before": {"scopes": None}, "after": {"scopes": ["calls:read"]}}
    assert details(db, "api_key.rotated")[0]["after"] == {"previous_until": "2026-11-21T10:00:00+00:00"}
    assert details(db, "api_key.revoked")[0]["changed"] == ["revoked_at"]


def test_words_of_mails_say_it_too(db: DbSession) -> None:
    which: Any = {"kind": MessageKind.MATCH_STARTED, "language": "de", "actor": SYSTEM, "now": NOW}
    put_template(db, words=Words("Hallo", "Eins"), **which)
    put_template(db, words=Words("Hallo", "Zwei"), **which)
    delete_template(db, **which)

    before, after = {"subject": "Hallo", "text": "Eins"}, {"subject": "Hallo", "text": "Zwei"}
    assert details(db, "message_template.changed") == [{"changed": ["text"], "before": before, "after": after}]
    assert details(db, "message_template.created")[0]["after"] == before
    assert details(db, "message_template.deleted")[0]["before"] == after


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
