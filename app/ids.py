"""TypeID keys: a prefix that says what it is and a UUIDv7 that sorts by time (TypeID specification 0.3)."""

import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rng(Protocol):
    """Where random bits come from: `secrets` in the product, a seeded generator in the demo and in tests."""

    def getrandbits(self, bits: int, /) -> int:
        """Return a whole number of at most `bits` bits."""


_SYSTEM: Rng = random.SystemRandom()


def new(prefix: str, now: datetime, rng: Rng = _SYSTEM) -> str:
    """Return a fresh key such as `per_01jd…`: 48 bits of milliseconds, then 74 random bits (RFC 9562 section 5.7)."""
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)  # floats would lose one here and there
    value = milliseconds << 80
    value |= 0x7 << 76 | rng.getrandbits(12) << 64 | 0b10 << 62 | rng.getrandbits(62)
    return f"{prefix}_{base32(value, 26)}"


def earliest(prefix: str, at: datetime) -> str:
    """Return a key before all that were made at this instant or later, and after all that were made earlier."""
    return f"{prefix}_{base32(((at - _EPOCH) // timedelta(milliseconds=1)) << 80, 26)}"


def base32(value: int, length: int) -> str:
    """Write `value` in Crockford's base 32, lower case, padded to `length` characters."""
    return "".join(_ALPHABET[(value >> 5 * place) & 31] for place in range(length - 1, -1, -1))


def secret(bits: int = 256) -> str:
    """Return an unguessable word of at least `bits` bits, safe in a URL path."""
    return base32(secrets.randbits(bits), (bits + 4) // 5)
