"""Real CalDAV servers on loopback: Radicale with a password, Xandikos without."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_port, is_listening

USER, PASSWORD = "mara", "s3cret: with a colon"
_MKCALENDAR = """<?xml version="1.0"?>
<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:set><D:prop><D:displayname>Work</D:displayname></D:prop></D:set></C:mkcalendar>"""


@dataclass
class CalDav:
    """A server, the addresses of a home and of a principal, and a client that fills it."""

    url: str
    home: str
    principal: str
    client: httpx.Client
    needs_password: bool

    def make(self, name: str) -> str:
        """Make a calendar and return its URL."""
        url = f"{self.url}{self.home}{name}/"
        made = self.client.request("MKCALENDAR", url, content=_MKCALENDAR, headers={"Content-Type": "application/xml"})
        assert made.status_code == 201, made.text
        return url

    def put(self, calendar: str, name: str, content: bytes) -> None:
        headers = {"Content-Type": "text/calendar; charset=utf-8"}
        put = self.client.put(f"{calendar}{name}.ics", content=content, headers=headers)
        assert put.status_code in (200, 201, 204), put.text


@contextmanager
def radicale(folder: Path) -> Iterator[CalDav]:
    port = free_port()
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    config = f"""
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder / "users"}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder / "collections"}
[web]
type = none
"""
    (folder / "config").write_text(config)
    with (
        _running(folder, port, "-m", "radicale", "--config", str(folder / "config")),
        httpx.Client(auth=(USER, PASSWORD), trust_env=False, timeout=PATIENCE_SECONDS) as client,
    ):
        yield CalDav(f"http://127.0.0.1:{port}", f"/{USER}/", f"/{USER}/", client, needs_password=True)


@contextmanager
def xandikos(folder: Path) -> Iterator[CalDav]:
    port = free_port()
    told = ("-d", str(folder / "dav"), "-l", "127.0.0.1", "-p", str(port), "--defaults", "--no-detect-systemd")
    principal = f"/{USER}/"
    with (
        _running(folder, port, "-m", "xandikos", "serve", *told, "--current-user-principal", principal),
        httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client,
    ):
        yield CalDav(f"http://127.0.0.1:{port}", f"{principal}calendars/", principal, client, needs_password=False)


@contextmanager
def _running(folder: Path, port: int, *command: str) -> Iterator[None]:
    """Run a server until the block ends; it is there when it answers at all."""
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, *command], stdout=out, stderr=out, env={**os.environ, "HOME": str(folder)}
        )
    try:
        until(lambda: is_listening(port) or server.poll() is not None)
        assert server.poll() is None, log.read_text()
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE_SECONDS)
