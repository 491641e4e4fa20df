"""Undoing imports: what cannot be undone says why, what somebody has changed since stays, the rest is as it was."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.config import Settings
from app.db import DbSession, transaction
from app.errors import Forbidden, NotFound
from app.models.tables import (
    account,
    availability,
    call,
    enrollment,
    event,
    external_identity,
    file_import,
    file_import_row,
    operation,
    person,
    person_skill,
)
from app.operations.availability import set_availability
from app.operations.call_imports import import_calls
from app.operations.import_undo import AlreadyUndone, TooLateToUndo, put_back_next, start_undo
from app.operations.imports import ImportReport
from app.operations.jobs_by_hand import cancel_operation
from app.operations.people import patch_person
from app.operations.people_imports import import_people
from app.operations.retention import patch_retention, purge
from app.operations.seats import book_seat
from app.queries import imports
from app.rules.access import SYSTEM, Actor
from app.rules.csv_files import read_calls, read_people
from app.vocabulary import CallStatus, ImportStatus, PersonStatus, Role, WorkStatus
from app.worker import Worker
from tests.factories import a_person
from tests.harness import NOW, FakeClock

BY: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
LATER = NOW + timedelta(hours=1)
PEOPLE = (
    "external_id,name,email,time_zone,team,manager_email,role,languages,grade,started_on,as,capacity,skills,wants,"
    "teaches,working_hours\n"
)
AYA = (
    "7,Aya,aya@x.example,Europe/London,East,bo@x.example,rep,en,3,2026-01-05,mentor,2,demo.technical=3,"
    "craft.product=2,demo.technical,Mon 08:00-12:00\n"
)
BO = ",Bo,bo@x.example,Europe/London,,,,,,,,,,,,\n"
CALLS = "external_id,title,host_email,starts_at,ends_at,type,account,account_segment,meeting_url,seats\n"
DEMO = "1,Demo,{},2026-11-24T10:00:00Z,2026-11-24T10:30:00Z,,North,smb,https://meet.example/a,2\n"


def people(db: DbSession, text: str, **given: Any) -> ImportReport:
    return import_people(db, read_people(text.encode()), **{**BY, **given})


def calls(db: DbSession, text: str, **given: Any) -> ImportReport:
    return import_calls(db, read_calls(text.encode()), **{**BY, **given})


def written(engine: Engine, work: Callable[[DbSession], ImportReport]) -> str:
    """Carry out an import that writes something, and return its id."""
    with transaction(engine, writes=True) as db:
        report = work(db)
    assert report.import_id is not None, report.errors
    return report.import_id


def undo(engine: Engine, import_id: str) -> list[tuple[str, str]]:
    """Undo an import as a worker does; return the name and the code of what stayed, in the order of the file."""
    with transaction(engine, writes=True) as db:
        start_undo(db, import_id=import_id, actor=SYSTEM, now=LATER)
    work(engine)
    with transaction(engine, writes=False) as db:
        assert imports.status_of(imports.import_by_id(db, import_id, actor=SYSTEM)) is ImportStatus.UNDONE
        rows = imports.rows_that_stayed(db, import_id, limit=10)
        names = imports.names_of(db, rows)
        return [(names[row.object_id], row.code) for row in rows]


def work(engine: Engine) -> None:
    worker = Worker(engine, Settings(_env_file=None), FakeClock(LATER))
    while worker.run_one():
        pass


def known(engine: Engine) -> dict[str, list[Any]]:
    """What imports change of people and calls, but for versions and stamps."""
    stamps = {"version", "created_at", "updated_at", "id"}
    with transaction(engine, writes=False) as db:
        return {
            table.name: sorted(
                (
                    tuple((n, v) for n, v in row._mapping.items() if n not in stamps)
                    for row in db.execute(select(table))
                ),
                key=repr,
            )
            for table in (account, availability, call, enrollment, external_identity, person, person_skill)
        }


def test_only_who_runs_the_house_undoes_and_only_who_looks_after_it_sees_imports(engine: Engine) -> None:
    done = written(engine, lambda db: people(db, PEOPLE + BO))

    for role, refusal in ((Role.REP, NotFound), (Role.MANAGER, NotFound), (Role.AUDITOR, Forbidden)):
        with transaction(engine, writes=True) as db, pytest.raises(refusal):
            start_undo(db, import_id=done, actor=Actor("key_1", role, None), now=NOW)
    with transaction(engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(operation)).scalar() == 0


def test_after_seven_days_or_the_fewer_of_the_house_it_is_too_late(engine: Engine) -> None:
    done = written(engine, lambda db: people(db, PEOPLE + BO))

    with transaction(engine, writes=True) as db, pytest.raises(TooLateToUndo, match="28 November 2026, 09:00 UTC"):
        start_undo(db, import_id=done, actor=SYSTEM, now=NOW + timedelta(days=7))
    with transaction(engine, writes=True) as db:
        patch_retention(db, days={"import_rows": 2}, expected_version=None, **BY)
    with transaction(engine, writes=True) as db, pytest.raises(TooLateToUndo):
        start_undo(db, import_id=done, actor=SYSTEM, now=NOW + timedelta(days=2))


def test_pressing_twice_starts_one_undo_and_what_is_undone_is_not_undone_again(engine: Engine) -> None:
    done = written(engine, lambda db: people(db, PEOPLE + BO))

    with transaction(engine, writes=True) as db:
        first = start_undo(db, import_id=done, **BY).operation_id
    with transaction(engine, writes=True) as db:
        assert start_undo(db, import_id=done, **BY).operation_id == first
    work(engine)

    with transaction(engine, writes=True) as db, pytest.raises(AlreadyUndone):
        start_undo(db, import_id=done, **BY)


@pytest.mark.parametrize("how", ["dry", "refused", "nothing new"])
def test_nothing_is_remembered_of_what_wrote_nothing(db: DbSession, how: str) -> None:
    if how == "nothing new":
        people(db, PEOPLE + BO)
    before = db.execute(select(func.count()).select_from(file_import)).scalar()

    report = people(db, PEOPLE + BO + ("short\n" if how == "refused" else ""), dry_run=how == "dry")

    assert report.import_id is None
    assert db.execute(select(func.count()).select_from(file_import)).scalar() == before


def test_people_who_were_there_are_as_they_were(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        people(db, PEOPLE + BO + AYA)
        aya = db.execute(select(person).where(person.c.name == "Aya")).one()
        days_off = {"2026-12-24": [(540, 600)]}
        weekly = [(1, 480, 720)]
        set_availability(
            db, person_id=aya.id, time_zone="Europe/London", weekly=weekly, exceptions=days_off, buffers=(5, 10), **BY
        )
    before = known(engine)
    other = (
        "7,Aya New,new@x.example,Asia/Kolkata,West,cy@x.example,manager,de;en,5,2026-02-02,mentor,4,closing.ask=4,"
        "craft.listening=1,closing.ask,Tue 09:00-10:00\n"
    )
    named = "9,Bo,bo@x.example,Europe/Paris,,,,,,,mentee,,closing.ask=2,,,Wed 09:00-10:00\n"
    cy = ",Cy,cy@x.example,Europe/Paris,,,,,,,,,,,,\n"
    done = written(engine, lambda db: people(db, PEOPLE + other + named + cy, file_name="march.csv"))
    assert known(engine) != before

    assert undo(engine, done) == []

    after = known(engine)
    gone = [row for row in after["person"] if ("name", "Cy") in row]
    assert [dict(row)["status"] for row in gone] == [PersonStatus.LEFT]
    after["person"].remove(gone[0])
    with transaction(engine, writes=False) as db:
        whose = db.execute(select(person.c.id).where(person.c.name == "Cy")).scalar_one()
        found = imports.import_by_id(db, done, actor=SYSTEM)
        assert (found.file_name, found.actor, found.put_back, found.stayed) == ("march.csv", "system", 3, 0)
        assert db.execute(select(operation.c.status)).scalars().all() == [WorkStatus.SUCCEEDED]
    after["availability"] = [row for row in after["availability"] if ("person_id", whose) not in row]
    assert after == before


def test_calls_are_as_they_were_and_new_ones_are_off(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        for name in ("host", "other"):
            a_person(db, name.title(), email=f"{name}@x.example")
        calls(db, CALLS + DEMO.format("host@x.example"))
    before = known(engine)
    moved = "1,Renewal,{},2026-11-25T10:00:00Z,2026-11-25T11:00:00Z,demo,South,mid,https://meet.example/b,1\n"
    again = "2,Northern,{},2026-11-26T10:00:00Z,2026-11-26T11:00:00Z,,North,enterprise,,\n"
    text = CALLS + moved.format("other@x.example") + again.format("other@x.example")
    done = written(engine, lambda db: calls(db, text))

    assert undo(engine, done) == []

    after = known(engine)
    off = [row for row in after["call"] if ("title", "Northern") in row]
    assert [dict(row)["status"] for row in off] == [CallStatus.CANCELLED]
    after["call"].remove(off[0])
    after["account"] = [row for row in after["account"] if ("name", "South") not in row]  # accounts that it made stay
    assert after == before


def test_what_somebody_changed_since_stays_and_is_named(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        a_person(db, "Old", email="old@x.example")
    texts = PEOPLE + BO + AYA + ",Old,old@x.example,Europe/Paris,,,,,,,,,,,,\n,Cy,cy@x.example,UTC,,,,,,,,,,,,\n"
    done = written(engine, lambda db: people(db, texts))
    with transaction(engine, writes=True) as db:
        who = dict(db.execute(select(person.c.name, person.c.id)).all())
        patch_person(db, person_id=who["Old"], changes={"grade": 4}, **BY)
        patch_person(db, person_id=who["Bo"], changes={"languages": ["de"]}, **BY)
        given: dict[str, Any] = {"weekly": [(2, 540, 600)], "exceptions": {}}
        set_availability(db, person_id=who["Cy"], time_zone="UTC", **given, **BY)

    stayed = undo(engine, done)

    assert stayed == [("Bo", "changed_since"), ("Old", "changed_since"), ("Cy", "changed_since")]
    with transaction(engine, writes=False) as db:
        status = dict(db.execute(select(person.c.name, person.c.status)).all())
        zone = db.execute(select(person.c.time_zone).where(person.c.name == "Old")).scalar()
    assert (status["Aya"], status["Bo"], status["Cy"]) == (PersonStatus.LEFT, PersonStatus.ACTIVE, PersonStatus.ACTIVE)
    assert zone == "Europe/Paris"


def test_a_new_call_on_which_somebody_sits_and_one_that_was_stay(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        junior = a_person(db, "Junior").id
        a_person(db, "Host", email="host@x.example")
    over = "3,Over,host@x.example,2026-11-21T09:10:00Z,2026-11-21T09:30:00Z,,,,,\n"
    done = written(engine, lambda db: calls(db, CALLS + DEMO.format("host@x.example") + over))
    with transaction(engine, writes=True) as db:
        demo = db.execute(select(call.c.id).where(call.c.title == "Demo")).scalar_one()
        book_seat(db, call_id=demo, observer_id=junior, **BY)

    stayed = undo(engine, done)

    assert stayed == [("Demo", "changed_since"), ("Over", "call_over")]
    with transaction(engine, writes=False) as db:
        assert set(db.execute(select(call.c.status)).scalars()) == {CallStatus.SCHEDULED}


def test_what_is_refused_stays_whole_and_says_why(engine: Engine) -> None:
    """Another address is somebody else's by now: neither that nor anything else of the row is put back."""
    with transaction(engine, writes=True) as db:
        a_person(db, "Aya", email="aya@x.example")
        people(db, PEOPLE + "7,Aya,aya@x.example,Europe/London,,,,,,,,,,,,\n")
    new = "7,Aya,new@x.example,Europe/Paris,,,,,,,,,demo.technical=3,,,Tue 09:00-10:00\n"
    done = written(engine, lambda db: people(db, PEOPLE + new))
    with transaction(engine, writes=True) as db:
        a_person(db, "Taker", email="aya@x.example")
    changed = known(engine)

    assert undo(engine, done) == [("Aya", "email_taken")]

    assert known(engine) == changed
    with transaction(engine, writes=False) as db:
        why = db.execute(select(file_import_row.c.why).where(file_import_row.c.import_id == done)).scalar_one()
    assert why.startswith("Somebody else has this e-mail address.")


