"""What a dialler says: read from its message by the pointers and words of its mapping."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_BACK = timedelta(days=1)
"""What was longer ago is on no floor any more."""
_AHEAD = timedelta(minutes=5)
"""How far a dialler's clock may be ahead of ours."""
_MILLISECONDS = 1e11
"""Numbers from here on count milliseconds since 1970: as seconds they would be after the year 5138."""
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_LONGEST_ID, _LONGEST_NAME = 512, 200


class NotUnderstood(ValueError):
    """A message that changes nothing; says why in one sentence, without a word of it."""


@dataclass(frozen=True, slots=True)
class Dialled:
    """That a call started, or ended; both as far as the message says so."""

    call: str
    """The dialler's own id of it."""
    host_email: str
    started_at: datetime | None
    ended_at: datetime | None
    """None while it goes on."""
    title: str | None
    account: str | None


def read_message(body: bytes, mapping: Mapping[str, str | list[str]], *, now: datetime) -> Dialled | None:
    """Return what a message says; None when it is about nothing that the mapping has a word for. Raises NotUnderstood.

    Instants up to 5 minutes ahead of `now` are taken for now. Linear in the length of the body.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("It is not JSON.") from None
    event = _text(_at(message, mapping, "event"))
    if event is None:
        raise NotUnderstood("It does not say what happened where `event` points to.")
    if event not in mapping["started"] and event not in mapping["ended"]:
        return None
    call, email = _text(_at(message, mapping, "call")), _text(_at(message, mapping, "host_email"))
    if call is None or len(call) > _LONGEST_ID:
        raise NotUnderstood("It does not name its call where `call` points to.")
    is_over = event in mapping["ended"]
    started_at = _instant(_at(message, mapping, "started_at"), "started_at", now=now)
    ended_at = _instant(_at(message, mapping, "ended_at"), "ended_at", now=now) if is_over else None
    if is_over and ended_at is None:
        raise NotUnderstood("It does not say when the call ended where `ended_at` points to.")
    if not is_over and started_at is None:
        raise NotUnderstood("It does not say when the call started where `started_at` points to.")
    if started_at and ended_at and ended_at < started_at:
        raise NotUnderstood("Its call ended before it started.")
    title, account = (_name(_at(message, mapping, name)) for name in ("title", "account"))
    return Dialled(call, (email or "").strip().lower(), started_at, ended_at, title, account)


def _at(message: Any, mapping: Mapping[str, str | list[str]], name: str) -> Any:
    """Return the value to which the mapping points under a name (RFC 6901); None when there is none."""
    pointer = mapping.get(name)
    if not isinstance(pointer, str):
        return None
    for escaped in pointer.split("/")[1:]:
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(message, dict):
            message = message.get(step)
        elif isinstance(message, list):
            message = message[int(step)] if _INDEX.fullmatch(step) and int(step) < len(message) else None
        else:
            return None
    return message


def _text(value: Any) -> str | None:
    """Return a word or a whole number as text; None for everything else, and for what no line of text holds."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value and value.isprintable() else None


def _name(value: Any) -> str | None:
    """Return a text as one line that shows what it says; None when there is nothing in it."""
    if not isinstance(value, str):
        return None
    shown = " ".join("".join(c if c.isprintable() else " " for c in value[: 2 * _LONGEST_NAME]).split())
    return shown[:_LONGEST_NAME].strip() or None


def _instant(value: Any, name: str, *, now: datetime) -> datetime | None:
    """Return an instant that is not after `now`; None when nothing is said."""
    if value is None or value == "":
        return None
    try:
        said = _read_instant(value)
    except (ValueError, OverflowError, OSError):
        raise NotUnderstood(f"What `{name}` points to is no time with an offset, nor seconds since 1970.") from None
    if not now - _BACK <= said <= now + _AHEAD:
        raise NotUnderstood(f"What `{name}` points to is not within the last day.")
    return min(said, now)


def _read_instant(value: Any) -> datetime:
    if isinstance(value, str) and not value.isdecimal():
        said = datetime.fromisoformat(value)
        if said.tzinfo is None:
            raise ValueError("a time without an offset")
        return said.astimezone(UTC)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("no time")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no number")
    return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
