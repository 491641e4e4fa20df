"""Which account a name means, however it is spelt. Databases do not fold case alike, so it is done here. Pure."""

import unicodedata
from collections.abc import Collection
from datetime import datetime
from math import inf
from typing import Protocol, TypeVar


class Named(Protocol):
    """An account, as far as it matters here."""

    @property
    def id(self) -> str:
        """Its key."""

    @property
    def name(self) -> str:
        """As it is spelt."""

    @property
    def observers_allowed(self) -> bool:
        """Whether anybody listens to its calls."""

    @property
    def seat_capacity(self) -> int | None:
        """How many may, where it says so."""

    @property
    def own_side_ceiling(self) -> int | None:
        """How many of our faces it sees at most, where it says so."""

    @property
    def created_at(self) -> datetime:
        """Since when it is known."""


A = TypeVar("A", bound=Named)


def folded(name: str) -> str:
    """Return what all spellings of a name share: case, spaces, compatibility forms (Unicode Standard Annex 15, NFKC)
    and marks that nobody sees make no other name.
    """
    seen = "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def meant(among: Collection[A], name: str) -> A | None:
    """Return the account that a name means among these; None when none is spelt like it. Of several the strictest, so
    that no spelling opens what is closed; else the one of exactly this name, and the oldest. Linear in `among`.
    """
    alike = folded(name)

    def order(one: A) -> tuple[bool, float, float, bool, datetime, str]:
        seats, faces = (inf if most is None else most for most in (one.seat_capacity, one.own_side_ceiling))
        return one.observers_allowed, seats, faces, one.name != name, one.created_at, one.id

    return min((one for one in among if folded(one.name) == alike), key=order, default=None)
