"""A relay that is down, refuses us, is busy, hangs up before its final yes and is slow: no mail is lost, nothing is
injected, and what arrives twice is the very same message.

Time is a clock that goes on whenever nobody has anything to do, so that weeks of waiting take seconds; the relay is a
real one, on a socket.
"""

import asyncio
import email
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.policy import default
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, select
from structlog.testing import capture_logs

from app.adapters.mail import Mailer, SmtpMailer
from app.adapters.outside import Outside
from app.adapters.smtp import Relay
from app.config import Settings
from app.db import transaction
from app.ical.entries import Attendee, Organizer
from app.ical.imip import letter
from app.jobs.context import JobContext
from app.jobs.posting import post
from app.models.tables import job
from app.operations.jobs import enqueue
from app.vocabulary import JobStatus
from app.worker import Worker
from tests.harness import NOW, FakeClock
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

SENDER = "earshot@earshot.example"
CREW = 4
HOSTILE = (
    "Jo",
    "Jo\r\nBcc: eve@evil.example",
    "Jo\nSubject: free money\n\nhello",
    "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\n",
    "\n.\nQUIT\n",
    "=?utf-8?q?Jo=0D=0ABcc:_eve@evil.example?=",
    "=?utf-8?b?Sm8NCkJjYzogZXZlQGV2aWwuZXhhbXBsZQ==?=",
    '"Jo" <eve@evil.example>, x',
    "\u202egro.live@eve\u202c",
    "Jo\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029Bcc: eve@evil.example",
    "\ud800Jo",
    "x" * 10_000,
    "é🎧" * 3000,
    ".",
    "",
)
ADDRESSES_THAT_ARE_NONE = (
    "jo@acme.example>\r\nRCPT TO:<eve@evil.example",
    "jo@acme.example\r\nDATA",
    "jo@acme.example> NOTIFY=NEVER <x",
    "Jo <jo@acme.example>, eve@evil.example",
    "jö@acme.example",
    "x" * 300 + "@acme.example",
    "",
)
HEADERS = {"Content-Type", "MIME-Version", "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}


@dataclass
class Taken:
    mail_from: str
    rcpt_to: list[str]
    content: bytes

    @property
    def message_id(self) -> str:
        found = re.search(rb"^Message-ID: <(.+)>\r$", self.content, re.MULTILINE)
        assert found
        return found[1].decode()


@dataclass
class Moody:
    """What a relay does with the mails that come. `mood`: wary (it wants a password), busy (451), full (452 after the
    message), slow, or dropping (of three mails that it takes, it hangs up on one before it says so).
    """

    mood: str = "wary"
    taken: list[Taken] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    _count: int = 0

    async def handle_MAIL(self, *given: Any) -> str:  # noqa: N802  as aiosmtpd calls it
        _, _, envelope, address, _ = given
        if self.mood == "wary":
            return "530 5.7.0 sign in first"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, *given: Any) -> str:  # noqa: N802
        _, _, envelope, address, _ = given
        self.recipients.append(address)
        if self.mood == "busy":
            return "451 4.3.0 busy"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.mood == "full":
            return "452 4.3.1 no space"
        if self.mood == "slow":
            await asyncio.sleep(0.05)
        content = envelope.content
        assert isinstance(content, bytes)
        self.taken.append(Taken(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        self._count += 1
        if self.mood == "dropping" and self._count % 3 == 0:
            self.dropped.append(self.taken[-1].message_id)
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 taken"


@contextmanager
def up(moody: Moody, port: int, mood: str) -> Iterator[None]:
    moody.mood = mood
    relay = Controller(moody, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE_SECONDS)
    relay.start()
    try:
        yield
    finally:
        relay.stop()


class Nearby(Outside):
    """Ways out that lead to the relay of the test, which rests for tenths of seconds."""

    def __init__(self, settings: Settings, port: int) -> None:
        super().__init__(settings)
        self._port = port

    @cached_property
    def mailer(self) -> Mailer:
        relay = Relay(
            host="127.0.0.1", port=self._port, own_name="earshot.example", username=None, password=None, security="none"
        )
        return SmtpMailer(relay, sender=SENDER, per_domain_per_minute=100_000, seconds=15, rests=(0.05, 0.1))


def queue_letters(engine: Engine, how_many: int) -> None:
    with transaction(engine, writes=True) as db:
        for number in range(how_many):
            enqueue(db, "letter", {"number": number}, now=NOW, max_attempts=20)
        for number in range(len(ADDRESSES_THAT_ARE_NONE)):
            enqueue(db, "bad_letter", {"number": number}, now=NOW, max_attempts=20)


class Office:
    """A crew that sends letters in rounds: after each the clock goes on, so that whatever waits is due in the next."""

    def __init__(self, engine: Engine, settings: Settings, port: int) -> None:
        self.engine = engine
        self.clock = FakeClock()
        self.outside = Nearby(settings, port)
        handlers = {"letter": self._letter, "bad_letter": self._bad_letter}
        self.worker = Worker(engine, settings, self.clock, handlers, periodic={})
        self.longest = 0.0

    def round(self) -> None:
        def work() -> None:
            while self.worker.run_one():
                pass

        with ThreadPoolExecutor(CREW) as crew:
            for done in [crew.submit(work) for _ in range(CREW)]:
                done.result()
        self.clock.advance(timedelta(hours=5))
        time.sleep(0.11)  # the longest rest

    def statuses(self, kind: str = "letter") -> Counter[JobStatus]:
        with transaction(self.engine, writes=False) as db:
            return Counter(db.execute(select(job.c.status).where(job.c.kind == kind)).scalars())

    def attempts(self) -> set[int]:
        with transaction(self.engine, writes=False) as db:
            return set(db.execute(select(job.c.attempts).where(job.c.kind == "letter")).scalars())

    def _letter(self, context: JobContext) -> None:
        number = context.payload["number"]
        words = HOSTILE[number % len(HOSTILE)]
        message_id = f"letter.{number}@earshot.example"
        to = f"person{number}@acme.example"
        content = letter(
            sender=Organizer(words, SENDER),
            recipient=Attendee(words, to),
            subject=words,
            text=words,
            html=words,
            message_id=message_id,
            date=NOW,
        )
        self._post(context, message_id, to, content)

    def _bad_letter(self, context: JobContext) -> None:
        address = ADDRESSES_THAT_ARE_NONE[context.payload["number"]]
        self._post(context, "bad@earshot.example", address, b"Subject: x\r\n\r\nx\r\n")

    def _post(self, context: JobContext, message_id: str, to: str, content: bytes) -> None:
        started = time.monotonic()
        try:
            post(replace(context, outside=self.outside), message_id=message_id, recipient=to, message=content)
        finally:
            self.longest = max(self.longest, time.monotonic() - started)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_mail_is_lost_or_altered_by_the_worst_of_relays(engine: Engine, tmp_path: Path, soak: bool) -> None:
    how_many, started = (1000 if soak else 45), time.monotonic()
    port, moody = free_port(), Moody()
    office = Office(engine, Settings(dir=tmp_path, _env_file=None), port)
    queue_letters(engine, how_many)

    with closing(office.outside), capture_logs():  # to draw a thousand tracebacks takes longer than all else
        for _ in range(3):
            office.round()
        assert office.attempts() == {0}, "that a relay is down is no fault of any mail"
        with up(moody, port, "wary"):
            office.round()
        assert office.attempts() == {0}, "nor that it wants a password"
        assert moody.recipients == []
        for mood in ("busy", "full", "dropping", "slow"):
            with up(moody, port, mood):
                office.round()
        with up(moody, port, "dropping"):
            while office.statuses()[JobStatus.QUEUED]:
                office.round()

    expected = {f"letter.{number}@earshot.example": f"person{number}@acme.example" for number in range(how_many)}
    assert office.statuses() == {JobStatus.DONE: how_many}
    assert office.statuses("bad_letter") == {JobStatus.DEAD: len(ADDRESSES_THAT_ARE_NONE)}
    arrived = Counter(one.message_id for one in moody.taken)
    assert arrived.keys() == expected.keys(), "0 lost, 0 from others"
    assert arrived == Counter(expected.keys()) + Counter(moody.dropped), "nothing double but after a drop"
    assert set(moody.recipients) == set(expected.values())
    contents: dict[str, set[bytes]] = {}
    for one in moody.taken:
        assert (one.mail_from, one.rcpt_to) == (SENDER, [expected[one.message_id]])
        contents.setdefault(one.message_id, set()).add(one.content)
        mail = email.message_from_bytes(one.content, policy=default)
        assert sorted(mail.keys()) == sorted(HEADERS)
        assert [address.addr_spec for address in mail["To"].addresses] == [expected[one.message_id]]
        assert [address.addr_spec for address in mail["From"].addresses] == [SENDER]
    assert all(len(one) == 1 for one in contents.values()), "what comes twice is the very same"
    assert office.longest < (6 if soak else 20)  # five seconds for the talk, one for the turn; an idle machine keeps it
    figures = {
        "mails": how_many,
        "dropped and repeated": len(moody.dropped),
        "hostile mails": sum(number % len(HOSTILE) > 0 for number in range(how_many)),
        "longest post, seconds": round(office.longest, 2),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(figures)
