"""Language tags: in which case they are written, and which of them will do for a reader."""

LANGUAGE = "en"
"""What our own words are in."""


def languages(wanted: str | None) -> tuple[str, ...]:
    """Return in which languages words are looked for, the best first: `pt-BR` gives pt-BR, pt, en (RFC 4647 section
    3.4).
    """
    parts = canonical(wanted).split("-") if wanted else []
    found = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return tuple(dict.fromkeys([*found, LANGUAGE]))


def canonical(language: str) -> str:
    """Return a language tag in the case that it is customarily written in: `zh-Hant-TW` (RFC 5646 section 2.1.1)."""
    first, *rest = language.lower().split("-")
    return "-".join([first, *({2: part.upper(), 4: part.title()}.get(len(part), part) for part in rest)])
