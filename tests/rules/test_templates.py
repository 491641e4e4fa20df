"""Templates of mails: what is refused, what hostile facts can't do, and how a text becomes HTML."""

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.templates import Words, fill, html, unknown_tokens

HOSTILE = [
    "<script>alert(1)</script>",
    "{{host_name}}",
    "Jo\r\nBcc: eve@evil.example",
    "Jo\n\nhttps://evil.example",
    "Jo\u2028https://evil.example\u2029\x85",
    "\u202eelpmaxe.live@eve\u202c",
    "\u2066Jo\u2069\u200f",
    "\x00Jo\x07\ud800",
    '"><img src=x onerror=alert(1)>',
]
anything = st.text(st.characters(), max_size=60)


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("{{nmae}}", ["{{nmae}}"]),
        ("{{Name}} {{ name }} {{name}}", ["{{Name}}"]),
        ("{{}} {{nmae}} {{nmae}}", ["{{}}", "{{nmae}}"]),
        ("{{name", ["{{"]),
        ("name}}", ["}}"]),
        ("{{{name}}}", ["{{{name}}"]),
        ("{{name.__class__}}", ["{{name.__class__}}"]),
        ("{{host\nname}}", ["{{host\nname}}"]),
        ("{name} { } {% if %} ${name} %(name)s", []),
    ],
)
def test_what_nobody_could_fill_in_is_named(template: str, unknown: list[str]) -> None:
    assert unknown_tokens(template, ["name", "host_name"]) == unknown


def test_a_fact_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(KeyError):
        fill(Words("{{name}}", ""), {})


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_fact_is_words_on_one_line_and_nothing_else(hostile: str) -> None:
    said = fill(Words("For {{name}}", "Hello {{name}},\n\nwelcome.\n"), {"name": hostile, "host_name": "Mara"})

    assert "Mara" not in said.subject + said.text
    assert said.subject.isprintable()
    assert said.text.count("\n") == 3
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", said.text)
    shown = html(said.text)
    assert re.findall("<[^>]*>", shown) == ["<p>", "</p>", "<p>", "</p>"]


@given(anything, anything)
def test_what_a_fact_says_is_never_read_again(one: str, other: str) -> None:
    wrapped = fill(Words("{{a}}|{{b}}", "{{a}}|{{b}}"), {"a": one + "{{b}}", "b": other + "{{a}}"})

    assert wrapped.subject.count("{{b}}") >= 1
    assert wrapped.subject.count("{{a}}") >= 1
    assert "\n" not in wrapped.subject


@given(st.lists(anything, max_size=5))
def test_html_reads_as_the_text_does(lines: list[str]) -> None:
    said = fill(Words("", "Hello,\n\n{{lines}}\n\nBye."), {"lines": tuple(lines)})

    shown = re.sub("</p>\n<p>", "\n\n", html(said.text)).replace("<br>", "\n")
    bare = re.sub("<[^>]*>", "", shown)

    assert unescape(bare).strip("\n") == unescape(said.text).strip("\n")


def test_several_lines_stay_several_and_make_one_in_a_subject() -> None:
    said = fill(Words("{{agenda}}", "Today:\n{{agenda}}"), {"agenda": ("10:00 Shadow", "11:00 1:1")})

    assert said == Words("10:00 Shadow 11:00 1:1", "Today:\n10:00 Shadow\n11:00 1:1\n")
    assert html(said.text) == "<p>Today:<br>10:00 Shadow<br>11:00 1:1</p>\n"


def test_what_an_empty_fact_leaves_closes_up() -> None:
    said = fill(Words("A  {{join}} B", "One\n{{join}}\n\n{{join}}\n\nTwo\n\n{{join}}\n"), {"join": ""})

    assert said == Words("A B", "One\n\nTwo\n")


def test_windows_line_ends_are_line_ends() -> None:
    assert fill(Words("", "One\r\n\r\nTwo\rThree"), {}).text == "One\n\nTwo\nThree\n"


def test_only_a_web_address_alone_on_its_line_is_a_link() -> None:
    said = html('https://a.example/?x=1&y=2\n\nsee https://a.example\njavascript:alert(1)\nhttps://a.example/"x\n')

    assert said == (
        '<p><a href="https://a.example/?x=1&amp;y=2">https://a.example/?x=1&amp;y=2</a></p>\n'
        "<p>see https://a.example<br>javascript:alert(1)<br>https://a.example/&quot;x</p>\n"
    )
