"""What counts in the matching, on a page: who changes it, what is wrong with a number, and what it would change."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.models.tables import event, match_run, program, proposed_match
from app.operations.match_runs import keep_draft
from app.operations.pair_rules import put_pair_rule
from app.operations.program_managers import add_manager
from app.operations.programs import patch_program
from app.queries import matching, pool, runs
from app.rules.access import SYSTEM
from app.rules.matching.solve import solve
from app.vocabulary import PairRuleKind, Role
from tests.factories import a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, start_match
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page
from tests.web.page_rules import breaches

AT = "/settings/matching"
AS_IT_SHIPS = {"same_team": "any", "approval": "none", "requests_open": "on"}


@pytest.fixture
def people(site: Site) -> Mapping[str, Any]:
    """Nora and Tom learn, Mara mentors; Diego administers, Ina audits, Pia runs the program, Zoe is none of these."""
    with site.db() as db:
        made = [
            a_mentee(db, "Nora Quinn"),
            a_mentee(db, "Tom Bright"),
            a_mentor(db, "Mara Okafor", 2),
            a_person(db, "Zoe Doyle"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
            a_person(db, "Pia Rossi", role=Role.PROGRAM_MANAGER),
        ]
        program_id = runs.program_for_run(db, None).id
        add_manager(db, program_id=program_id, person_id=made[-1].id, actor=SYSTEM, now=NOW)
        return {one.name.split()[0].lower(): one for one in made}


@pytest.fixture
def diego(site: Site, people: Mapping[str, Any]) -> httpx.Client:
    return site.signed_in(people["diego"].id)


def page(browser: httpx.Client, path: str = AT, *, status: int = 200) -> Page:
    """Read a page and check the rules, without going wherever it leads."""
    return checked(browser.get(path), status=status)


def checked(answer: httpx.Response, *, status: int) -> Page:
    shown = Page(answer)
    assert (answer.status_code, list(breaches(shown))) == (status, [])
    return shown


def the_program(site: Site) -> Any:
    with site.db() as db:
        return db.execute(select(program)).one()


def send(browser: httpx.Client, site: Site, do: str = "save", **fields: str) -> httpx.Response:
    """Send the form as it stands on a page that was just read, but for these fields."""
    filled = {**AS_IT_SHIPS, "seen": str(the_program(site).version), **fields}
    return browser.post(AT, params={"do": do}, data=filled, headers=OURS)


def drafted(site: Site, *, pinned: bool = False) -> str:
    """Solve a run here: a child process for each test would take most of its time."""
    with site.db() as db:
        run = start_match(db)
        gathered = matching.match_problem(db, runs.match_run_by_id(db, run.id, actor=SYSTEM), now=NOW)
        keep_draft(
            db,
            run_id=run.id,
            answer=solve(gathered.problem),
            person_of=gathered.person_of,
            inputs_hash="solved",
            now=NOW,
        )
        if pinned:
            db.execute(update(proposed_match).values(pinned=True))
        return str(run.id)


def written(site: Site) -> tuple[Any, ...]:
    """All that a look must not change."""
    with site.db() as db:
        counts = (db.execute(select(func.count()).select_from(one)).scalar() for one in (event, match_run))
        return (*counts, *db.execute(select(proposed_match)), *db.execute(select(program)))


def test_it_is_there_for_who_sees_the_program_from_inside(site: Site, people: Mapping[str, Any]) -> None:
    zoe, pia, ina = (site.signed_in(people[who].id) for who in ("zoe", "pia", "ina"))

    page(zoe, status=404)
    assert send(zoe, site).status_code == 404
    assert "Call types" not in page(pia).text
    assert 'class="primary"' not in page(ina).answer.text
    assert {send(ina, site, do).status_code for do in ("save", "preview", "unsay")} == {403}
    assert send(pia, site, skill="6000").status_code == 303
    assert page(pia, f"{AT}?program=prg_none", status=404)


def test_what_the_program_says_holds_until_it_says_nothing_again(site: Site, diego: httpx.Client) -> None:
    saved = send(diego, site, skill="6000", max_zone_gap_hours="3", never_repeat="on", approval="both")
    shown = page(diego, saved.headers["location"])

    found = the_program(site)
    assert (found.weights, found.approval, found.requests_open) == ({"skill": 6000}, "both", True)
    assert found.constraints == {"max_zone_gap_hours": 3, "never_repeat": True}
    assert "Saved." in shown.text
    assert "wants to learn 6,000 the program" in shown.text

    assert send(diego, site).status_code == 303
    assert (the_program(site).weights, the_program(site).constraints) == ({}, {})
    assert "wants to learn 4,500 Earshot" in page(diego).text


def test_the_form_as_it_ships_saves_nothing_by_itself(site: Site, diego: httpx.Client) -> None:
    send(diego, site, skill="6000", requests_open="")
    before = the_program(site)

    shown = page(diego, f"{AT}?ships=true")

    assert 'value="6000"' in page(diego).answer.text
    assert 'value="6000"' not in shown.answer.text
    assert the_program(site) == before


@pytest.mark.parametrize("do", ["save", "preview"])
def test_what_cant_be_is_pointed_at_all_at_once_and_stays_in_the_form(site: Site, diego: httpx.Client, do: str) -> None:
    before = written(site)

    shown = checked(
        send(diego, site, do, skill="many", overlap="10001", max_grade_gap="-1", same_team="odd", fresh="7"), status=422
    )

    wrong = [attrs["href"] for attrs in shown.all("a") if attrs["href"].startswith("#f-")]
    assert wrong == ["#f-skill", "#f-overlap", "#f-max_grade_gap", "#f-same_team"]
    assert all(f'value="{typed}"' in shown.answer.text for typed in ("many", "10001", "-1", "7"))
    assert written(site) == before


def test_one_criterion_counts_at_least(site: Site, diego: httpx.Client) -> None:
    nothing = dict.fromkeys(("skill", "co_availability", "segment", "overlap", "affinity", "language", "fresh"), "0")

    for do in ("save", "preview"):
        shown = checked(send(diego, site, do, **nothing), status=422)
        assert "Give one criterion more than 0." in shown.text

    assert the_program(site).weights == {}


def test_who_saves_over_somebody_else_hears_it_first(site: Site, diego: httpx.Client) -> None:
    seen = the_program(site)
    with site.db() as db:
        patch_program(db, program_id=seen.id, changes={"weights": {"fresh": 900}}, actor=SYSTEM, now=NOW)

    shown = checked(send(diego, site, skill="6000", seen=str(seen.version)), status=409)

    assert "Somebody has changed these settings since you looked." in shown.text
    assert 'value="6000"' in shown.answer.text
    assert the_program(site).weights == {"fresh": 900}
    assert f'name="seen" value="{seen.version + 1}"' in shown.answer.text


def test_a_look_at_the_last_run_says_who_would_move_and_changes_nothing(site: Site, diego: httpx.Client) -> None:
    run_id = drafted(site)
    before = written(site)

    shown = checked(send(diego, site, "preview", min_shared_minutes_per_week="10080"), status=200)

    assert "keep their mentor 0 get one 0 move to another 0 lose theirs 2" in shown.text
    assert "Nora Quinn Mara Okafor to nobody" in shown.text
    assert "2 would be without a mentor." in shown.text
    assert f"/matches/runs/{run_id}" in [attrs["href"] for attrs in shown.all("a")]
    assert 'value="10080"' in shown.answer.text
    assert written(site) == before


def test_a_pair_that_is_pinned_and_would_not_be_possible_is_named(
    site: Site, people: Mapping[str, Any], diego: httpx.Client
) -> None:
    drafted(site, pinned=True)
    before = written(site)

    shown = checked(send(diego, site, "preview", min_shared_minutes_per_week="10080"), status=422)

    assert "with Mara Okafor is pinned in the last run" in shown.text
    assert "They share too few working hours" in shown.text
    assert written(site) == before


def test_two_who_are_kept_apart_are_let_go_and_that_is_undone(
    site: Site, people: Mapping[str, Any], diego: httpx.Client
) -> None:
    pair = {"program_id": the_program(site).id, "mentee_id": people["nora"].id, "mentor_id": people["mara"].id}
    with site.db() as db:
        put_pair_rule(db, **pair, kind=PairRuleKind.FORBIDDEN, actor=SYSTEM, now=NOW)

    def kept() -> list[Any]:
        with site.db() as db:
            return [(one.mentee_id, one.mentor_id, one.kind) for one in pool.pair_rules(db, pair["program_id"])]

    before, shown = kept(), page(diego)
    unsay = next(attrs["action"] for attrs in shown.all("form") if "do=unsay" in attrs.get("action", ""))
    answers = [diego.post(unsay, headers=OURS) for _ in range(2)]
    gone, after = kept(), page(diego, answers[0].headers["location"])
    undo = next(attrs["action"] for attrs in after.all("form") if "do=undo" in attrs.get("action", ""))

    assert "Nora Quinn never with Mara Okafor" in shown.text
    assert ([one.status_code for one in answers], gone) == ([303, 303], [])
    assert diego.post(undo, headers=OURS).status_code == 303
    assert kept() == before
    assert diego.post(AT, params={"do": "undo", "token": "made up"}, headers=OURS).status_code == 404
