"""The chain of seals over the audit: each is a digest over its events and over the seal before it.

Whoever changes, deletes, inserts or reorders events under a seal makes it another digest, and so every seal after it.
Who can write to the database could make the whole chain anew; for that, somebody else keeps a number and its digest.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

FACTS = (
    "sequence",
    "id",
    "at",
    "actor",
    "on_behalf_of_id",
    "credential_id",
    "act",
    "object_type",
    "object_id",
    "version",
)
"""What of an event is under its seal. Its detail is not, for it may be erased, nor whether it was announced."""
BEGINNING = "0" * 64
"""What the first seal has in place of a digest before it."""

Fact = str | int | datetime | None


def seal(before: str, events: Iterable[Sequence[Fact]], *, number: int, sealed_at: datetime) -> str:
    """Return the digest of a seal over these events, in hexadecimal: SHA-256 over the digest `before`, the seal's own
    number and time, and the facts of each event, by sequence. Takes in one event at a time.
    """
    digest = hashlib.sha256(bytes.fromhex(before) + canonical([number, sealed_at]))
    for facts in events:
        digest.update(canonical(facts))
    return digest.hexdigest()


def canonical(facts: Sequence[Fact]) -> bytes:
    """Return facts as the one line of JSON that they have for ever: ASCII, no spaces, times in UTC to the
    microsecond.
    """
    plain = [_written(fact) if isinstance(fact, datetime) else fact for fact in facts]
    return json.dumps(plain, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
