"""Secrets that strangers hand us, of which only digests are stored: API keys, feed and sign-in secrets, signed cursors.
And those with which we sign what we send: webhooks.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass

from app import ids

_KEY = re.compile(r"es_live_([0-9a-hjkmnp-tv-z]{26})([0-9a-hjkmnp-tv-z]{40})([0-9a-hjkmnp-tv-z]{7})")


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """An API key as somebody sent it: which one they mean, and the digest that must match."""

    key_id: str
    digest: str


def new_api_key(key_id: str) -> tuple[str, str]:
    """Return the key to show once, `es_live_<id><secret><crc>`, and the digest to store. `key_id` is a `key_…` id."""
    text = key_id.removeprefix("key_") + ids.secret(200)
    return f"es_live_{text}{_check(text)}", digest(text[26:])


def key_id_of(shown: str) -> str:
    """Return which key this is, as it was shown."""
    return f"key_{shown[8:34]}"


def read_api_key(presented: str) -> PresentedKey | None:
    """Take a presented key apart; None when it is malformed or mistyped (CRC-32), which costs no database access."""
    found = _KEY.fullmatch(presented)
    if not found or _check(found[1] + found[2]) != found[3]:
        return None
    return PresentedKey(key_id=f"key_{found[1]}", digest=digest(found[2]))


def digest(secret: str) -> str:
    """Return what is stored of a secret of full entropy: SHA-256 needs no salt or stretching there."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(a: str, b: str) -> bool:
    """Compare two secrets or digests in constant time, whatever characters a stranger sent."""
    return hmac.compare_digest(a.encode(errors="surrogatepass"), b.encode(errors="surrogatepass"))


def seal(payload: bytes, *, secret_key: str, purpose: str) -> str:
    """Return `payload` readable by anybody and alterable by nobody, for a URL. One purpose can't be used as another."""
    return base64.urlsafe_b64encode(_mac(payload, secret_key, purpose) + payload).rstrip(b"=").decode()


def unseal(sealed: str, *, secret_key: str, purpose: str) -> bytes | None:
    """Return the payload, or None when it was altered or made for something else."""
    try:
        raw = base64.urlsafe_b64decode(sealed.encode() + b"=" * (-len(sealed) % 4))
    except (binascii.Error, ValueError):
        return None
    payload = raw[16:]
    # Compared as text: base 64 has several spellings of the same bytes, and only ours is accepted.
    return payload if same(seal(payload, secret_key=secret_key, purpose=purpose), sealed) else None


def new_webhook_secret() -> str:
    """Return a secret with which one endpoint's webhooks are signed: `whsec_` and base 64 of 256 random bits."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def webhook_signature(secret: str, *, message_id: str, sent_at: int, body: bytes) -> str:
    """Return the signature of one webhook, `v1,…`, by the Standard Webhooks specification: HMAC-SHA256 over id,
    timestamp (seconds since 1970) and body, with a dot between them.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(signed.digest()).decode()


def _mac(payload: bytes, secret_key: str, purpose: str) -> bytes:
    return hmac.new(f"{purpose}:{secret_key}".encode(), payload, hashlib.sha256).digest()[:16]


def _check(text: str) -> str:
    return ids.base32(zlib.crc32(text.encode()), 7)
