"""Style, pictures and the script, served under a digest of their contents: they never change, so nobody asks again."""

import hashlib
from pathlib import Path

from fastapi import APIRouter, Response

from app.errors import NotFound

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FILES = {path.name: path.read_bytes() for path in sorted((Path(__file__).parent / "static").iterdir())}
_DIGEST = hashlib.sha256(b"".join(name.encode() + data for name, data in _FILES.items())).hexdigest()[:12]

router = APIRouter(prefix="/assets", include_in_schema=False)


def asset(name: str) -> str:
    """Return the address of a file in `static/`."""
    if name not in _FILES:
        raise LookupError(name)
    return f"/assets/{_DIGEST}/{name}"


@router.get("/{digest}/{name}")
def get_asset(digest: str, name: str) -> Response:
    """Send one file. An address made by another version of the service is not found."""
    if digest != _DIGEST or name not in _FILES:
        raise NotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(_FILES[name], headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])
