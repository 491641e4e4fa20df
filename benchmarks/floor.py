"""The floor: how soon 500 open pages hear of a change, against a bare Starlette that tells as many, and see it.

Each press changes what everybody sees. Heard: from the press to the last byte of the event, over HTTP, with all streams
on one process. Seen: to the part of the page that each then reads again after its 60 to 180 ms, all at the same time;
and the CPU that each of these readings takes the server, beside that of one who reads alone.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from app.db import transaction
from app.operations.sign_in import create_sign_in_link, redeem_sign_in_link
from app.rules.access import SYSTEM
from app.vocabulary import Door
from benchmarks.databases import copies
from benchmarks.figures import Figure
from benchmarks.servers import Get as Reading
from benchmarks.servers import Server, apart, earshot, made, milliseconds
from tests.factories import a_call, a_person
from tests.harness import NOW

_CALLS = 6
_SEEN = 3
"""Presses after which everybody reads again."""
_EVENTS = "Accept: text/event-stream\r\n"
_OURS = "Sec-Fetch-Site: same-origin\r\n"
_PART = {"X-Fragment": "floor", "Accept": "text/html"}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--presses", type=int, default=20)


def run(options: argparse.Namespace) -> list[Figure]:
    """Measure what is heard, what the part costs, and what is seen."""
    with ExitStack() as stack:
        cookies, copy = stack.enter_context(copies(options.engine, lambda engine: _fill(engine, options.clients)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = stack.enter_context(apart(made(earshot, copy(), folder)))
        bare = stack.enter_context(apart(made(_bare)))
        heard, seen, together = asyncio.run(_measured(ours, cookies, options.presses))
        bare_heard, _, _ = asyncio.run(_measured(bare, cookies, options.presses))
        [part] = milliseconds([Reading(ours, "/", _PART | {"Cookie": f"sid={cookies[0]}"})], requests=20)
    on = f"on {options.engine}"
    told = f"{options.clients} pages hear of a press {on}"
    return [
        Figure(f"{told}, p50", _percentile(heard, 50), "ms", _percentile(bare_heard, 50), "bare Starlette"),
        Figure(f"{told}, p99", _percentile(heard, 99), "ms", at_most=1000),
        Figure(f"the floor read again {on}, alone", part, "ms CPU"),
        Figure(f"the same {on}, all at the same time", 1000 * together, "ms CPU"),
        Figure(f"{options.clients} pages see a press, all reading at once {on}, p50", _percentile(seen, 50), "ms"),
        Figure(f"the same {on}, p99", _percentile(seen, 99), "ms", at_most=3000),
    ]


def _percentile(values: Sequence[float], which: int) -> float:
    return 1000 * quantiles(values, n=100)[which - 1]


async def _measured(server: Server, cookies: Sequence[str], presses: int) -> tuple[list[float], list[float], float]:
    """Return the seconds from each press to when each client heard of it; of more presses, to when each saw; and the
    server's CPU for each who saw.
    """
    address = urlsplit(str(server.client.base_url))
    pages = [_Page(address.hostname or "", address.port or 80, cookie) for cookie in cookies]
    await asyncio.gather(*(page.open() for page in pages))
    await asyncio.sleep(1)  # what signing in told
    heard: list[float] = []
    for number in range(presses):
        heard += await _press(pages, number, [page.heard for page in pages])
    seen: list[float] = []
    before = server.cpu_seconds()
    for number in range(_SEEN):
        seen += await _press(pages, presses + number, [page.seen for page in pages])
    spent = server.cpu_seconds() - before
    for page in pages:
        page.close()
    return heard, seen, spent / len(seen)


async def _press(pages: Sequence["_Page"], number: int, reach: Sequence[Callable[[], Awaitable[float]]]) -> list[float]:
    waiting = [asyncio.create_task(_begun(one)) for one in reach]
    await asyncio.sleep(0.2)
    pressed_at = time.perf_counter()
    await pages[0].press("dialling" if number % 2 else "heads-down")
    return [at - pressed_at for at in await asyncio.gather(*waiting)]


async def _begun(one: Callable[[], Awaitable[float]]) -> float:
    return await one()


class _Page:
    """A page that is open: its stream, and a line for each thing that it reads and presses."""

    def __init__(self, host: str, port: int, cookie: str) -> None:
        self._at = host, port
        self._head = f"Host: {host}:{port}\r\nCookie: sid={cookie}\r\n"

    async def open(self) -> None:
        self._stream, self._asks = await asyncio.open_connection(*self._at)
        self._asks.write(f"GET /stream?topic=floor HTTP/1.1\r\n{self._head}{_EVENTS}\r\n".encode())
        assert b" 200 " in await self._stream.readuntil(b"\r\n\r\n")
        await self._stream.readuntil(b"retry: 2000\n\n")

    async def heard(self) -> float:
        """Return when the next event has come."""
        await self._stream.readuntil(b"data: floor\n\n")
        return time.perf_counter()

    async def seen(self) -> float:
        """Return when the part has been read that the next event made stale."""
        await self.heard()
        await asyncio.sleep(random.uniform(0.06, 0.18))
        await self._ask("GET / HTTP/1.1\r\n", "X-Fragment: floor\r\n")
        return time.perf_counter()

    async def press(self, do: str) -> None:
        """Say how one works."""
        await self._ask(f"POST /?do={do} HTTP/1.1\r\nContent-Length: 0\r\n", _OURS)

    async def _ask(self, first: str, more: str) -> None:
        answers, line = await asyncio.open_connection(*self._at)
        line.write(f"{first}{self._head}{more}\r\n".encode())
        head = (await answers.readuntil(b"\r\n\r\n")).lower()
        assert head.split()[1] in (b"200", b"303"), head
        await answers.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        line.close()

    def close(self) -> None:
        """Go away."""
        self._asks.close()


def _fill(engine: Engine, clients: int) -> list[str]:
    """Have some calls on, and return the session of each client."""
    with transaction(engine, writes=True) as db:
        for number in range(_CALLS):
            host = a_person(db, f"Host {number}", door_default=Door.OPEN)
            a_call(db, host, starts_at=NOW - timedelta(minutes=5), minutes=45, seats=3)
        people = [a_person(db, f"Junior {number}").id for number in range(clients)]
        links = [create_sign_in_link(db, person_id=one, actor=SYSTEM, now=NOW) for one in people]
        return [redeem_sign_in_link(db, secret=link, now=NOW) for link in links]


def _bare() -> ASGIApp:
    """Return an app that tells of a press whoever is there, and nothing else."""
    there: set[asyncio.Event] = set()

    async def events() -> AsyncIterator[bytes]:
        woken = asyncio.Event()
        there.add(woken)
        yield b"retry: 2000\n\n"
        while True:
            await woken.wait()
            woken.clear()
            yield b"event: changed\ndata: floor\n\n"

    async def stream(_: Request) -> Response:
        return StreamingResponse(events(), media_type="text/event-stream")

    async def page(request: Request) -> Response:
        if request.method == "POST":
            for one in there:
                one.set()
        return Response(b"x")

    return Starlette(routes=[Route("/stream", stream), Route("/", page, methods=["GET", "POST"])])
