import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from app.adapters.mail import FolderMailer, Mailer, MailHeld, MailRefused, MailUnavailable, SmtpMailer
from app.adapters.smtp import Relay
from app.ical.imip import message as invite_mail
from app.ical.itip import request
from tests.adapters.smtp_server import SmtpServer, Step
from tests.ical.entry_examples import CALENDAR_DESK, JUNIOR, NOON, an_entry
from tests.patience import PATIENCE_SECONDS

MESSAGE_ID = "ses_1.0.request@7f3a.earshot"
PASSWORD = "secret"
LETTER = b"Subject: hello\r\n\r\n.\r\n..\r\nline\r\n"
"""What a busy machine may take to give up a relay that would be waited for without end."""


def a_relay(server: SmtpServer) -> Relay:
    return Relay(
        host="127.0.0.1", port=server.port, own_name="earshot.example", username=None, password=None, security="none"
    )


LATE_SECONDS = 15
"""With --soak."""


def a_mailer(server: SmtpServer, *, seconds: float = 20) -> SmtpMailer:
    return SmtpMailer(a_relay(server), sender="calendar@earshot.example", per_domain_per_minute=1000, seconds=seconds)


def sent(server: SmtpServer, message: bytes = LETTER, *, recipient: str = JUNIOR.email) -> None:
    """Hand one mail over, and part."""
    with closing(a_mailer(server)) as mailer:
        mailer.send(MESSAGE_ID, recipient, message)


def an_encrypting_mailer(
    server: SmtpServer, *, trusted: Path | None, password: str = PASSWORD, seconds: float = 20
) -> SmtpMailer:
    relay = Relay(
        host="localhost",
        port=server.port,
        own_name="earshot.example",
        username="jo",
        password=password,
        security="tls" if server.implicit_tls else "starttls",
        tls=ssl.create_default_context(cafile=trusted),
    )
    return SmtpMailer(relay, sender="calendar@earshot.example", per_domain_per_minute=1000, seconds=seconds)


def an_invite() -> bytes:
    return invite_mail(
        calendar=request(an_entry(summary="Grüße 🎧")),
        method="REQUEST",
        sender=CALENDAR_DESK,
        recipient=JUNIOR,
        subject="Grüße",
        text="...\n.\n",
        html="<p>.</p>",
        message_id=MESSAGE_ID,
        date=NOON,
    )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for localhost that no system trusts, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    both, key = folder / "both.pem", folder / "key.pem"
    wanted = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [openssl, "req", "-x509", *curve, *wanted, "-keyout", key, "-out", both], check=True, capture_output=True
    )
    both.write_bytes(both.read_bytes() + key.read_bytes())
    return both


def a_tls_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize(
    ("step", "answer", "permanent", "code"),
    [
        ("RCPT", "451 greylisted", False, 451),
        ("RCPT", "550 no such mailbox", True, 550),
        ("DATA", "451 busy", False, 451),
        ("DATA", "554 no", True, 554),
        ("END", "451 later", False, 451),
        ("END", "550 spam", True, 550),
    ],
)
def test_a_refusal_says_whether_asking_again_may_help(step: Step, answer: str, permanent: bool, code: int) -> None:
    with SmtpServer(answers={step: answer}) as server, pytest.raises(MailRefused) as refused:
        sent(server)

    assert (refused.value.permanent, refused.value.code) == (permanent, code)
    assert server.delivered == []


