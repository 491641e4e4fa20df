"""What is drawn once for many is kept by all that it is drawn from."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time
from time import sleep
from typing import Any, get_args, get_type_hints

import pytest
from jinja2 import FunctionLoader
from jinja2.exceptions import UndefinedError

from app.web import html
from app.web.faces import Face
from app.web.html import Templates
from app.web.navigation import Section
from app.web.pages.floor import LiveRow, Mine, There
from tests.patience import PATIENCE_SECONDS


def kinds(of: Any) -> set[Any]:
    """Every type that a value of this one may hold, at any depth."""
    if is_dataclass(of):
        hints = get_type_hints(of)
        return {of}.union(*(kinds(hints[one.name]) for one in fields(of)))
    return {of}.union(*(kinds(one) for one in get_args(of) if isinstance(one, type) or get_args(one)))


def test_what_is_drawn_once_holds_no_times_for_equal_ones_read_otherwise_elsewhere() -> None:
    for shown in (LiveRow, Mine, There, Face, Section):
        assert not kinds(shown) & {datetime, date, time, Any, list, dict}, shown


def test_the_same_is_drawn_once_and_another_by_itself() -> None:
    person = html._TEMPLATES.get_template("parts.html").module.person  # type: ignore[attr-defined]
    mara, jo = Face("Mara", "M", 1), Face("Jo", "J", 1)

    drawn = [html._drawn(person, one, "dialling") for one in (mara, Face("Mara", "M", 1), jo)]

    assert drawn[0] is drawn[1]
    assert [drawn[0], drawn[2]] == [person(mara, "dialling"), person(jo, "dialling")]


def test_a_macro_sees_nothing_that_a_request_brings_along() -> None:
    source = "{% macro themed() %}{{ theme() }}{% endmacro %}"
    macro = html._TEMPLATES.from_string(source).module.themed  # type: ignore[attr-defined]

    with pytest.raises(UndefinedError):
        html._drawn(macro)


def test_a_template_is_made_once_however_many_are_the_first_to_ask() -> None:
    made: list[str] = []
    all_ask = threading.Barrier(8)

    def source(name: str) -> str:
        made.append(name)
        sleep(0.05)
        return "{{ who }}"

    templates = Templates(loader=FunctionLoader(source))

    def draw(who: int) -> str:
        all_ask.wait(PATIENCE_SECONDS)
        return templates.get_template("floor").render(who=who)

    with ThreadPoolExecutor(8) as readers:
        texts = list(readers.map(draw, range(8)))

    assert made == ["floor"]
    assert texts == [str(number) for number in range(8)]
