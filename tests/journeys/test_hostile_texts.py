"""Hostile texts in every place of the API that takes one, and then everything that comes out: JSON, pages, CSV,
calendars, mails, chats and logs. Nothing runs, nothing is injected, nothing breaks (S13).
"""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from app.db import transaction
from app.models.tables import delivery
from app.queries.chats import happenings
from app.rules import chat
from app.rules.csv_rows import safe
from app.vocabulary import WebhookFormat
from tests.access_world import World, an_sqlite_world
from tests.described import Operation, assert_described, operations, resolved, routes
from tests.hostile_texts import KINDS, MARK, NAMES, UNSEEN, Place, as_json, fitting, spoilt, texts_of, with_text
from tests.ical.checker import parse, problems
from tests.jobs.house import House
from tests.web.page_reader import Page

WITH_TEXTS = [operation for operation in operations() if texts_of(operation)]
NO_JSON = [o for o in operations() if o.content() and "application/json" not in o.content()]
HAVE_A_FORM = ("email", "time_zone", "url", "rrule", "acts", "confirm", "hold_token", "preferred")
"""Texts, by their names, of which a rule in code says the form, beside ids."""
_NUMBERS = count()
EVERY = {**NAMES, **KINDS}
PAGES = [one.path_format for one in routes() if not one.include_in_schema and "GET" in (one.methods or ())]
MAIL_HEADERS = {
    "content-type", "mime-version", "from", "to", "subject", "date", "message-id", "auto-submitted", "reply-to",
    "in-reply-to", "references", "list-unsubscribe", "list-unsubscribe-post", "list-id", "content-transfer-encoding",
    "x-auto-response-suppress", "sender", "content-class", "importance",
}  # fmt: skip
IN_PERSON = {"PUT /v1/calls/{call_id}/hand": ("concerned", "live_call")}
"""What nobody's key may: who does it instead, and on which call."""
OF_PEOPLE_WHO_MEET = ("POST /v1/sessions/{session_id}/cancel",)
"""What takes words of a session without a call alone."""
WHOLE: dict[str, Any] = {
    "external": [{"source": "hubspot:7", "id": "7"}],
    "mapping": resolved("#/components/schemas/DiallerMapping")["examples"][0],
}
"""What a text in it makes no sense without."""
OUR_SCRIPT = re.compile(r"/assets/[0-9a-f]+/earshot\.js")
"""The only one on any page."""
HOLD_TEXTS = ("bdi", "title", "option", "textarea", "code", "pre")
"""Elements of which the text cannot turn its neighbours around, or stands alone."""


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("world")) as made:
        for form in ("slack", "teams", "standard"):
            endpoint: dict[str, Any] = {"name": form, "url": f"https://{form}.example/hook", "format": form, "acts": []}
            assert made.admin.post("/v1/webhook-endpoints", json=endpoint).status_code == 201
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        metafunc.parametrize("kind", [*(EVERY if metafunc.config.getoption("--soak") else NAMES)])


