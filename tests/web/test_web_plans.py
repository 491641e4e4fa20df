"""The pages of plans: who finds them, what a plan says of everybody's week, and what its buttons do."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.jobs import plan_runs as jobs
from app.models.tables import call, installation, person, plan_run, seat
from app.operations.plan_runs import keep_draft
from app.operations.program_managers import add_manager
from app.operations.seats import release_seat
from app.queries import planning, runs
from app.rules.access import SYSTEM
from app.rules.planning.problem import PlanQuestion
from app.rules.planning.solve import answer as solve
from app.vocabulary import Role, RunStatus, SeatApproval
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW
from tests.pools import a_mentee, run_job, start_plan
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page
from tests.web.page_rules import breaches
from tests.web.test_web_week import HOSTILE

BUTTONS = ("accept", "pin", "unpin", "cut", "swap", "undo", "replan", "drop", "publish")


@pytest.fixture
def people(site: Site) -> Mapping[str, Any]:
    """Nora and Tom learn, Mara hosts a call on Monday and Jonas one on Tuesday, a seat on each."""
    with site.db() as db:
        made = [
            a_mentee(db, "Nora Quinn"),
            a_mentee(db, "Tom Bright"),
            a_person(db, "Mara Okafor"),
            a_person(db, "Jonas Lindqvist"),
            a_person(db, "Zoe Doyle"),
            a_person(db, "Lea Brandt", role=Role.MANAGER),
            a_person(db, "Diego Salas", role=Role.ADMIN),
            a_person(db, "Ina Weber", role=Role.AUDITOR),
            a_person(db, "Pia Rossi", role=Role.PROGRAM_MANAGER),
        ]
        found = {one.name.split()[0].lower(): one for one in made}
        add_manager(db, program_id=runs.program_for_run(db, None).id, person_id=found["pia"].id, actor=SYSTEM, now=NOW)
        for n, host in enumerate(("mara", "jonas")):
            a_call(db, found[host], starts_at=MONDAY + timedelta(days=n, hours=11), seats=1)
        return found


@pytest.fixture
def run_id(site: Site, people: Mapping[str, Any]) -> str:
    """A draft in which both hear something."""
    with site.db() as db:
        return solved(site, db, str(start_plan(db).id))


def solved(_site: Site, db: Any, run_id: str) -> str:
    """Solve a plan here: a child process for each test would take most of its time."""
    problem = planning.plan_problem(db, runs.plan_run_by_id(db, run_id, actor=SYSTEM), now=NOW)
    answer = solve(PlanQuestion(problem, time_limit_seconds=10))
    keep_draft(db, run_id=run_id, answer=answer, inputs_hash="solved", now=NOW)
    return run_id


def page(browser: httpx.Client, path: str, *, status: int = 200) -> Page:
    """Read a page and check the rules, without going wherever it leads."""
    shown = Page(browser.get(path))
    assert (shown.answer.status_code, list(breaches(shown))) == (status, [])
    return shown


def press(browser: httpx.Client, run_id: str, do: str, observer: str = "", **query: Any) -> httpx.Response:
    return browser.post(f"/plans/{run_id}", params={"do": do, **query}, data={"observer": observer}, headers=OURS)


def seats(site: Site, run_id: str) -> dict[tuple[str, str], bool]:
    """Who sits where in a plan, and whether that is pinned."""
    with site.db() as db:
        return {(one.observer_id, one.call_id): one.pinned for one in runs.plan_seats(db, run_id)}


def seat_of(site: Site, run_id: str, who: Any) -> str:
    with site.db() as db:
        return next(str(one.id) for one in runs.plan_seats(db, run_id) if one.observer_id == who.id)


def status(site: Site, run_id: str) -> RunStatus:
    with site.db() as db:
        found: RunStatus = db.execute(select(plan_run.c.status).where(plan_run.c.id == run_id)).scalar_one()
        return found


def action(shown: Page, do: str) -> str:
    return next(attrs["action"] for attrs in shown.all("form") if f"do={do}" in attrs.get("action", ""))


def dones(shown: Page) -> set[str]:
    found = (re.search(r"do=(\w+)", attrs.get("action", "")) for attrs in shown.all("form"))
    return {one[1] for one in found if one}


def test_nobody_finds_plans_but_who_makes_or_audits_them(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    before = seats(site, run_id)

    for stranger, lists in (("zoe", 404), ("nora", 404), ("mara", 404), ("lea", 200)):
        browser = site.signed_in(people[stranger].id)
        page(browser, "/plans", status=lists)
        page(browser, f"/plans/{run_id}", status=404)
        assert {press(browser, run_id, do, of="pls_none").status_code for do in BUTTONS} == {404}
    for insider in ("diego", "ina", "pia"):
        browser = site.signed_in(people[insider].id)
        page(browser, "/plans")
        page(browser, f"/plans/{run_id}")

    assert (seats(site, run_id), status(site, run_id)) == (before, RunStatus.DRAFT)


def test_who_leads_nobody_yet_is_told_for_whom_plans_are_made(site: Site, people: Mapping[str, Any]) -> None:
    lea = site.signed_in(people["lea"].id)

    shown = page(lea, "/plans")
    answer = lea.post("/plans", data={"whom": ""}, headers=OURS)

    assert "Nobody is yours to plan for yet" in shown.text
    assert "/people" in [attrs["href"] for attrs in shown.all("a")]
    assert not [attrs for attrs in shown.all("form") if attrs.get("action") == "/plans"]
    assert answer.status_code == 403


def test_who_may_only_look_has_no_buttons_and_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    ina, mine = site.signed_in(people["ina"].id), seat_of(site, run_id, people["nora"])

    shown = [page(ina, "/plans"), page(ina, f"/plans/{run_id}?seat={mine}")]
    refused = {press(ina, run_id, do, of=mine).status_code for do in BUTTONS}

    assert [dones(one) for one in shown] == [set(), set()]
    assert "Plan it" not in shown[0].text
    assert refused == {403}
    assert status(site, run_id) is RunStatus.DRAFT


def test_looking_and_forms_of_other_sites_change_nothing(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego, before = site.signed_in(people["diego"].id), seats(site, run_id)
    mine = seat_of(site, run_id, people["nora"])

    for do in BUTTONS:
        at = f"/plans/{run_id}?do={do}&of={mine}"
        assert diego.get(at).status_code == 200
        assert diego.post(at, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert press(diego, run_id, "burn").status_code == 422
    assert press(diego, run_id, "undo", token="made up").status_code == 404
    assert press(diego, run_id, "cut", of="pls_none").status_code == 404

    assert (seats(site, run_id), status(site, run_id)) == (before, RunStatus.DRAFT)


def test_a_week_is_planned_on_the_clocks_of_who_asks(site: Site, people: Mapping[str, Any]) -> None:
    diego = site.signed_in(people["diego"].id)
    empty = page(diego, "/plans")

    sent = diego.post("/plans", data={"week": "2026-W48"}, headers=OURS)
    past = diego.post("/plans", data={"week": "2026-W40"}, headers=OURS)
    unknown = diego.post("/plans", data={"week": "2026-W48", "whom": "team:team_none"}, headers=OURS)

    with site.db() as db:
        [run] = db.execute(select(plan_run))
    assert "No week is planned yet." in empty.text
    assert (sent.status_code, sent.headers["location"]) == (303, f"/plans/{run.id}")
    assert run.from_at == MONDAY
    assert run.to_at == MONDAY + timedelta(days=7)
    assert (past.status_code, unknown.status_code) == (422, 422)
    assert "No plan was started. Every call of this range has started" in Page(past).text
    assert "There is no such team." in Page(unknown).text
    assert "23 to 29 November" in page(diego, "/plans").text


def test_a_plan_that_is_being_solved_says_so_and_can_be_called_off(site: Site, people: Mapping[str, Any]) -> None:
    with site.db() as db:
        run_id = str(start_plan(db).id)
    diego = site.signed_in(people["diego"].id)

    shown = page(diego, f"/plans/{run_id}")
    twice = [press(diego, run_id, "drop").status_code for _ in range(2)]

    assert "Your plan waits its turn" in shown.text
    assert twice == [303, 303]
    assert "This plan was dropped" in page(diego, f"/plans/{run_id}").text


def test_what_a_seat_is_worth_adds_up_and_figures_can_be_switched_off(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, mine = site.signed_in(people["diego"].id), seat_of(site, run_id, people["nora"])

    shown = page(diego, f"/plans/{run_id}?seat={mine}").text
    with site.db() as db:
        db.execute(update(installation).values(person_insights=False))
    discreet = page(diego, f"/plans/{run_id}?seat={mine}").text

    said = re.search(r"Why this seat: ([\d,]+) points", shown)
    assert said
    assert sum(int(one.replace(",", "")) for one in re.findall(r"\+([\d,]+)", shown)) == int(said[1].replace(",", ""))
    assert "Why this seat" not in discreet
    assert "hear nothing now 2 hear nothing then 0" in " ".join(shown.split())


@pytest.mark.parametrize("do", ["pin", "cut"])
def test_an_edit_is_undone_by_its_button_and_pressing_twice_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str, do: str
) -> None:
    diego, mine = site.signed_in(people["diego"].id), seat_of(site, run_id, people["nora"])
    before = seats(site, run_id)

    done = press(diego, run_id, do, of=mine)
    after = seats(site, run_id)
    undo = action(page(diego, done.headers["location"]), "undo")
    undone = [diego.post(undo, headers=OURS).status_code for _ in range(2)]

    assert (done.status_code, undone) == (303, [303, 303])
    assert after != before
    assert seats(site, run_id) == before


def test_a_seat_is_given_to_somebody_else_and_back(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego, nora, tom = site.signed_in(people["diego"].id), people["nora"], people["tom"]
    before = seats(site, run_id)
    mine = seat_of(site, run_id, nora)
    press(diego, run_id, "cut", of=seat_of(site, run_id, tom))
    one_less = seats(site, run_id)

    given = press(diego, run_id, "swap", tom.id, of=mine)
    nobody = press(diego, run_id, "swap", people["zoe"].id, of=seat_of(site, run_id, tom))
    after = seats(site, run_id)
    undo = action(page(diego, given.headers["location"]), "undo")
    undone = [diego.post(undo, headers=OURS).status_code for _ in range(2)]

    assert given.status_code == 303
    assert nobody.status_code == 422
    assert "Nothing has changed." in Page(nobody).text
    assert {who for who, _ in after} == {tom.id}
    assert undone == [303, 303]
    assert seats(site, run_id) == one_less != before


def test_publishing_says_first_how_many_and_a_second_press_changes_nothing(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego = site.signed_in(people["diego"].id)

    shown = page(diego, f"/plans/{run_id}")
    publish = action(shown, "publish")
    twice = [diego.post(publish, headers=OURS).status_code for _ in range(2)]
    being_booked = page(diego, f"/plans/{run_id}")
    run_job(site.api.engine, jobs.plan_publish, run_id)

    assert "Book 2 seats" in shown.text
    assert twice == [303, 303]
    assert "0 of 2 booked so far." in being_booked.text
    assert "2 seats are booked." in page(diego, f"/plans/{run_id}").text
    with site.db() as db:
        assert db.execute(select(func.count()).select_from(seat)).scalar_one() == 2


def test_a_plan_that_no_longer_fits_says_so_before_it_is_published(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego = site.signed_in(people["diego"].id)
    publish = action(page(diego, f"/plans/{run_id}"), "publish")
    with site.db() as db:
        db.execute(update(call).where(call.c.host_id == people["mara"].id).values(sensitive=True))

    refused = diego.post(publish, headers=OURS)
    again = diego.post(action(Page(refused), "publish"), headers=OURS)

    assert refused.status_code == 409
    assert "somebody’s calendar, has changed since you looked" in Page(refused).text
    assert "1 seat no longer fits." in Page(refused).text
    assert "Nobody may sit in on it by now" in Page(refused).text
    assert "Book 1 seat" in Page(refused).text
    assert again.status_code == 303
    assert status(site, run_id) is RunStatus.PUBLISHING


def test_one_seat_is_accepted_by_its_button_and_the_page_says_what_happens_next(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, mine = site.signed_in(people["diego"].id), seat_of(site, run_id, people["nora"])
    before = seats(site, run_id)
    shown = page(diego, f"/plans/{run_id}?seat={mine}")

    twice = [diego.post(action(shown, "accept"), headers=OURS) for _ in range(2)]
    after = page(diego, twice[0].headers["location"])

    assert [one.status_code for one in twice] == [303, 303]
    assert "Accept it, and this seat is booked now" in shown.text
    assert re.search(r"Booked: invites go to Nora Quinn and \w+ \w+\. The rest of the plan stays a draft\.", after.text)
    assert dones(after) == {"drop", "replan", "publish"}
    assert "1 booked, 0 more" in after.text
    assert "Book 1 seat" in after.text
    assert "1 is booked already." in after.text
    assert (seats(site, run_id), status(site, run_id)) == (before, RunStatus.DRAFT)
    with site.db() as db:
        assert db.execute(select(seat.c.observer_id)).scalars().all() == [people["nora"].id]
    for do in ("pin", "cut", "swap"):
        refused = press(diego, run_id, do, people["tom"].id, of=mine)
        assert refused.status_code == 409
        assert "Nothing has changed. It is booked: release the seat itself." in " ".join(Page(refused).text.split())


def test_what_the_host_has_yet_to_allow_and_what_was_given_back_is_not_called_booked(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, mine = site.signed_in(people["diego"].id), seat_of(site, run_id, people["nora"])
    with site.db() as db:
        db.execute(update(person).values(seat_approval=SeatApproval.HOST))

    asked = page(diego, press(diego, run_id, "accept", of=mine).headers["location"]).text
    with site.db() as db:
        release_seat(db, seat_id=db.execute(select(seat.c.id)).scalar_one(), actor=SYSTEM, now=NOW)
    given_back = page(diego, f"/plans/{run_id}?seat={mine}")

    assert re.search(r"Asked for: \w+ \w+ says yes or no, and the invites follow the yes\.", asked)
    assert "It was booked, and has been given back since." in given_back.text
    assert dones(given_back) == {"drop", "replan", "publish"}


def test_a_seat_that_no_longer_fits_is_not_offered_and_not_accepted(
    site: Site, people: Mapping[str, Any], run_id: str
) -> None:
    diego, mine = site.signed_in(people["diego"].id), seat_of(site, run_id, people["nora"])
    accept = action(page(diego, f"/plans/{run_id}?seat={mine}"), "accept")
    with site.db() as db:
        db.execute(update(call).values(sensitive=True))

    refused = diego.post(accept, headers=OURS)

    assert refused.status_code == 409
    assert "Nothing has changed." in Page(refused).text
    assert "Nobody may sit in on it by now" in Page(refused).text
    assert "accept" not in dones(Page(refused))
    with site.db() as db:
        assert db.execute(select(func.count()).select_from(seat)).scalar_one() == 0


def test_planning_anew_keeps_what_is_pinned(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    press(diego, run_id, "pin", of=seat_of(site, run_id, people["nora"]))
    pinned = {place for place, is_pinned in seats(site, run_id).items() if is_pinned}

    anew = press(diego, run_id, "replan")
    meanwhile = press(diego, run_id, "replan")
    new = anew.headers["location"].rpartition("/")[2]
    with site.db() as db:
        solved(site, db, new)

    assert (anew.status_code, meanwhile.status_code) == (303, 409)
    assert "Wait for that run, or cancel it." in Page(meanwhile).text
    assert {place for place, is_pinned in seats(site, new).items() if is_pinned} == pinned
    assert "Dropped" in page(diego, f"/plans/{run_id}").text


def test_a_part_of_the_page_is_sent_alone(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    diego.headers["X-Fragment"] = "plan"

    part = diego.get(press(diego, run_id, "pin", of=seat_of(site, run_id, people["nora"])).headers["location"])

    assert part.text.lstrip().startswith('<div id="plan">')
    assert "Pinned: planning anew keeps this seat." in part.text
    assert '<nav aria-label="Main"' not in part.text


def test_hostile_names_are_only_names(site: Site, people: Mapping[str, Any], run_id: str) -> None:
    diego = site.signed_in(people["diego"].id)
    for name in HOSTILE:
        with site.db() as db:
            db.execute(update(person).where(person.c.id.in_([people["nora"].id, people["mara"].id])).values(name=name))
        page(diego, f"/plans/{run_id}?seat={seat_of(site, run_id, people['nora'])}")
