"""What every page is made of, at its edges: odd text, nothing at all, more than there is room for."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web import html
from app.web.faces import Face


def part(template: str, name: str, *values: Any, **named: Any) -> str:
    return str(getattr(html._TEMPLATES.get_template(template).module, name)(*values, **named))


NORA = Face("Nora Quinn", "NQ", 4)


def test_a_press_adds_to_what_its_address_says_already() -> None:
    shown = part("forms.html", "press", '/?call="><b>', "take", "Take", of="a&b=c d")

    assert 'action="/?call=&#34;&gt;&lt;b&gt;&amp;of=a%26b%3Dc+d&amp;do=take"' in shown


def test_a_field_says_what_is_wrong_with_it_and_keeps_what_was_typed() -> None:
    shown = part("forms.html", "field", "name", "Name", '"><i>', hint="Short.", error="Too long.", maxlength=5)

    assert 'value="&#34;&gt;&lt;i&gt;"' in shown
    assert 'aria-invalid="true" aria-describedby="f-name-hint f-name-wrong"' in shown
    assert 'maxlength="5"' in shown


def test_a_form_without_errors_has_no_summary() -> None:
    assert part("forms.html", "error_summary", {}).strip() == ""


@pytest.mark.parametrize("macro", ["field", "textarea"])
def test_every_field_has_its_label(macro: str) -> None:
    shown = part("forms.html", macro, "name", "Name", id="other")

    assert ('for="other"' in shown, 'id="other"' in shown) == (True, True)


@given(taken=st.integers(0, 60), free=st.integers(0, 60), seen=st.integers(0, 6))
def test_seats_are_drawn_up_to_four_and_said_whole(taken: int, free: int, seen: int) -> None:
    faces, capacity = [NORA] * min(seen, taken), taken + free

    shown = part("parts.html", "seat_row", faces, taken, capacity)

    drawn = len(re.findall(r'class="(?:avatar|taken|free)\b', shown))
    more = re.search(r">\+(\d+)<", shown)
    assert drawn == min(capacity, 4)
    assert drawn + (int(more[1]) if more else 0) == capacity
    assert f"{taken} of {capacity} seat" in shown


@pytest.mark.parametrize("values", [(), (0, 0, 0), (1,), (10**9, -1)])
def test_a_course_of_nothing_is_drawn_too(values: tuple[int, ...]) -> None:
    assert "NaN" not in part("charts.html", "spark", values or (0,), "Nothing yet")


@given(points=st.lists(st.integers(-(10**6), 10**6), max_size=6))
def test_no_bar_is_longer_than_its_ground(points: list[int]) -> None:
    shown = part("charts.html", "terms", [("A reason", one) for one in points], sum(points))

    widths = [float(width) for width in re.findall(r'class="fill" width="([\d.]+)"', shown)]
    assert len(widths) == len(points)
    assert all(0 <= width <= 68 for width in widths)
