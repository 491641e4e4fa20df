"""The documented production set-up, with a real nginx in front of `earshot serve`."""

import http.client
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from app import clock
from app.db import make_engine, transaction
from app.lines import HEAD_SECONDS
from app.models.tables import browser_session
from app.operations.sign_in import create_sign_in_link
from app.rules.access import SYSTEM
from tests.factories import a_person
from tests.faults.commands import ROOT, earshot_serve
from tests.faults.slow_clients import Asking, half_open, p95_of_each
from tests.patience import PATIENCE_SECONDS, until
from tests.ports import free_ports, is_listening

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
HOST = "earshot.example"
LINES = 1_000
MAIN = """
daemon off;
{user}
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/earshot.conf;
}}
"""


@dataclass(frozen=True, slots=True)
class Site:
    """Earshot behind nginx."""

    folder: Path
    plain: int
    tls: int
    """The ports of nginx."""
    key: str

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, *, body: bytes = b"", of: str = "127.0.0.1"
    ) -> tuple[int, http.client.HTTPMessage]:
        """Send one request over TLS from an address of this machine; return status and headers."""
        line = http.client.HTTPSConnection(
            "127.0.0.1", self.tls, timeout=PATIENCE_SECONDS, context=trusting_all(), source_address=(of, 0)
        )
        with closing(line):
            line.request(method, path, body, {"Host": HOST, **(headers or {})})
            answer = line.getresponse()
            return answer.status, answer.headers


def trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def make_certificate(folder: Path) -> None:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begin = datetime.now(UTC) - timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    (folder / "fullchain.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    told = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "privkey.pem").write_bytes(told)


def documented(folder: Path, *, upstream: int, plain: int, tls: int) -> str:
    """The configuration as the docs have it, but for ports and the place of the certificate."""
    text = (ROOT / "docs/production/nginx.conf").read_text()
    for old, new in (
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{upstream};"),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{tls} ssl;"),
        ("/etc/letsencrypt/live/earshot.example", str(folder)),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(folder: Path, *, upstream: int) -> Iterator[tuple[int, int]]:
    assert NGINX
    plain, tls = free_ports(2)
    make_certificate(folder)
    (folder / "earshot.conf").write_text(documented(folder, upstream=upstream, plain=plain, tls=tls))
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user))
    run = subprocess.Popen([NGINX, "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"])
    try:
        until(lambda: is_listening(tls) or run.poll() is not None)
        assert run.poll() is None, (folder / "error.log").read_text()
        yield plain, tls
    finally:
        run.send_signal(signal.SIGTERM)
        run.wait(PATIENCE_SECONDS)


@contextmanager
def a_site(sqlite_template: Path, made: pytest.TempPathFactory) -> Iterator[Site]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder, front = made.mktemp("site"), made.mktemp("nginx")
    environment = {"EARSHOT_PUBLIC_URL": f"https://{HOST}", "EARSHOT_TRUSTED_PROXIES": "127.0.0.1"}
    with ExitStack() as stack:
        port, _, key = stack.enter_context(earshot_serve(sqlite_template, folder / "dir", **environment))
        plain, tls = stack.enter_context(nginx(front, upstream=port))
        yield Site(folder / "dir", plain, tls, key)


@pytest.fixture(scope="module")
def site(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(sqlite_template, tmp_path_factory) as made:
        yield made


@pytest.fixture(scope="module")
def quiet(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Another one beside it, that nobody attacks: whatever else the machine does hits both alike."""
    with a_site(sqlite_template, tmp_path_factory) as made:
        yield made


def test_pages_and_the_api_are_served_over_tls_alone(site: Site) -> None:
    status, headers = site.ask("GET", "/login")
    with closing(http.client.HTTPConnection("127.0.0.1", site.plain, timeout=PATIENCE_SECONDS)) as line:
        line.request("GET", "/login?a=b", headers={"Host": HOST})
        plain = line.getresponse()

    assert status == 200
    assert site.ask("GET", "/v1/people", {"Authorization": f"Bearer {site.key}"})[0] == 200
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert not re.search(r"\d", headers.get("server", ""))
    assert (plain.status, plain.headers["location"]) == (301, f"https://{HOST}/login?a=b")


def test_who_signs_in_is_known_by_their_own_address_whatever_they_say(site: Site) -> None:
    engine = make_engine(f"sqlite:///{site.folder / 'earshot.db'}")
    with transaction(engine, writes=True) as db:
        person_id = a_person(db, "Nora").id
        secret = create_sign_in_link(db, person_id=person_id, actor=SYSTEM, now=clock.now())
    lies = {"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9", "X-Forwarded-Host": "evil.example"}
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": f"https://{HOST}"}

    status, headers = site.ask("POST", f"/login/t/{secret}", {**lies, **ours}, of="127.0.0.2")

    assert status == 303
    assert any(re.match(r"__Host-sid=.*Secure", cookie) for cookie in headers.get_all("set-cookie", []))
    with transaction(engine, writes=False) as db:
        address = db.execute(
            select(browser_session.c.address).where(browser_session.c.person_id == person_id)
        ).scalar_one()
    engine.dispose()
    assert address == "127.0.0.2"


def test_another_name_is_misdirected_and_a_large_body_too_large(site: Site) -> None:
    other, _ = site.ask("GET", "/login", {"Host": "evil.example"})
    large, _ = site.ask("POST", "/v1/people", {"Content-Type": "application/json"}, body=bytes(2 * 1024 * 1024))

    assert (other, large) == (421, 413)


def asking(site: Site) -> Asking:
    line = http.client.HTTPSConnection("127.0.0.1", site.tls, timeout=PATIENCE_SECONDS, context=trusting_all())
    return Asking(line, site.key, host=HOST)


@pytest.mark.parametrize("at_once", [False, True], ids=["in turns", "all at the same instant"])
def test_a_thousand_half_open_lines_cost_others_nothing_and_are_gone_in_ten_seconds(
    site: Site, quiet: Site, soak: bool, at_once: bool
) -> None:
    with asking(site) as attacked, asking(quiet) as left_alone:
        p95_of_each([attacked, left_alone], times=50, meanwhile=lambda: None)  # warm

        with half_open(("127.0.0.1", site.tls), LINES, host=HOST.encode(), tls=trusting_all()) as crowd:
            breathe = partial(crowd.breathe, at_once=at_once)
            one, other = p95_of_each([attacked, left_alone], times=150, meanwhile=breathe)
            # On a machine that does other things besides only what is far off shows.
            assert one <= 2 * max(other, 0.0 if soak else 1.0)
            assert crowd.all_out(within=PATIENCE_SECONDS)

            assert min(crowd.seconds) > HEAD_SECONDS - 1
            assert max(crowd.seconds) <= (10 if soak else PATIENCE_SECONDS)
