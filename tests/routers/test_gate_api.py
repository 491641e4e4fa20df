"""The gate: who asks, for which name, and what every answer carries."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request
from pydantic import SecretStr

from app.config import Settings
from app.main import create_app
from tests.harness import Api, served
from tests.patience import PATIENCE_SECONDS

PROXY = {"X-Forwarded-For": "198.51.100.9, 203.0.113.7", "X-Forwarded-Proto": "https"}


@pytest.fixture
def asked(sqlite_url: str, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Ask a service with these settings; return from whom, by what and for whom it thinks that the request is."""

    def ask(headers: dict[str, str], **given: Any) -> dict[str, Any]:
        settings = Settings(
            dir=tmp_path, database_url=sqlite_url, secret_key=SecretStr("test"), _env_file=None, **given
        )
        app = create_app(settings)

        async def who(request: Request) -> dict[str, Any]:
            assert request.client
            return {"client": request.client.host, "url": str(request.url)}

        app.add_api_route("/v1/who", who)
        with served(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_SECONDS) as client:
            found: dict[str, Any] = client.get("/v1/who", headers=headers).json()
        return found

    return ask


def test_what_strangers_say_of_who_asks_is_ignored(asked: Callable[..., dict[str, Any]]) -> None:
    lies = {**PROXY, "Forwarded": "for=198.51.100.9;proto=https", "X-Forwarded-Host": "evil.example"}

    for trusted in ("", "10.0.0.0/8"):
        found = asked(lies, trusted_proxies=trusted)
        assert (found["client"], found["url"].partition("127.0.0.1")[0]) == ("127.0.0.1", "http://")


def test_a_trusted_proxy_says_who_asks_and_by_which_scheme(asked: Callable[..., dict[str, Any]]) -> None:
    found = asked(PROXY, trusted_proxies="127.0.0.1")

    assert (found["client"], found["url"].partition("127.0.0.1")[0]) == ("203.0.113.7", "https://")


def test_of_two_headers_the_one_counts_that_the_proxy_sets(asked: Callable[..., dict[str, Any]]) -> None:
    both = {**PROXY, "Forwarded": "for=192.0.2.1"}

    assert asked(both, trusted_proxies="127.0.0.0/8")["client"] == "203.0.113.7"
    assert asked(both, trusted_proxies="127.0.0.0/8", proxy_header="forwarded")["client"] == "192.0.2.1"


def test_a_name_that_a_proxy_passes_on_must_be_ours_too(asked: Callable[..., dict[str, Any]]) -> None:
    given = {"public_url": "https://earshot.example", "trusted_proxies": "127.0.0.1"}

    ours = asked({"X-Forwarded-Host": "earshot.example"}, **given)
    other = asked({"X-Forwarded-Host": "evil.example", "Host": "earshot.example"}, **given)

    assert ours["url"] == "http://earshot.example/v1/who"
    assert other["code"] == "misdirected"


# --- For whom it is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/people", "/login", "/feeds/x.ics", "/nowhere", "/assets/x/y", "/openapi.json"])
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.1:80@evil.example", "::1", ""])
def test_a_name_that_is_not_ours_is_misdirected(sqlite_api: Api, path: str, host: str) -> None:
    refused = sqlite_api.admin.get(path, headers={"Host": host})

    assert (refused.status_code, refused.json()["code"]) == (421, "misdirected")
    assert "evil" not in refused.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000", "127.0.0.1.:8000"])
def test_this_machines_own_names_are_ours_without_tls(sqlite_api: Api, host: str) -> None:
    assert sqlite_api.admin.get("/v1/people", headers={"Host": host}).status_code == 200


def test_with_a_public_name_others_must_be_allowed(asked: Callable[..., dict[str, Any]]) -> None:
    public = {"public_url": "https://earshot.example"}

    for host in ("earshot.example", "earshot.example:443"):
        assert "client" in asked({"Host": host}, **public)
    for host in ("127.0.0.1", "localhost", "www.earshot.example"):
        assert asked({"Host": host}, **public)["code"] == "misdirected"
    assert "client" in asked({"Host": "10.1.2.3"}, **public, allowed_hosts="earshot.intranet, 10.1.2.3")


def test_health_is_told_under_any_name(sqlite_api: Api) -> None:
    for path in ("/healthz", "/readyz"):
        assert sqlite_api.client().get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1", "127.0.0.1"], ["127.0.0.1", "evil.example"]])
def test_a_request_names_one_host(sqlite_api: Api, hosts: list[str]) -> None:
    address, port = sqlite_api.url.removeprefix("http://").split(":")
    lines = "".join(f"Host: {host}\r\n" for host in hosts)

    answer = _raw(address, int(port), f"GET /v1/people HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 400 ")


def _raw(address: str, port: int, message: bytes) -> bytes:
    with socket.create_connection((address, port), timeout=PATIENCE_SECONDS) as line:
        line.sendall(message)
        return line.recv(65536)
