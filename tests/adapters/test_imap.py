"""Mail is read from a real Dovecot: each once, none too large, and whatever fails is one kind of failure."""

import ssl
from collections.abc import Iterator

import pytest

from app.adapters.imap import MailboxAccount, MailboxUnavailable, opened
from app.config import Settings
from tests.adapters.imap_server import ImapServer, dovecot, needs_dovecot
from tests.ical.reply_examples import GOOGLE, a_mail

MAIL = a_mail(GOOGLE)


@pytest.fixture
def server() -> Iterator[ImapServer]:
    with dovecot() as running:
        yield running


def test_without_a_host_there_is_no_mailbox() -> None:
    settings = Settings(_env_file=None)

    assert MailboxAccount.of(settings) is None
    account = MailboxAccount.of(settings.model_copy(update={"imap_host": "imap.example"}))
    assert account
    assert (account.port, account.security, account.folder) == (993, "tls", "INBOX")


def test_nobody_there_is_said_without_the_password() -> None:
    account = MailboxAccount("127.0.0.1", 1, "earshot", "secret", "none")

    with pytest.raises(MailboxUnavailable) as refused, opened(account):
        pass

    assert "secret" not in str(refused.value)


@needs_dovecot
def test_a_wrong_password_folder_or_certificate_is_said(server: ImapServer) -> None:
    for account in (
        server.account(password="wrong"),
        server.account(password="wörd"),
        server.account(folder='No "such\\ folder'),
        server.account(port=server.tls_port, security="tls"),
        server.account(security="starttls"),
    ):
        with pytest.raises(MailboxUnavailable) as refused, opened(account):
            pass
        assert account.password not in str(refused.value)


@needs_dovecot
def test_a_mail_is_read_byte_for_byte_until_it_is_marked(server: ImapServer) -> None:
    server.deliver(MAIL, b"From: a@b.example\r\n\r\nHello\r\n")

    with opened(server.account()) as mailbox:
        first, second = mailbox.unseen(10)
        read = [mailbox.fetch(uid) for uid in (first, first, second)]
        mailbox.mark_seen(first)
        left = mailbox.unseen(10)
        mailbox.set_aside(second)

    assert read == [MAIL, MAIL, b"From: a@b.example\r\n\r\nHello\r\n"]
    assert left == [second]
    with opened(server.account()) as mailbox:
        assert mailbox.unseen(10) == []
    assert server.flags() == ["S", "F"]


@needs_dovecot
def test_what_is_too_large_or_gone_is_not_read_and_no_more_than_asked_for_is_listed(server: ImapServer) -> None:
    server.deliver(b"From: a@b.example\r\n\r\n" + b"x" * 70 * 16_000, *[MAIL] * 4)

    with opened(server.account()) as mailbox:
        assert len(mailbox.unseen(3)) == 3
        assert [mailbox.fetch(uid) for uid in (*mailbox.unseen(2), 999)] == [None, MAIL, None]


@needs_dovecot
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_it_is_read_over_tls(server: ImapServer, security: str) -> None:
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    server.deliver(MAIL)
    port = server.tls_port if security == "tls" else server.port

    with opened(server.account(port=port, security=security), tls=trusted) as mailbox:
        assert [mailbox.fetch(uid) for uid in mailbox.unseen(10)] == [MAIL]