def test_an_undo_that_stopped_goes_on_where_it_stopped_and_does_nothing_twice(engine: Engine) -> None:
    many = "".join(f",P{n},p{n}@x.example,UTC,,,,,,,,,,,,\n" for n in range(5))
    done = written(engine, lambda db: people(db, PEOPLE + many))
    with transaction(engine, writes=True) as db:
        first = start_undo(db, import_id=done, **BY).operation_id
    for _ in range(2):
        with transaction(engine, writes=True) as db:
            put_back_next(db, import_id=done, **BY)
    with transaction(engine, writes=True) as db:
        cancel_operation(db, operation_id=first, **BY)
    with transaction(engine, writes=False) as db:
        found = imports.import_by_id(db, done, actor=SYSTEM)
        assert (imports.status_of(found), found.put_back) == (ImportStatus.WRITTEN, 2)

    assert undo(engine, done) == []

    with transaction(engine, writes=False) as db:
        left = select(func.count()).select_from(event).where(event.c.act == "person.changed")
        assert db.execute(left).scalar() == 5  # one line for each
        acts = select(event.c.act, func.count()).where(event.c.act.like("import.%")).group_by(event.c.act)
        assert dict(db.execute(acts).all()) == {"import.written": 1, "import.undoing": 2, "import.undone": 1}
        assert imports.import_by_id(db, done, actor=SYSTEM).put_back == 5


