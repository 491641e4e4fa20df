"""Lines to a relay are kept, replaced and given back; a relay that fails is left alone."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from app.adapters.mail import MailHeld, MailRefused, MailUnavailable, SmtpMailer
from tests.adapters.smtp_server import SmtpServer
from tests.adapters.test_adapters_mail import LETTER, MESSAGE_ID, a_mailer, a_relay
from tests.patience import PATIENCE_SECONDS, until

JO = "jo@acme.example"


def test_one_line_carries_a_hundred_mails_and_then_another_one_is_opened() -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        for _ in range(101):
            mailer.send(MESSAGE_ID, JO, LETTER)

        assert (server.connections, len(server.delivered)) == (2, 101)
        assert server.verbs[:8] == ["EHLO", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA", "MAIL"]


def test_a_line_that_died_while_it_was_idle_is_replaced_and_nobody_notices() -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        mailer.send(MESSAGE_ID, JO, LETTER)
        server.drop_connections()
        mailer.send(MESSAGE_ID, JO, LETTER)

        assert (server.connections, len(server.delivered)) == (2, 2)


@pytest.mark.parametrize("answer", ["421 4.4.2 idle for too long", "452 4.5.3 too many mails on this line"])
def test_a_relay_that_has_had_enough_of_a_line_gets_another_one(answer: str) -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        mailer.send(MESSAGE_ID, JO, LETTER)
        server.answers_once["MAIL"] = answer
        mailer.send(MESSAGE_ID, JO, LETTER)

        assert (server.connections, len(server.delivered)) == (2, 2)


def test_a_mail_whose_final_answer_got_lost_is_never_sent_again_by_itself() -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        mailer.send(MESSAGE_ID, JO, LETTER)
        server.hang_up_at = "END"
        with pytest.raises(MailUnavailable):
            mailer.send(MESSAGE_ID, JO, LETTER)

        assert len(server.delivered) == 2


def test_a_line_is_reset_after_a_refusal_and_used_on() -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        server.answers_once["RCPT"] = "550 5.1.1 no such mailbox"
        with pytest.raises(MailRefused):
            mailer.send(MESSAGE_ID, JO, LETTER)
        mailer.send(MESSAGE_ID, "ana@acme.example", LETTER)

        assert server.connections == 1
        assert server.verbs == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA"]
        assert [mail.rcpt_to for mail in server.delivered] == ["TO:<ana@acme.example>"]


def test_a_line_that_cannot_be_reset_is_replaced() -> None:
    with SmtpServer() as server, closing(a_mailer(server)) as mailer:
        server.answers_once |= {"RCPT": "550 no", "RSET": "500 what?"}
        with pytest.raises(MailRefused):
            mailer.send(MESSAGE_ID, JO, LETTER)
        mailer.send(MESSAGE_ID, JO, LETTER)

        assert (server.connections, len(server.delivered)) == (2, 1)


def test_a_line_that_nobody_needs_is_given_back() -> None:
    with SmtpServer() as server:
        mailer = SmtpMailer(
            a_relay(server), sender="calendar@earshot.example", per_domain_per_minute=9, idle_seconds=0.1
        )
        with closing(mailer):
            mailer.send(MESSAGE_ID, JO, LETTER)
            assert until(lambda: "QUIT" in server.verbs)
            mailer.send(MESSAGE_ID, JO, LETTER)

    assert server.connections == 2


def test_a_mailer_that_is_closed_parts_and_keeps_no_line_any_more() -> None:
    with SmtpServer() as server:
        mailer = a_mailer(server)
        mailer.send(MESSAGE_ID, JO, LETTER)
        mailer.close()
        mailer.send(MESSAGE_ID, JO, LETTER)

    assert server.verbs.count("QUIT") == server.connections == 2


def test_however_many_threads_send_there_are_two_lines_and_every_mail_goes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.adapters.mail._TURN_SECONDS", PATIENCE_SECONDS)
    with SmtpServer() as server, closing(a_mailer(server)) as mailer, ThreadPoolExecutor(8) as crew:
        wanted = [f"person{number}@acme.example" for number in range(60)]
        list(crew.map(lambda email: mailer.send(MESSAGE_ID, email, LETTER), wanted))

        assert sorted(mail.rcpt_to for mail in server.delivered) == sorted(f"TO:<{email}>" for email in wanted)
        assert server.connections <= 2


def test_who_finds_both_lines_in_use_waits_a_second_and_is_told_to_come_back(soak: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(2) as crew:
        mailer = a_mailer(SmtpServer(port=silent.getsockname()[1]), seconds=20)
        busy = [crew.submit(mailer.send, MESSAGE_ID, JO, LETTER) for _ in range(2)]
        connections = [silent.accept()[0] for _ in range(2)]
        started = time.monotonic()

        with pytest.raises(MailHeld, match="in use"):
            mailer.send(MESSAGE_ID, JO, LETTER)

        assert 0.9 < time.monotonic() - started < (10 if soak else 20)
        for connection in connections:
            connection.close()
        assert all(isinstance(one.exception(), MailHeld) for one in busy)


def test_a_relay_that_failed_is_left_alone_for_a_while(soak: bool) -> None:
    with SmtpServer(answers={"MAIL": "451 busy"}) as server, closing(a_mailer(server)) as mailer:
        waits = []
        for _ in range(50 if soak else 9):
            with pytest.raises(MailHeld) as held:
                mailer.send(MESSAGE_ID, JO, LETTER)
            waits.append(held.value.seconds)

        assert server.connections == 1
        assert all((4 if soak else 0) < seconds <= 5 for seconds in waits)


def test_what_is_refused_of_one_mail_does_not_hold_the_others() -> None:
    with SmtpServer(answers={"RCPT": "451 greylisted"}) as server, closing(a_mailer(server)) as mailer:
        for _ in range(3):
            with pytest.raises(MailRefused):
                mailer.send(MESSAGE_ID, JO, LETTER)

        assert server.verbs.count("RCPT") == 3


def test_a_domain_that_has_had_its_share_is_held_while_others_go_on(soak: bool) -> None:
    with SmtpServer() as server:
        mailer = SmtpMailer(a_relay(server), sender="calendar@earshot.example", per_domain_per_minute=2)
        with closing(mailer):
            mailer.send(MESSAGE_ID, JO, LETTER)
            mailer.send(MESSAGE_ID, "Ana@ACME.example", LETTER)
            with pytest.raises(MailHeld, match="share") as held:
                mailer.send(MESSAGE_ID, JO, LETTER)
            mailer.send(MESSAGE_ID, "jo@other.example", LETTER)

    assert (59 if soak else 0) < held.value.seconds <= 60
    assert len(server.delivered) == 3


def test_no_thread_outlives_a_closed_mailer() -> None:
    before = threading.active_count()
    with SmtpServer() as server:
        with closing(a_mailer(server)) as mailer:
            mailer.send(MESSAGE_ID, JO, LETTER)
        server_threads = 1

        assert until(lambda: threading.active_count() <= before + server_threads)
