"""One small world for what must hold for every route: who is concerned, who is a stranger, and what they may not know.

Ana listens on a call of Mara's, is her mentee, and hosts two calls that nobody else may know of; Lea leads her. Ben
works beside them and has nothing to do with any of it, nor has Leo, who leads him, nor Cora, who is in Ana's team. Pia
runs the program in which Ana is, Audrey looks at everything. What strangers must not learn holds the canary, or is
listed in `secrets`.
"""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr
from sqlalchemy import insert, select, update

from app import credentials
from app.config import Settings
from app.credentials import key_id_of
from app.db import DbSession, make_engine, transaction
from app.main import create_app
from app.models import Match
from app.models import Person as _Person
from app.models.tables import (
    api_key,
    browser_session,
    busy,
    delivery,
    feed,
    job,
    person,
    program_manager,
)
from app.operations import match_runs, operations, plan_runs
from app.operations.accounts import create_account
from app.operations.api_keys import create_api_key
from app.operations.availability import create_pause, replace_busy
from app.operations.call_outcomes import start_call
from app.operations.call_types import create_call_type
from app.operations.connected_calendars import connect_calendar, note_failure
from app.operations.deliveries import deliver
from app.operations.deliveries_by_hand import try_endpoint
from app.operations.diallers import create_connection
from app.operations.enrollments import enroll
from app.operations.events import Told
from app.operations.external import identify
from app.operations.feeds import create_feed
from app.operations.floor import set_door
from app.operations.jobs import enqueue
from app.operations.mail_troubles import note_trouble
from app.operations.match_settings import Wanted
from app.operations.message_templates import put_template
from app.operations.pair_rules import put_pair_rule
from app.operations.people_imports import import_people
from app.operations.person_skills import set_skills
from app.operations.power_hours import create_power_hour
from app.operations.programs import create_program
from app.operations.retention import report
from app.operations.seats import book_seat, release_seat, wait_if_full
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.operations.skills import create_skill
from app.operations.teams import create_team
from app.operations.webhooks import create_endpoint
from app.queries import runs
from app.rules.access import SYSTEM
from app.rules.csv_files import read_people
from app.rules.matching.problem import MatchAnswer, ProposedPair, UnmatchedMentee
from app.rules.planning.problem import PlanAnswer, PlannedSeat, UnmetNeed, UnmetReason
from app.rules.skills import SkillState
from app.rules.templates import Words
from app.vocabulary import (
    Area,
    BusyStatus,
    CalendarKind,
    CalendarUse,
    Door,
    FeedKind,
    FeedPrivacy,
    JobStatus,
    MatchStatus,
    MessageKind,
    PairRuleKind,
    PersonStatus,
    Role,
    SeatApproval,
    Side,
    WebhookFormat,
)
from tests.factories import MONDAY, a_call, a_person
from tests.harness import MANY, NOW, TEST_VAULT, Api, FakeClock, served
from tests.sessions_and_people import a_session
from tests.stored import contents

CANARY = "canary7f3a"
SEALED, OF_THE_HOUSE, OF_A_RUN, OF_ANA = (CANARY + kind for kind in ("sealed", "house", "run", "alone"))
"""What nobody is ever told; what only those are who run or look after the house; they, and who runs the program; they,
and Ana, who decides alone about it.
"""
PRIVATE_SKILL, TAUGHT_SKILL = "closing.ask", "craft.listening"
"""Ana can do the first alone and does not say so; Mara says that she teaches the second."""
BY_MACHINE: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


PEOPLE = {
    "program manager": "pia",
    "lead": "lea",
    "concerned": "ana",
    "colleague": "cora",
    "stranger": "ben",
    "other lead": "leo",
    "auditor": "audrey",
}
"""Who is what to Ana."""
STRANGERS = ("colleague", "stranger", "other lead", "nobody's rep")
"""To whom nothing of Ana's is anybody's business."""


