"""Which type a call is, from what the CRM says about it. A type set by hand is never asked for here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

UNKNOWN = "other"


@dataclass(frozen=True, slots=True)
class TypeRule:
    """How calls of one type are recognised."""

    slug: str
    keywords: tuple[str, ...]
    stages: tuple[str, ...]


def call_type(title: str, stage: str | None, rules: Sequence[TypeRule]) -> str:
    """Return the type whose word stands first in the title; without one, the type of the deal's stage; else `other`.

    Words are compared whole and without case; of two words at one place the longer wins, then the smaller slug.
    """
    found = min(
        (
            (match.start(), -len(word), rule.slug)
            for rule in rules
            for word in rule.keywords
            if (match := re.search(rf"(?<!\w){re.escape(word)}(?!\w)", title, re.IGNORECASE))
        ),
        default=None,
    )
    if found:
        return found[2]
    return min((rule.slug for rule in rules if stage and stage in rule.stages), default=UNKNOWN)
