"""The page of all matches: who sees which of them, its filters, and the runs that start there."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from app.models.tables import enrollment, installation, match_run
from app.operations.match_requests import approve_match, ask_for_match
from app.operations.pair_rules import put_pair_rule
from app.operations.people import patch_person
from app.operations.program_managers import add_manager
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import Objective, PairRuleKind, Role
from tests.acts_that_are_told import by
from tests.factories import a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page
from tests.web.page_rules import breaches


@pytest.fixture
def people(site: Site) -> Mapping[str, Any]:
    """Nora's match with Mara has begun, Tom asks for Mara, Una waits; Lea leads Nora, Pia runs the program."""
    with site.db() as db:
        made = [
            a_mentee(db, "Nora Quinn"),
            a_mentee(db, "Tom Bright"),
            a_mentee(db, "Una Ito"),
            a_mentor(db, "Mara Okafor", 3),
            a_person(db, "Zoe Doyle"),
            a_person(db, "Lea Brandt", role=Role.MANAGER),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
            a_person(db, "Pia Rossi", role=Role.PROGRAM_MANAGER),
        ]
        found = {one.name.split()[0].lower(): one for one in made}
        program_id = runs.program_for_run(db, None).id
        add_manager(db, program_id=program_id, person_id=found["pia"].id, actor=SYSTEM, now=NOW)
        patch_person(db, person_id=found["nora"].id, changes={"manager_id": found["lea"].id}, actor=SYSTEM, now=NOW)
        for mentee in ("nora", "tom"):
            asked = ask_for_match(
                db, mentor_id=found["mara"].id, mentee_id=None, program_id=None, actor=by(found[mentee]), now=NOW
            )
            if mentee == "nora":
                approve_match(db, match_id=asked.id, actor=by(found["mara"]), now=NOW)
        return found


def page(browser: httpx.Client, path: str, *, status: int = 200) -> Page:
    """Read a page and check the rules, without going wherever it leads."""
    shown = Page(browser.get(path))
    assert (shown.answer.status_code, list(breaches(shown))) == (status, [])
    return shown


def listed(shown: Page) -> list[str]:
    """The matches to which a page leads."""
    return [attrs["href"] for attrs in shown.all("a") if attrs["href"].startswith("/m/")]


def started(site: Site) -> list[Any]:
    with site.db() as db:
        return list(db.execute(select(match_run)))


def test_everybody_sees_the_matches_that_are_theirs_to_see(site: Site, people: Mapping[str, Any]) -> None:
    shown = {who: page(site.signed_in(people[who].id), "/matches") for who in people}

    counts = {who: len(listed(one)) for who, one in shown.items()}
    assert counts == {"nora": 1, "tom": 1, "una": 0, "mara": 2, "zoe": 0, "lea": 1, "diego": 2, "ina": 2, "pia": 2}
    assert "You have no match yet." in shown["zoe"].text
    assert "Missing: You." in shown["mara"].text
    assert "Missing: Mara Okafor." in shown["tom"].text
    starts = {who for who, one in shown.items() if "Find the best pairs" in one.text}
    waits = {who for who, one in shown.items() if "Una Ito No run has looked at them yet" in one.text}
    assert (starts, waits) == ({"diego", "pia"}, {"diego", "pia", "ina"})


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("?status=pending", 1),
        ("?status=active", 1),
        ("?status=ended", 0),
        ("?status=all", 2),
        ("?status=burning", 2),
        ("?q=nORA", 1),
        ("?q=okafor", 2),
        ("?q=%25", 0),
        ("?program=prg_none", 0),
    ],
)
def test_filters_stand_in_the_address(site: Site, people: Mapping[str, Any], query: str, found: int) -> None:
    shown = page(site.signed_in(people["diego"].id), f"/matches{query}")

    assert len(listed(shown)) == found
    assert ("No match is like this." in shown.text) == (found == 0)


def test_a_cursor_that_was_altered_is_refused(site: Site, people: Mapping[str, Any]) -> None:
    page(site.signed_in(people["diego"].id), "/matches?cursor=altered", status=400)


def test_points_are_for_who_sees_the_program_and_where_the_house_shows_figures(
    site: Site, people: Mapping[str, Any]
) -> None:
    for_diego, for_mara = (page(site.signed_in(people[who].id), "/matches").text for who in ("diego", "mara"))
    with site.db() as db:
        db.execute(update(installation).values(person_insights=False))
    switched_off = page(site.signed_in(people["diego"].id), "/matches").text

    assert ["Points" in text for text in (for_diego, for_mara, switched_off)] == [True, False, False]


def test_a_run_is_started_as_it_was_asked_and_shown(site: Site, people: Mapping[str, Any]) -> None:
    diego = site.signed_in(people["diego"].id)

    sent = diego.post("/matches", data={"objective": "lex", "disruption": "least"}, headers=OURS)

    [run] = started(site)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/matches/runs/{run.id}")
    assert run.objective is Objective.LEX
    assert f"/matches/runs/{run.id}" in {attrs["href"] for attrs in page(diego, "/matches").all("a")}


def test_nobody_else_starts_one_and_no_other_site(site: Site, people: Mapping[str, Any]) -> None:
    statuses = {
        who: site.signed_in(people[who].id).post("/matches", headers=OURS).status_code for who in ("zoe", "ina")
    }
    elsewhere = site.signed_in(people["diego"].id).post("/matches", headers={"Sec-Fetch-Site": "cross-site"})

    assert statuses == {"zoe": 403, "ina": 403}
    assert elsewhere.status_code == 403
    assert started(site) == []


def test_what_a_program_forces_and_cannot_hold_is_said_by_name(site: Site, people: Mapping[str, Any]) -> None:
    with site.db() as db:
        program_id = runs.program_for_run(db, None).id
        forced: dict[str, Any] = {"mentee_id": people["una"].id, "mentor_id": people["mara"].id}
        put_pair_rule(db, program_id=program_id, **forced, kind=PairRuleKind.FORCED, actor=SYSTEM, now=NOW)
        db.execute(update(enrollment).where(enrollment.c.person_id == people["mara"].id).values(capacity=0))

    refused = site.signed_in(people["diego"].id).post("/matches", headers=OURS)

    assert refused.status_code == 422
    assert "No run was started. The program forces Una Ito with Mara Okafor. No place left" in Page(refused).text
    assert started(site) == []