@dataclass
class World:
    """The service, whom it may be asked by, and what path templates and bodies refer to."""

    api: Api
    ids: dict[str, str]
    secrets: tuple[str, ...]
    keys: dict[str, httpx.Client]
    """Everybody with a key that works, by what they are to Ana."""
    scoped: dict[Area, httpx.Client]
    """Integrations that are let into nothing but this part of the API: wherever one asks, one has no business."""
    outsiders: dict[str, httpx.Client]
    """Everybody without a key that works."""
    browsers: dict[str, httpx.Client]
    """Those of `keys` who are people, nobody, and somebody whose session is over."""

    @property
    def admin(self) -> httpx.Client:
        return self.keys["admin"]

    @property
    def concerned(self) -> httpx.Client:
        return self.keys["concerned"]

    @property
    def stranger(self) -> httpx.Client:
        return self.keys["stranger"]

    def known(self, template: str) -> dict[str, str]:
        """What a path template's names stand for."""
        usual = {"run_id": self.ids["plan_run" if "plan" in template else "match_run"]}
        if "call-types" in template:
            usual["slug"] = self.ids["call_type"]
        return {**self.ids, **usual}

    def path(self, template: str, **other: str) -> str:
        ids = {**self.known(template), **other}
        return template.format(**{name: quote(value, safe="") for name, value in ids.items()})

    def contents(self) -> dict[str, list[str]]:
        """All that is stored, but for what the audit notes of reads and refusals, and when a key was last used."""
        return contents(self.api.engine, but=frozenset({api_key.c.last_used_at}))

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put an SQLite database back as it was, whatever is done meanwhile, under a service that goes on running."""
        file = str(self.api.engine.url.database)
        with closing(sqlite3.connect(file)) as live, closing(sqlite3.connect(":memory:")) as before:
            live.backup(before)
            try:
                yield
            finally:
                before.backup(live)

    def withheld(self, who: str) -> tuple[str, ...]:
        """What this asker must never be told, whatever they read. Who exports all that is kept about them, the data
        subject, has what drafts say about them too.
        """
        of_a_run = OF_A_RUN, *(self.ids[name] for name in ("match_run", "plan_run", "planned_seat"))
        kept = ("job_id", "dead_job", "endpoint_id", "delivery_id", "connection_id", "import_id")
        of_the_house = OF_THE_HOUSE, *(self.ids[name] for name in kept)
        alone = OF_ANA, *(self.ids[name] for name in ("calendar_id", "feed_id", "key_id", "browser_session_id"))
        return {
            "admin": (SEALED,),
            "integration": (SEALED,),
            "auditor": (SEALED,),
            "program manager": (SEALED, *of_the_house, *alone),
            "lead": (SEALED, *of_the_house, *of_a_run, *alone),
            "concerned": (SEALED, *of_the_house, *of_a_run),
            "data subject": (SEALED, *of_the_house),
        }.get(who, self.secrets)

    def assert_tells_no_secret(self, answer: httpx.Response, who: str = "") -> None:
        back_here = f"/login?next={answer.request.url.path}"  # where a browser asked to go is no secret to it
        told = answer.text + repr(answer.headers).replace(back_here, "/login")
        leaked = [secret for secret in self.withheld(who) if secret in told]
        assert leaked == [], f"{who} reads {leaked} at {answer.request.url}: {told[:2000]}"


@contextmanager
def a_world(database_url: str, folder: Path) -> Iterator[World]:
    """Fill a migrated database and serve it."""
    settings = Settings(
        dir=folder,
        database_url=database_url,
        secret_key=SecretStr("test"),
        allow_plain_http=True,
        failed_keys_per_minute=MANY,
        _env_file=None,
    )
    engine, clock = make_engine(database_url, vault=TEST_VAULT), FakeClock()
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        with transaction(engine, writes=True) as db:
            ids = _filled(db)
            secrets = (CANARY, *(ids[name] for name in _SECRET_IDS), *db.execute(select(busy.c.id)).scalars())
        url = stack.enter_context(served(create_app(settings, engine=engine, clock=clock)))
        api = Api(url, engine, clock, settings, stack)
        keys = _keys_of_all(api, ids)
        held = {"call_id": ids["held_call"], "observer_id": ids["ana"]}
        ids["hold_id"] = keys["concerned"].post("/v1/holds", json=held).json()["id"]
        yield World(
            api=api,
            ids=ids,
            secrets=secrets,
            keys=keys,
            scoped={
                area: api.client(api.key(Role.INTEGRATION, scopes=[f"{area}:write"]))
                for area in (Area.JOBS, Area.WEBHOOKS)
            },
            outsiders={
                "anonymous": api.client(),
                "expired": api.client(_spoilt_key(api, expires_at=NOW)),
                "revoked": api.client(_spoilt_key(api, revoked_at=NOW)),
                "left": api.client(api.key(Role.REP, ids["left"])),
            },
            browsers={
                **{who: _browser(api, ids[name]) for who, name in PEOPLE.items()},
                "admin": _browser(api, ids["ada"]),
                "anonymous": _browser(api),
                "over": _browser(api, ids["mara"], expires_at=NOW),
            },
        )


@contextmanager
def an_sqlite_world(template: Path, folder: Path) -> Iterator[World]:
    """Fill a copy of a migrated SQLite database and serve it: a world in which what is done can be undone."""
    shutil.copy(template, folder / "earshot.db")
    with a_world(f"sqlite:///{folder / 'earshot.db'}", folder) as made:
        yield made


_SECRET_IDS = (
    "sensitive_call", "closed_call", "seat_id", "session_id", "one_on_one", "enrollment_id", "mentee_enrollment",
    "match_id", "match_run", "plan_run", "operation_id", "feed_id", "secret", "left", "pause_id", "job_id", "dead_job",
    "endpoint_id", "event_id", "delivery_id", "calendar_id", "planned_seat", "key_id",
    "browser_session_id", "connection_id", "import_id",
)  # fmt: skip


def _filled(db: DbSession) -> dict[str, str]:
    team_ids = [create_team(db, name=name, **BY_MACHINE).id for name in ("West", "East", "North", "South")]
    lea, leo = (a_person(db, name, role=Role.MANAGER) for name in ("Lea", "Leo"))
    ana, cora = a_person(db, "Ana", team_id=team_ids[3], manager_id=lea.id), a_person(db, "Cora", team_id=team_ids[3])
    ben = a_person(db, "Ben", manager_id=leo.id)
    mara, cleo, dan = (a_person(db, name) for name in ("Mara", "Cleo", "Dan"))
    ada, bea = (a_person(db, name, role=Role.ADMIN) for name in ("Ada", "Bea"))
    pia, audrey = a_person(db, "Pia", role=Role.PROGRAM_MANAGER), a_person(db, "Audrey", role=Role.AUDITOR)
    left = a_person(db, f"{OF_THE_HOUSE} Lee")
    db.execute(update(person).where(person.c.id == left.id).values(status=PersonStatus.LEFT))
    here = {one.name.lower(): one.id for one in (ana, ben, mara, cleo, ada, bea, lea, leo, cora, pia, audrey)}
    people = {**here, "left": left.id}
    accounts = [
        create_account(db, fields={"name": name, "observers_allowed": name != "Closed"}, **BY_MACHINE)
        for name in ("Northwind", "Closed", "Southwind")
    ]
    create_skill(db, slug="unused.skill", name="Unused", **BY_MACHINE)
    create_call_type(db, fields={"slug": "unused_type", "name": "Unused"}, skills=[], **BY_MACHINE)
    sets = {slug: SkillState(level=3, wants=5) for slug in (PRIVATE_SKILL, "discovery.questioning")}
    set_skills(db, person_id=ana.id, skills=sets, **BY_MACHINE)
    taught = {TAUGHT_SKILL: SkillState(level=4, wants=0, teaches=True)}
    set_skills(db, person_id=mara.id, skills=taught, **BY_MACHINE)
    intervals = [(MONDAY + timedelta(hours=h), MONDAY + timedelta(hours=h + 1), BusyStatus.BUSY) for h in (6, 7, 20)]
    replace_busy(db, person_id=ana.id, source=CANARY, intervals=intervals, **BY_MACHINE)
    pauses = [
        create_pause(db, person_id=ana.id, starts_on=date(2027, month, 1), ends_on=date(2027, month, 9), **BY_MACHINE)
        for month in (5, 6, 7)
    ]
    return {
        **people,
        "person_id": ana.id,
        "pause_id": pauses[0][0].id,
        "team_id": team_ids[0],
        "account_id": accounts[2].id,
        "token": "0" * 43,
        "digest": "0" * 16,
        "group_id": "seats",
        "name": "shell.css",
        "source": "hubspot:42",
        "external_id": "a/b c",
        "slug": PRIVATE_SKILL,
        "unused_skill": "unused.skill",
        "call_type": "unused_type",
        **_calls(db, people, northwind=accounts[0].id, closed=accounts[1].id, observers=[ana.id, cleo.id, dan.id]),
        **_waits(db, people),
        **_programs(db, people, mentees=[ana.id, cleo.id, dan.id]),
        **_feeds(db, [ana.id, mara.id, cleo.id]),
        **_keys(db, ana.id),
        "calendar_id": _calendars(db, ana.id)[0],
        "browser_session_id": _signed_in(db, ana.id),
        **_jobs(db),
        **_webhooks(db),
        **_diallers(db),
        **_mail_troubles(db),
        "power_hour_id": _power_hours(db, host=lea.id, observer=ana.id)[0],
        **_words(db),
        "import_id": _imports(db),
    }


def _imports(db: DbSession) -> str:
    """Three files, each of which changes the name of the same person; the first one can be undone."""
    header = "name,email,time_zone\n"
    files = [read_people(f"{header}Imp{n},imp@earshot.example,UTC".encode()) for n in range(3)]
    done = [import_people(db, file, file_name=f"{OF_THE_HOUSE}.csv", **BY_MACHINE).import_id for file in files]
    return str(done[0])


def _calls(
    db: DbSession, people: Mapping[str, str], *, northwind: str, closed: str, observers: list[str]
) -> dict[str, str]:
    ana, mara = db.get_one(_Person, people["ana"]), db.get_one(_Person, people["mara"])
    link: dict[str, Any] = {"meeting_url": f"https://meet.example/{CANARY}"}
    hushed: dict[str, Any] = {"title": f"{CANARY}: negotiation call", "product": CANARY, "region": CANARY, **link}
    shadowed = a_call(db, mara, account_id=northwind, seats=3, **link)
    taken = [book_seat(db, call_id=shadowed, observer_id=observer, **BY_MACHINE) for observer in observers]
    at = MONDAY + timedelta(days=1, hours=10)
    sensitive = a_call(db, ana, starts_at=at, sensitive=True, **hushed)
    identify(db, "call", sensitive, [("hubspot:42", CANARY)])
    return {
        "shadowed_call": shadowed,
        "call_id": a_call(db, mara, account_id=northwind, starts_at=at + timedelta(hours=3), seats=2, **link),
        "sensitive_call": sensitive,
        "live_call": _on_now(db, ana),
        "closed_call": a_call(db, ana, account_id=closed, starts_at=at + timedelta(hours=1), **hushed),
        "seat_id": taken[0].id,
        "session_id": taken[0].session_id,
        "one_on_one": a_session(db, ana, mara, starts_at=at + timedelta(days=1)),
    }


def _waits(db: DbSession, people: Mapping[str, str]) -> dict[str, str]:
    """Ana is offered a seat on a call of Mara's, could hold one on another, and has yet to let Cleo in on her own."""
    ana, mara = db.get_one(_Person, people["ana"]), db.get_one(_Person, people["mara"])
    db.execute(update(person).where(person.c.id == ana.id).values(seat_approval=SeatApproval.HOST))
    at = MONDAY + timedelta(days=2, hours=13)
    wanted, asked = a_call(db, mara, starts_at=at, seats=1), a_call(db, ana, starts_at=at + timedelta(hours=2))
    first = book_seat(db, call_id=wanted, observer_id=people["cleo"], **BY_MACHINE)
    entry_id = wait_if_full(db, call_id=wanted, observer_id=ana.id, **BY_MACHINE)
    release_seat(db, seat_id=first.id, **BY_MACHINE)
    assert entry_id
    return {
        "wanted_call": wanted,
        "entry_id": entry_id,
        "asked_seat": book_seat(db, call_id=asked, observer_id=people["cleo"], **BY_MACHINE).id,
        "held_call": a_call(db, mara, starts_at=at + timedelta(days=1)),
    }


