"""Whoever is erased is in no table, no file, no feed and no log any more, also after an older backup was put back."""

import os
import shutil
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, insert, select, update
from typer.testing import CliRunner

from app import backup
from app.cli import app as cli
from app.config import Settings
from app.db import DbSession, make_engine, transaction
from app.models import metadata
from app.models.tables import (
    api_key,
    call,
    delivery,
    delivery_attempt,
    job,
    participant,
    person,
    seat,
)
from app.operations import operations
from app.operations.api_keys import create_api_key, patch_api_key
from app.operations.availability import create_pause, delete_pause, replace_busy
from app.operations.events import tell
from app.operations.jobs import enqueue
from app.operations.mail_troubles import note_trouble
from app.operations.message_templates import put_template
from app.operations.person_skills import set_skills
from app.operations.seats import book_seat
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.rules.skills import SkillState
from app.rules.templates import Words
from app.vocabulary import BusyStatus, JobStatus, MessageKind, Role
from tests.crews import worked
from tests.endpoints import an_endpoint
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.postgres import create_database, drop_database, dumped
from tests.sessions_and_people import a_session

NAME, EMAIL = "Canary7f3a Kestrel-Ølund", "canary7f3a.kestrel@earshot.example"
TRACES = ("canary7f3a", "kestrel")
FACTS_OF_THEIRS = ("2026-01-05", "2027-04-04", "2027-05-09", "2027-06-03")
"""What copies say of them beside a name: in answers that were kept, in webhooks, before and after changes."""
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


@pytest.fixture
def canary(api: Api) -> str:
    """Somebody who went through everything; what others wrote names them."""
    with transaction(api.engine, writes=True) as db:
        an_endpoint(db)
        mara = a_person(db, "Mara")
        team_id = create_team(db, name=f"Team of {NAME}", **BY_MACHINE).id
    body = {"name": NAME, "email": EMAIL, "time_zone": "Asia/Kolkata", "team_id": team_id, "started_on": "2026-01-05"}
    keyed = {"Idempotency-Key": "canary"}
    made = api.admin.post("/v1/people", json=body, headers=keyed)
    assert made.status_code == 201, made.text
    who: str = made.json()["id"]
    api.admin.patch(f"/v1/people/{who}", json={"name": f"{NAME} before"})
    api.admin.patch(f"/v1/people/{who}", json={"name": NAME})
    csv = f"email,name,time_zone\n{EMAIL},{NAME},Asia/Kolkata\n"
    imported = api.admin.post("/v1/imports?kind=people", content=csv, headers={"Content-Type": "text/csv"})
    assert imported.status_code == 200, imported.text
    with transaction(api.engine, writes=True) as db:
        went_through(db, who, mara)
    seen_by_others(api, who)
    return who


def went_through(db: DbSession, who: str, mara: Any) -> None:
    me = db.get_one(type(mara), who)
    heard = a_call(
        db, mara, title=f"Northwind with {NAME}", meeting_url=f"https://meet.example/{EMAIL}", starts_at=BOTH_WORK
    )
    a_call(db, me, starts_at=BOTH_WORK + timedelta(days=1))
    book_seat(db, call_id=heard, observer_id=who, **BY_MACHINE)
    a_session(db, me, mara, starts_at=BOTH_WORK + timedelta(days=2))
    replace_busy(
        db,
        person_id=who,
        source="canary7f3a",
        intervals=[(BOTH_WORK, BOTH_WORK + timedelta(hours=1), BusyStatus.BUSY)],
        **BY_MACHINE,
    )
    create_pause(db, person_id=who, starts_on=date(2027, 5, 1), ends_on=date(2027, 5, 9), **BY_MACHINE)
    over, _ = create_pause(db, person_id=who, starts_on=date(2027, 6, 3), ends_on=date(2027, 6, 5), **BY_MACHINE)
    delete_pause(db, person_id=who, pause_id=over.id, **BY_MACHINE)
    create_api_key(db, name="canary7f3a laptop", role=Role.REP, person_id=who, **BY_MACHINE)
    key_id = db.execute(select(api_key.c.id).where(api_key.c.person_id == who)).scalar_one()
    patch_api_key(db, key_id=key_id, changes={"expires_at": datetime(2027, 4, 4, tzinfo=UTC)}, **BY_MACHINE)
    set_skills(db, person_id=who, skills={"closing.ask": SkillState(level=3, wants=5)}, **BY_MACHINE)
    note_trouble(db, email=EMAIL, why=f"bounced: {NAME}", now=NOW)
    words = Words("{{other_name}}", f"Ask {NAME} at {EMAIL}: {{{{link}}}}")
    put_template(db, kind=MessageKind.MATCH_STARTED, language="de", words=words, **BY_MACHINE)
    tell(
        db, "person.changed", who, version=9, detail={"email": {"before": f"old.{EMAIL}", "after": EMAIL}}, **BY_MACHINE
    )
    tell(
        db, "account.changed", "acc_1", version=2, detail={"name": {"before": "A", "after": f"{NAME}'s"}}, **BY_MACHINE
    )
    enqueue(db, "nobody_knows_this", {"said": f"{NAME}\n{NAME}"}, now=NOW)
    done = operations.begin(db, "nobody_knows_this", {}, now=NOW)
    operations.succeed(db, done, result={"found": [NAME, {EMAIL: 1}]}, now=NOW)
    link = create_sign_in_link(db, person_id=who, **BY_MACHINE)
    redeem_sign_in_link(db, secret=link, now=NOW)