def test_the_mended_file_brings_back_whom_the_undo_let_go_and_makes_calls_anew(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        gone = a_person(db, "Gone", email="gone@x.example")
        patch_person(db, person_id=gone.id, changes={"status": PersonStatus.LEFT}, **BY)
    text = PEOPLE + ",Bo,bo@x.example,{},,,,,,,,,,,,\n,Gone,gone@x.example,{},,,,,,,,,,,,\n"
    wrong = written(engine, lambda db: people(db, text.format("Asia/Tokyo", "Asia/Tokyo")))
    first = written(engine, lambda db: calls(db, CALLS + DEMO.format("bo@x.example")))
    assert undo(engine, first) == []
    assert undo(engine, wrong) == []

    with transaction(engine, writes=True) as db:
        report = people(db, text.format("Europe/Rome", "Europe/Rome"), now=LATER)
        made = calls(db, CALLS + DEMO.format("bo@x.example"), now=LATER)

    assert (report.created, report.updated, made.created) == (0, 2, 1)
    with transaction(engine, writes=False) as db:
        status = dict(db.execute(select(person.c.name, person.c.status)).all())
        assert status == {"Bo": PersonStatus.ACTIVE, "Gone": PersonStatus.LEFT}
        assert sorted(db.execute(select(call.c.status)).scalars()) == [CallStatus.CANCELLED, CallStatus.SCHEDULED]
    assert report.import_id is not None
    assert made.import_id is not None
    assert undo(engine, made.import_id) == []
    assert undo(engine, report.import_id) == []
    with transaction(engine, writes=False) as db:
        assert set(db.execute(select(person.c.status)).scalars()) == {PersonStatus.LEFT}


def test_what_an_import_changed_goes_after_seven_days_but_not_while_it_is_being_undone(db: DbSession) -> None:
    done = people(db, PEOPLE + BO).import_id
    assert done is not None
    start_undo(db, import_id=done, **BY)

    after = NOW + timedelta(minutes=1)
    assert purge(db, kind="import_rows", before=after, now=after) == 0
    db.execute(update(operation).values(status=WorkStatus.FAILED))
    assert purge(db, kind="imports", before=after, now=after) == 0
    assert purge(db, kind="operations", before=after, now=after) == 0
    assert purge(db, kind="import_rows", before=NOW, now=after) == 0
    assert purge(db, kind="import_rows", before=after, now=after) == 1

    assert db.execute(select(file_import.c.created)).scalars().all() == [1]
    assert purge(db, kind="imports", before=after, now=after) == 1
