"""Read what mail servers say about mail that was not delivered."""

import re

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_NOT_THE_ADDRESS = frozenset({"5.1.7", "5.1.8", "5.2.2", "5.2.3"})
"""The sender's address is bad, the mailbox is full, the message is too long for it."""


def first_status(text: str) -> str | None:
    """Return the enhanced status code that the text begins with, such as 5.1.1 (RFC 2034, RFC 3463)."""
    found = _STATUS.match(text)
    return found[0] if found else None


def blames_address(status: str) -> bool:
    """Whether no mail will ever arrive where this one did not, for all that is known: there is no such mailbox, it is
    closed, or no way leads to it. Not so where protocol, content or policy forbade one mail (RFC 3463 section 3).
    """
    return status.startswith(("5.0.", "5.1.", "5.2.", "5.4.")) and status not in _NOT_THE_ADDRESS
