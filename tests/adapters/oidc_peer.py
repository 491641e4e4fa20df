"""An OpenID provider that says what a test wants, true or forged, on a real socket."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from app.adapters.oidc import Attempt
from tests.adapters.web_server import Asked
from tests.harness import NOW

OURS, BACK = "earshot", "https://earshot.example/login/oidc/callback"
ATTEMPT = Attempt("the-state", "the-nonce", "v" * 52)
KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public(algorithm: str, key: Any, key_id: str) -> dict[str, Any]:
    signs = jwt.get_algorithm_by_name(algorithm)
    return {**json.loads(signs.to_jwk(key.public_key())), "kid": key_id, "use": "sig"}


@dataclass
class Peer:
    """A provider that says what a test wants."""

    url: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public(alg, key, alg) for alg, key in KEYS.items()])
    token: str = ""
    token_status: int = 200
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before_token: Callable[[], object] = str

    def __call__(self, asked: Asked) -> list[bytes]:
        path = asked.line.split()[1]
        self.asked.append(path)
        status, told = 200, {}
        if path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": "/ask", "token_endpoint": "/token", "jwks_uri": "/keys"}
            told = {"issuer": self.url, **{name: self.url + path for name, path in endpoints.items()}, **self.metadata}
        elif path == "/keys":
            told = {"keys": self.keys}
        elif path == "/token":
            self.before_token()
            self.forms.append(parse_qs(asked.body.decode()))
            self.authorizations.append(asked.headers.get("authorization", ""))
            status, told = self.token_status, {"id_token": self.token, "token_type": "Bearer"}
        body = json.dumps(told).encode()
        return [f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body]


def claims(peer: Peer, **other: Any) -> dict[str, Any]:
    said = {
        "iss": peer.url,
        "aud": OURS,
        "sub": "248289761001",
        "nonce": ATTEMPT.nonce,
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
        "email": "Nora@earshot.example",
        "email_verified": True,
        **other,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(said: dict[str, Any], algorithm: str = "RS256", key: Any = None, key_id: str | None = "same") -> str:
    headers = {"kid": algorithm if key_id == "same" else key_id} if key_id else {}
    return jwt.encode(said, key or KEYS[algorithm], algorithm=algorithm, headers=headers)
