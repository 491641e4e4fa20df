"""The address of a page, which says what of it is shown: filters, order and place in a list. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Address:
    """A page, and what of it is shown: filters, `sort` and `cursor`."""

    path: str
    query: Mapping[str, str]

    @classmethod
    def asked(cls, path: str, query: Mapping[str, str | None]) -> Self:
        """Return the address of a page that is asked for this, without what is empty."""
        return cls(path, {name: value for name, value in query.items() if value})

    def but(self, **changed: str | None) -> str:
        """Return the address of the same page with parts of the query changed; None takes one out."""
        query = Address.asked(self.path, {**self.query, **changed}).query
        return f"{self.path}?{urlencode(query)}" if query else self.path
