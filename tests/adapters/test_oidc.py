"""What an OpenID provider says, true and forged: nothing counts that it did not sign for us, for this sign-in, now."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from app.adapters.http import NoAnswer, NotAllowed
from app.adapters.oidc import NotVouched, Provider
from tests.adapters.oidc_peer import ATTEMPT, BACK, KEYS, OTHER_KEY, OURS, Peer, claims, public, signed
from tests.adapters.web_server import WebServer
from tests.harness import NOW
from tests.patience import PATIENCE_SECONDS


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    with WebServer(made) as server:
        made.url = f"http://127.0.0.1:{server.port}"
        yield made


def provider(peer: Peer, **other: Any) -> Provider:
    given = {"issuer": peer.url, "client_id": OURS, "client_secret": "s3:c r", "allowed": (ip_network("127.0.0.0/8"),)}
    return Provider(**{**given, **other})


def vouched(peer: Peer, token: str, of: Provider | None = None) -> Any:
    peer.token = token
    return (of or provider(peer)).vouched(code="c0de", attempt=ATTEMPT, redirect_uri=BACK, now=NOW)


def test_a_browser_is_sent_there_with_state_nonce_and_the_digest_of_the_verifier(peer: Peer) -> None:
    place = provider(peer).place_to_ask(ATTEMPT, redirect_uri=BACK)

    there, asked = place.split("?")[0], parse_qs(urlsplit(place).query)
    digest = hashlib.sha256(ATTEMPT.verifier.encode()).digest()
    assert there == f"{peer.url}/ask"
    assert asked == {
        "response_type": ["code"],
        "client_id": [OURS],
        "redirect_uri": [BACK],
        "scope": ["openid email"],
        "state": ["the-state"],
        "nonce": ["the-nonce"],
        "code_challenge": [base64.urlsafe_b64encode(digest).rstrip(b"=").decode()],
        "code_challenge_method": ["S256"],
    }
    assert ATTEMPT.verifier not in place


@pytest.mark.parametrize("algorithm", KEYS)
def test_whoever_it_signed_for_us_is_vouched_for(peer: Peer, algorithm: str) -> None:
    found = vouched(peer, signed(claims(peer), algorithm))

    assert (found.issuer, found.subject, found.verified_email) == (peer.url, "248289761001", "nora@earshot.example")
    [form], [authorization] = peer.forms, peer.authorizations
    assert form["code_verifier"] == [ATTEMPT.verifier]
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"earshot:s3%3Ac%20r"
    assert "client_secret" not in form


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(peer: Peer) -> None:
    peer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]

    vouched(peer, signed(claims(peer)))

    assert (peer.forms[0]["client_secret"], peer.authorizations) == (["s3:c r"], [""])


@pytest.mark.parametrize("email_verified", [False, None, "true", 1, "yes"])
def test_an_address_counts_only_when_it_says_that_it_verified_it(peer: Peer, email_verified: Any) -> None:
    assert vouched(peer, signed(claims(peer, email_verified=email_verified))).verified_email is None


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": [OURS, "another"]},
        {"aud": [OURS, "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(NOW.timestamp()) - 61},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": True},
        {"iat": int(NOW.timestamp()) + 61},
        {"iat": None},
        {"nbf": int(NOW.timestamp()) + 61},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
    ],
    ids=str,
)
def test_a_token_for_somebody_or_something_else_proves_nothing(peer: Peer, other: dict[str, Any]) -> None:
    with pytest.raises(NotVouched):
        vouched(peer, signed(claims(peer, **other)))


def test_a_token_for_several_that_names_us_as_the_one_who_asked_counts(peer: Peer) -> None:
    assert vouched(peer, signed(claims(peer, aud=[OURS, "another"], azp=OURS))).subject


def test_no_signature_a_shared_secret_and_a_strangers_key_prove_nothing(peer: Peer) -> None:
    said = claims(peer)
    whole = signed(said)
    head, payload, signature = whole.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    forged = [
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[::-1]}",
        jwt.encode(said, "s" * 64, algorithm="HS256", headers={"kid": "RS256"}),
        signed(said, key=OTHER_KEY),
        signed(said, key=OTHER_KEY, key_id="nobody's"),
        signed(said, key=OTHER_KEY, key_id=None),
        "",
        "a.b.c",
        "x" * 300_000,
    ]

    for token in forged:
        with pytest.raises(NotVouched):
            vouched(peer, token)


def test_a_new_key_is_asked_for_once_and_keys_are_remembered_until_then(peer: Peer) -> None:
    of = provider(peer)
    vouched(peer, signed(claims(peer)), of)
    vouched(peer, signed(claims(peer)), of)
    assert peer.asked.count("/keys") == 1
    peer.keys.append(public("RS256", OTHER_KEY, "next"))
    token = signed(claims(peer), key=OTHER_KEY, key_id="next")

    with pytest.raises(NotVouched):  # asked a moment ago: strangers can't make us ask all the time
        vouched(peer, token, of)
    assert vouched(peer, token).subject


def test_a_provider_whose_keys_are_known_is_asked_again_only_for_one_that_is_not(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.adapters.oidc._ASKED_AGAIN_SECONDS", 0.0)
    of = provider(peer)
    for _ in range(3):
        vouched(peer, signed(claims(peer)), of)
    assert peer.asked.count("/keys") == 1

    peer.keys.append(public("RS256", OTHER_KEY, "next"))
    assert vouched(peer, signed(claims(peer), key=OTHER_KEY, key_id="next"), of).subject

    assert peer.asked.count("/keys") == 2


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_discovery_document_that_is_not_its_own_leads_nowhere(peer: Peer, metadata: dict[str, Any]) -> None:
    peer.metadata = metadata

    with pytest.raises((NotVouched, NoAnswer)):
        vouched(peer, signed(claims(peer)))


def test_the_wall_stands_before_the_provider_too(peer: Peer) -> None:
    with pytest.raises(NotAllowed):
        provider(peer, allowed=()).place_to_ask(ATTEMPT, redirect_uri=BACK)

    assert peer.asked == []


def test_a_refused_code_proves_nothing(peer: Peer) -> None:
    peer.token_status = 400

    with pytest.raises(NotVouched):
        vouched(peer, signed(claims(peer)))


def test_a_provider_that_hangs_holds_a_few_of_our_threads_and_no_more(peer: Peer) -> None:
    of, hangs, hanging = provider(peer), threading.Event(), threading.Semaphore(0)
    vouched(peer, signed(claims(peer)), of)

    def hang() -> None:
        hanging.release()
        hangs.wait(PATIENCE_SECONDS)

    peer.before_token = hang
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(vouched, peer, signed(claims(peer)), of) for _ in range(8)]
        for _ in held:
            assert hanging.acquire(timeout=PATIENCE_SECONDS)
        try:
            with pytest.raises(NoAnswer, match="Too many"):
                vouched(peer, signed(claims(peer)), of)
        finally:
            hangs.set()
        assert {done.result(PATIENCE_SECONDS).subject for done in held} == {"248289761001"}

    assert of.place_to_ask(ATTEMPT, redirect_uri=BACK)
