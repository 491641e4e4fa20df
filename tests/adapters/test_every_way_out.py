"""Every way in which requests leave us, with the corpus of `test_http_wall`: none leads to a canary on loopback."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network

import pytest

from app.adapters.calendars import NotFetched, Place, fetch_caldav, fetch_ics
from app.adapters.http import NoAnswer, Outbound
from app.adapters.oidc import NotVouched, Provider
from app.adapters.webhooks import post
from tests.adapters.canary import GOOD, GOOD_HOST, TLS, TYPED, Canary, a_canary, at_good_host
from tests.adapters.oidc_peer import ATTEMPT, BACK, OURS, Peer, claims, signed
from tests.adapters.web_server import answer
from tests.harness import NOW

REFUSED = (NoAnswer, NotVouched, NotFetched)


@dataclass
class House:
    """Ours, with a provider at an address that is allowed, unlike the canary's."""

    peer: Peer
    outbound: Outbound
    allowed: tuple[IPv4Network, ...]

    def provider(self, issuer: str) -> Provider:
        return Provider(issuer=issuer, client_id=OURS, client_secret="s", allowed=self.allowed)

    def signs_in(self, **metadata: str) -> object:
        """Ask the provider, which says this of itself, who somebody is."""
        self.peer.metadata, self.peer.token = dict(metadata), signed(claims(self.peer))
        return self.provider(self.peer.url).vouched(code="c0de", attempt=ATTEMPT, redirect_uri=BACK, now=NOW)

    def posts(self, url: str) -> object:
        attempt = post(self.outbound, url, headers={}, body=b"{}", now=NOW)
        if attempt.status_code is None or attempt.status_code >= 300:
            raise NotFetched("it was not delivered")
        return attempt


WEEK = {"start": NOW, "end": NOW + timedelta(days=7), "now": NOW}
WAYS: Mapping[str, Callable[[House, str], object]] = {
    "discovery": lambda house, url: house.provider(url).place_to_ask(ATTEMPT, redirect_uri=BACK),
    "keys": lambda house, url: house.signs_in(jwks_uri=url),
    "tokens": lambda house, url: house.signs_in(token_endpoint=url),
    "a calendar by its address": lambda house, url: fetch_ics(
        house.outbound, Place(url), etag=None, last_modified=None, now=NOW
    ),
    "a calendar by CalDAV": lambda house, url: fetch_caldav(house.outbound, Place(url), **WEEK),
    "a webhook": lambda house, url: house.posts(url),
}
"""Each goes to a URL, and says what came of it or raises."""
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture(autouse=True)
def _certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: TLS)


@pytest.fixture
def canary() -> Iterator[Canary]:
    with a_canary() as made:
        yield made


@contextmanager
def a_house(allowed: tuple[IPv4Network, ...] = GOOD) -> Iterator[House]:
    peer = Peer()
    with at_good_host(peer) as server, Outbound(allowed=allowed) as outbound:
        peer.url = f"http://{GOOD_HOST}:{server.port}"
        yield House(peer, outbound, allowed)


@every_way
def test_no_url_of_the_corpus_reaches_the_canary(way: str, canary: Canary) -> None:
    assert len(TYPED) >= 40
    with a_house() as house:
        for url in TYPED:
            with pytest.raises(REFUSED):
                WAYS[way](house, url.format(port=canary.port))

    assert canary.hits == 0


@every_way
def test_no_redirect_leads_to_the_canary(way: str, canary: Canary) -> None:
    sent_on = answer(302, f"Location: http://127.0.0.1:{canary.port}/")

    with at_good_host(sent_on) as elsewhere, a_house() as house:
        with pytest.raises(REFUSED):
            WAYS[way](house, f"http://{GOOD_HOST}:{elsewhere.port}/")

        assert elsewhere.connections == 1

    assert canary.hits == 0


@every_way
def test_the_canary_would_have_been_hit_where_it_is_allowed(way: str, canary: Canary) -> None:
    with a_house((IPv4Network("127.0.0.0/8"),)) as house, suppress(*REFUSED):
        WAYS[way](house, f"http://127.0.0.1:{canary.port}/")

    assert canary.hits >= 1
