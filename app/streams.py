"""Streams that tell pages, as it happens, which of their parts became stale. They say no more than that: whoever is
told reads the part again, as who they are, so what is missed or told twice does no harm.

All streams of a process share one thread, which reads the events that every change leaves, and only while there are
streams. A stream keeps a set of topics that it has not told yet, and no backlog; it has no thread and no connection to
the database.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

import structlog
from pydantic import Field, StringConstraints
from sqlalchemy import Engine

from app.clock import Clock
from app.db import DbSession, Retryable, transaction
from app.errors import NotAcceptable, TooMany, Unavailable
from app.queries.calls import call_in_sight
from app.queries.streams import MOST_CHANGES, changes, latest, let_in, topics
from app.rules.access import Actor
from app.wake import bell_of, relay

log = structlog.get_logger("earshot.streams")

MEDIA_TYPE = "text/event-stream"
HEADERS = {"X-Accel-Buffering": "no"}
"""Proxies that keep answers until they are whole (nginx, by default) pass this one on as it comes."""
Topic = Annotated[str, StringConstraints(pattern=r"^(floor|me|call:call_[0-9a-z]{26})$")]
Topics = Annotated[list[Topic], Field(max_length=8)]
MOST_OF_ONE, MOST = 6, 2000
"""Streams of one person, as many as a browser has connections to one server, and of one process."""
_SILENCE_SECONDS = 15.0
"""After so long a comment is sent, so that whatever stands between takes the line for alive."""
_CHECK_SECONDS = 60.0
_LIFE_SECONDS = 3600.0
"""A stream ends after that; its client comes again, and is looked at again."""
_LINGER_SECONDS = 30.0
"""How long the thread goes on when nobody is left: pages come and go."""
_LOOK_SECONDS = 1.0
"""How often events are looked for when nobody says that there are any: what says so may be lost."""
_REST_SECONDS = 0.05
"""Between two looks, and between two tellings to one client: a busy house changes often."""
_MISSED_SECONDS = 60.0
_MOST_MISSED = 1000
"""How long, and how many at once, sequences are waited for that were passed over: their transaction is under way, or
was rolled back.
"""
_BEGIN_SECONDS = 5.0
_BEGIN: Final = b"retry: 2000\n\n"
_SILENCE: Final = b":\n\n"


class TooManyStreams(TooMany):
    """Somebody has as many streams open as one person may."""

    code = "too_many_streams"
    title = "As many pages of yours follow the floor as one person may have"


def check(db: DbSession, topics: Iterable[str], *, accept: str, actor: Actor) -> None:
    """Raise NotAcceptable when the client does not say that it takes a stream, which whoever waits for the end of an
    answer would wait for in vain; and NotFound when one of the calls is not for this actor to know of.
    """
    if MEDIA_TYPE not in accept:
        raise NotAcceptable(f"Answers here are {MEDIA_TYPE}, and have no end: ask with that as Accept.")
    for topic in topics:
        if topic.startswith("call:"):
            call_in_sight(db, topic.removeprefix("call:"), actor=actor)


class Stream:
    """What one client has not been told yet. It belongs to the event loop."""

    def __init__(self, *, person_id: str | None, credential_id: str, topics: Iterable[str]) -> None:
        self.whose = person_id or credential_id
        self.credential_id = credential_id
        self.is_over = False
        self.until = time.monotonic() + _LIFE_SECONDS
        self._told_as = {f"person:{person_id}" if topic == "me" else topic: topic for topic in topics}
        self._untold: set[str] = set()
        self._woken = asyncio.Event()

    @property
    def keys(self) -> list[str]:
        """By what it hears of changes, as `queries.streams.topics` names them."""
        return [*self._told_as, f"credential:{self.credential_id}"]

    def change(self, key: str) -> None:
        """Note that something changed."""
        if key in self._told_as:
            self._untold.add(self._told_as[key])
            self._woken.set()
        else:  # its credential
            self.end()

    def end(self) -> None:
        """Tell nothing more."""
        self.is_over = True
        self._woken.set()

    async def untold(self) -> set[str]:
        """Return what is to be told, as soon as there is any; nothing after a while, or when it is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), _SILENCE_SECONDS)
        self._woken.clear()
        found, self._untold = self._untold, set()
        return found