def _programs(db: DbSession, people: Mapping[str, str], *, mentees: list[str]) -> dict[str, str]:
    program_id = runs.program_for_run(db, None).id
    db.execute(insert(program_manager).values(program_id=program_id, person_id=people["pia"], created_at=NOW))
    ramp, _ = [create_program(db, name=name, weights={}, **BY_MACHINE).id for name in ("Ramp", "Refresh")]

    def enrolled(who: str, side: Side, capacity: int = 1, program_id: str = program_id) -> str:
        return enroll(db, program_id=program_id, person_id=who, side=side, capacity=capacity, **BY_MACHINE).id

    mentee_enrollments = [enrolled(who, Side.MENTEE) for who in mentees]
    enrolled(people["mara"], Side.MENTOR, 5)
    stamps: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
    for who in mentees:
        pair: dict[str, Any] = {"mentee_id": who, "mentor_id": people["mara"], "program_id": program_id}
        db.add(Match(id=f"mat_{who}", **pair, status=MatchStatus.ACTIVE, score=1, terms={CANARY: 1}, **stamps))
    for who in mentees:
        rule: dict[str, Any] = {"mentee_id": who, "mentor_id": people["mara"], "kind": PairRuleKind.FORCED}
        put_pair_rule(db, program_id=program_id, **rule, **BY_MACHINE)
    for who in (people["ben"], *mentees[1:]):
        enrolled(who, Side.MENTEE, program_id=ramp)
    enrolled(people["mara"], Side.MENTOR, 5, program_id=ramp)
    proposed: dict[str, Any] = {"mentee_id": people["ana"], "mentor_id": people["mara"], "program_id": ramp}
    waits: dict[str, Any] = {"status": MatchStatus.PENDING, "awaiting": ["mentor", "mentee"], "asked_at": NOW}
    db.add(Match(id="mat_proposed", **proposed, **waits, score=1, terms={CANARY: 1}, **stamps))
    db.flush()
    (match_run, operation_id), *_ = [_match_run(db, people) for _ in range(3)]
    planned_call = a_call(db, db.get_one(_Person, people["mara"]), starts_at=MONDAY + timedelta(days=4, hours=10))
    plan_run, *_ = [_plan_run(db, people, planned_call) for _ in range(3)]
    return {
        "program_id": program_id,
        "enrollment_id": enrolled(people["ana"], Side.MENTOR),
        "mentee_enrollment": mentee_enrollments[0],
        "match_id": f"mat_{people['ana']}",
        "mentee_id": people["ana"],
        "ramp": ramp,
        "proposed_match": "mat_proposed",
        "match_run": match_run,
        "operation_id": operation_id,
        "plan_run": plan_run,
        "planned_seat": runs.plan_seats(db, plan_run)[0].id,
    }


