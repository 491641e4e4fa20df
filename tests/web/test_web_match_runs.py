"""The page of a match run: who finds it, what it says of every pair, and what its buttons do."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.jobs import match_runs as jobs
from app.models.tables import event, installation, match, match_run, pair_rule, person, proposed_match
from app.operations import match_edits
from app.operations.match_runs import keep_draft
from app.operations.program_managers import add_manager
from app.operations.runs import advance
from app.queries import matching, runs
from app.rules.access import SYSTEM
from app.rules.matching.solve import solve
from app.vocabulary import MatchStatus, Role, RunStatus
from tests.factories import a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor, run_job, start_match
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page
from tests.web.page_rules import breaches
from tests.web.test_web_week import HOSTILE

BUTTONS = ("accept", "pin", "unpin", "give", "leave", "never", "undo", "rerun", "drop", "publish")


@pytest.fixture
def people(site: Site) -> Mapping[str, Any]:
    """Nora and Tom learn, Mara and Jonas mentor one each, Gus speaks another language; Diego administers, Ina audits,
    Pia runs the program, Zoe has nothing to do with it.
    """
    with site.db() as db:
        made = [
            a_mentee(db, "Nora Quinn"),
            a_mentee(db, "Tom Bright"),
            a_mentor(db, "Mara Okafor", 1),
            a_mentor(db, "Jonas Lindqvist", 1),
            a_mentor(db, "Gus Haddad", 1, languages=["fr"]),
            a_person(db, "Zoe Doyle"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
            a_person(db, "Pia Rossi", role=Role.PROGRAM_MANAGER),
        ]
        program_id = runs.program_for_run(db, None).id
        add_manager(db, program_id=program_id, person_id=made[-1].id, actor=SYSTEM, now=NOW)
        return {one.name.split()[0].lower(): one for one in made}


def page(browser: httpx.Client, path: str, *, status: int = 200) -> Page:
    """Read a page and check the rules, without going wherever it leads."""
    shown = Page(browser.get(path))
    assert (shown.answer.status_code, list(breaches(shown))) == (status, [])
    return shown


def waiting(site: Site) -> str:
    with site.db() as db:
        return str(start_match(db).id)


@pytest.fixture
def run_id(site: Site, people: Mapping[str, Any]) -> str:
    """A draft with both mentees in it."""
    return solved(site, waiting(site))


def solved(site: Site, run_id: str) -> str:
    """Solve a run here: a child process for each test would take most of its time."""
    with site.db() as db:
        run = runs.match_run_by_id(db, run_id, actor=SYSTEM)
        gathered = matching.match_problem(db, run, now=NOW)
        answer = solve(gathered.problem)
        keep_draft(db, run_id=run_id, answer=answer, person_of=gathered.person_of, inputs_hash="solved", now=NOW)
    return run_id


def press(browser: Any, run_id: str, do: str, mentor: str = "", **query: Any) -> Any:
    return browser.post(f"/matches/runs/{run_id}", params={"do": do, **query}, data={"mentor": mentor}, headers=OURS)


def row(site: Site, run_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(match_run).where(match_run.c.id == run_id)).one()


def pairs(site: Site, run_id: str) -> dict[str, tuple[str, bool]]:
    """Who has whom in a draft, and whether it is pinned."""
    with site.db() as db:
        return {one.mentee_id: (one.mentor_id, one.pinned) for one in runs.proposed_matches(db, run_id)}


def rules(site: Site) -> list[tuple[str, str, str]]:
    with site.db() as db:
        return [(one.mentee_id, one.mentor_id, one.kind) for one in db.execute(select(pair_rule))]


def events(site: Site) -> int:
    with site.db() as db:
        return int(db.execute(select(func.count()).select_from(event)).scalar_one())


def dones(shown: Page) -> set[str]:
    found = (re.search(r"do=(\w+)", attrs.get("action", "")) for attrs in shown.all("form"))
    return {one[1] for one in found if one}


def test_nobody_finds_it_but_who_sees_the_program_from_inside(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    before = row(site, run_id)

    for stranger in ("zoe", "nora", "mara"):
        browser = site.signed_in(people[stranger].id)
        page(browser, f"/matches/runs/{run_id}", status=404)
        assert {press(browser, run_id, do, of=people["nora"].id).status_code for do in BUTTONS} == {404}
    for insider in ("diego", "ina", "pia"):
        page(site.signed_in(people[insider].id), f"/matches/runs/{run_id}")

    assert row(site, run_id) == before


def test_who_may_only_look_has_no_buttons_and_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    ina, before = site.signed_in(people["ina"].id), row(site, run_id)

    shown = page(ina, f"/matches/runs/{run_id}?others=true")
    refused = {press(ina, run_id, do, of=people["nora"].id).status_code for do in ("pin", "leave", "drop", "publish")}

    assert dones(shown) == set()
    assert refused == {403}
    assert row(site, run_id) == before


def test_looking_and_forms_of_other_sites_change_nothing(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    before = events(site)

    for do in BUTTONS:
        at = f"/matches/runs/{run_id}?do={do}&of={people['nora'].id}"
        assert diego.get(at).status_code == 200
        assert diego.post(at, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert press(diego, run_id, "burn").status_code == 422
    assert press(diego, run_id, "undo", token="made up").status_code == 404
    assert press(diego, run_id, "pin", of=people["zoe"].id).status_code == 404

    assert row(site, run_id).status is RunStatus.DRAFT
    assert events(site) - before <= len(BUTTONS), "the audit has a line of each foreign form, at most"


def test_a_run_that_is_being_solved_says_how_far_it_is_and_can_be_called_off(
    site: Site, people: Mapping[str, Any]
) -> None:
    run_id, diego = waiting(site), site.signed_in(people["diego"].id)

    shown = page(diego, f"/matches/runs/{run_id}")
    looks_by_itself = 'id="wait" data-live="me" data-every="1"' in diego.get(f"/matches/runs/{run_id}").text
    twice = [press(diego, run_id, "drop") for _ in range(2)]

    assert looks_by_itself
    assert "Your run waits its turn" in shown.text
    assert "Look again" in shown.text
    assert [answer.status_code for answer in twice] == [303, 303]
    assert "This run was dropped" in page(diego, f"/matches/runs/{run_id}").text


def test_a_run_that_found_no_answer_says_why(site: Site, people: Mapping[str, Any]) -> None:
    run_id = waiting(site)
    with site.db() as db:
        pinned = [[people["nora"].id, people["gus"].id]]
        db.execute(update(match_run).where(match_run.c.id == run_id).values(pins=pinned))
    run_job(site.api.engine, jobs.match_run, run_id)

    shown = page(site.signed_in(people["diego"].id), f"/matches/runs/{run_id}")

    assert "This run found no answer" in shown.text
    assert "These pins can't hold" in shown.text


def test_what_speaks_for_a_pair_adds_up_to_its_points(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)

    for mentee in ("nora", "tom"):
        shown = page(diego, f"/matches/runs/{run_id}?pair={people[mentee].id}")
        said = int(re.search(r"Why this pair: ([\d,]+) points", shown.text)[1].replace(",", ""))  # type: ignore[index]
        parts = [int(one.replace(",", "").replace("−", "-")) for one in re.findall(r"[+−][\d,]+", shown.text)]
        assert sum(parts) == said > 0


def test_a_house_that_shows_no_figures_shows_none_here(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    with site.db() as db:
        db.execute(update(installation).values(person_insights=False))
    diego = site.signed_in(people["diego"].id)

    shown = page(diego, f"/matches/runs/{run_id}?others=true")

    assert re.findall(r"[\d,]+ points|Why this pair|Points", shown.text) == []
    assert "Nora Quinn" in shown.text


def test_who_else_there_is_is_said_with_what_is_in_the_way(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"].id
    other = next(mentor for mentee, (mentor, _) in pairs(site, run_id).items() if mentee != nora)

    shown = page(diego, f"/matches/runs/{run_id}?pair={nora}&others=true")
    asked = page(diego, f"/matches/runs/{run_id}?pair={nora}&rival={other}")

    assert "Gus Haddad They share no language" in shown.text
    assert "Full: has Tom Bright" in shown.text
    assert "Tom Bright would go from" in asked.text or "Both are as good" in asked.text
    assert (
        "They need a language in common."
        in page(diego, f"/matches/runs/{run_id}?pair={nora}&rival={people['gus'].id}").text
    )
    page(diego, f"/matches/runs/{run_id}?pair={nora}&rival={people['zoe'].id}")


def test_a_pinned_pair_survives_another_run(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"].id
    had = pairs(site, run_id)[nora][0]
    other = next(people[who].id for who in ("mara", "jonas") if people[who].id != had)
    for mentee in ("nora", "tom"):
        assert press(diego, run_id, "leave", of=people[mentee].id).status_code == 303

    assert press(diego, run_id, "give", other, of=nora).status_code == 303
    site.api.clock.advance(timedelta(minutes=1))
    again = press(diego, run_id, "rerun", seen=row(site, run_id).version)
    new = again.headers["location"].rpartition("/")[2]
    solved(site, new)

    assert pairs(site, run_id)[nora] == (other, True)
    assert pairs(site, new)[nora] == (other, True)
    assert "What differs from the run before" in page(diego, f"/matches/runs/{new}?against={run_id}").text


@pytest.mark.parametrize("do", ["pin", "leave", "never"])
def test_an_edit_is_undone_by_its_button_and_pressing_twice_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str, do: str
) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"].id
    before = pairs(site, run_id)

    done = press(diego, run_id, do, of=nora)
    shown = page(diego, done.headers["location"])
    after, kept_apart = pairs(site, run_id), rules(site)
    undo = next(attrs["action"] for attrs in shown.all("form") if "do=undo" in attrs.get("action", ""))
    undone = [diego.post(undo, headers=OURS).status_code for _ in range(2)]

    assert done.status_code == 303
    assert (nora in after, after != before) == (do == "pin", True)
    assert kept_apart == ([(nora, before[nora][0], "forbidden")] if do == "never" else [])
    assert undone == [303, 303]
    assert (pairs(site, run_id), rules(site)) == (before, [])


def test_a_pair_that_is_not_possible_is_refused_by_name(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"].id
    before = pairs(site, run_id)

    refused = press(diego, run_id, "give", people["gus"].id, of=nora)
    nobody = press(diego, run_id, "give", people["zoe"].id, of=nora)

    assert (refused.status_code, nobody.status_code) == (409, 422)
    said = "Nothing has changed. Nora Quinn with Gus Haddad is not possible. They share no language."
    assert said in Page(refused).text
    assert pairs(site, run_id) == before


def test_publishing_says_first_whom_it_is_about_and_a_second_press_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego = site.signed_in(people["diego"].id)

    shown = page(diego, f"/matches/runs/{run_id}")
    publish = next(attrs["action"] for attrs in shown.all("form") if "do=publish" in attrs.get("action", ""))
    first, second = (diego.post(publish, headers=OURS) for _ in range(2))

    assert "Publish 2 pairs" in shown.text
    assert "keep their mentor 0 get one 2 move to another 0 lose theirs 0" in shown.text
    assert (first.status_code, second.status_code) == (303, 303)
    with site.db() as db:
        stand = db.execute(select(match.c.mentee_id).where(match.c.status != MatchStatus.ENDED)).scalars().all()
    assert sorted(stand) == sorted([people["nora"].id, people["tom"].id])
    after = page(diego, f"/matches/runs/{run_id}")
    assert "Published" in after.text
    assert dones(after) == set()


def accepting(shown: Page) -> str:
    return next(attrs["action"] for attrs in shown.all("form") if "do=accept" in attrs.get("action", ""))


def test_one_pair_is_accepted_by_its_button_and_the_page_says_what_happens_next(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"]
    shown = page(diego, f"/matches/runs/{run_id}?pair={nora.id}")
    [mentor] = [its.mentor_id for its in proposals(site, run_id) if its.mentee_id == nora.id]

    twice = [diego.post(accepting(shown), data={"mentor": mentor}, headers=OURS) for _ in range(2)]
    after = page(diego, twice[0].headers["location"])

    assert "Accept it, and this pair is a match now. Both are told, and it begins at once." in shown.text
    assert [one.status_code for one in twice] == [303, 303]
    assert re.search(r"Matched: Nora Quinn and [^.]+ are told, and it has begun\. The rest stays a draft\.", after.text)
    assert "keep their mentor 1 get one 1 move to another 0 lose theirs 0" in " ".join(after.text.split())
    assert "Publish 1 pair" in after.text
    assert "1 pair is accepted already." in after.text
    assert dones(after) == {"drop", "rerun", "publish"}
    with site.db() as db:
        stand = db.execute(select(match.c.mentee_id, match.c.status)).all()
    assert stand == [(nora.id, MatchStatus.ACTIVE)]
    for do in ("pin", "leave", "never"):
        refused = press(diego, run_id, do, of=nora.id)
        assert refused.status_code == 409
        assert "Nothing has changed. Change or end the match itself." in " ".join(Page(refused).text.split())


def test_a_pair_that_is_matched_already_is_kept_and_not_offered_to_be_accepted(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, nora, tom = site.signed_in(people["diego"].id), people["nora"], people["tom"]
    shown = page(diego, f"/matches/runs/{run_id}?pair={nora.id}")
    [mentor] = [its.mentor_id for its in proposals(site, run_id) if its.mentee_id == nora.id]
    diego.post(accepting(shown), data={"mentor": mentor}, headers=OURS)

    again = solved(site, waiting(site))
    stays, new = (page(diego, f"/matches/runs/{again}?pair={one.id}") for one in (nora, tom))

    assert "They are matched, and publishing keeps it." in stays.text
    assert "accept" not in dones(stays)
    assert "accept" in dones(new)


def test_a_pair_that_is_another_one_by_now_is_not_accepted_by_an_old_page(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, nora = site.signed_in(people["diego"].id), people["nora"]
    accept = accepting(page(diego, f"/matches/runs/{run_id}?pair={nora.id}"))

    refused = diego.post(accept, data={"mentor": people["diego"].id}, headers=OURS)

    assert refused.status_code == 409
    assert "The draft has changed since you looked." in Page(refused).text
    with site.db() as db:
        assert db.execute(select(func.count()).select_from(match)).scalar_one() == 0


def proposals(site: Site, run_id: str) -> list[Any]:
    with site.db() as db:
        return runs.proposed_matches(db, run_id)


def test_a_draft_that_has_changed_since_is_not_published(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    seen = row(site, run_id).version
    with site.db() as db:
        match_edits.put_pair(
            db, run_id=run_id, mentee_id=people["tom"].id, mentor_id=None, pinned=False, actor=SYSTEM, now=NOW
        )

    refused = press(diego, run_id, "publish", seen=seen)

    assert refused.status_code == 409
    assert "The draft has changed since you looked." in Page(refused).text
    assert row(site, run_id).status is RunStatus.DRAFT


def test_a_pair_that_has_become_impossible_is_named_when_it_is_published(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego = site.signed_in(people["diego"].id)
    with site.db() as db:
        db.execute(update(person).where(person.c.id == people["nora"].id).values(languages=["pt"]))

    refused = press(diego, run_id, "publish", seen=row(site, run_id).version)

    assert refused.status_code == 409
    assert "Nora Quinn with" in Page(refused).text
    assert "They share no language. Give Nora Quinn somebody else" in Page(refused).text
    assert row(site, run_id).status is RunStatus.DRAFT


def test_a_part_of_the_page_is_sent_alone(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    diego.headers["X-Fragment"] = "run"

    answer = press(diego, run_id, "pin", of=people["nora"].id)
    part = diego.get(answer.headers["location"])

    assert part.text.lstrip().startswith('<div id="run">')
    assert "Pinned: another run keeps this pair." in part.text
    assert "<h1>" in part.text
    assert "<nav" not in part.text


def test_hostile_names_are_only_names(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    for name in HOSTILE:
        with site.db() as db:
            db.execute(update(person).where(person.c.id.in_([people["nora"].id, people["mara"].id])).values(name=name))
        page(diego, f"/matches/runs/{run_id}?pair={people['nora'].id}&others=true")


def test_a_run_of_nobody_says_so(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    draft = row(site, run_id)
    with site.db() as db:
        db.execute(proposed_match.delete().where(proposed_match.c.run_id == run_id))
        advance(
            db,
            match_run,
            draft,
            RunStatus.DRAFT,
            act="match_run.changed",
            actor=SYSTEM,
            now=NOW,
            unmatched=[],
        )

    shown = page(site.signed_in(people["diego"].id), f"/matches/runs/{run_id}")

    assert "Nobody in the program needs a mentor." in shown.text
