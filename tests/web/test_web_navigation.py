"""Where the navigation leads, and the addresses of what pages show."""

import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st

from app.main import ROUTERS
from app.rules.access import Actor
from app.vocabulary import Role
from app.web.addresses import Address
from app.web.navigation import FOR_STRANGERS, Place, Section, sections_for


def an_actor(role: Role, *, behind: str | None = None) -> Actor:
    return Actor(credential_id="cre_1", role=role, person_id="per_1", behind=behind)


def places(sections: tuple[Section, ...]) -> list[Place]:
    return [place for section in sections for place in section.places]


_PEOPLE = [role for role in Role if role is not Role.INTEGRATION]


@pytest.mark.parametrize("role", _PEOPLE)
def test_every_place_is_a_page_once_with_an_icon(role: Role) -> None:
    pages = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}

    found = places(sections_for(an_actor(role)))

    assert found
    assert {place.href for place in found} <= pages
    assert len({place.href for place in found}) == len(found)
    assert len({place.icon for place in found}) == len(found)


def test_strangers_find_the_way_in() -> None:
    assert [place.href for place in places(FOR_STRANGERS)] == ["/login", "/docs"]


@pytest.mark.parametrize("role", _PEOPLE)
def test_no_section_is_empty(role: Role) -> None:
    assert all(section.places for section in sections_for(an_actor(role)))


def test_who_acts_for_somebody_finds_nothing_of_how_they_sign_in() -> None:
    as_ana = places(sections_for(an_actor(Role.REP)))
    for_ana = places(sections_for(an_actor(Role.REP, behind="per_admin")))

    assert {place.href for place in as_ana} - {place.href for place in for_ana} == {"/me/security"}


words = st.text(max_size=8)


@given(query=st.dictionaries(words, words), name=words, value=words)
def test_an_address_with_a_part_changed_and_back_is_the_same(query: dict[str, str], name: str, value: str) -> None:
    address = Address("/people", {**query, name: "was"})

    changed = address.but(**{name: value})
    back = Address("/people", {**address.query, name: value}).but(**{name: "was"})

    assert back == address.but()
    assert changed.startswith("/people")
    assert address.but(**{name: None}) == Address("/people", {k: v for k, v in query.items() if k != name}).but()