def _match_run(db: DbSession, people: Mapping[str, str]) -> tuple[str, str]:
    run = match_runs.start_match_run(db, Wanted(), **BY_MACHINE)
    pair = ProposedPair(mentee="a", mentor="m", score=1, terms={OF_A_RUN: 1}, pinned=False)
    answer = MatchAnswer(pairs=(pair,), unmatched=(UnmatchedMentee("b", OF_A_RUN, {}),), value=1, gap=0)
    who = {"a": people["ana"], "m": people["mara"], "b": people["ben"]}
    match_runs.keep_draft(db, run_id=run.id, answer=answer, person_of=who, inputs_hash="", now=NOW)
    return run.id, run.operation_id


def _on_now(db: DbSession, host: _Person) -> str:
    """A call that is on, and whose door is open."""
    call_id = a_call(db, host, starts_at=NOW - timedelta(minutes=5), seats=3)
    start_call(db, call_id=call_id, **BY_MACHINE)
    set_door(db, call_id=call_id, door=Door.OPEN, **BY_MACHINE)
    return call_id


def _plan_run(db: DbSession, people: Mapping[str, str], call_id: str) -> str:
    week: dict[str, Any] = {"from_at": MONDAY, "to_at": MONDAY + timedelta(days=7)}
    run_id: str = plan_runs.start_plan_run(db, **week, team_id=None, program_id=None, **BY_MACHINE).id
    need = UnmetNeed(people["ana"], OF_A_RUN, UnmetReason.SEATS_TAKEN, call=None, limit=None, taken_by=())
    terms = {OF_A_RUN: 1}
    seat = PlannedSeat(people["ana"], call_id, 1, terms, teaches=(OF_A_RUN,), meets=(OF_A_RUN,), pinned=False)
    answer = PlanAnswer(seats=(seat,), unmet=(need,), fairness=0, learning=0, bound=0, timed_out=False)
    plan_runs.keep_draft(db, run_id=run_id, answer=answer, inputs_hash="", now=NOW)
    return run_id


