"""Play the whole loop on a made-up company, from outside: people and calls in, matched, planned, booked, invites and
feeds out. Everything but the first key goes through the REST API of a service on a real port.
"""

import hashlib
import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as wall_time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.parse import urlsplit

import uvicorn
from sqlalchemy import Engine, func, or_, select

from app import clock as wall
from app import config, migrations
from app.adapters.earshot_api import ApiRefused, EarshotApi
from app.clock import Clock
from app.config import Settings
from app.db import make_engine, transaction
from app.demo.company import Size, company
from app.demo.files import calls_csv, people_csv
from app.demo.shapes import Company, DemoPerson
from app.demo.visit import prepare
from app.main import create_app
from app.models.tables import event, job
from app.operations.api_keys import create_api_key
from app.operations.installation import first_start
from app.operations.sign_in import create_sign_in_link
from app.rules.access import SYSTEM
from app.serving import listening, server
from app.vault import Vault
from app.vocabulary import JobStatus, Role
from app.worker import EMBEDDED_THREADS

Say = Callable[[str], None]

_MARK = "demo.json"
_WRITTEN = (
    "earshot.db",
    "earshot.db-wal",
    "earshot.db-shm",
    "report.json",
    "people.csv",
    "calls.csv",
    "secret.key",
    _MARK,
)
_PATIENCE_SECONDS = 900


class DemoFailed(Exception):
    """The demo can't go on; the message says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the loop came to, for the report."""

    people: int
    calls: int
    mentees: int
    matched: int
    unmatched: int
    seats_planned: int
    plan_gap_percent: float
    sessions_booked: int
    invites_written: int
    digest: str


def run_demo(folder: Path, *, size: Size, seed: int, today: date | None, port: int, once: bool, say: Say) -> None:
    """Play the demo into `folder` and write its report; then go on serving, unless `once`.

    Begins anew each time: what an earlier demo left in the folder is replaced. Raises DemoFailed for a folder that
    holds anything else.
    """
    started = time.monotonic()
    _clear(folder)
    clock = wall.starting_at(datetime.combine(today, wall_time(7), UTC)) if today else wall.now
    with listening("127.0.0.1", 0 if once else port) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        # With --once the links that are written work when the folder is served later, on the usual port.
        public_url = f"http://127.0.0.1:{port}" if once else url
        settings = config.load(dir=folder, database_url="", smtp_host="", public_url=public_url, allow_plain_http=True)
        (folder / "address").write_text(public_url)
        engine = make_engine(settings.url, vault=Vault.of(settings))
        migrations.upgrade(engine)
        with transaction(engine, writes=True) as db:
            first_start(db, now=clock())
            often = 100_000  # requests in a minute: a day of a company is played in seconds
            asks: dict[str, Any] = {"name": "demo", "role": Role.ADMIN, "person_id": None}
            key = create_api_key(db, **asks, requests_per_minute=often, actor=SYSTEM, now=clock())
        web = server(create_app(settings, engine=engine, clock=clock, worker_threads=EMBEDDED_THREADS))
        with _serving(web, listener):
            api = EarshotApi(url, key)
            try:
                made = company(size, seed=seed, today=clock().date())
                tour = _Tour(api, engine, settings, clock, made, say)
                found = tour.play()
                _report(folder, found, seconds=time.monotonic() - started, size=size, seed=seed, today=clock().date())
                say(f"Done in {time.monotonic() - started:.1f} s: see {folder / 'report.json'}")
                if not once:
                    say(prepare(api, made, url=url, now=clock()))
                    _show_around(api, engine, settings, clock, made, key, tour.a_feed, say)
                    _wait_for_the_end()
            except ApiRefused as refused:
                raise DemoFailed(str(refused)) from refused
            except KeyboardInterrupt:
                say("Stopped.")
                if once:
                    raise
            finally:
                api.close()


