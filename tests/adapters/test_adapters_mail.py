import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from app.adapters.mail import FolderMailer, Mailer, MailRefused, MailUnavailable, SmtpMailer
from app.ical.imip import message as invite_mail
from app.ical.itip import request
from tests.adapters.smtp_server import SmtpServer, Step
from tests.ical.entry_examples import CALENDAR_DESK, JUNIOR, NOON, an_entry

MESSAGE_ID = "ses_1.0.request@7f3a.earshot"
PASSWORD = "secret"
LETTER = b"Subject: hello\r\n\r\n.\r\n..\r\nline\r\n"


def a_mailer(server: SmtpServer) -> SmtpMailer:
    return SmtpMailer(
        host="127.0.0.1",
        port=server.port,
        username=None,
        password=None,
        security="none",
        sender="calendar@earshot.example",
        timeout_seconds=5,
    )


def an_encrypting_mailer(server: SmtpServer, *, trusted: Path | None, password: str) -> SmtpMailer:
    return SmtpMailer(
        host="localhost",
        port=server.port,
        username="jo",
        password=password,
        security="tls" if server.implicit_tls else "starttls",
        sender="calendar@earshot.example",
        timeout_seconds=5,
        tls=ssl.create_default_context(cafile=trusted),
    )


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
        ("MAIL", "451 busy", False, 451),
        ("MAIL", "552 too much", True, 552),
        ("RCPT", "451 greylisted", False, 451),
        ("RCPT", "550 no such mailbox", True, 550),
        ("RCPT", "421 closing", False, 421),
        ("DATA", "451 busy", False, 451),
        ("DATA", "554 no", True, 554),
        ("END", "451 later", False, 451),
        ("END", "550 spam", True, 550),
    ],
)
def test_a_refusal_says_whether_asking_again_may_help(step: Step, answer: str, permanent: bool, code: int) -> None:
    with SmtpServer(answers={step: answer}) as server, pytest.raises(MailRefused) as refused:
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert (refused.value.permanent, refused.value.code) == (permanent, code)
    assert server.delivered == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_on_the_way_is_no_refusal(step: Step) -> None:
    with SmtpServer(hang_up_at=step) as server, pytest.raises(MailUnavailable):
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert server.delivered == []


def test_a_drop_before_the_final_250_is_sent_again_as_the_very_same_message() -> None:
    with SmtpServer(hang_up_at="END") as server:
        with pytest.raises(MailUnavailable):
            a_mailer(server).send(MESSAGE_ID, JUNIOR.email, an_invite())
        server.hang_up_at = None
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, an_invite())

    first, second = server.delivered
    assert first == second
    assert f"Message-ID: <{MESSAGE_ID}>".encode() in first.content


@pytest.mark.parametrize("answer", ["421 rude", "nonsense"])
def test_a_relay_that_is_rude_at_parting_has_taken_the_mail_all_the_same(answer: str) -> None:
    with SmtpServer(answers={"QUIT": answer}) as server:
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)
    with SmtpServer(hang_up_at="QUIT") as dropping:
        a_mailer(dropping).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert len(server.delivered) == len(dropping.delivered) == 1


def test_an_answer_that_is_no_smtp_is_no_refusal() -> None:
    with SmtpServer(answers={"RCPT": "hello there"}) as server, pytest.raises(MailUnavailable):
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but it does not listen
        server = SmtpServer(port=closed.getsockname()[1])

        with pytest.raises(MailUnavailable):
            a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)


def test_a_silent_relay_is_given_up_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mailer = SmtpMailer(
            host="127.0.0.1",
            port=silent.getsockname()[1],
            username=None,
            password=None,
            security="none",
            sender="calendar@earshot.example",
            timeout_seconds=0.2,
        )

        with pytest.raises(MailUnavailable):
            mailer.send(MESSAGE_ID, JUNIOR.email, LETTER)


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
        a_mailer(server).send(MESSAGE_ID, recipient, LETTER)

    assert refused.value.permanent
    assert "RCPT" not in server.verbs


def test_an_invite_arrives_byte_for_byte_whatever_the_relay_can_do() -> None:
    with SmtpServer(extensions=()) as server:
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, an_invite())

    (mail,) = server.delivered
    assert mail.content == an_invite()
    assert mail.mail_from == "FROM:<calendar@earshot.example>"
    assert mail.rcpt_to == f"TO:<{JUNIOR.email}>"
    assert server.greeted_by == "earshot.example"


def test_lines_that_are_dots_arrive_as_they_are() -> None:
    with SmtpServer() as server:
        a_mailer(server).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert server.delivered[0].content == LETTER


def test_eight_bit_letters_are_announced_or_not_sent() -> None:
    eight_bit = "Subject: x\r\n\r\nGrüße\r\n".encode()

    with SmtpServer() as able:
        a_mailer(able).send(MESSAGE_ID, JUNIOR.email, eight_bit)
    with SmtpServer(extensions=()) as unable, pytest.raises(MailRefused) as refused:
        a_mailer(unable).send(MESSAGE_ID, JUNIOR.email, eight_bit)

    assert able.delivered[0].content == eight_bit
    assert able.delivered[0].mail_from.upper().endswith("BODY=8BITMIME")
    assert refused.value.permanent
    assert unable.delivered == []


@pytest.mark.parametrize("implicit", [False, True])
def test_a_relay_whose_certificate_nobody_vouches_for_gets_neither_password_nor_mail(
    certificate: Path, implicit: bool
) -> None:
    relay = SmtpServer(tls=a_tls_context(certificate), implicit_tls=implicit, extensions=("AUTH PLAIN",))

    with relay, pytest.raises(MailUnavailable, match="certificate"):
        an_encrypting_mailer(relay, trusted=None, password=PASSWORD).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert not {"AUTH", "MAIL"} & set(relay.verbs)


def test_a_relay_that_does_not_offer_tls_gets_neither_password_nor_mail() -> None:
    with SmtpServer(extensions=("AUTH PLAIN",)) as server, pytest.raises(MailUnavailable):
        an_encrypting_mailer(server, trusted=None, password=PASSWORD).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert not {"AUTH", "MAIL"} & set(server.verbs)


def test_a_wrong_password_keeps_the_mail_waiting(certificate: Path) -> None:
    with SmtpServer(tls=a_tls_context(certificate)) as server, pytest.raises(MailUnavailable):
        an_encrypting_mailer(server, trusted=certificate, password="wrong").send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert server.delivered == []


def test_a_mail_goes_out_after_starttls_and_sign_in(certificate: Path) -> None:
    with SmtpServer(tls=a_tls_context(certificate)) as server:
        an_encrypting_mailer(server, trusted=certificate, password=PASSWORD).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [mail.content for mail in server.delivered] == [LETTER]
    assert server.verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_mail_goes_out_over_tls_from_the_first_byte(certificate: Path) -> None:
    with SmtpServer(tls=a_tls_context(certificate), implicit_tls=True, extensions=("AUTH PLAIN",)) as server:
        an_encrypting_mailer(server, trusted=certificate, password=PASSWORD).send(MESSAGE_ID, JUNIOR.email, LETTER)

    assert [mail.content for mail in server.delivered] == [LETTER]


def test_a_password_without_tls_is_refused_and_never_shown() -> None:
    with pytest.raises(ValueError, match="clear text"):
        SmtpMailer(host="relay", port=25, username="jo", password="hunter2", security="none", sender="a@b.example")

    encrypted = SmtpMailer(
        host="relay", port=587, username="jo", password="hunter2", security="starttls", sender="a@b.c"
    )
    assert "hunter2" not in repr(encrypted)


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