def _jobs(db: DbSession) -> dict[str, str]:
    """A job that waits, one that was given up, and an operation that has yet to begin."""
    waiting, dead = (_job(db, f"{OF_THE_HOUSE}:{name}") for name in ("waiting", "dead"))
    db.execute(update(job).where(job.c.id == dead).values(status=JobStatus.DEAD, last_error=OF_THE_HOUSE))
    operation_id = operations.begin(db, "match_run", {"run_id": "mrn_none"}, now=NOW)
    for count in (1, 2, 3):
        report(db, deleted={OF_THE_HOUSE: count}, now=NOW)
    return {"job_id": waiting, "dead_job": dead, "queued_operation": operation_id}


def _job(db: DbSession, singleton: str) -> str:
    enqueue(db, "invite_mail", {"entry_id": OF_THE_HOUSE}, singleton=singleton, now=NOW)
    made: str = db.execute(select(job.c.id).where(job.c.singleton == singleton)).scalar_one()
    return made


def _webhooks(db: DbSession) -> dict[str, str]:
    """Three endpoints, and a delivery to each."""
    hears: dict[str, Any] = {"form": WebhookFormat.STANDARD, "acts": [], "allowed": ()}
    url = f"https://{OF_THE_HOUSE}.example/hooks"
    made = [create_endpoint(db, name=OF_THE_HOUSE, url=url, **hears, **BY_MACHINE).endpoint.id for _ in range(3)]
    tested = [try_endpoint(db, endpoint_id=endpoint_id, **BY_MACHINE) for endpoint_id in made]
    deliver(db, [Told(*(getattr(one, name) for name in Told.__slots__)) for one in tested], now=NOW)
    delivery_id = db.execute(select(delivery.c.id).where(delivery.c.endpoint_id == made[0])).scalar_one()
    return {"endpoint_id": made[0], "event_id": tested[0].id, "delivery_id": delivery_id}