def test_a_hostile_text_does_nothing_wherever_it_is_written_and_wherever_it_comes_out(
    world: World, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = EVERY[kind]
    with world.undone():
        feeds = _feeds(world)
        taken = _write_everywhere(world, text)
        if kind == "what programs run":
            places = {(o.route, place) for o in WITH_TEXTS for place in texts_of(o) if not _has_a_form(place)}
            assert places - taken == set(), "nothing shows what becomes of these: what would their operations take?"
        _check_answers(world)
        _check_pages(world)
        _check_calendars(world, feeds)
        _check_audit(world)
        _check_mails(world)
        _check_chats(world)
    _check_logs(capfd)


# --- In


def _write_everywhere(world: World, text: str) -> set[tuple[str, Place]]:
    """Send the text in each place by itself, then as each name that can be changed; return where it was taken."""
    taken = set()
    for operation in WITH_TEXTS:
        content = operation.content()["application/json"]
        who, call = IN_PERSON.get(operation.route, ("admin", "call_id"))
        session = "one_on_one" if operation.route in OF_PEOPLE_WHO_MEET else "session_id"
        path = world.path(operation.path, call_id=world.ids[call], session_id=world.ids[session])
        for place, most in texts_of(operation).items():
            fits = fitting(text, most)
            body = {**_example(world, content["example"]), **_otherwise(world, content, place)}
            answers = [world.keys[who].request(operation.method, path, **as_json(with_text(body, place, fits)))]
            if operation.method == "PATCH" and not _has_a_form(place):
                answers += _rename_all(world, operation, place, fits)
            for answer in answers:
                _check(operation, answer)
            if any(answer.is_success for answer in answers):
                taken.add((operation.route, place))
    for operation in NO_JSON:
        for kind, content in operation.content().items():
            for raw in spoilt(kind, content["example"], text):
                query = {"kind": "calls"} if kind == "text/csv" else {}
                headers = {"Content-Type": kind}
                sent = world.admin.request(operation.method, operation.path, params=query, content=raw, headers=headers)
                _check(operation, sent)
    return taken


def _rename_all(world: World, operation: Operation, place: Place, text: str) -> list[httpx.Response]:
    """Change every object that there is."""
    parent = world.path(operation.path).rpartition("/")[0]
    listed = world.admin.get(parent, params={"limit": 100}) if operation.path.endswith("}") else None
    found = listed.json()["data"] if listed is not None and listed.is_success else []
    paths = [f"{parent}/{one['id'] if 'id' in one else one['slug']}" for one in found]
    return [world.admin.patch(path, **as_json(with_text({}, place, text))) for path in paths]


def _check(operation: Operation, answer: httpx.Response) -> None:
    where = f"{operation.route} {answer.request.content[:300]!r} -> {answer.status_code} {answer.text[:500]}"
    assert answer.status_code < 500, where
    assert_described(operation, answer)
    if answer.status_code >= 400:
        assert MARK not in answer.text, where


def _has_a_form(place: Place) -> bool:
    name = next(str(step) for step in reversed(place) if step)
    return name.endswith(("_id", "_ids")) or name in HAVE_A_FORM


def _otherwise(world: World, content: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return the fields of a body that must not be as in the example: what is taken by then, who may be named once,
    what goes along with what is tried, and words with tokens of another kind of mail.
    """
    number = next(_NUMBERS)
    others = {
        "slug": f"quite_new_{number}",
        "url": f"https://quite.new.example/{number}",
        "email": f"new.{number}@earshot.example",
        "username": "mara",
        "subject": "Hello",
        "text": "Hello",
        "host_ids": [world.ids["mara"]],
        "observer_ids": [world.ids["cleo"]],
    }
    fields = resolved(content["schema"]["$ref"])["properties"]
    other = {name: value for name, value in others.items() if name in fields and name != place[0]}
    return other | {name: value for name, value in WHOLE.items() if name == place[0]}


def _example(world: World, value: Any) -> Any:
    written = json.dumps(value)
    for prefix, name in (("per", "cleo"), ("acc", "account_id"), ("prg", "program_id"), ("team", "team_id")):
        written = re.sub(rf'"{prefix}_[0-9a-z]{{26}}"', json.dumps(world.ids[name]), written)
    return json.loads(written)


def _feeds(world: World) -> list[str]:
    """Paths of feeds of each kind."""
    found = [f"/feeds/{world.ids['secret']}.ics"]
    for kind, team in (("team", world.ids["team_id"]), ("open_seats", None)):
        for privacy in ("full", "busy_only"):
            wanted = {"person_id": world.ids["ana" if privacy == "full" else "mara"], "kind": kind, "privacy": privacy}
            made = world.admin.post("/v1/feeds", json={**wanted, **({"team_id": team} if team else {})})
            if made.is_success:
                found.append(f"/feeds/{made.json()['secret']}.ics")
    return found


# --- Out


def _check_answers(world: World) -> None:
    for operation in operations():
        if operation.method == "GET" and not operation.path.endswith((".ics", ".csv")):
            query = _example(world, operation.required_query())
            answer = world.admin.get(world.path(operation.path), params=query)
            _check(operation, answer)
            assert answer.headers["content-type"] in ("application/json", "application/problem+json"), operation.route
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert not _injected(answer.headers.keys()), operation.route


def _check_pages(world: World) -> None:
    shown = 0
    for template in PAGES:
        if "{digest}" in template:
            continue
        path = world.path(template, token="x", group_id="calls")
        for who in ("admin", "concerned", "lead", "auditor"):
            answer = world.browsers[who].get(path)
            assert answer.status_code < 500, (path, answer.text[:500])
            kind = answer.headers.get("content-type", "")
            if kind.startswith("text/calendar"):
                _check_calendar(answer.content, is_checked=False)
            elif kind.startswith("text/html"):
                shown += MARK in answer.text
                faults = [one for one in Page(answer).faults() if answer.status_code == 200 or one != "may be stored"]
                assert faults == [], path
                assert list(_Texts(answer.text).faults) == [], path
    assert shown >= 5 or world.admin.get("/v1/calls").text.count(MARK) == 0


class _Texts(HTMLParser):
    """Finds what of a hostile text is no text, and text that could turn its neighbours around."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        is_ours = tag == "script" and len(attrs) == 2 and OUR_SCRIPT.fullmatch(dict(attrs).get("src") or "")
        named = any(MARK in name or name.startswith("on") for name, _ in attrs)
        if MARK in tag or (tag == "script" and not is_ours) or named:
            self.faults.append(f"<{tag} {attrs}>")
        if any(re.match(r"\s*javascript:", value or "", re.IGNORECASE) for _, value in attrs):
            self.faults.append(f"<{tag} {attrs}>")
        if dict(attrs).get("dir") == "auto":
            tag = "bdi"
        if tag not in ("meta", "link", "input", "img", "br", "hr", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, _tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if MARK in data and not set(self._open) & set(HOLD_TEXTS):
            self.faults.append(f"not isolated: {self._open[-3:]} {data.strip()[:80]!r}")


def _check_calendars(world: World, feeds: list[str]) -> None:
    paths = [*feeds, *(world.path(o.path) for o in operations() if o.path.endswith(".ics") and "feeds" not in o.path)]
    for path in paths:
        query = {"from": "2026-11-20T00:00:00Z"} if "freebusy" in path else {}
        answer = world.admin.get(path, params=query)
        assert answer.status_code == 200, (path, answer.text[:300])
        _check_calendar(answer.content, is_checked="freebusy" not in path and "invite" not in path)


def _check_calendar(data: bytes, *, is_checked: bool = True) -> None:
    physical = data.split(b"\r\n")
    assert all(len(line) <= 75 and b"\n" not in line and b"\r" not in line for line in physical)
    assert not _injected(re.findall(rb"(?m)^[A-Za-z0-9-]+", data))
    calendar = parse(data)
    assert MARK not in {line.name for line in calendar.lines} | {p.name for p in calendar.parts}
    assert not UNSEEN.search(data.decode().replace("\r\n ", "").replace("\r\n", "\n")), data
    if is_checked:
        assert problems(data, method=None) == []


def _injected(names: Any) -> list[str]:
    """Names of headers or properties that only a hostile text has."""
    texts = (name.decode() if isinstance(name, bytes) else str(name) for name in names)
    return [name for name in texts if name.lower() in (f"x-{MARK}", "bcc")]


def _check_audit(world: World) -> None:
    answer = world.admin.get("/v1/audit.csv")
    head, *rows = csv.reader(io.StringIO(answer.text))
    assert len(rows) > 10
    for row in rows:
        assert len(row) == len(head)
        assert [cell for cell in row if safe(cell) != cell and not cell.startswith("'")] == []


def _check_mails(world: World) -> None:
    house = House(world.api.engine, world.api.settings, world.api.clock)
    house.announce()
    house.work()
    mails = house.mails()
    assert mails
    for raw in mails.values():
        _check_mail(raw)
    shutil.rmtree(world.api.settings.outbox)


def _check_mail(raw: bytes) -> None:
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b""), head
    mail = message_from_bytes(raw, policy=default)
    assert {name.lower() for name in mail} <= MAIL_HEADERS, sorted(mail.keys())
    assert [str(value) for value in mail.values() if UNSEEN.search(str(value))] == []
    assert len(mail["To"].addresses) == 1
    for part in mail.walk():
        if part.is_multipart():
            continue
        content: Any = part.get_payload(decode=True)
        if part.get_content_type() == "text/html":
            read = _Texts(content.decode())
            assert [fault for fault in read.faults if not fault.startswith("not isolated")] == []
        elif part.get_content_type() == "text/plain":
            words = content.decode().replace("\r\n", "\n")
            assert not UNSEEN.search(words), words
            assert not re.search(rf"(?mi)^(bcc|x-{MARK}|end):", words), words
        else:
            assert part.get_content_type() in ("text/calendar", "application/ics"), part.get_content_type()
            _check_calendar(content, is_checked=False)


def _check_chats(world: World) -> None:
    calls = [world.ids[name] for name in ("call_id", "shadowed_call", "sensitive_call", "wanted_call")]
    with transaction(world.api.engine, writes=False) as db:
        bodies = db.execute(select(delivery.c.body)).scalars().all()
        said = happenings(db, calls)
    assert bodies
    assert all(isinstance(json.loads(body), dict) for body in bodies)
    assert said.keys() == set(calls)
    for form in (WebhookFormat.SLACK, WebhookFormat.TEAMS):
        for one in said.values():
            _check_chat(form, chat.message(form, chat.ACTS[0], one, public_url="https://earshot.example"))


def _check_chat(form: WebhookFormat, said: Any) -> None:
    if isinstance(said, dict):
        text = said.get("text")
        if isinstance(text, str) and MARK in text:
            assert not UNSEEN.search(text.replace("\n", "")), text
            assert form is not WebhookFormat.SLACK or not re.search("[<>]", text), text
            assert "{{" not in text, text
            assert said.get("type") in (None, "plain_text", "TextRun"), said
        for part in said.values():
            _check_chat(form, part)
    elif isinstance(said, list):
        for part in said:
            _check_chat(form, part)


def _check_logs(capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = capfd.readouterr()
    for line in out.splitlines():
        assert isinstance(json.loads(line), dict), line
