"""The catalogue of mails: our own words can be filled, say what there is to say, and keep to the data minimum."""

import re

import pytest

from app.rules.messages import CATALOGUE
from app.rules.templates import fill, html, unknown_tokens
from app.vocabulary import MessageKind

every_kind = pytest.mark.parametrize("kind", MessageKind)


@every_kind
def test_our_own_words_can_be_filled(kind: MessageKind) -> None:
    message = CATALOGUE[kind]

    said = fill(message.words, message.examples)

    assert unknown_tokens(message.words.subject + message.words.text, message.names) == []
    assert "{{" not in said.subject + said.text
    assert 0 < len(said.subject) <= 100
    assert html(said.text).count('<a href="https://') >= 1, "there is a page where one acts"
    assert "Hello" in said.text or "Good morning" in said.text


@every_kind
def test_every_fact_has_a_sentence_and_an_example_and_most_are_used(kind: MessageKind) -> None:
    message = CATALOGUE[kind]

    assert len(set(message.names)) == len(message.names)
    assert all(token.meaning.endswith(".") and token.example for token in message.tokens)
    unused = {name for name in message.names if f"{{{{{name}}}}}" not in message.words.subject + message.words.text}
    assert unused <= {"join"}


@every_kind
def test_our_own_words_are_plain_and_fit_what_an_admin_may_save(kind: MessageKind) -> None:
    words = CATALOGUE[kind].words

    assert len(words.subject) <= 200
    assert len(words.text) <= 5000
    assert not re.search(r"[!]|please don't|kindly|click here|dear", words.text, re.IGNORECASE)
    assert all(len(line) <= 160 for line in words.text.split("\n"))