@pytest.mark.parametrize(
    ("step", "answer", "blamed"),
    [
        ("RCPT", "550 no such mailbox", True),
        ("RCPT", "551 not here", True),
        ("RCPT", "553 no such name", True),
        ("RCPT", "550 5.1.1 no such mailbox", True),
        ("RCPT", "554 5.1.2 no such domain", True),
        ("RCPT", "556 5.1.10 null MX", True),
        ("RCPT", "550-5.2.1 closed\r\n550 5.2.1 for good", True),
        ("RCPT", "550 5.4.1 access denied", True),
        ("RCPT", "552 5.2.2 mailbox full", False),
        ("RCPT", "550 5.7.1 relaying denied", False),
        ("RCPT", "550 5.1.8 sender refused", False),
        ("RCPT", "554 no", False),
        ("RCPT", "450 4.1.1 greylisted", False),
        ("DATA", "550 5.1.1 too late", False),
        ("END", "550 5.7.1 spam", False),
    ],
)
def test_only_what_is_wrong_with_the_address_is_blamed_on_it(step: Step, answer: str, blamed: bool) -> None:
    with SmtpServer(answers={step: answer}) as server, pytest.raises(MailRefused) as refused:
        sent(server)

    assert refused.value.blames_address is blamed


@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL"])
@pytest.mark.parametrize("answer", ["421 closing", "451 busy", "554 not you", "hello there", "354 go on", ""])
def test_a_relay_that_wants_nothing_from_us_is_no_fault_of_the_mail(step: Step, answer: str, soak: bool) -> None:
    hang_up_at = None if answer else step
    with SmtpServer(answers={step: answer}, hang_up_at=hang_up_at) as server, pytest.raises(MailHeld) as held:
        sent(server)

    assert (4 if soak else 0) < held.value.seconds <= 5
    assert "RCPT" not in server.verbs


@pytest.mark.parametrize("step", ["RCPT", "DATA", "END"])
def test_a_relay_that_closes_the_line_on_the_way_is_unavailable(step: Step) -> None:
    with SmtpServer(answers={step: "421 4.3.0 closing"}) as server, pytest.raises(MailUnavailable):
        sent(server)

    assert server.delivered == []


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_a_connection_lost_on_the_way_is_no_refusal(step: Step) -> None:
    with SmtpServer(hang_up_at=step) as server, pytest.raises(MailUnavailable):
        sent(server)

    assert server.delivered == []


def test_a_drop_before_the_final_250_is_sent_again_as_the_very_same_message() -> None:
    with SmtpServer(hang_up_at="END") as server:
        with pytest.raises(MailUnavailable):
            sent(server, an_invite())
        server.hang_up_at = None
        sent(server, an_invite())

    first, second = server.delivered
    assert first == second
    assert f"Message-ID: <{MESSAGE_ID}>".encode() in first.content


@pytest.mark.parametrize("answer", ["421 rude", "nonsense"])
def test_a_relay_that_is_rude_at_parting_has_taken_the_mail_all_the_same(answer: str) -> None:
    with SmtpServer(answers={"QUIT": answer}) as server:
        sent(server)
    with SmtpServer(hang_up_at="QUIT") as dropping:
        sent(dropping)

    assert len(server.delivered) == len(dropping.delivered) == 1


def test_an_answer_that_is_no_smtp_is_no_refusal() -> None:
    with SmtpServer(answers={"RCPT": "hello there"}) as server, pytest.raises(MailUnavailable):
        sent(server)


def test_nobody_listening_is_no_fault_of_the_mail() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but it does not listen
        server = SmtpServer(port=closed.getsockname()[1])

        with pytest.raises(MailHeld):
            sent(server)


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".example", "127.0.0.1.."])
def test_a_name_that_leads_nowhere_is_no_fault_of_the_mail(host: str) -> None:
    relay = Relay(host=host, port=25, own_name="earshot.example", username=None, password=None, security="none")
    mailer = SmtpMailer(relay, sender="calendar@earshot.example", per_domain_per_minute=1000)

    with pytest.raises(MailHeld):
        mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)


