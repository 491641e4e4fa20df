"""Texts as attackers write them, and every place of the API that takes a text: found in its description, so that a new
one is tried by itself.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.described import Operation, resolved

MARK = "zq7"
"""In every text, so that it is found again."""
KINDS: Mapping[str, str] = {
    "markup": f"{MARK}\"'><script>alert(1)</script><img src=x onerror=alert(1)><x-{MARK} onclick=alert(1)>",
    "templates": f"{MARK}{{{{7*7}}}}{{% raw %}}${{7*7}}%s%(x)s{{0.__class__}}`id`$(id)",
    "a formula": f"=cmd|'/C calc'!A0{MARK}",
    "a formula behind a blank": f"\u3000@SUM(1+1){MARK}",
    "quotes and paths": f"../../{MARK}'; DROP TABLE person; --\\..\\\";/etc/passwd",
    "lines": f"{MARK}\r\nBcc: eve@evil.example\r\nX-{MARK}: 1\r\n\r\nEND:VEVENT\r\nX-{MARK}:1",
    "other ends of lines": f"{MARK}\x85X-{MARK}:1\u2028X-{MARK}:1\u2029Bcc: eve@evil.example\x0b\x0c\x1cX-{MARK}:1",
    "a folded line": f"{MARK}\r\n X-{MARK}:1\n\tX-{MARK}:1",
    "a calendar": f"{MARK};X-{MARK}=1:x,y\\nEND:VEVENT\\,^n\"^'^^",
    "a mail": f"=?utf-8?q?{MARK}=0D=0ABcc:_eve@evil.example?= <eve@evil.example>, {MARK}",
    "a chat": f"<!channel> <@U1> <https://evil.example|{MARK}> [x](javascript:alert(1)) {{{{DATE(x)}}}} *x*",
    "turned around": f"\u202egro.live@eve {MARK}\u202c\u2066\u2067\u061c\u200f",
    "right to left": f"שלום {MARK} مرحبا",
    "nothing to see": f"{MARK}\u200b\u2060\ufeff\u00ad\u180e\U000e0041",
    "only nothing": "\u200b\u2060",
    "stacked": f"{MARK}Z" + "\u0300\u0489" * 80,
    "a terminal": f"{MARK}\x1b[2J\x1b]0;x\x07\x9b2J\x7f",
    "no whole letter": f"{MARK}\ud800",
    "NUL": f"{MARK}\x00",
    "long": MARK * 3400,
    "wide": f"{MARK}🦊" * 50,
}
NAMES: Mapping[str, str] = {
    "what programs run": f"=1+1{MARK}'\"><script>alert(1)</script><x-{MARK} onclick=x>{{% x %}}${{7}}%s{{0.x}}\\",
    "what ends lines": f'{MARK}\x85X-{MARK}:1\x9b2J;X=1:x,\\nEND:VEVENT^n"=?utf-8?q?=0ABcc:_x?= <!channel> [x](y)',
    "what is not seen": f"@\u202egro.live@eve {MARK}\u2066\u200b\u061cשלום\ufeff\u00adZ" + "\u0300\u0489" * 40,
    **{kind: KINDS[kind] for kind in ("lines", "other ends of lines", "no whole letter", "NUL", "long")},
}
"""The same in few: each in all places takes seconds."""


Place = tuple[str | int, ...]
"""A path into a JSON body; 0 stands for each item of a list."""


def texts_of(operation: Operation) -> dict[Place, int]:
    """Return where the JSON body of an operation takes a text of any form, and of how many characters. What has a form
    (an enum, a pattern, a date) is refused by that form: `test_hostile_values` tries it.
    """
    content = operation.content().get("application/json")
    return dict(_texts(content["schema"], ())) if content else {}


def _texts(schema: dict[str, Any], at: Place) -> Iterator[tuple[Place, int]]:
    if "$ref" in schema:
        schema = resolved(schema["$ref"])
    for part in schema.get("anyOf", ()):
        yield from _texts(part, at)
    if schema.get("type") == "string" and not schema.keys() & {"enum", "const", "pattern", "format"}:
        yield at, schema["maxLength"]
    if "items" in schema:
        yield from _texts(schema["items"], (*at, 0))
    for name, part in schema.get("properties", {}).items():
        yield from _texts(part, (*at, name))


def fitting(text: str, most: int) -> str:
    """Return as much of a text as a place takes, unless its length is what it is for."""
    return text if len(text) > 5000 else text[:most]


def with_text(body: Any, place: Place, text: str) -> Any:
    """Return the body with this text in that place, and with what leads there if it has none."""
    if not place:
        return text
    first, *rest = place
    if first == 0:
        items = list(body) if isinstance(body, list) and body else [None]
        return [with_text(items[0], tuple(rest), text), *items[1:]]
    fields = dict(body) if isinstance(body, dict) else {}
    return {**fields, first: with_text(fields.get(first), tuple(rest), text)}


def spoilt(kind: str, example: str, text: str) -> Iterator[bytes]:
    """Yield a body that is no JSON once for each of its places, with this text there."""
    if kind == "text/csv":
        head, *rows = csv.reader(io.StringIO(example))
        for row in range(len(rows)):
            for column in range(len(head)):
                changed = [head, *([*cells] for cells in rows)]
                changed[row + 1][column] = text
                written = io.StringIO()
                csv.writer(written).writerows(changed)
                yield written.getvalue().encode(errors="surrogatepass")
        return
    lines = example.split("\r\n")
    for number, line in enumerate(lines):
        name, colon, _ = line.partition(":")
        for spelt in (f"{name}{colon}{text}", f"{line}{text}", f"{name};CN={text}{line[len(name) :]}"):
            yield "\r\n".join([*lines[:number], spelt, *lines[number + 1 :]]).encode(errors="surrogatepass")


def as_json(body: Any) -> dict[str, Any]:
    """Return what a client sends of a body, also with what no UTF-8 can hold: escaped."""
    return {"content": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}}


UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What no line of plain text that we write may hold: it would end the line, or turn it around."""
