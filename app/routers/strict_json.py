"""Read JSON as strictly as RFC 8259 allows: what two parsers could read differently is refused."""

import json
import math
import re
from typing import Any, NoReturn

from app.errors import Fault, Invalid, Malformed

MAX_DEPTH = 32

_UNSPEAKABLE = re.compile("[\x00\ud800-\udfff]")


def check(raw: bytes) -> None:
    """Raise Malformed for what is not strict JSON: bad UTF-8, duplicate keys, NUL or a lone surrogate in a string, or
    more than 32 levels; Invalid for NaN, Infinity and 1e999, which many clients write where they mean a number. Linear
    in the length of the body.
    """
    try:
        value = _DECODER.decode(raw.decode())
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8.") from None
    except RecursionError:
        raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError:  # also whole numbers of more digits than Python reads
        raise Malformed("The body is not JSON.") from None
    _check_value(value, levels=MAX_DEPTH)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("The body names a field twice.")
    return found


def _no_constant(_word: str) -> NoReturn:
    raise _not_finite()


def _finite(word: str) -> float:
    value = float(word)
    if math.isinf(value):
        raise _not_finite()
    return value


def _not_finite() -> Invalid:
    fault = Fault("", "finite_number", "holds NaN, Infinity or a number beyond 1.8e308: every number must be finite")
    return Invalid("See `errors`.", faults=(fault,))


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)


def _check_value(value: Any, *, levels: int) -> None:
    if isinstance(value, str):
        if _UNSPEAKABLE.search(value):
            raise Malformed("A string holds NUL or half a surrogate pair.")
    elif isinstance(value, dict | list):
        if levels == 0:
            raise Malformed(f"The body is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(value, dict):
            for name in value:
                _check_value(name, levels=levels)
        for part in value.values() if isinstance(value, dict) else value:
            _check_value(part, levels=levels - 1)