def test_a_silent_relay_is_given_up_at_the_deadline(soak: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = SmtpServer(port=silent.getsockname()[1])
        started = time.monotonic()

        with closing(a_mailer(server, seconds=0.2)) as mailer, pytest.raises(MailHeld):
            mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert time.monotonic() - started < (LATE_SECONDS if soak else PATIENCE_SECONDS)


@pytest.mark.parametrize("line", [b"2", b"220-more\r\n", b"220-" + b"x" * 500 + b"\r\n"])
def test_a_relay_that_answers_byte_by_byte_or_without_end_is_given_up_at_the_deadline(line: bytes, soak: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trickle:
        server = SmtpServer(port=trickle.getsockname()[1])
        speaker = threading.Thread(target=_speak_slowly, args=(trickle, line))
        speaker.start()
        started = time.monotonic()

        with closing(a_mailer(server, seconds=0.3)) as mailer, pytest.raises(MailHeld):
            mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)
        took = time.monotonic() - started
        trickle.shutdown(socket.SHUT_RDWR)  # if it has not come at all
        speaker.join()

    assert took < (LATE_SECONDS if soak else PATIENCE_SECONDS)


def test_a_relay_that_stops_reading_a_mail_is_given_up_at_the_deadline(soak: bool) -> None:
    with a_relay_that_falls_silent("220 relay", *["250 yes"] * 3, "354 go on") as server:
        assert 5 <= seconds_until_given_up(a_mailer(server, seconds=5)) < (LATE_SECONDS if soak else PATIENCE_SECONDS)


def test_so_is_one_that_reads_no_more_of_what_is_encrypted(certificate: Path, soak: bool) -> None:
    answers = ("220 relay", "250-relay\r\n250 AUTH PLAIN", "235 welcome", "250 yes", "250 yes", "354 go on")
    with a_relay_that_falls_silent(*answers, tls=a_tls_context(certificate)) as server:
        mailer = an_encrypting_mailer(server, trusted=certificate, seconds=5)
        assert 5 <= seconds_until_given_up(mailer) < (LATE_SECONDS if soak else PATIENCE_SECONDS)


def seconds_until_given_up(mailer: SmtpMailer) -> float:
    """Send more than fits into the buffers on the way."""
    started = time.monotonic()
    with pytest.raises(MailUnavailable):
        mailer.send(MESSAGE_ID, JUNIOR.email, (b"x" * 998 + b"\r\n") * 8_000)
    return time.monotonic() - started


@pytest.mark.parametrize("answers", [["220 relay", "250-relay\r\n250 STARTTLS", "220 go"], []])
def test_a_relay_that_never_encrypts_is_given_up_at_the_deadline(answers: list[str], soak: bool) -> None:
    with a_relay_that_falls_silent(*answers, seconds=0.64) as server:
        server.implicit_tls = not answers
        mailer = an_encrypting_mailer(server, trusted=None, seconds=2)
        started = time.monotonic()

        with pytest.raises(MailHeld, match=r"timed out|too slow"):
            mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

        # Each step by itself had two seconds more.
        assert time.monotonic() - started < (3.8 if soak else PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("line", "why"), [(b"220-" + b"x" * 20_000 + b"\r\n", "500"), (b"220-more\r\n" * 100_000, "never stops")]
)
def test_a_relay_that_never_stops_talking_is_cut_short(line: bytes, why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as talker:
        server = SmtpServer(port=talker.getsockname()[1])
        speaker = threading.Thread(target=_speak_slowly, args=(talker, line))
        speaker.start()

        with closing(a_mailer(server)) as mailer, pytest.raises(MailHeld, match=why):
            mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)
        speaker.join()


def _speak_slowly(listener: socket.socket, line: bytes) -> None:
    """Say the same again and again, until nobody listens."""
    with suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            while True:
                connection.sendall(line)
                time.sleep(0.05)


@contextmanager
def a_relay_that_falls_silent(
    *answers: str, tls: ssl.SSLContext | None = None, seconds: float = 0
) -> Iterator[SmtpServer]:
    """Answer so to one command after the other, each after `seconds`; then hold the line and read no more."""
    over = threading.Event()

    def talk() -> None:
        listener.settimeout(PATIENCE_SECONDS)
        connection, _ = listener.accept()
        with tls.wrap_socket(connection, server_side=True) if tls else connection as line:
            with suppress(OSError):  # they did not wait for it
                for number, answer in enumerate(answers):
                    if number:
                        line.recv(1000)
                    time.sleep(seconds)
                    line.sendall(f"{answer}\r\n".encode())
            over.wait()

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as speaker:
        talked = speaker.submit(talk)
        try:
            yield SmtpServer(port=listener.getsockname()[1], implicit_tls=tls is not None)
        finally:
            over.set()
        talked.result()


@pytest.mark.parametrize(
    "recipient",
    [
        "jo@acme.example>\r\nRCPT TO:<buyer@customer.example",
        "jo@acme.example\r",
        "jö@acme.example",
        "Jo <jo@x.example>",
    ],
)
def test_a_malformed_recipient_is_refused_for_good_and_never_reaches_the_relay(recipient: str) -> None:
    with SmtpServer() as server, pytest.raises(MailRefused) as refused:
        sent(server, recipient=recipient)

    assert refused.value.permanent
    assert "RCPT" not in server.verbs


def test_an_invite_arrives_byte_for_byte_whatever_the_relay_can_do() -> None:
    with SmtpServer(extensions=()) as server:
        sent(server, an_invite())

    (mail,) = server.delivered
    assert mail.content == an_invite()
    assert mail.mail_from == "FROM:<calendar@earshot.example>"
    assert mail.rcpt_to == f"TO:<{JUNIOR.email}>"
    assert server.greeted_by == "earshot.example"


@pytest.mark.parametrize(
    "recipient", ["a..b@acme.example", ".!#$%&'*+/=?^_`{|}~-@acme.example", "jo@-.example..", "-@x"]
)
def test_an_address_is_named_to_the_relay_as_it_stands(recipient: str) -> None:
    with SmtpServer() as server:
        sent(server, recipient=recipient)

    assert server.delivered[0].rcpt_to == f"TO:<{recipient}>"


def test_lines_that_are_dots_arrive_as_they_are() -> None:
    with SmtpServer() as server:
        sent(server)

    assert server.delivered[0].content == LETTER


@pytest.mark.parametrize(
    "message",
    [
        "Subject: x\r\n\r\nGrüße\r\n".encode(),
        b"Subject: x\r\n\r\nend\n.\r\nMAIL FROM:<eve@evil.example>\r\n",
        b"Subject: x\r\n\r\nend\r\n.\nMAIL FROM:<eve@evil.example>\r\n",
        b"Subject: x\r\n\r\nend\r.\r",
    ],
)
def test_what_relays_read_in_different_ways_is_never_sent(message: bytes) -> None:
    with SmtpServer() as server, pytest.raises(MailRefused) as refused:
        sent(server, message)

    assert (refused.value.permanent, refused.value.blames_address) == (True, False)
    assert server.verbs == []


@pytest.mark.parametrize("implicit", [False, True])
def test_a_relay_whose_certificate_nobody_vouches_for_gets_neither_password_nor_mail(
    certificate: Path, implicit: bool
) -> None:
    relay = SmtpServer(tls=a_tls_context(certificate), implicit_tls=implicit, extensions=("AUTH PLAIN",))

    with relay, pytest.raises(MailHeld, match="certificate"):
        an_encrypting_mailer(relay, trusted=None).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert not {"AUTH", "MAIL"} & set(relay.verbs)


def test_a_relay_that_does_not_offer_tls_gets_neither_password_nor_mail() -> None:
    with SmtpServer(extensions=("AUTH PLAIN",)) as server, pytest.raises(MailHeld, match="no STARTTLS"):
        an_encrypting_mailer(server, trusted=None).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert not {"AUTH", "MAIL"} & set(server.verbs)


def test_a_wrong_password_keeps_the_mail_waiting(certificate: Path) -> None:
    with SmtpServer(tls=a_tls_context(certificate)) as server, pytest.raises(MailHeld, match="535"):
        an_encrypting_mailer(server, trusted=certificate, password="wrong").send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert server.delivered == []


def test_a_mail_goes_out_after_starttls_and_sign_in(certificate: Path) -> None:
    server = SmtpServer(tls=a_tls_context(certificate))
    with server, closing(an_encrypting_mailer(server, trusted=certificate)) as mailer:
        mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [mail.content for mail in server.delivered] == [LETTER]
    assert server.verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_mail_goes_out_over_tls_from_the_first_byte(certificate: Path) -> None:
    server = SmtpServer(tls=a_tls_context(certificate), implicit_tls=True, extensions=("AUTH LOGIN",))
    with server, closing(an_encrypting_mailer(server, trusted=certificate)) as mailer:
        mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [mail.content for mail in server.delivered] == [LETTER]


def test_what_a_relay_says_before_the_encryption_is_not_taken_for_what_it_says_after(certificate: Path) -> None:
    in_between = "250 AUTH XOAUTH2"  # taken for the answer to the next EHLO, it would leave no way to sign in
    server = SmtpServer(tls=a_tls_context(certificate), answers={"STARTTLS": f"220 go\r\n{in_between}"})

    with server, closing(an_encrypting_mailer(server, trusted=certificate)) as mailer:
        mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert server.verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_relay_that_offers_no_way_to_sign_in_that_we_know_gets_no_mail(certificate: Path) -> None:
    server = SmtpServer(tls=a_tls_context(certificate), implicit_tls=True, extensions=("AUTH XOAUTH2",))

    with server, pytest.raises(MailHeld, match="authentication method"):
        an_encrypting_mailer(server, trusted=certificate).send(MESSAGE_ID, JUNIOR.email, LETTER)


def test_a_password_without_tls_is_refused_and_never_shown() -> None:
    given = {"host": "relay", "port": 587, "own_name": "b.example", "username": "jo", "password": "hunter2"}

    with pytest.raises(ValueError, match="clear text"):
        Relay(**given, security="none")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="ASCII"):
        Relay(**given | {"password": "hünter2"}, security="tls")  # type: ignore[arg-type]
    relay = Relay(**given, security="starttls")  # type: ignore[arg-type]
    mailer = SmtpMailer(relay, sender="a@b.example", per_domain_per_minute=1)

    assert "hunter2" not in repr(relay) + repr(mailer)


