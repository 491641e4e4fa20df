"""A reader is spoken to in the language that comes nearest to theirs."""

import pytest

from app.rules.languages import canonical, languages


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
