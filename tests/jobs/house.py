"""A house whose mail goes to a folder, and what is read in its mails."""

from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

from sqlalchemy import Engine, select, update

from app.adapters.outside import Outside
from app.config import Settings
from app.db import transaction
from app.jobs.context import JobContext
from app.jobs.mail import send_invite
from app.models.tables import calendar_entry, job
from app.queries.entries import Desk
from app.vocabulary import JobStatus, Part
from tests.harness import FakeClock


@dataclass
class House:
    """A database, an outbox, and the jobs that wait."""

    engine: Engine
    settings: Settings
    clock: FakeClock

    def work(self) -> None:
        """Run each waiting mail job once."""
        with transaction(self.engine, writes=True) as db:
            waiting = db.execute(select(job.c.id, job.c.payload).where(job.c.status == JobStatus.QUEUED)).all()
            db.execute(update(job).values(status=JobStatus.DONE))
        for _, payload in waiting:
            self.send(payload["entry_id"])

    def send(self, entry_id: str) -> None:
        send_invite(
            JobContext(
                self.engine, self.settings, self.clock, Outside(self.settings), {"entry_id": entry_id}, lambda _: None
            )
        )

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
