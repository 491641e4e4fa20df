"""A house whose mail goes to a folder, and what is read in its mails."""

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

from sqlalchemy import Engine, select, update

from app.adapters.outside import Outside
from app.config import Settings
from app.db import transaction
from app.jobs import HANDLERS
from app.jobs.context import JobContext
from app.jobs.mail import send_invite
from app.models.tables import calendar_entry, job
from app.operations.announcing import announce
from app.queries.entries import Desk
from app.vocabulary import JobStatus, Part
from tests.harness import FakeClock

MAIL = ("invite_mail", "notice_mail", "sign_in_mail", "address_mail")


@dataclass
class House:
    """A database, an outbox, and the jobs that wait."""

    engine: Engine
    settings: Settings
    clock: FakeClock

    def work(self) -> None:
        """Run each waiting mail job once."""
        mail = job.c.status == JobStatus.QUEUED, job.c.kind.in_(MAIL)
        with transaction(self.engine, writes=True) as db:
            waiting = db.execute(select(job.c.kind, job.c.payload).where(*mail).order_by(job.c.id)).all()
            db.execute(update(job).where(*mail).values(status=JobStatus.DONE))
        for kind, payload in waiting:
            HANDLERS[kind](self.context(payload))

    def announce(self) -> None:
        """Announce what has happened, as the workers' herald does."""
        with transaction(self.engine, writes=True) as db:
            while announce(db, now=self.clock()):
                pass

    def send(self, entry_id: str) -> None:
        send_invite(self.context({"entry_id": entry_id}))

    def context(self, payload: Mapping[str, Any]) -> JobContext:
        return JobContext(self.engine, self.settings, self.clock, Outside(self.settings), payload, lambda _: None)

    def mails(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.settings.outbox.glob("*.eml"))}

    def entry(self, part: Part) -> Any:
        with transaction(self.engine, writes=False) as db:
            return db.execute(select(calendar_entry).where(calendar_entry.c.part == part)).one()

    def jobs(self) -> list[JobStatus]:
        with transaction(self.engine, writes=False) as db:
            return list(db.execute(select(job.c.status)).scalars())

    def desk(self) -> Desk:
        return Desk.of(self.settings)


def calendar_of(mail: bytes) -> bytes:
    found: Any = next(part for part in message_from_bytes(mail).walk() if part.get_content_type() == "text/calendar")
    content: bytes = found.get_payload(decode=True)
    return content


def words_of(mail: bytes, kind: str) -> str:
    found: Message = next(part for part in message_from_bytes(mail).walk() if part.get_content_type() == kind)
    content = found.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def subject_of(mail: bytes) -> str:
    return str(message_from_bytes(mail, policy=default)["Subject"])


def to(house: House, address: str) -> list[bytes]:
    return [mail for mail in house.mails().values() if address in message_from_bytes(mail)["To"]]
