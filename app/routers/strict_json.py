"""Read JSON as strictly as RFC 8259 allows: what two parsers could read differently is refused."""

import json
import math
import re
from typing import Any, NoReturn

from app.errors import Malformed

MAX_DEPTH = 32

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89abAB])")


def check(raw: bytes) -> None:
    """Raise Malformed for what is not strict JSON: bad UTF-8, NaN, Infinity, 1e999, duplicate keys, NUL or a lone
    surrogate in a string, or more than 32 levels. Linear in the length of the body.
    """
    try:
        text = raw.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:
        raise Malformed("The body is not JSON.") from None
    if _depth(text) > MAX_DEPTH:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
    if _SUSPICIOUS.search(text):
        _check_strings(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("The body names a field twice.")
    return found


def _no_constant(_word: str) -> NoReturn:
    raise Malformed("NaN and Infinity are not JSON.")


def _finite(word: str) -> float:
    value = float(word)
    if math.isinf(value):
        raise Malformed("A number is too large.")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _depth(text: str) -> int:
    depth = deepest = 0
    # The text has been parsed, so every string is closed and this pattern can't backtrack.
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _check_strings(value: Any) -> None:
    if isinstance(value, dict):
        for name, part in value.items():
            _check_strings(name)
            _check_strings(part)
    elif isinstance(value, list):
        for part in value:
            _check_strings(part)
    elif isinstance(value, str) and ("\x00" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise Malformed("A string holds NUL or half a surrogate pair.")