class _Tour:
    """One way through the loop; each step says what it did."""

    def __init__(
        self, api: EarshotApi, engine: Engine, settings: Settings, clock: Clock, made: Company, say: Say
    ) -> None:
        self.api = api
        self.engine = engine
        self.folder = settings.dir
        self.outbox = settings.outbox
        self.clock = clock
        self.made = made
        self.say = say
        self.a_feed = ""

    def play(self) -> Found:
        """Go through the loop once."""
        email_of = self._people_in()
        self._calls_in()
        run = self._matched()
        plan, sessions = self._planned()
        invites = self._invited()
        self._feeds(email_of, sessions)
        return Found(
            people=len(self.made.people),
            calls=len(self.made.calls),
            mentees=sum(person.kind == "mentee" for person in self.made.people),
            matched=run["matched"],
            unmatched=len(run["unmatched"]),
            seats_planned=len(plan["seats"]),
            plan_gap_percent=plan["gap_percent"],
            sessions_booked=len(sessions),
            invites_written=invites,
            digest=self._digest(email_of, run, plan),
        )

    def _people_in(self) -> dict[str, str]:
        text = people_csv(self.made)
        (self.folder / "people.csv").write_text(text, newline="")
        self._import("people", text)
        ids = {person["email"]: person["id"] for person in self.api.pages("/v1/people")}
        for person in self.made.people:
            self._hours_and_busy(ids[person.email], person)
        mentors = [person for person in self.made.people if person.kind == "mentor"]
        for person in (one for at, one in enumerate(mentors) if at % 3):  # the others open it when they like
            self.api.send("PATCH", f"/v1/people/{ids[person.email]}", json={"door_default": "open"})
        self.say(f"{len(ids)} people in: their skills, wishes, working hours and busy time")
        return {key: email for email, key in ids.items()}

    def _hours_and_busy(self, person_id: str, person: DemoPerson) -> None:
        if person.exceptions:
            hours = [{"weekday": h.weekday, "start": h.start, "end": h.end} for h in person.working_hours]
            days_off = [{"date": day.isoformat(), "ranges": []} for day in person.exceptions]
            body = {"time_zone": person.time_zone, "weekly": hours, "exceptions": days_off}
            self.api.send("PUT", f"/v1/people/{person_id}/availability", json=body)
        if person.busy:
            taken = [{"starts_at": a.isoformat(), "ends_at": b.isoformat(), "status": "busy"} for a, b in person.busy]
            self.api.send("PUT", f"/v1/people/{person_id}/busy", json={"source": "calendar", "intervals": taken})

    def _calls_in(self) -> None:
        text = calls_csv(self.made)
        (self.folder / "calls.csv").write_text(text, newline="")
        self._import("calls", text)
        closed = {account.name for account in self.made.accounts if not account.observers_allowed}
        for name in sorted(closed):
            for account in self.api.pages("/v1/accounts", q=name):
                if account["name"] == name:
                    self.api.send("PATCH", f"/v1/accounts/{account['id']}", json={"observers_allowed": False})
        self.say(f"{len(self.made.calls)} calls in, with {len(self.made.accounts)} accounts")

    def _matched(self) -> Any:
        done = self.api.start("/v1/match-runs", {}, seconds=_PATIENCE_SECONDS)
        run_id = done["result"]["match_run_id"]
        run = self.api.send("POST", f"/v1/match-runs/{run_id}/publish")
        self.say(f"{run['matched']} mentees matched with mentors, {len(run['unmatched'])} unmatched")
        return run

    def _planned(self) -> tuple[Any, list[Any]]:
        monday = next_week(self.clock())
        body = {"from": monday.isoformat(), "to": (monday + timedelta(weeks=1)).isoformat()}
        done = self.api.start("/v1/plan-runs", body, seconds=_PATIENCE_SECONDS)
        run_id = done["result"]["plan_run_id"]
        plan = self.api.send("GET", f"/v1/plan-runs/{run_id}")
        self.say(
            f"Week of {monday:%d %B %Y} planned: {len(plan['seats'])} seats, "
            f"at most {plan['gap_percent']:.3f} % from the best plan there is"
        )
        self.api.start(f"/v1/plan-runs/{run_id}/publish", None, seconds=_PATIENCE_SECONDS)
        plan = self.api.send("GET", f"/v1/plan-runs/{run_id}")
        sessions = list(self.api.pages("/v1/sessions", status="confirmed"))
        for seat in plan["seats"]:
            if seat["refusal"]:
                self.say(f"  not booked: {seat['refusal']}")
        self.say(f"{len(sessions)} sessions booked")
        return plan, sessions

    def _invited(self) -> int:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._unfinished():
            if time.monotonic() > deadline:
                raise DemoFailed(f"Mail could not be written to {self.outbox}.")
            time.sleep(0.1)
        mails, invites = (len(list(self.outbox.glob(names))) for names in ("*.eml", "ent_*.eml"))
        self.say(f"{invites} invites and {mails - invites} notices in {self.outbox}")
        return invites

    def _unfinished(self) -> int:
        with transaction(self.engine, writes=False) as db:
            dead = db.execute(select(job.c.last_error).where(job.c.status == JobStatus.DEAD)).first()
            if dead:
                raise DemoFailed(f"A job failed: {dead.last_error}")
            waiting = select(func.count()).where(job.c.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
            ours = or_(job.c.due_at <= self.clock(), job.c.attempts > 0)  # others are for another day
            untold = select(func.count()).where(event.c.announced.is_(False))
            return int(db.execute(waiting.where(ours)).scalar_one() + db.execute(untold).scalar_one())

    def _feeds(self, email_of: dict[str, str], sessions: list[Any]) -> None:
        folder = self.folder / "feeds"
        folder.mkdir(exist_ok=True)
        who = {participant["person_id"] for session in sessions for participant in session["participants"]}
        junior = min((p.email for p in self.made.people if p.kind == "mentee"), default="")
        for person_id in sorted(who):
            feed = self.api.send(
                "POST", "/v1/feeds", json={"person_id": person_id, "kind": "personal", "privacy": "full"}
            )
            content = self.api.download(urlsplit(feed["url"]).path)
            if email_of[person_id] == junior:
                self.a_feed = feed["url"]
            (folder / f"{email_of[person_id]}.ics").write_bytes(content)
        self.say(f"{len(who)} calendar feeds in {folder}")

    def _import(self, kind: str, text: str) -> None:
        headers = {"Content-Type": "text/csv"}
        self.api.send("POST", "/v1/imports", params={"kind": kind}, content=text.encode(), headers=headers)

    def _digest(self, email_of: dict[str, str], run: Any, plan: Any) -> str:
        """Return a digest of who was matched with whom and who sits where, by e-mails and external ids."""
        external = {call["id"]: call["external"][0]["id"] for call in self.api.pages("/v1/calls")}
        pairs = sorted(f"{email_of[m['mentee_id']]} {email_of[m['mentor_id']]} {m['score']}" for m in run["matches"])
        seats = sorted(f"{email_of[s['observer_id']]} {external[s['call_id']]}" for s in plan["seats"])
        return hashlib.sha256("\n".join([*pairs, *seats]).encode()).hexdigest()


def next_week(now: datetime) -> datetime:
    """Return the next Monday (00:00 UTC) that is at least an hour away: far enough for every notice."""
    day = (now.astimezone(UTC) + timedelta(hours=25)).date()
    return datetime.combine(day + timedelta(days=-day.weekday() % 7), wall_time(), UTC)


def _clear(folder: Path) -> None:
    """Remove what an earlier demo wrote; refuse a folder with anything else in it."""
    if folder.exists() and not folder.is_dir():
        raise DemoFailed(f"{folder} is not a folder: choose another by --dir.")
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).exists():
        raise DemoFailed(f"{folder} holds something that is not a demo: choose another folder by --dir.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _WRITTEN:
        (folder / name).unlink(missing_ok=True)
    for name in ("outbox", "feeds"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / _MARK).write_text("{}\n")


def _report(folder: Path, found: Found, *, seconds: float, size: str, seed: int, today: date) -> None:
    body = {
        **{name: getattr(found, name) for name in Found.__dataclass_fields__},
        "seconds": round(seconds, 2),
        "size": size,
        "seed": seed,
        "today": today.isoformat(),
    }
    (folder / "report.json").write_text(json.dumps(body, indent=2) + "\n")


def _show_around(
    api: EarshotApi, engine: Engine, settings: Settings, clock: Clock, made: Company, key: str, feed: str, say: Say
) -> None:
    url = settings.public_url
    admin = next(person for person in made.people if person.kind == "admin")
    someone = next(iter(api.pages("/v1/people", q=admin.email)))
    with transaction(engine, writes=True) as db:
        secret = create_sign_in_link(db, person_id=someone["id"], actor=SYSTEM, now=clock())
    say("")
    say(f"  Look around  {url}/login/t/{secret}")
    say(f"               (signs you in as {admin.name}, once; another: earshot login-link EMAIL --dir {settings.dir})")
    say(f"  API docs     {url}/docs")
    say(f"  An API key   {key}")
    say(f"  A feed       {feed}")
    say("  Ctrl-C stops it.")


def _wait_for_the_end() -> NoReturn:
    """Wait until somebody presses Ctrl-C or the machine ends us; either way the service stops in order."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    while True:
        time.sleep(1)  # not without end: a signal that the system gives to another thread wakes nobody


@contextmanager
def _serving(web: uvicorn.Server, listener: Any) -> Iterator[None]:
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, name="web")
    thread.start()
    try:
        while not web.started:
            if not thread.is_alive():
                raise DemoFailed("The service did not start.")
            time.sleep(0.01)
        yield
    finally:
        web.should_exit = True
        thread.join()