class Streams:
    """All streams of one process. It belongs to the event loop, but for the thread that reads."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._streams: set[Stream] = set()
        self._by_key: dict[str, set[Stream]] = {}
        self._watch: _Watch | None = None
        self._checking: asyncio.Task[None] | None = None
        self._threads: list[threading.Thread] = []
        self._is_closed = False

    async def open(self, stream: Stream) -> None:
        """Let a stream hear of whatever changes from now on. Raises TooManyStreams and Unavailable."""
        if self._is_closed or len(self._streams) >= MOST:
            raise Unavailable("As many pages follow the floor as this service bears. Look again in a while.")
        if sum(one.whose == stream.whose for one in self._streams) >= MOST_OF_ONE:
            raise TooManyStreams(60)
        self._streams.add(stream)
        for key in stream.keys:
            self._by_key.setdefault(key, set()).add(stream)
        try:
            await self._begin()
        except BaseException:
            self.leave(stream)
            raise

    def leave(self, stream: Stream) -> None:
        """Forget a stream, however often."""
        stream.end()
        self._streams.discard(stream)
        for key in stream.keys:
            heard = self._by_key.get(key, set())
            heard.discard(stream)
            if not heard:
                self._by_key.pop(key, None)
        if not self._streams and self._watch:
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._rest)

    async def told(self, stream: Stream) -> AsyncIterator[bytes]:
        """Yield an open stream as it is sent (WHATWG HTML, section 9.2, server-sent events), until it is over."""
        try:
            yield _BEGIN
            while True:
                found = await stream.untold()
                if stream.is_over or time.monotonic() > stream.until:
                    return
                yield b"".join(f"event: changed\ndata: {one}\n\n".encode() for one in sorted(found)) or _SILENCE
                await asyncio.sleep(_REST_SECONDS)
        finally:
            self.leave(stream)

    def close(self) -> None:
        """End all streams: the service stops."""
        self._is_closed = True
        for stream in self._streams:
            stream.end()
        self._end()

    async def closed(self) -> None:
        """Close, and return when nothing of it uses the database any more."""
        self.close()
        for one in self._threads:
            await asyncio.to_thread(one.join)

    def count(self) -> int:
        """How many there are."""
        return len(self._streams)

    async def _begin(self) -> None:
        """Return when events are read. What happens before its client is told that a stream is open, it reads itself.
        Raises Unavailable when that takes too long.
        """
        if self._watch is None:
            self._watch = _Watch(self._engine, self._clock, self._spread)
            self._threads = [one for one in self._threads if one.is_alive()] + self._watch.threads
            self._checking = asyncio.create_task(self._check())
        try:
            await asyncio.wait_for(self._watch.begun.wait(), _BEGIN_SECONDS)
        except TimeoutError:
            raise Unavailable from None

    def _rest(self) -> None:
        if not self._streams:
            self._end()

    def _end(self) -> None:
        if self._watch and self._checking:
            self._watch.end()
            self._checking.cancel()
        self._watch = self._checking = None

    def _spread(self, changed: Iterable[str]) -> None:
        """Let each stream hear of what it asked for."""
        for key in changed:
            for stream in self._by_key.get(key, ()):
                stream.change(key)

    async def _check(self) -> None:
        """End the streams of whoever is let in no longer, now and then: not every way out leaves an event. So are those
        that have had their time: whose client went before anything was told, nobody else forgets.
        """
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            for stream in [one for one in self._streams if time.monotonic() > one.until]:
                self.leave(stream)
            asked = {one.credential_id for one in self._streams}
            try:
                found = await asyncio.to_thread(self._let_in, asked)
            except (Unavailable, Retryable):
                continue  # the database is busy or away
            except Exception:
                log.exception("streams")  # whatever it was, the next check is made
                continue
            self._spread(f"credential:{one}" for one in asked - found)

    def _let_in(self, asked: set[str]) -> set[str]:
        with transaction(self._engine, writes=False) as db:
            return let_in(db, asked, now=self._clock())


class Trail:
    """How far events have been read, and which sequences were passed over on the way."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.missing: dict[int, float] = {}
        """When each was passed over."""

    @classmethod
    def behind(cls, sequences: Sequence[int], *, at: float) -> "Trail":
        """Begin behind the latest sequences, in ascending order: what is missing among them may be under way still."""
        trail = cls(sequences[0] - 1 if sequences else 0)
        trail.follow(sequences, at=at)
        return trail

    def follow(self, sequences: Iterable[int], *, at: float) -> None:
        """Note that these have been read, in ascending order."""
        for one in sequences:
            self.missing.pop(one, None)
            if one > self.last:
                passed_over = range(max(self.last + 1, one - _MOST_MISSED), one)
                self.missing |= dict.fromkeys(passed_over, at)
                self.last = one
        waited_for = [one for one, since in self.missing.items() if since > at - _MISSED_SECONDS]
        self.missing = {one: self.missing[one] for one in waited_for[-_MOST_MISSED:]}


class _Watch:
    """The threads that read events, from their begin to their end: one that reads, and on PostgreSQL one that hears
    when other processes have something to read.
    """

    def __init__(self, engine: Engine, clock: Clock, spread: Callable[[Iterable[str]], None]) -> None:
        self.begun = asyncio.Event()
        self._engine = engine
        self._clock = clock
        self._spread = spread
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._trail: Trail | None = None
        self.threads = [threading.Thread(target=self._run, name="streams", daemon=True)]
        if engine.dialect.name == "postgresql":
            self.threads.append(threading.Thread(target=relay, args=(engine, self._stop), daemon=True))
        for one in self.threads:
            one.start()

    def end(self) -> None:
        """Stop reading, and wait for nobody."""
        self._stop.set()
        bell_of(self._engine).ring()

    def _run(self) -> None:
        bell = bell_of(self._engine)
        while not self._stop.is_set():
            heard = bell.rung
            try:
                if self._look():
                    continue
            except (Unavailable, Retryable):
                self._stop.wait(_LOOK_SECONDS)  # the database is busy or away
            except Exception:
                log.exception("streams")
                self._stop.wait(_LOOK_SECONDS)
            self._stop.wait(_REST_SECONDS)
            bell.wait(heard, _LOOK_SECONDS)

    def _look(self) -> bool:
        """Read what is new; whether there is more."""
        with transaction(self._engine, writes=False) as db:
            if self._trail is None:
                self._trail = Trail.behind(latest(db), at=time.monotonic())
                self._tell(self.begun.set)
                return False
            found = changes(db, after=self._trail.last, missing=self._trail.missing)
            changed = topics(db, found, now=self._clock())
        self._trail.follow([one.sequence for one in found], at=time.monotonic())
        if changed:
            self._tell(self._spread, changed)
        return len(found) == MOST_CHANGES

    def _tell(self, what: Callable[..., None], *given: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(what, *given)