def test_a_folder_that_cannot_be_written_is_unavailable_and_leaves_no_rubbish(tmp_path: Path) -> None:
    in_the_way = tmp_path / "mail"
    in_the_way.write_text("a file")
    taken = tmp_path / "folder"
    (taken / f"{MESSAGE_ID}.eml").mkdir(parents=True)

    with pytest.raises(MailUnavailable):
        FolderMailer(in_the_way).send(MESSAGE_ID, JUNIOR.email, LETTER)
    with pytest.raises(MailUnavailable):
        FolderMailer(taken).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [path.name for path in taken.iterdir()] == [f"{MESSAGE_ID}.eml"]


@pytest.mark.parametrize(
    "message_id",
    ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a\x00b", "a/b", "ü" * 500, "x" * 10_000, "\ud800", "a\r\nb"],
)
def test_no_message_id_leaves_the_folder(tmp_path: Path, message_id: str) -> None:
    folder = tmp_path / "mail"

    FolderMailer(folder).send(message_id, JUNIOR.email, LETTER)

    (written,) = folder.iterdir()
    assert written.read_bytes() == LETTER
    assert written.name.endswith(".eml")
    assert list(tmp_path.iterdir()) == [folder]


def test_ids_that_look_alike_are_different_files(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path)
    ids = ["a/b@x", "a%2Fb@x", "a_b@x", "a b@x", "x" * 300, "x" * 301]

    for message_id in ids:
        mailer.send(message_id, JUNIOR.email, message_id.encode())

    assert {path.read_text() for path in tmp_path.iterdir()} == set(ids)


def test_the_same_id_twice_is_one_file(tmp_path: Path) -> None:
    mailer: Mailer = FolderMailer(tmp_path)

    mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)
    mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(f"{MESSAGE_ID}.eml", LETTER)]
