"""The catalogue of mails: our own words can be filled, say what there is to say, and keep to the data minimum."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.rules.messages import CATALOGUE, call_words, canonical, languages, moment, when
from app.rules.templates import fill, html, unknown_tokens
from app.vocabulary import MessageKind

every_kind = pytest.mark.parametrize("kind", MessageKind)
TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, ("en",)),
        ("en", ("en",)),
        ("de", ("de", "en")),
        ("pt-br", ("pt-BR", "pt", "en")),
        ("en-GB", ("en-GB", "en")),
        ("ZH-HANT-tw", ("zh-Hant-TW", "zh-Hant", "zh", "en")),
    ],
)
def test_words_are_looked_for_from_the_narrowest_language_to_ours(wanted: str | None, found: tuple[str, ...]) -> None:
    assert languages(wanted) == found


def test_a_language_tag_is_one_however_it_is_written() -> None:
    assert {canonical(tag) for tag in ("pt-br", "pt-BR", "PT-Br")} == {"pt-BR"}


def test_a_time_is_said_where_its_reader_lives_and_names_the_place() -> None:
    assert when(TEN, TEN + timedelta(minutes=30), "Asia/Kolkata") == (
        "Monday 23 November 2026, 15:30–16:00 (Asia/Kolkata)"
    )
    assert moment(TEN, "Pacific/Auckland") == "Monday 23 November 2026, 23:00 (Pacific/Auckland)"


def test_a_call_is_its_company_and_type_and_no_more() -> None:
    assert call_words("Northwind Freight", "discovery") == "Northwind Freight (discovery)"
    assert call_words(None, "executive_briefing.first") == "executive briefing first"