def _diallers(db: DbSession) -> dict[str, str]:
    """Three diallers that have said nothing yet."""
    pointers = {name: f"/{name}" for name in ("event", "call", "host_email", "started_at", "ended_at")}
    mapping: dict[str, str | list[str]] = {**pointers, "started": ["started"], "ended": ["ended"]}
    made = [create_connection(db, name=OF_THE_HOUSE, mapping=mapping, **BY_MACHINE) for _ in range(3)]
    return {"connection_id": made[0].connection.id}


def _feeds(db: DbSession, owners: list[str]) -> dict[str, str]:
    made = [
        create_feed(db, person_id=who, kind=FeedKind.PERSONAL, privacy=FeedPrivacy.FULL, **BY_MACHINE) for who in owners
    ]
    db.execute(update(feed).values(last_fetched_at=NOW, last_fetched_by=OF_ANA))
    return {"feed_id": made[0].feed.id, "secret": made[0].secret}


def _power_hours(db: DbSession, *, host: str, observer: str) -> list[str]:
    """Three power hours in which one hears the other."""
    people: dict[str, Any] = {"host_ids": [host], "observer_ids": [observer], "team_id": None}
    starts = [MONDAY + timedelta(days=day, hours=18) for day in range(3)]
    return [
        create_power_hour(
            db,
            values={
                "name": CANARY,
                "starts_at": at,
                "ends_at": at + timedelta(hours=1),
                "rotation_minutes": 20,
                **people,
            },
            **BY_MACHINE,
        ).id
        for at in starts
    ]