BOTH_WORK = MONDAY + timedelta(hours=10)
"""When both London and Kolkata work."""


def seen_by_others(api: Api, who: str) -> None:
    mine = api.rep(who)
    made = mine.post("/v1/feeds", json={"kind": "personal", "person_id": who}, headers={"Idempotency-Key": "feed"})
    assert made.status_code == 201, made.text
    feed_path, reader = httpx.URL(made.json()["url"]).path, {"User-Agent": "canary7f3a/1"}
    assert api.client().get(feed_path, headers=reader).status_code == 200
    worked(api)
    with transaction(api.engine, writes=True) as db:
        failed = {"status": JobStatus.DEAD, "last_error": f"MailRefused: {EMAIL} is unknown"}
        db.execute(update(job).values(**failed).where(job.c.kind == "nobody_knows_this"))
        sent = db.execute(select(delivery.c.id)).scalars().first()
        row = {"id": "att_1", "delivery_id": sent, "at": NOW, "elapsed_ms": 1, "answer": f"Thanks, {NAME}", "why": None}
        db.execute(insert(delivery_attempt).values(**row))


def traces_in_tables(engine: Engine, traces: tuple[str, ...] = TRACES) -> list[str]:
    with transaction(engine, writes=False) as db:
        return [
            f"{table.name}: {row}"
            for table in metadata.sorted_tables
            for row in (repr(tuple(row)) for row in db.execute(select(table)))  # a row's own repr leaves middles out
            if any(trace in row.lower() for trace in traces)
        ]


def traces_in_files(settings: Settings) -> list[str]:
    """Look at the bytes of all that is in the data folder, and of PostgreSQL at what it would dump."""
    content = {str(file): file.read_bytes() for file in settings.dir.rglob("*") if file.is_file()}
    if not settings.embedded:
        content["dump"] = dumped(settings.url)
    return [name for name, held in content.items() if any(trace.encode() in held.lower() for trace in TRACES)]


def erased(api: Api, who: str) -> httpx.Response:
    return api.admin.post(f"/v1/people/{who}/erase", json={"confirm": EMAIL})


def test_the_canary_is_everywhere_before(api: Api, canary: str) -> None:
    named = {line.partition(":")[0] for line in traces_in_tables(api.engine)}

    told = {line.partition(":")[0] for line in traces_in_tables(api.engine, FACTS_OF_THEIRS)}
    assert told >= {"delivery", "event_detail", "idempotency_record"}
    assert named >= {
        "busy", "call", "delivery", "delivery_attempt", "event_detail", "feed", "idempotency_record", "job",
        "mail_trouble", "message_template", "operation", "person", "team", "calendar_entry",
    }  # fmt: skip
    assert traces_in_files(api.settings)


def test_whoever_is_erased_is_in_no_table_no_file_and_no_log(
    api: Api, canary: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = counts(api.engine)

    begun = erased(api, canary)
    worked(api)

    assert begun.status_code == 202, begun.text
    done = api.admin.get(begun.headers["location"]).json()
    assert (done["status"], done["error"]) == ("succeeded", None)
    assert done["result"]["texts_changed"] >= 5
    assert traces_in_tables(api.engine) == []
    assert traces_in_tables(api.engine, FACTS_OF_THEIRS) == []
    assert traces_in_files(api.settings) == []
    assert not [line for line in "".join(capfd.readouterr()).lower().splitlines() if TRACES[0] in line]
    assert counts(api.engine) == before


def counts(engine: Engine) -> dict[str, int]:
    """What reports count: it stays."""
    with transaction(engine, writes=False) as db:
        return {table.name: len(db.execute(select(table.c[0])).all()) for table in (person, call, seat, participant)}


def test_an_older_backup_knows_nobody_who_was_erased_since(
    api: Api, canary: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    kept = tmp_path_factory.mktemp("kept") / "backup.tar.gz"
    backup.back_up(api.settings, kept, now=NOW)
    erased(api, canary)
    worked(api)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    url = ""
    if not api.settings.embedded:
        server = request.getfixturevalue("postgres_server")
        url = create_database(server, f"earshot_restored_{os.getpid()}", template="template0")
    try:
        shutil.copy(api.settings.dir / "erasures.jsonl", elsewhere)
        place = {"EARSHOT_DATABASE_URL": url, "EARSHOT_SECRET_KEY": "test"}

        done = CliRunner().invoke(cli, ["restore", str(kept), "--dir", str(elsewhere)], env=place)

        assert done.exit_code == 0, done.output
        there = Settings(dir=elsewhere, database_url=url, secret_key=SecretStr("test"), _env_file=None)
        engine = make_engine(there.url)
        assert traces_in_tables(engine) == []
        assert traces_in_files(there) == []
        engine.dispose()
    finally:
        if url:
            drop_database(server, f"earshot_restored_{os.getpid()}")
