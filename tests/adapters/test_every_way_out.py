"""Every way in which requests leave us, with the corpus of `test_http_wall`: none leads to a canary on loopback."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from app.adapters.calendars import NotFetched, Place, fetch_caldav, fetch_ics
from app.adapters.http import NoAnswer, Outbound
from app.adapters.oidc import NotVouched, Provider
from app.adapters.webhooks import post
from tests.adapters.oidc_peer import ATTEMPT, BACK, NOW, OURS, Peer, claims, signed
from tests.adapters.test_http_wall import GOOD, GOOD_HOST, TLS, TYPED, Canary
from tests.adapters.web_server import Asked, WebServer, answer

Way = Callable[[str], object]
"""Goes to a URL, and says what came of it or raises."""
REFUSED = (NoAnswer, NotVouched, NotFetched)


@pytest.fixture(autouse=True)
def _certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: TLS)


@pytest.fixture
def canary() -> Iterator[Canary]:
    with ExitStack() as stack:
        servers = [stack.enter_context(WebServer(answer()))]
        with suppress(OSError):
            servers.append(stack.enter_context(WebServer(answer(), host="::1", port=servers[0].port)))
        yield Canary(servers[0].port, servers)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A provider at an address that is allowed, unlike the canary's."""
    made = Peer()
    try:
        server = WebServer(made, host=GOOD_HOST).__enter__()
    except OSError:
        pytest.skip(f"needs {GOOD_HOST} beside 127.0.0.1, as Linux has it")
    with ExitStack() as stack:
        stack.push(server)
        made.url = f"http://{GOOD_HOST}:{server.port}"
        yield made


def _provider(issuer: str, allowed: tuple[IPv4Network, ...] = GOOD) -> Provider:
    return Provider(issuer=issuer, client_id=OURS, client_secret="s", allowed=allowed)


def _ways(peer: Peer, outbound: Outbound, allowed: tuple[IPv4Network, ...] = GOOD) -> dict[str, Way]:
    def with_endpoint(name: str) -> Way:
        def go(url: str) -> object:
            peer.metadata, peer.token = {name: url}, signed(claims(peer))
            provider = _provider(peer.url, allowed)
            return provider.vouched(code="c0de", attempt=ATTEMPT, redirect_uri=BACK, now=NOW)

        return go

    def posted(url: str) -> object:
        attempt = post(outbound, url, headers={}, body=b"{}", now=NOW)
        if attempt.status_code is None or attempt.status_code >= 300:
            raise NotFetched("it was not delivered")
        return attempt

    week = {"start": NOW, "end": NOW + timedelta(days=7), "now": NOW}
    return {
        "discovery": lambda url: _provider(url, allowed).place_to_ask(ATTEMPT, redirect_uri=BACK),
        "keys": with_endpoint("jwks_uri"),
        "tokens": with_endpoint("token_endpoint"),
        "a calendar by its address": lambda url: fetch_ics(
            outbound, Place(url), etag=None, last_modified=None, now=NOW
        ),
        "a calendar by CalDAV": lambda url: fetch_caldav(outbound, Place(url), **week),
        "a webhook": posted,
    }


WAYS = ("discovery", "keys", "tokens", "a calendar by its address", "a calendar by CalDAV", "a webhook")


@pytest.mark.parametrize("way", WAYS)
def test_no_url_of_the_corpus_reaches_the_canary(way: str, peer: Peer, canary: Canary) -> None:
    assert len(TYPED) >= 40
    with Outbound(allowed=GOOD) as outbound:
        go = _ways(peer, outbound)[way]
        for url in TYPED:
            with pytest.raises(REFUSED):
                go(url.format(port=canary.port))

    assert canary.hits == 0


@pytest.mark.parametrize("way", WAYS)
def test_no_redirect_leads_to_the_canary(way: str, peer: Peer, canary: Canary) -> None:
    def sent_on(asked: Asked) -> list[bytes]:
        reply = answer(302, f"Location: http://127.0.0.1:{canary.port}/")
        return list(reply(asked))

    with WebServer(sent_on, host=GOOD_HOST) as elsewhere, Outbound(allowed=GOOD) as outbound:
        with pytest.raises(REFUSED):
            _ways(peer, outbound)[way](f"http://{GOOD_HOST}:{elsewhere.port}/")

        assert elsewhere.connections == 1

    assert canary.hits == 0


@pytest.mark.parametrize("way", WAYS)
def test_the_canary_would_have_been_hit_where_it_is_allowed(way: str, peer: Peer, canary: Canary) -> None:
    everywhere = (IPv4Network("127.0.0.0/8"),)

    with Outbound(allowed=everywhere) as outbound, suppress(*REFUSED):
        _ways(peer, outbound, everywhere)[way](f"http://127.0.0.1:{canary.port}/")

    assert canary.hits >= 1
