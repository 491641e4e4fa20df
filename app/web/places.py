"""Where a page may lead: our own places, whatever an address asks for; and outside, whatever a CRM says. Pure."""

import re
from urllib.parse import quote, urlsplit

_OWN = re.compile(r"/(?:[\w.~-]+(?:/[\w.~-]+)*)?(?:\?[\w.~=&%+-]*)?", re.ASCII)
"""A path without empty steps, and a query: no host, no scheme, nothing that a browser would read as one."""
_LONGEST = 500


def own_place(asked: str) -> str:
    """Return a path of ours that somebody asks to be sent to; the start page for anything else."""
    return asked if len(asked) <= _LONGEST and _OWN.fullmatch(asked) else "/"


def sign_in_for(method: str, path: str, query: bytes) -> str:
    """Return the sign-in page that leads back to a place. To a form's place it leads without its query: a link must
    never repeat what a button did.
    """
    place = path
    if query and method in ("GET", "HEAD"):
        place += "?" + query.decode("latin-1")
    return "/login" if own_place(place) == "/" else f"/login?next={quote(place)}"


def outside_place(url: str | None) -> str | None:
    """Return an address that a person can follow to another site; None for none, and for any scheme but the web's."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("https", "http") and parts.netloc else None
