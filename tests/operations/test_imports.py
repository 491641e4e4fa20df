"""Imports: nothing half-written, a second time changes nothing, what a file does not say is kept."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select, update

from app.db import DbSession, transaction
from app.demo.company import company
from app.demo.files import calls_csv, people_csv
from app.errors import Forbidden
from app.models import metadata
from app.models.tables import account, availability, call, enrollment, event, person, person_skill, seat, team
from app.operations.accounts import create_account
from app.operations.call_imports import import_calls
from app.operations.calls import cancel_call
from app.operations.imports import ImportReport
from app.operations.people import patch_person, upsert_person
from app.operations.people_imports import import_people
from app.operations.seats import book_seat
from app.rules.access import SYSTEM, Actor
from app.rules.csv_files import read_calls, read_people
from app.vocabulary import PersonStatus, Role, SeatStatus, Side, TypeSource
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.statements import counted

LATER = NOW + timedelta(hours=1)
FIRM = company("demo", seed=1, today=date(2026, 11, 23))
PEOPLE = people_csv(FIRM)
CALLS = calls_csv(FIRM)


def people(db: DbSession, text: str, **given: Any) -> ImportReport:
    return import_people(db, read_people(text.encode()), **{"actor": SYSTEM, "now": NOW, **given})


def calls(db: DbSession, text: str, **given: Any) -> ImportReport:
    return import_calls(db, read_calls(text.encode()), **{"actor": SYSTEM, "now": NOW, **given})


def team_of(db: DbSession, *names: str, columns: str = "", **cells: str) -> ImportReport:
    """Import these people, who live in London."""
    rows = [f"{n},{n.lower()}@earshot.example,Europe/London{cells.get(n, '')}" for n in names]
    return people(db, "\n".join([f"name,email,time_zone{columns}", *rows]))


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.skipped


def wrong(report: ImportReport) -> list[tuple[int, str, str]]:
    return [(error.line, error.column, error.code) for error in report.errors]


def everything(db: DbSession) -> dict[str, list[Any]]:
    """All rows of all tables."""
    db.flush()
    return {
        name: sorted((tuple(row) for row in db.execute(select(table))), key=repr)
        for name, table in metadata.tables.items()
    }


def one(db: DbSession, name: str) -> Any:
    return db.execute(select(person).where(person.c.name == name)).one()


def skills_of(db: DbSession, person_id: str) -> dict[str, tuple[int, int, bool]]:
    rows = db.execute(select(person_skill).where(person_skill.c.person_id == person_id))
    return {row.skill: (row.level, row.wants, row.teaches) for row in rows}


def test_only_an_admin_imports(db: DbSession) -> None:
    rep = Actor("key_1", Role.REP, a_person(db).id)

    with pytest.raises(Forbidden):
        people(db, PEOPLE, actor=rep)
    with pytest.raises(Forbidden):
        calls(db, CALLS, actor=rep)


BAD_PEOPLE = [
    ("manager_email", {"Bo": ",nobody@earshot.example"}, ("manager_email", "unknown")),
    ("skills", {"Bo": ",no.such=2"}, ("skills", "unknown")),
    ("wants", {"Bo": ",no.such=2"}, ("wants", "unknown")),
    ("teaches", {"Bo": ",no.such"}, ("teaches", "unknown")),
    ("teaches", {"Bo": ",demo.technical"}, ("teaches", "teaches_below_3")),
    ("team,role", {"Bo": ",Enterprise,boss"}, ("role", "invalid")),
]


@pytest.mark.parametrize(("column", "cells", "expected"), BAD_PEOPLE)
def test_one_bad_person_and_nothing_is_written(
    db: DbSession, column: str, cells: dict[str, str], expected: tuple[str, str]
) -> None:
    before = everything(db)
    empty = "," * (column.count(",") + 1)

    report = team_of(db, "Aya", "Bo", columns=f",{column}", **{"Aya": empty, **cells})

    assert wrong(report) == [(3, *expected)]
    assert (report.written, everything(db)) == (False, before)


BAD_CALLS = [
    ("nobody@earshot.example,2026-11-23T09:00:00Z,", ("host_email", "unknown")),
    ("aya@earshot.example,2026-11-23T09:00:00Z,no_such_type", ("type", "unknown")),
    ("aya@earshot.example,2026-11-23T09:00:00,", ("starts_at", "naive_time")),
]


@pytest.mark.parametrize(("row", "expected"), BAD_CALLS)
def test_one_bad_call_and_nothing_is_written(db: DbSession, row: str, expected: tuple[str, str]) -> None:
    team_of(db, "Aya")
    before = everything(db)
    good = "A,New account,aya@earshot.example,2026-11-23T09:00:00Z,"

    report = calls(db, f"title,account,host_email,starts_at,type,duration_minutes\n{good},30\nB,Other,{row},30")

    assert wrong(report) == [(3, *expected)]
    assert (report.written, everything(db)) == (False, before)


def test_bad_rows_are_left_out_when_told_so_and_those_who_would_report_to_them(db: DbSession) -> None:
    text = (
        "name,email,time_zone,manager_email,role\n"
        "Aya,aya@x.de,Europe/Paris,bo@x.de,\n"
        "Bo,bo@x.de,Europe/Paris,,boss\n"
        "Cy,cy@x.de,Europe/Paris,,\n"
    )

    report = people(db, text, skip_bad=True)

    assert (counts(report), report.written) == ((1, 0, 0, 2), True)
    assert wrong(report) == [(2, "manager_email", "unknown"), (3, "role", "invalid")]
    assert db.execute(select(person.c.name)).scalars().all() == ["Cy"]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_dry_run_tells_what_would_happen_and_writes_nothing(db: DbSession, skip_bad: bool) -> None:
    before = everything(db)

    report = people(db, PEOPLE + "one cell\n", dry_run=True, skip_bad=skip_bad)

    assert (counts(report), report.written) == ((17, 0, 0, 1), False)
    assert [error.code for error in report.errors] == ["cells"]
    assert everything(db) == before


def test_the_same_files_again_change_nothing(db: DbSession) -> None:
    first = people(db, PEOPLE), calls(db, CALLS)
    before = everything(db)

    again = people(db, PEOPLE, now=LATER), calls(db, CALLS, now=LATER)

    assert [counts(report) for report in first] == [(17, 0, 0, 0), (450, 0, 0, 0)]
    assert [counts(report) for report in again] == [(0, 0, 17, 0), (0, 0, 450, 0)]
    assert everything(db) == before


def test_the_demo_company_is_there_after_its_import(db: DbSession) -> None:
    people(db, PEOPLE)
    calls(db, CALLS)

    ids = dict(db.execute(select(person.c.email, person.c.id)).all())
    email = {who.external_id: who.email for who in FIRM.people}
    teams = dict(db.execute(select(team.c.id, team.c.name)).all())
    for who in FIRM.people:
        row = one(db, who.name)
        assert row.manager_id == (ids[email[who.manager_external_id]] if who.manager_external_id else None)
        assert teams.get(row.team_id) == (who.team.name if who.team else None)
        assert skills_of(db, row.id) == {
            s.slug: (s.level, s.wants, s.teaches) for s in who.skills if s.level or s.wants or s.teaches
        }
        sides = db.execute(select(enrollment.c.side, enrollment.c.capacity).where(enrollment.c.person_id == row.id))
        expected = {"mentee": [(Side.MENTEE, 1)], "mentor": [(Side.MENTOR, 2)]}
        assert [tuple(side) for side in sides] == expected.get(who.kind, [])
    closed = next(a.name for a in FIRM.accounts if not a.observers_allowed)
    seats = select(func.max(call.c.seat_capacity)).join(account).where(account.c.name == closed)
    assert db.execute(seats).scalar() == 0


def test_what_a_file_does_not_say_is_kept(db: DbSession) -> None:
    whole = "role,started_on,grade,languages,team,as,capacity,skills,wants,teaches,working_hours"
    cells = (
        "manager,2026-09-01,7,de,East,mentor,2,demo.technical=3;demo.tailoring=1,demo.storytelling=2,"
        "demo.technical,Mon 08:00-12:00"
    )
    team_of(db, "Aya", columns=f",{whole}", Aya=f",{cells}")
    before = everything(db)

    bare = team_of(db, "Aya")
    empty = team_of(db, "Aya", columns=f",{whole}", Aya="," * 11)

    assert (counts(bare), counts(empty)) == ((0, 0, 1, 0), (0, 0, 1, 0))
    assert everything(db) == before


def test_levels_that_are_not_listed_are_kept_and_wishes_and_teaching_replaced(db: DbSession) -> None:
    columns = ",skills,wants,teaches"
    team_of(db, "Aya", columns=columns, Aya=",demo.technical=3;closing.ask=4,craft.product=2,demo.technical")

    report = team_of(db, "Aya", columns=columns, Aya=",demo.technical=4,craft.listening=1,closing.ask")

    assert counts(report) == (0, 1, 0, 0)
    stands = {slug: state for slug, state in skills_of(db, one(db, "Aya").id).items() if state != (0, 0, False)}
    assert stands == {
        "closing.ask": (4, 0, True),
        "demo.technical": (4, 0, False),
        "craft.listening": (0, 1, False),
    }


def test_new_hours_and_a_new_capacity_are_taken_over_and_days_off_kept(db: DbSession) -> None:
    columns = ",as,capacity,working_hours"
    team_of(db, "Aya", columns=columns, Aya=",mentor,1,")
    who = one(db, "Aya").id
    db.execute(availability.update().values(exceptions={"2026-12-24": []}))

    report = team_of(db, "Aya", columns=columns, Aya=",mentor,3,Mon 08:00-24:00")

    hours = db.execute(select(availability.c.weekly, availability.c.exceptions, availability.c.version)).one()
    assert counts(report) == (0, 1, 0, 0)
    assert tuple(hours) == ([[1, 480, 1440]], {"2026-12-24": []}, 2)
    assert db.execute(select(enrollment.c.capacity).where(enrollment.c.person_id == who)).scalars().all() == [3]


def test_managers_may_trade_places(db: DbSession) -> None:
    column = ",manager_email"
    team_of(db, "Aya", "Bo", columns=column, Aya=",bo@earshot.example", Bo=",")

    report = team_of(
        db, "Aya", "Bo", "Cy", columns=column, Aya=",cy@earshot.example", Bo=",aya@earshot.example", Cy=","
    )

    assert counts(report) == (1, 2, 0, 0)
    assert (one(db, "Bo").manager_id, one(db, "Aya").manager_id) == (one(db, "Aya").id, one(db, "Cy").id)


def test_a_circle_that_closes_outside_the_file_is_a_row_error(db: DbSession) -> None:
    team_of(db, "Aya", "Bo", columns=",manager_email", Aya=",bo@earshot.example", Bo=",")

    report = team_of(db, "Bo", columns=",manager_email", Bo=",aya@earshot.example")

    assert wrong(report) == [(2, "manager_email", "manager_cycle")]
    assert one(db, "Bo").manager_id is None


def test_somebody_is_found_by_external_id_then_by_address(db: DbSession) -> None:
    aya = a_person(db, "Aya", email="aya@earshot.example")
    text = "external_id,name,email,time_zone\n7,{},{},Europe/London"

    met = people(db, text.format("Aya", "aya@earshot.example"))
    married = people(db, text.format("Aya New", "new@earshot.example"))

    assert (counts(met), counts(married)) == ((0, 1, 0, 0), (0, 1, 0, 0))
    row = db.execute(select(person)).one()
    assert (row.id, row.name, row.email, row.version) == (aya.id, "Aya New", "new@earshot.example", 3)


def test_an_address_of_somebody_else_is_a_row_error_and_so_is_a_second_row_about_one_person(db: DbSession) -> None:
    a_person(db, "Bo", email="bo@earshot.example")
    fields = {"name": "Aya", "email": "aya@earshot.example", "time_zone": "Europe/London"}
    upsert_person(db, source="csv", external_id="7", changes=fields, actor=SYSTEM, now=NOW)
    header = "external_id,name,email,time_zone\n"

    taken = people(db, f"{header}7,Aya,bo@earshot.example,Europe/London")
    twice = people(db, f"{header}7,Aya,new@earshot.example,Europe/London\n,Aya,aya@earshot.example,Europe/London")

    assert wrong(taken) == [(2, "email", "email_taken")]
    assert wrong(twice) == [(3, "email", "duplicate")]
    assert one(db, "Aya").email == "aya@earshot.example"


CALL = (
    "external_id,title,host_email,starts_at,ends_at,account,account_segment\n1,{},aya@earshot.example,{},{},North,{}\n"
)
TEN, HALF_PAST, ELEVEN, NOON = (f"2026-11-23T{t}:00Z" for t in ("10:00", "10:30", "11:00", "12:00"))


def test_a_call_that_moves_takes_its_seats_along(db: DbSession) -> None:
    team_of(db, "Aya", "Bo")
    calls(db, CALL.format("Demo", TEN, HALF_PAST, "smb"))
    made = db.execute(select(call)).one()
    taken = book_seat(db, call_id=made.id, observer_id=one(db, "Bo").id, actor=SYSTEM, now=NOW)

    report = calls(db, CALL.format("Demo", ELEVEN, NOON, "smb"))

    assert counts(report) == (0, 1, 0, 0)
    assert db.execute(select(call.c.starts_at)).scalar_one().hour == 11
    assert db.execute(select(seat.c.status, seat.c.version)).one() == (SeatStatus.CONFIRMED, taken.version + 1)


def test_a_cancelled_call_does_not_move(db: DbSession) -> None:
    team_of(db, "Aya")
    calls(db, CALL.format("Demo", TEN, HALF_PAST, "smb"))
    cancel_call(db, call_id=db.execute(select(call.c.id)).scalar_one(), actor=SYSTEM, now=NOW)

    same = calls(db, CALL.format("Demo", TEN, HALF_PAST, "smb"))
    moved = calls(db, CALL.format("Demo", ELEVEN, NOON, "smb"))

    assert counts(same) == (0, 0, 1, 0)
    assert wrong(moved) == [(2, "starts_at", "call_over")]


def test_a_call_of_who_has_left_is_a_row_error_unless_they_have_it_already(db: DbSession) -> None:
    team_of(db, "Aya", "Bo")
    theirs = CALL.format("Demo", TEN, HALF_PAST, "smb")
    handed_over = theirs.replace("aya@", "bo@")
    calls(db, handed_over)
    db.execute(update(person).where(person.c.name == "Aya").values(status=PersonStatus.LEFT))

    new, old = calls(db, theirs.replace("\n1,", "\n2,")), calls(db, theirs)
    db.execute(update(person).values(status=PersonStatus.LEFT))
    same = calls(db, handed_over)

    assert wrong(new) == [(2, "host_email", "left")]
    assert wrong(old) == [(2, "host_email", "not_active")]
    assert counts(same) == (0, 0, 1, 0)


def test_accounts_are_found_by_name_and_their_segment_follows(db: DbSession) -> None:
    team_of(db, "Aya")
    old = create_account(db, fields={"name": "North", "segment": "smb"}, actor=SYSTEM, now=NOW)
    create_account(db, fields={"name": "North"}, actor=SYSTEM, now=LATER)
    calls(db, CALL.format("Demo", TEN, HALF_PAST, ""))

    report = calls(db, CALL.format("Demo", TEN, HALF_PAST, "enterprise"))

    assert counts(report) == (0, 1, 0, 0)
    assert db.execute(select(call.c.account_id)).scalar_one() == old.id
    assert db.execute(select(account.c.segment).where(account.c.id == old.id)).scalar_one() == "enterprise"


@pytest.mark.parametrize("spelt", ["  north ", "NORTH", "Ｎorth", "No\u200brth"])
def test_however_a_file_spells_an_account_the_one_that_is_closed_is_meant(db: DbSession, spelt: str) -> None:
    team_of(db, "Aya")
    create_account(db, fields={"name": "North"}, actor=SYSTEM, now=NOW)
    closed = create_account(db, fields={"name": "north", "observers_allowed": False}, actor=SYSTEM, now=LATER)

    calls(db, CALL.format("Demo", TEN, HALF_PAST, "").replace("North", spelt))

    assert db.execute(select(call.c.account_id)).scalar_one() == closed.id
    assert db.execute(select(func.count()).select_from(account)).scalar_one() == 2


def test_two_spellings_in_one_file_are_one_account(db: DbSession) -> None:
    team_of(db, "Aya")
    head, row = CALL.format("Demo", TEN, HALF_PAST, "").splitlines()[:2]
    again = row.replace("North", "NORTH").replace(row.split(",")[0], "another", 1)

    report = calls(db, "\n".join((head, row, again)))

    assert counts(report)[0] == 2, report
    assert db.execute(select(account.c.name)).scalars().all() == ["North"]


def test_a_type_goes_by_the_title_unless_the_file_says_it(db: DbSession) -> None:
    team_of(db, "Aya")
    text = "external_id,title,host_email,starts_at,duration_minutes,type\n1,Pricing,aya@earshot.example,{},30,{}\n"

    calls(db, text.format(TEN, ""))
    by_title = db.execute(select(call.c.type, call.c.type_source)).one()
    calls(db, text.format(TEN, "Demo"))
    by_file = db.execute(select(call.c.type, call.c.type_source)).one()

    assert by_title == ("negotiation", TypeSource.RULE)
    assert by_file == ("demo", TypeSource.MANUAL)


def test_a_call_without_an_external_id_is_found_again_by_host_start_and_title(db: DbSession) -> None:
    team_of(db, "Aya")
    text = "title,host_email,starts_at,duration_minutes\nDemo,aya@earshot.example,{},{}\n"

    made = calls(db, text.format(TEN, 30))
    longer = calls(db, text.format("2026-11-23T11:00:00+01:00", 45))

    assert (counts(made), counts(longer)) == ((1, 0, 0, 0), (0, 1, 0, 0))


def test_an_import_leaves_one_event_per_change(db: DbSession) -> None:
    team_of(db, "Aya", columns=",team", Aya=",East")
    calls(db, CALL.format("Demo", TEN, HALF_PAST, "smb"))

    acts = db.execute(select(event.c.act).order_by(event.c.sequence)).scalars().all()

    first, then = ["team.created", "person.created"], ["account.created", "call.created"]
    assert acts[1:] == [*first, "import.written", *then, "import.written"]


def test_rows_that_say_nothing_new_cost_no_statement_each(engine: Engine) -> None:
    costs = []
    for rows in (10, 400):
        part = "\n".join(CALLS.splitlines()[: rows + 1])
        for again in (False, True):
            with transaction(engine, writes=True) as db:
                people(db, PEOPLE)
                with counted(engine) as statements:
                    calls(db, part)
            if again:
                costs.append(len(statements))

    assert costs[0] == costs[1] < 20


def test_what_others_changed_meanwhile_is_changed_back(db: DbSession) -> None:
    team_of(db, "Aya", columns=",languages", Aya=",en")
    aya = one(db, "Aya")
    patch_person(db, person_id=aya.id, changes={"languages": ["de"]}, actor=SYSTEM, now=NOW)
    other = a_call(db)

    report = team_of(db, "Aya", columns=",languages", Aya=",en")

    assert counts(report) == (0, 1, 0, 0)
    assert one(db, "Aya").languages == ["en"]
    assert db.execute(select(call.c.version).where(call.c.id == other)).scalar_one() == 1
