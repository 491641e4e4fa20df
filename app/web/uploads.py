"""Files that people choose on a page, and carry from one step of a form to the next: nothing of them is kept here."""

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from app.rules.csv_files import MOST_BYTES
from app.rules.csv_headers import MOST_COLUMNS

MOST_CARRIED = 200_000
"""Characters that a page carries of a file. A larger one is chosen again at the next step."""
_MOST_FIELDS = MOST_COLUMNS + 20
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A form with a file in it. `raw` is empty when there is none, and `name` when nobody said what it is called."""

    raw: bytes
    fields: Mapping[str, str]
    name: str


async def uploaded(request: Request) -> Upload:
    """Return what was filled in, and the file: the one that was chosen, else the one that the page carried."""
    async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        chosen = form.get("file")
        raw, name = (await chosen.read(), chosen.filename or "") if isinstance(chosen, UploadFile) else (b"", "")
    given = name if raw else fields.get("file_name", "")
    printable = "".join(one for one in given if one.isprintable())[:_LONGEST_NAME]
    return Upload(raw or unpacked(fields.get("carried", "")), fields, printable)


TheUpload = Annotated[Upload, Depends(uploaded)]


def packed(raw: bytes) -> str:
    """Return a file as a field of a form carries it; empty when it is too large for that."""
    text = b64encode(zlib.compress(raw, 6)).decode()
    return text if len(text) <= MOST_CARRIED else ""


def unpacked(text: str) -> bytes:
    """Return the file that a field carried: nothing where that is none, and no more than any file may have."""
    try:
        return zlib.decompressobj().decompress(b64decode(text, validate=True), MOST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error):
        return b""
