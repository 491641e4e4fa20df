"""Ask an OpenID provider who somebody is: the authorization code flow (OpenID Connect Core 1.0 section 3.1) with PKCE
(RFC 7636). Nothing that it says counts before its signature, and all that the signature covers, has been checked.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt

from app import ids
from app.adapters.http import NoAnswer, Outbound, TooLarge
from app.config import Settings
from app.rules.destinations import Allowed

_KEY_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    "EdDSA": "OKP",
}
"""The signatures that count, and the keys that make them: public ones, so neither `none` nor HMAC (RFC 8725, 3.1)."""
_KEPT_SECONDS, _ASKED_AGAIN_SECONDS = 3600.0, 60.0
_DEADLINE_SECONDS, _AT_MOST_BYTES = 10.0, 256 * 1024
_AT_ONCE = 8
"""Threads of ours that may be with the provider: when it hangs, the others go on serving."""
_SKEW = timedelta(minutes=1)
"""How far apart its clock and ours may be."""
_LONGEST, _LONGEST_URL = 255, 2000


class NotVouched(Exception):
    """What came from the provider, or in its name, proves nothing. The message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in on its way. All three are secrets of the browser in which it began, until it is over."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        """Begin one."""
        return cls(ids.secret(), ids.secret(), ids.secret())


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    verified_email: str | None
    """In lower case; None unless the provider says that it has verified it."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What the provider says of itself, and since when we know."""

    since: float
    metadata: Mapping[str, Any]
    keys: tuple[Mapping[str, Any], ...]


