"""What the one place says that decides who may see and do what."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules import access
from app.rules.access import Actor
from app.vocabulary import Area, Role

ME, BELOW, OTHER = "per_me", "per_below", "per_other"


def an_actor(role: Role, person_id: str | None = ME, **more: Any) -> Actor:
    return Actor("key_1", role, person_id, **more)


def a_leader(role: Role = Role.MANAGER) -> Actor:
    return an_actor(role, reports=frozenset({BELOW}))


@pytest.mark.parametrize("role", [Role.REP, Role.MANAGER, Role.PROGRAM_MANAGER, Role.AUDITOR])
def test_of_strangers_nobody_changes_anything_but_who_runs_the_house(role: Role) -> None:
    actor = an_actor(role)

    assert not access.may_act_for(actor, OTHER)
    assert not access.is_theirs(actor, OTHER)
    assert access.may_set_level(actor, OTHER, mentors=frozenset()) is None


@pytest.mark.parametrize("role", [one for one in Role if one is not Role.ADMIN])
def test_only_an_admin_says_who_may_do_what(role: Role) -> None:
    assert not access.decides_access(an_actor(role))
    assert access.decides_access(an_actor(Role.ADMIN, None))


def test_who_leads_acts_for_their_people_but_does_not_decide_what_is_theirs_alone() -> None:
    leader = a_leader()

    assert access.may_see(leader, BELOW)
    assert access.may_act_for(leader, BELOW)
    assert access.may_set_level(leader, BELOW, mentors=frozenset()) == "manager"
    assert not access.is_theirs(leader, BELOW)
    assert not access.sees_theirs(leader, BELOW)


def test_an_auditor_sees_everything_and_acts_on_nothing_but_how_their_own_pages_look() -> None:
    auditor = an_actor(Role.AUDITOR)

    assert access.may_see(auditor, OTHER)
    assert access.sees_theirs(auditor, OTHER)
    assert access.sees_program(auditor, "prg_1")
    assert not access.runs_program(auditor, "prg_1")
    assert not access.is_theirs(auditor, ME)
    assert not access.may_act_for(auditor, ME)
    assert access.may_set_level(auditor, ME, mentors=frozenset({ME})) is None
    assert access.may_change_look(auditor, ME)
    assert not access.may_change_look(auditor, OTHER)


def test_a_program_is_run_by_those_who_were_put_down_as_its_managers() -> None:
    runs_it = an_actor(Role.PROGRAM_MANAGER, programs=frozenset({"prg_1"}))

    assert access.runs_program(runs_it, "prg_1")
    assert access.sees_program(runs_it, "prg_1")
    assert not access.sees_program(runs_it, "prg_2")


def test_plans_are_there_for_who_leads_by_role_also_while_nobody_reports_to_them() -> None:
    assert {role for role in Role if access.makes_plans(an_actor(role))} == set(Role) - {Role.REP}


def test_figures_of_somebody_are_for_them_alone_when_the_house_says_so() -> None:
    for actor in (a_leader(), an_actor(Role.ADMIN), an_actor(Role.AUDITOR)):
        assert access.may_see_figures(actor, BELOW, allowed=True)
        assert not access.may_see_figures(actor, BELOW, allowed=False)
        assert access.may_see_figures(actor, ME, allowed=False)
    assert not access.may_see_figures(an_actor(Role.REP), BELOW, allowed=True)


def test_who_acts_on_somebodys_behalf_is_somebody_else_to_their_figures() -> None:
    stands_in = an_actor(Role.REP, behind=OTHER)

    assert access.may_see_figures(stands_in, ME, allowed=True)
    assert not access.may_see_figures(stands_in, ME, allowed=False)


@given(st.sampled_from(Role), st.sampled_from([None, ME]), st.frozensets(st.sampled_from([BELOW])))
def test_who_may_change_something_may_see_it_and_who_decides_alone_may_act(
    role: Role, person_id: str | None, reports: frozenset[str]
) -> None:
    actor = an_actor(role, person_id, reports=reports if person_id else frozenset())

    for who in (ME, BELOW, OTHER):
        assert access.may_see(actor, who) >= access.may_act_for(actor, who) >= access.is_theirs(actor, who)
        assert access.sees_theirs(actor, who) >= access.is_theirs(actor, who)
    assert access.sees_program(actor, "prg_1") >= access.runs_program(actor, "prg_1")
    assert access.sees_the_house(actor) >= access.runs_the_house(actor) >= access.decides_access(actor)


def test_a_key_is_let_into_its_areas_and_who_may_write_there_may_read_there() -> None:
    scopes = frozenset({"calls:read", "people:write"})

    assert access.admits(None, Area.CALLS, writes=True)
    assert access.admits(scopes, Area.CALLS, writes=False)
    assert not access.admits(scopes, Area.CALLS, writes=True)
    assert access.admits(scopes, Area.PEOPLE, writes=False)
    assert access.admits(scopes, Area.PEOPLE, writes=True)


def test_the_guide_has_the_table_by_which_it_is_decided() -> None:
    _, table = (access.__doc__ or "").strip().split("\n\n", 1)

    assert table in (Path(__file__).parents[2] / "docs" / "access.md").read_text()
