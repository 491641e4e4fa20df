"""A real Dovecot on a free loopback port, with one mailbox that tests fill."""

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.adapters.imap import MailboxAccount
from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_ports, is_listening

_DOVECOT = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin")
needs_dovecot = pytest.mark.skipif(_DOVECOT is None, reason="Dovecot is not installed: apt install dovecot-imapd")


@dataclass(frozen=True)
class ImapServer:
    """The server: its ports, and the folder in which its one user's mail is."""

    port: int
    tls_port: int
    certificate: Path
    mail: Path
    owner: tuple[int, int]

    def account(self, **given: object) -> MailboxAccount:
        fields = {"host": "127.0.0.1", "port": self.port, "username": "earshot", "password": 'pass "word\\'}
        return MailboxAccount(**{**fields, "security": "none", **given})  # type: ignore[arg-type]

    def deliver(self, *mails: bytes) -> None:
        """Put mails into the inbox, in order."""
        new = self.mail / "new"
        for mail in mails:
            number = time.time_ns()
            path = self.mail / "tmp" / f"{number // 10**9}.M{number % 10**9:09}.test"
            path.write_bytes(mail)
            os.chown(path, *self.owner)
            path.rename(new / path.name)

    def flags(self) -> list[str]:
        """Return the flags of all mails, by arrival: `S` seen, `F` flagged."""
        both = [*(self.mail / "new").iterdir(), *(self.mail / "cur").iterdir()]
        return [path.name.partition(":2,")[2] for path in sorted(both, key=lambda path: path.name)]


@contextmanager
def dovecot() -> Iterator[ImapServer]:
    """Run Dovecot as a process of its own, as whoever runs the tests, or as nobody when that is root."""
    assert _DOVECOT
    folder = Path(tempfile.mkdtemp(prefix="dovecot"))
    folder.chmod(0o755)
    is_root = os.geteuid() == 0
    user = pwd.getpwnam("nobody" if is_root else getpass.getuser())
    mail = folder / "home" / "Maildir"
    for part in ("cur", "new", "tmp"):
        (mail / part).mkdir(parents=True)
    for path in (mail.parent, mail, *mail.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    certificate = _certificate(folder)
    port, tls_port = free_ports(2)
    (folder / "users").write_text('earshot:{PLAIN}pass "word\\\n')
    config = folder / "dovecot.conf"
    config.write_text(_config(folder, user, port, tls_port, is_root=is_root))
    server = subprocess.Popen([_DOVECOT, "-F", "-c", str(config)], stderr=subprocess.PIPE, cwd=folder)
    try:
        _wait_for(port, server)
        yield ImapServer(port, tls_port, certificate, mail, (user.pw_uid, user.pw_gid))
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _config(folder: Path, user: pwd.struct_passwd, port: int, tls_port: int, *, is_root: bool) -> str:
    login = [] if is_root else [f"default_login_user = {user.pw_name}", f"default_internal_user = {user.pw_name}"]
    return "\n".join(
        [
            f"base_dir = {folder}/run",
            f"state_dir = {folder}/state",
            f"log_path = {folder}/log",
            "protocols = imap",
            "disable_plaintext_auth = no",
            "auth_failure_delay = 0",
            "ssl = yes",
            f"ssl_cert = <{folder}/tls.pem",
            f"ssl_key = <{folder}/tls.key",
            "first_valid_uid = 1",
            "mail_location = maildir:~/Maildir",
            f"passdb {{\n driver = passwd-file\n args = {folder}/users\n}}",
            f"userdb {{\n driver = static\n args = uid={user.pw_uid} gid={user.pw_gid} home={folder}/home\n}}",
            "service imap-login {",
            " chroot =",
            f" inet_listener imap {{\n  address = 127.0.0.1\n  port = {port}\n }}",
            f" inet_listener imaps {{\n  address = 127.0.0.1\n  port = {tls_port}\n  ssl = yes\n }}",
            "}",
            "service anvil {\n chroot =\n}",
            *login,
            "",
        ]
    )


def _certificate(folder: Path) -> Path:
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.pem")]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    subprocess.run(made, check=True, capture_output=True)
    return folder / "tls.pem"


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until(lambda: is_listening(port) or server.poll() is not None)
    if server.poll() is not None:
        raise AssertionError((server.communicate()[1] or b"").decode())
