"""The guide to webhooks, followed as a developer of a CRM would."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from app import clock
from app.adapters.webhooks import signed
from app.config import Settings
from app.credentials import new_webhook_secret
from app.db import make_engine, transaction
from app.main import create_app
from app.operations.api_keys import create_api_key
from app.operations.teams import create_team
from app.operations.webhooks import BOTH_SIGN
from app.rules.access import SYSTEM
from app.rules.deliveries import AFTER_AN_ATTEMPT, FAILS_NO_LONGER_THAN
from app.rules.retention import KINDS
from app.vault import Vault
from app.vocabulary import Role
from tests.harness import served
from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_port

HOUR = timedelta(hours=1)
GUIDE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()


def block(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", GUIDE, re.DOTALL)
    assert found, name
    return found[1]


PRELUDE, MAKE = block("make").split("\n\n", 1)


@dataclass
class Reader:
    """Somebody who has the guide, a shell and a key."""

    url: str
    key: str
    folder: Path

    def run(self, name: str, **values: str) -> list[dict[str, Any]]:
        """Run a block of the guide and return what was answered."""
        environment = {"URL": self.url, "KEY": self.key, "PATH": os.environ["PATH"], "no_proxy": "127.0.0.1", **values}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{PRELUDE}\n{MAKE if name == 'make' else block(name)}"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return [json.loads(line) for line in re.split(r"(?<=[}])(?=\{)", done.stdout) if line]

    def api(self, path: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        found: dict[str, Any] = httpx.get(
            self.url + path, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
        ).json()
        return found

    def wait_for(self, delivery_id: str, status: str) -> None:
        until(lambda: self.api(f"/v1/deliveries/{delivery_id}")["status"] == status)

    @contextmanager
    def receives(self, secret: str, port: int) -> Iterator["Received"]:
        """Run the receiver meanwhile."""
        (self.folder / "receiver.py").write_text(block("receiver"))
        command, log = [sys.executable, "-u", str(self.folder / "receiver.py")], self.folder / "received"
        environment = {"SECRET": secret, "PORT": str(port)}
        with log.open("w") as out, subprocess.Popen(command, env=environment, stdout=out) as process:
            try:
                yield Received(log)
            finally:
                process.terminate()


@dataclass
class Received:
    """What the receiver has printed."""

    log: Path

    def first(self, number: int) -> list[str]:
        """Wait for so many events and return them without their sequence."""
        until(lambda: len(self.lines()) >= number)
        return [line.partition(" ")[2] for line in self.lines()]

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def reader(sqlite_url: str, tmp_path: Path) -> Iterator[Reader]:
    settings = Settings(
        dir=tmp_path,
        database_url=sqlite_url,
        secret_key=SecretStr("test"),
        allow_plain_http=True,
        outbound_allow=(IPv4Network("127.0.0.1/32"),),
        _env_file=None,
    )
    engine = make_engine(sqlite_url, vault=Vault.of(settings))
    with transaction(engine, writes=True) as db:
        key = create_api_key(db, name="test", role=Role.ADMIN, person_id=None, actor=SYSTEM, now=clock.now())
        create_team(db, name="Before", actor=SYSTEM, now=clock.now())
    with served(create_app(settings, engine=engine, worker_threads=2)) as url:
        yield Reader(url, key, tmp_path)
    engine.dispose()


def test_a_developer_follows_the_guide_from_the_first_endpoint_to_another_secret(reader: Reader) -> None:
    port, last_year = free_port(), datetime.now(UTC) - timedelta(days=365)
    (made,) = reader.run("make", HOOK=f"http://127.0.0.1:{port}/hooks")
    known = {"ENDPOINT": made["id"], "SINCE": f"{last_year:%Y-%m-%dT%H:%M:%SZ}"}

    with reader.receives(made["secret"], port) as received:
        reader.run("test", **known)
        assert received.first(1) == [f"webhook_endpoint.tested {made['id']}"]

        assert reader.run("replay", **known)[1] == {"events": 1}
        (event,) = reader.run("read", SEQUENCE="0", **known)[0]["data"]
        assert received.first(2)[1] == f"team.created {event['object_id']}"

        (told,) = reader.api(f"/v1/deliveries?event_id={event['id']}")["data"]
        _, shown, again = reader.run("look", DELIVERY=told["id"], **known)
        assert json.loads(shown["body"])["type"] == "team.created"
        assert again["status"] == "waiting"
        reader.wait_for(told["id"], "delivered")
        assert len(received.first(2)) == 2

    (rotated,) = reader.run("rotate", **known)
    for secret in (rotated["secret"], made["secret"]):
        with reader.receives(secret, port) as received:
            reader.run("test", **known)
            assert received.first(1) == [f"webhook_endpoint.tested {made['id']}"]


def test_what_the_guide_checks_by_hand_is_what_libraries_check() -> None:
    names: dict[str, Any] = {}
    exec(block("by hand"), names)  # noqa: S102 - the guide's own code
    is_ours = names["is_ours"]
    old, new, body = new_webhook_secret(), new_webhook_secret(), '{"type":"team.created","data":"é"}'.encode()
    now = datetime.now(UTC)
    headers = signed((new, old), event_id="evt_1", body=body, now=now)

    for secret in (new, old):
        Webhook(secret).verify(body, headers)
        assert is_ours(secret, headers, body)
    assert not is_ours(new_webhook_secret(), headers, body)
    assert not is_ours(new, headers, body + b" ")
    assert not is_ours(new, {**headers, "webhook-id": "evt_2"}, body)
    assert not is_ours(new, {**headers, "webhook-timestamp": str(int(now.timestamp()) - 301)}, body)
    assert not is_ours(new, {**headers, "webhook-timestamp": "soon"}, body)
    assert not is_ours(new, signed((new,), event_id="evt_1", body=body, now=now.replace(year=2020)), body)


def test_every_number_of_the_guide_is_one_of_the_house() -> None:
    assert ", ".join(in_short(step) for step in AFTER_AN_ATTEMPT) in GUIDE
    assert f"{BOTH_SIGN // HOUR} hours both secrets sign" in GUIDE
    assert f"kept for {KINDS['deliveries'].days} days" in GUIDE
    assert (FAILS_NO_LONGER_THAN.days, "five days of failures only" in GUIDE) == (5, True)


def in_short(step: timedelta) -> str:
    for unit, name in ((HOUR, "h"), (timedelta(minutes=1), "min")):
        if step >= unit:
            return f"{step // unit} {name}"
    return f"{step.seconds} s"
