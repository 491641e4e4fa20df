"""Templates of mails: words with tokens such as `{{host_name}}`, checked when they are saved, filled with facts."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape

_TOKEN = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BRACES = re.compile(r"\{\{|\}\}")
_FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
"""Controls that are no white space, and halves of characters: nothing that a mail may hold."""
_INVISIBLE = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks, embeddings, overrides and isolates (UAX 9): with them a name reads as somebody else's."""
_LINE_BREAK = re.compile("\r\n?")
_GAP = re.compile(r"\n{3,}")
_URL = re.compile(r"https?://[^\s<>\"]+")

Fact = str | tuple[str, ...]
"""What stands in place of a token: one line, or several."""


@dataclass(frozen=True, slots=True)
class Words:
    """A subject of one line and a text, with or without tokens in them."""

    subject: str
    text: str


def unknown_tokens(template: str, known: Collection[str]) -> list[str]:
    """Return what nobody could fill in, as it is written, in order, each once. Braces that open or close nothing are
    among it: somebody meant a token.
    """
    found = [token[0] for token in _TOKEN.finditer(template) if token[1].strip() not in known]
    return list(dict.fromkeys([*found, *_BRACES.findall(_TOKEN.sub("", template))]))


def fill(words: Words, facts: Mapping[str, Fact]) -> Words:
    """Return the words with a fact in place of each token; whatever a fact says, it is never read as a token. KeyError
    when one is missing.

    Only a fact that is several lines makes several, and a subject stays one line. Where an empty fact leaves empty
    lines, there is never more than one between two others.
    """
    lines = {name: _lines(fact) for name, fact in facts.items()}
    subject = " ".join(_TOKEN.sub(lambda token: " ".join(lines[token[1].strip()]), words.subject).split())
    text = _TOKEN.sub(lambda token: "\n".join(lines[token[1].strip()]), _LINE_BREAK.sub("\n", words.text))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return Words(subject, _GAP.sub("\n\n", text).strip("\n") + "\n")


def html(text: str) -> str:
    """Return a filled text as HTML that reads the same: paragraphs, lines, and a link for a URL alone on its line."""
    paragraphs = text.strip("\n").split("\n\n")
    return "".join("<p>" + "<br>".join(_line(line) for line in one.split("\n")) + "</p>\n" for one in paragraphs)


def _lines(fact: Fact) -> list[str]:
    several = (fact,) if isinstance(fact, str) else fact
    return [" ".join(_INVISIBLE.sub("", _FORBIDDEN.sub("", line)).split()) for line in several]


def _line(line: str) -> str:
    shown = escape(line)
    return f'<a href="{shown}">{shown}</a>' if _URL.fullmatch(line) else shown
