"""The addresses at which answers to our invites arrive: whoever writes to one has read that invite."""

import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass

from app import ids
from app.config import Settings
from app.credentials import same

_BITS = 128


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The mailbox that reads replies, empty when there is none, and the key of its addresses."""

    mailbox: str
    secret_key: str

    @classmethod
    def of(cls, settings: Settings) -> "ReplyTo":
        """Return the mailbox of this installation."""
        return cls(settings.reply_to.lower(), settings.secret_key.get_secret_value())

    def address(self, entry_id: str) -> str | None:
        """Return where replies to one calendar entry, which is one person's, go: `mailbox+TOKEN@domain`."""
        if not self.mailbox:
            return None
        local, _, domain = self.mailbox.partition("@")
        # In small letters and digits: relays change the case of an address.
        mac = hmac.new(f"reply:{self.secret_key}".encode(), entry_id.encode(), hashlib.sha256).digest()
        return f"{local}+{ids.base32(int.from_bytes(mac[: _BITS // 8]), 26)}@{domain}"

    def is_among(self, recipients: Collection[str], entry_id: str) -> bool:
        """Whether a mail went to the address of this entry."""
        address = self.address(entry_id)
        return address is not None and any(same(address, one) for one in recipients)
