"""The names by which runs break ties: none holds an id of ours, and no two are the same."""

from datetime import timedelta

from sqlalchemy import Engine, insert

from app.db import DbSession, transaction
from app.jobs import plan_runs as jobs
from app.models.tables import external_identity
from app.queries import planning, pool, runs
from app.rules.access import SYSTEM
from app.vocabulary import RunStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_plan
from tests.statements import counted


def identified(db: DbSession, object_id: str, external_id: str) -> None:
    row = {"object_id": object_id, "source": "crm", "external_id": external_id, "object_type": "call"}
    db.execute(insert(external_identity).values(**row))


def test_two_calls_that_look_the_same_are_planned(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_mentee(db, "Aisha")
        mentor = a_mentor(db, "Mara")
        twins = {a_call(db, mentor), a_call(db, mentor)}
        run_id = start_plan(db).id

    run_job(engine, jobs.plan_run, run_id)

    with transaction(engine, writes=False) as db:
        assert runs.plan_run_by_id(db, run_id, actor=SYSTEM).status is RunStatus.DRAFT
        (planned,) = runs.plan_seats(db, run_id)
        assert planned.call_id in twins


def test_the_key_of_a_call_holds_what_a_re_import_brings_again_and_no_id(db: DbSession) -> None:
    host = a_person(db, "Host", email="hana@earshot.example")
    plain, known = a_call(db, host), a_call(db, host, starts_at=MONDAY + timedelta(hours=12))
    identified(db, known, "deal-7")
    a_mentee(db, "Aisha")

    keys = {call.id: call.key for call in planning.plan_problem(db, start_plan(db), now=NOW).calls}

    assert keys == {
        plain: " hana@earshot.example 2026-11-23 10:00:00+00:00 Northwind: discovery call 1",
        known: "crm:deal-7 hana@earshot.example 2026-11-23 12:00:00+00:00 Northwind: discovery call 1",
    }


def test_equal_names_are_numbered_and_none_looks_like_a_numbered_one(db: DbSession) -> None:
    named = [("call_c", "demo"), ("call_a", "demo"), ("call_b", "demo 1"), ("call_d", "demo 2")]

    keys = pool.canonical_keys(db, "call", named)

    assert keys == {"call_a": " demo 1", "call_c": " demo 2", "call_b": " demo 1 1", "call_d": " demo 2 1"}
    assert pool.canonical_keys(db, "call", named[::-1]) == keys


def test_only_the_identities_of_these_objects_are_read_in_parts_of_a_thousand(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        identified(db, "call_0001", "deal-1")
        identified(db, "call_other", "deal-2")
    named = [(f"call_{number:04}", "demo") for number in range(1001)]

    with transaction(engine, writes=False) as db, counted(engine) as statements:
        keys = pool.canonical_keys(db, "call", named)

    selects = [statement for statement in statements if statement.startswith("SELECT")]
    assert len(selects) == 2
    assert all("object_id IN" in statement for statement in selects)
    assert keys["call_0001"] == "crm:deal-1 demo 1"