class Provider:
    """One OpenID provider; what it says of itself is remembered for an hour. For any number of threads, of which a few
    may ask it at a time: the others get no answer.
    """

    def __init__(self, *, issuer: str, client_id: str, client_secret: str, allowed: Allowed) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._allowed = allowed
        self._https_only = issuer.startswith("https:")
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._guard = threading.Lock()
        self._known: _Known | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Provider | None":
        """Return the provider of an installation; None when it has none."""
        if not settings.oidc_issuer:
            return None
        return cls(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value(),
            allowed=settings.outbound_allow,
        )

    def place_to_ask(self, attempt: Attempt, *, redirect_uri: str) -> str:
        """Return where to send the browser. Raises NotVouched, and NoAnswer of `adapters.http`."""
        with self._turn():
            endpoint = _url(self._now_known().metadata, "authorization_endpoint")
        wanted = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(wanted)}"

    def vouched(self, *, code: str, attempt: Attempt, redirect_uri: str, now: datetime) -> Vouched:
        """Exchange the code with which the browser came back, and return whom it stands for. Raises NotVouched, and
        NoAnswer of `adapters.http`. Call it with no transaction open.
        """
        with self._turn():
            answer = self._exchanged(code, attempt.verifier, redirect_uri)
            claims = self._claims(_text(answer, "id_token", at_most=_AT_MOST_BYTES))
        _check_times(claims, now=now)
        if claims.get("nonce") != attempt.nonce:
            raise NotVouched("It is the answer to another sign-in.")
        subject, email = _text(claims, "sub"), claims.get("email")
        is_verified = claims.get("email_verified") is True and isinstance(email, str) and len(email) <= _LONGEST
        return Vouched(self.issuer, subject, str(email).lower() if is_verified else None)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._turns.acquire(blocking=False):
            raise NoAnswer("Too many are asking already.")
        try:
            yield
        finally:
            self._turns.release()

    def _claims(self, token: str) -> dict[str, Any]:
        """Return what a token says that this provider signed for us (OIDC Core section 3.1.3.7)."""
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            if algorithm not in _KEY_TYPES:
                raise NotVouched("Its signature is of a kind that does not count.")
            claims: dict[str, Any] = jwt.decode(
                token,
                jwt.PyJWK(dict(self._key(header.get("kid"), algorithm)), algorithm=algorithm),
                algorithms=[algorithm],
                audience=self._client_id,
                issuer=self.issuer,
                # By our own clock, which tests move: see `_check_times`.
                options={
                    "require": ["exp", "iat", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError) as why:
            raise NotVouched(f"Its token does not hold: {type(why).__name__}.") from None
        others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (others or "azp" in claims) and claims.get("azp") != self._client_id:
            raise NotVouched("Its token was made for somebody else.")
        return claims

    def _key(self, key_id: object, algorithm: str) -> Mapping[str, Any]:
        """Return the key that a token names. One that we do not know has us ask again: keys are changed."""
        for unknown_key in (False, True):
            found = [
                key
                for key in self._now_known(unknown_key=unknown_key).keys
                if key.get("kty") == _KEY_TYPES[algorithm]
                and key.get("use", "sig") == "sig"
                and key.get("alg", algorithm) == algorithm
                and (key_id is None or key.get("kid") == key_id)
            ]
            if len(found) == 1:
                return found[0]
        raise NotVouched("Its token is signed by a key that it does not name.")

    def _now_known(self, *, unknown_key: bool = False) -> _Known:
        """Return what the provider says of itself; with an `unknown_key`, what it says now, asked once a minute."""
        with self._guard:
            known, now = self._known, time.monotonic()
            if known is None or now - known.since > (_ASKED_AGAIN_SECONDS if unknown_key else _KEPT_SECONDS):
                known = self._known = self._looked_up(now)
            return known

    def _looked_up(self, now: float) -> _Known:
        """Ask for the discovery document, which must name this issuer (OIDC Discovery section 4.3), and its keys."""
        metadata = self._got("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != self.issuer:
            raise NotVouched("The discovery document is of another issuer.")
        if self._https_only and not _url(metadata, "authorization_endpoint").startswith("https:"):
            raise NotVouched("People would be sent to a place without TLS.")
        keys = self._got("GET", _url(metadata, "jwks_uri")).get("keys")
        if not isinstance(keys, list):
            raise NotVouched("It has no keys.")
        return _Known(now, metadata, tuple(key for key in keys if isinstance(key, dict)))

    def _exchanged(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """Return the answer of the token endpoint, asked as the provider wants clients to prove who they are (OIDC Core
        section 9).
        """
        metadata = self._now_known().metadata
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if self._client_secret and "client_secret_basic" in ways:
            # Both parts are encoded as in a form before they are joined (RFC 6749 section 2.3.1).
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            sent["client_id"] = self._client_id
            if self._client_secret:
                sent["client_secret"] = self._client_secret
        return self._got("POST", _url(metadata, "token_endpoint"), headers=headers, content=urlencode(sent).encode())

    def _got(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that is there. People sign in now and then: no connection is kept for that."""
        with Outbound(allowed=self._allowed) as outbound:
            answer = outbound.send(
                method,
                url,
                headers={"Accept": "application/json", **(headers or {})},
                content=content,
                deadline_seconds=_DEADLINE_SECONDS,
                at_most_bytes=_AT_MOST_BYTES,
                https_only=self._https_only,
            )
        if answer.status != 200:
            raise NotVouched(f"The provider answered {answer.status}.")
        try:
            found = json.loads(answer.whole())
        except (TooLarge, ValueError, RecursionError):
            raise NotVouched("The provider's answer is no JSON, or too much of it.") from None
        if not isinstance(found, dict):
            raise NotVouched("The provider's answer is no JSON object.")
        return found


def _check_times(claims: Mapping[str, Any], *, now: datetime) -> None:
    """Raise NotVouched unless a token is of now: made, valid since, and not over."""
    moments = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    if not all(type(at) in (int, float) for at in moments.values()):
        raise NotVouched("Its times are no numbers.")
    at, skew = now.timestamp(), _SKEW.total_seconds()
    if moments["exp"] <= at - skew:
        raise NotVouched("Its token is over.")
    if max(moments["iat"], moments.get("nbf", 0)) > at + skew:
        raise NotVouched("Its token is of a time to come.")


def _url(metadata: Mapping[str, Any], name: str) -> str:
    return _text(metadata, name, at_most=_LONGEST_URL)


def _text(found: Mapping[str, Any], name: str, *, at_most: int = _LONGEST) -> str:
    """Return a text that must be there, and not longer than we keep it."""
    value = found.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= at_most:
        raise NotVouched(f"There is no `{name}` of use.")
    return value


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