def _keys(db: DbSession, owner: str) -> dict[str, str]:
    """Three keys that nobody uses."""
    made = [create_api_key(db, name=OF_ANA, role=Role.REP, person_id=owner, **BY_MACHINE) for _ in range(3)]
    return {"key_id": key_id_of(made[0])}


def _calendars(db: DbSession, owner: str) -> list[str]:
    """Three calendars elsewhere, one of which can't be read."""
    opened: dict[str, Any] = {"kind": CalendarKind.ICS, "username": OF_ANA, "password": SEALED, "allowed": ()}
    told: dict[str, Any] = {"name": OF_ANA, "use": CalendarUse.CALLS, "title_contains": OF_ANA}
    urls = [f"https://calendar.example/{OF_ANA}/{number}.ics" for number in range(3)]
    made = [connect_calendar(db, person_id=owner, url=url, **opened, **told, **BY_MACHINE).id for url in urls]
    note_failure(db, made[0], OF_ANA, lasting=True, retry_at=None, now=NOW)
    return made


def _keys_of_all(api: Api, ids: Mapping[str, str]) -> dict[str, httpx.Client]:
    roles = {"lead": Role.MANAGER, "other lead": Role.MANAGER, "program manager": Role.PROGRAM_MANAGER}
    roles["auditor"] = Role.AUDITOR
    return {
        "admin": api.admin,
        "integration": api.client(api.key(Role.INTEGRATION)),
        **{who: api.client(api.key(roles.get(who, Role.REP), ids[name])) for who, name in PEOPLE.items()},
        "nobody's rep": api.client(api.key(Role.REP)),
    }


def _browser(api: Api, person_id: str | None = None, **values: Any) -> httpx.Client:
    """A browser with the cookie of its session, if it has one; what the service sets later changes nothing in it."""
    browser = api.client()
    browser.headers.update({"Accept": "text/html", "Sec-Fetch-Site": "same-origin"})
    if person_id is not None:
        with transaction(api.engine, writes=True) as db:
            link = create_sign_in_link(db, person_id=person_id, **BY_MACHINE)
            session = redeem_sign_in_link(db, secret=link, now=NOW)
            if values:
                session_of = browser_session.c.person_id == person_id
                db.execute(update(browser_session).values(**values).where(session_of))
        browser.headers["Cookie"] = f"sid={session}"
    return browser


def _signed_in(db: DbSession, person_id: str) -> str:
    """Sign somebody in with a browser, and return the id of its session."""
    link = create_sign_in_link(db, person_id=person_id, **BY_MACHINE)
    digest = credentials.digest(redeem_sign_in_link(db, secret=link, now=NOW))
    found: str = db.execute(select(browser_session.c.id).where(browser_session.c.digest == digest)).scalar_one()
    return found


def _spoilt_key(api: Api, **values: Any) -> str:
    key = api.key(Role.ADMIN)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(api_key).values(**values).where(api_key.c.id == "key_" + key[8:34]))
    return key


def _mail_troubles(db: DbSession) -> dict[str, str]:
    emails = [f"{OF_THE_HOUSE}.{name}@earshot.example" for name in ("gone", "left", "moved")]
    for email in emails:
        note_trouble(db, email=email, why=OF_THE_HOUSE, now=NOW)
    return {"email": emails[0]}


def _words(db: DbSession) -> dict[str, str]:
    """Words of the house in one language."""
    words = Words("{{other_name}}", f"{OF_THE_HOUSE} {{{{link}}}}")
    put_template(db, kind=MessageKind.MATCH_STARTED, language="de", words=words, **BY_MACHINE)
    return {"kind": "match_started", "language": "de"}
