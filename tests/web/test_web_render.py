"""Every page, for everybody who finds it, in houses with nothing, a usual week, very much, and hostile names."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import httpx
import pytest

from app.vocabulary import Role
from tests.web.houses import NOBODY, PEOPLE, House, Houses, State
from tests.web.page_reader import Page
from tests.web.page_rules import breaches
from tests.web.pages_of_the_house import PAGES, HousePage, pages_in

Look = Callable[[State, str, HousePage], httpx.Response]
"""Read a page of a house as somebody."""


@pytest.fixture(scope="module")
def look(houses: Houses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    with ExitStack() as stack:

        @cache
        def opened(state: State) -> House:
            return stack.enter_context(houses.open(state, tmp_path_factory.mktemp("render")))

        @cache
        def browser(state: State, who: str) -> httpx.Client:
            made = opened(state).browser()
            if who != NOBODY:
                made.headers["Cookie"] = f"sid={opened(state).cookie(who)}"
            return made

        yield lambda state, who, shown: browser(state, who).get(opened(state).path(shown.path))


@pytest.mark.parametrize(
    ("state", "shown"),
    [pytest.param(state, one, id=f"{one.name}, {state}") for state in State for one in pages_in(state)],
)
def test_every_page_keeps_the_rules_for_everybody_who_finds_it(look: Look, state: State, shown: HousePage) -> None:
    answers = {who: look(state, who, shown) for who in shown.who}

    assert {who: answer.status_code for who, answer in answers.items()} == dict.fromkeys(shown.who, shown.status)
    found = {who: list(breaches(Page(answer))) for who, answer in answers.items()}
    assert {who: said for who, said in found.items() if said} == {}


@pytest.mark.parametrize(
    "shown",
    [one for one in pages_in(State.TYPICAL) if NOBODY not in one.who and one.status == 200],
    ids=lambda one: one.name,
)
def test_who_is_a_stranger_to_a_page_is_led_to_the_sign_in(look: Look, shown: HousePage) -> None:
    answer = look(State.TYPICAL, NOBODY, shown)

    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")


LOOK_AND_SIGN_IN = ("/me?do=keys", "/me/theme", "/me/security", "/logout", "/keys")
"""Where an auditor's forms lead: how their pages look, and how they get in."""


@pytest.mark.parametrize(
    "shown",
    [one for one in pages_in(State.TYPICAL) if "auditor" in one.who and one.status == 200],
    ids=lambda one: one.name,
)
def test_no_page_offers_an_auditor_anything_to_press_but_their_own_look_and_sign_in(
    look: Look, shown: HousePage
) -> None:
    html = look(State.TYPICAL, "auditor", shown).text

    pressed = [one[1] for one in re.finditer(r'<form[^>]*action="([^"]*)"(.*?)</form>', html, re.DOTALL) if _posts(one)]
    assert [action for action in pressed if not action.startswith(LOOK_AND_SIGN_IN)] == []


def _posts(form: re.Match[str]) -> bool:
    return 'method="post"' in form[0] and "<button" in form[2]


def test_the_list_has_every_page_once_and_a_viewer_of_every_role() -> None:
    names = [one.name for one in PAGES]

    assert len(names) == len(set(names))
    assert {role for _, role, _ in PEOPLE.values()} | {Role.INTEGRATION} == set(Role)
