"""What becomes of a mail that a job posts, in the words of jobs."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from app.adapters.mail import MailRefused, MailUnavailable
from app.adapters.outside import Outside
from app.config import Settings
from app.db import transaction
from app.jobs.context import Hopeless, JobContext, Later
from app.jobs.posting import InTrouble, Refused, post
from app.models.tables import mail_trouble
from app.operations.mail_troubles import clear_trouble, note_trouble
from app.rules.access import SYSTEM
from tests.adapters.smtp_server import SmtpServer, Step
from tests.harness import NOW, FakeClock

LETTER = b"Subject: hello\r\n\r\nhello\r\n"
JO = "jo@acme.example"


def posted(engine: Engine, folder: Path, server: SmtpServer, *, recipient: str = JO) -> None:
    settings = Settings(dir=folder, smtp_host="127.0.0.1", smtp_port=server.port, smtp_tls="none", _env_file=None)
    outside = Outside(settings)
    context = JobContext(engine, settings, FakeClock(), outside, {}, lambda _: None)
    try:
        post(context, message_id="ntc_1@7f3a.earshot", recipient=recipient, message=LETTER)
    finally:
        outside.close()


def troubles(engine: Engine) -> dict[str, str]:
    with transaction(engine, writes=False) as db:
        return {row.email: row.why for row in db.execute(select(mail_trouble))}


def test_an_address_that_is_refused_for_good_is_not_asked_for_again(engine: Engine, tmp_path: Path) -> None:
    with SmtpServer(answers={"RCPT": "550 5.1.1 no such mailbox"}) as server:
        with pytest.raises(InTrouble):
            posted(engine, tmp_path, server)
        with pytest.raises(InTrouble, match=r"550 5\.1\.1"):
            posted(engine, tmp_path, server, recipient=JO.upper())

    assert troubles(engine) == {JO: "mail refused with 550 5.1.1"}
    assert server.verbs.count("RCPT") == 1


@pytest.mark.parametrize(
    ("step", "answer"), [("RCPT", "550 5.7.1 relaying denied"), ("DATA", "554 no"), ("END", "552 too large")]
)
def test_a_mail_that_is_refused_for_good_is_hopeless_and_its_address_is_not(
    engine: Engine, tmp_path: Path, step: Step, answer: str
) -> None:
    with SmtpServer(answers={step: answer}) as server, pytest.raises(Refused) as refused:
        posted(engine, tmp_path, server)

    assert refused.type is Refused
    assert troubles(engine) == {}


def test_what_may_go_better_another_time_is_a_failed_attempt(engine: Engine, tmp_path: Path) -> None:
    with SmtpServer(answers={"RCPT": "451 greylisted"}) as server, pytest.raises(MailRefused):
        posted(engine, tmp_path, server)
    with SmtpServer(hang_up_at="END") as server, pytest.raises(MailUnavailable):
        posted(engine, tmp_path, server)

    assert troubles(engine) == {}


def test_a_relay_that_is_down_is_no_attempt(engine: Engine, tmp_path: Path, soak: bool) -> None:
    with SmtpServer(answers={"GREETING": "554 closed today"}) as server, pytest.raises(Later, match="554") as later:
        posted(engine, tmp_path, server)

    assert NOW + timedelta(seconds=4 if soak else 0) < later.value.until <= NOW + timedelta(seconds=5)


def test_an_address_takes_mail_again_once_somebody_says_so(engine: Engine, tmp_path: Path) -> None:
    with transaction(engine, writes=True) as db:
        note_trouble(db, email=JO, why="bounced", now=NOW)

    with SmtpServer() as server:
        with pytest.raises(InTrouble):
            posted(engine, tmp_path, server)
        posted(engine, tmp_path, server, recipient="ana@acme.example")
        with transaction(engine, writes=True) as db:
            clear_trouble(db, email=JO, actor=SYSTEM, now=NOW)
        posted(engine, tmp_path, server)

    assert [mail.rcpt_to for mail in server.delivered] == ["TO:<ana@acme.example>", f"TO:<{JO}>"]


def test_what_no_attempt_will_mend_is_hopeless() -> None:
    assert issubclass(Refused, Hopeless)
