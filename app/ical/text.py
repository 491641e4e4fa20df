"""Which characters of other people's text may go into a calendar or a mail header."""

import re

# Embeddings, overrides and isolates: they can make "Eve <eve@evil.example>" read as somebody else, and turn around what
# stands beside a name. The marks and joiners that emoji, Hebrew and Persian need are not among them.
_TURNING = "\u202a-\u202e\u2066-\u2069"

# Unicode's controls (Cc) but for tab and line feed, and lone surrogates, which have no UTF-8 form. RFC 5545 section 3.1
# forbids the controls; Python's JSON reader lets both through. The mark of a byte order (U+FEFF) is lost by some
# readers and not by others.
_FORBIDDEN = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff{_TURNING}]")


def clean(text: str) -> str:
    """Return the text without control characters, bidirectional controls and lone surrogates; line feeds and tabs stay,
    CR LF becomes LF.
    """
    return _FORBIDDEN.sub("", text)


def one_line(text: str) -> str:
    """Return the text for a name or a subject: clean, each run of white space one space."""
    return " ".join(clean(text).split())
