"""The page of a match: who may see it, what it says in every state, and what its buttons do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import func, select, update

from app.models.tables import event, installation, match
from app.operations.fit_checks import ask_fits
from app.operations.match_requests import approve_match, ask_for_match, decline_match
from app.operations.people import patch_person
from app.operations.program_managers import add_manager
from app.operations.programs import patch_program
from app.operations.session_outcomes import complete_session
from app.queries import runs
from app.rules.access import SYSTEM
from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.vocabulary import EndedBecause, Fit, MatchApproval, MatchStatus, Role
from app.web import words
from tests.acts_that_are_told import by
from tests.factories import a_person
from tests.harness import NOW
from tests.pools import a_mentee, a_mentor
from tests.sessions_and_people import HALF, TEN, a_session
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page
from tests.web.test_web_week import HOSTILE

AFTERNOON = TEN + timedelta(hours=5)
"""Both work, in London and New York."""
BUTTONS = ("approve", "decline", "withdraw", "pause", "resume", "end", "fit")


@pytest.fixture
def people(site: Site) -> Mapping[str, Any]:
    """Nora learns, Mara mentors, Zoe has nothing to do with it, Diego administers."""
    with site.db() as db:
        made = [
            a_mentee(db, "Nora Quinn", time_zone="America/New_York"),
            a_mentor(db, "Mara Okafor"),
            a_person(db, "Zoe Lindqvist"),
            a_person(db, "Diego Salas", role=Role.ADMIN),
        ]
        return {one.name.split()[0].lower(): one for one in made}


def asked(site: Site, people: Mapping[str, Any]) -> str:
    """Nora asks Mara."""
    nora, mara = people["nora"], people["mara"]
    with site.db() as db:
        made = ask_for_match(db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(nora), now=NOW)
        return str(made.id)


def begun(site: Site, people: Mapping[str, Any]) -> str:
    made = asked(site, people)
    with site.db() as db:
        approve_match(db, match_id=made, actor=by(people["mara"]), now=NOW)
    return made


def met(site: Site, people: Mapping[str, Any]) -> str:
    """Nora and Mara have met, and are asked how it feels."""
    made = begun(site, people)
    with site.db() as db:
        session_id = a_session(db, people["nora"], people["mara"], starts_at=AFTERNOON)
        complete_session(db, session_id=session_id, actor=SYSTEM, now=AFTERNOON + HALF)
        ask_fits(db, now=AFTERNOON + HALF)
    return made


def seen(site: Site, who: Any, match_id: str) -> Page:
    return page(site.signed_in(who.id), f"/m/{match_id}")


def press(browser: Any, match_id: str, do: str) -> Any:
    return browser.post(f"/m/{match_id}?do={do}", headers=OURS)


def buttons(shown: Page) -> set[str]:
    asked = [dict(parse_qsl(urlsplit(attrs["action"]).query)) for attrs in shown.all("form")]
    return {one["do"] + (f"&answer={one['answer']}" if "answer" in one else "") for one in asked if "do" in one}


def row(site: Site, match_id: str) -> Any:
    with site.db() as db:
        return db.execute(select(match).where(match.c.id == match_id)).one()


def told(site: Site) -> int:
    with site.db() as db:
        return int(db.execute(select(func.count()).select_from(event)).scalar_one())


def test_nobody_but_the_two_and_admins_finds_it(site: Site, people: Mapping[str, Any]) -> None:
    made = asked(site, people)
    before = row(site, made)

    zoe = site.signed_in(people["zoe"].id)
    page(zoe, f"/m/{made}", status=404)
    page(zoe, "/m/mat_none", status=404)
    for do in BUTTONS:
        assert press(zoe, made, do).status_code == 404
    sent = press(site.browser(), made, "approve")

    assert (sent.status_code, sent.headers["location"]) == (303, f"/login?next=/m/{made}")
    assert row(site, made) == before
    for insider in ("nora", "mara", "diego"):
        seen(site, people[insider], made)


def test_looking_and_forms_of_other_sites_change_nothing(site: Site, people: Mapping[str, Any]) -> None:
    made = asked(site, people)
    mara = site.signed_in(people["mara"].id)
    before = row(site, made)

    for do in BUTTONS:
        assert mara.get(f"/m/{made}?do={do}").status_code == 200
        assert mara.post(f"/m/{made}?do={do}", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert press(mara, made, "burn").status_code == 422
    assert press(mara, made, "fit&answer=love").status_code == 422

    assert row(site, made) == before


def test_a_request_says_who_asks_whose_yes_is_missing_and_until_when(site: Site, people: Mapping[str, Any]) -> None:
    made = asked(site, people)

    for_nora, for_mara, for_admin = (seen(site, people[who], made) for who in ("nora", "mara", "diego"))

    assert "You and Mara Okafor" in for_nora.text
    off = "It is off if nobody decides by Saturday 5 December"
    waits = f"It waits for a yes. Missing: Mara Okafor’s. {off}, 04:00, New York time."
    assert waits in for_nora.text, "on the reader's clocks"
    assert f"Will you say yes? {off}, 09:00, London time." in for_mara.text
    assert "Nora Quinn and Mara Okafor" in for_admin.text
    assert "Asked for 21 November 2026 by Nora Quinn" in for_admin.text
    assert buttons(for_nora) == {"withdraw"}
    assert buttons(for_mara) == {"approve", "decline"}
    assert buttons(for_admin) == {"decline"}


@pytest.mark.parametrize(
    ("who", "do", "status", "because"),
    [
        ("mara", "approve", MatchStatus.ACTIVE, None),
        ("mara", "decline", MatchStatus.ENDED, EndedBecause.DECLINED),
        ("diego", "decline", MatchStatus.ENDED, EndedBecause.DECLINED),
        ("nora", "withdraw", MatchStatus.ENDED, EndedBecause.WITHDRAWN),
    ],
)
def test_a_request_is_decided_by_one_button_and_pressing_twice_changes_nothing(
    site: Site, people: Mapping[str, Any], who: str, do: str, status: MatchStatus, because: EndedBecause | None
) -> None:
    made, browser = asked(site, people), site.signed_in(people[who].id)

    first = press(browser, made, do)
    after, events = row(site, made), told(site)
    second = press(browser, made, do)

    assert (first.status_code, first.headers["location"]) == (303, f"/m/{made}")
    assert second.status_code == 303
    assert (after.status, after.ended_because) == (status, because)
    assert (row(site, made), told(site)) == (after, events)
    assert do not in buttons(page(browser, f"/m/{made}"))


def test_who_has_said_their_yes_says_it_again_without_harm(site: Site, people: Mapping[str, Any]) -> None:
    nora, mara = people["nora"], people["mara"]
    with site.db() as db:
        program_id = runs.program_for_run(db, None).id
        patch_program(db, program_id=program_id, changes={"approval": MatchApproval.BOTH}, actor=SYSTEM, now=NOW)
        asking: dict[str, Any] = {"mentor_id": mara.id, "mentee_id": nora.id, "program_id": None}
        made = ask_for_match(db, **asking, actor=SYSTEM, now=NOW).id
    browser = site.signed_in(nora.id)
    assert "Will you say yes? Missing: Mara Okafor’s and yours." in page(browser, f"/m/{made}").text

    for _ in range(2):
        assert press(browser, made, "approve").status_code == 303

    assert row(site, made).awaiting == ["mentor"]
    assert buttons(page(browser, f"/m/{made}")) == {"decline"}
    assert "Proposed 21 November 2026" in seen(site, mara, made).text


def test_what_was_decided_meanwhile_is_said_and_nothing_changes(site: Site, people: Mapping[str, Any]) -> None:
    made, mara = asked(site, people), site.signed_in(people["mara"].id)
    with site.db() as db:
        decline_match(db, match_id=made, actor=SYSTEM, now=NOW)
    before = row(site, made)

    for do in ("approve", "pause", "resume", "end", "fit&answer=good", "withdraw"):
        answer = press(mara, made, do)
        if do == "withdraw":
            assert answer.status_code == 403, "she did not ask"
        else:
            assert (answer.status_code, list(Page(answer).faults())) == (409, [])
            assert "Nothing has changed. It is over." in Page(answer).text
    shown = page(mara, f"/m/{made}")

    assert row(site, made) == before
    assert "This did not become a match. The answer was no." in shown.text
    assert buttons(shown) == set()


def test_it_rests_goes_on_and_ends(site: Site, people: Mapping[str, Any]) -> None:
    made, nora = begun(site, people), site.signed_in(people["nora"].id)

    shown = page(nora, f"/m/{made}")
    assert "A match since 21 November 2026" in shown.text
    assert buttons(shown) == {"pause", "end"}

    for do, said, left in (
        ("pause", "This match rests.", {"resume", "end"}),
        ("resume", "Mara Okafor is your mentor", {"pause", "end"}),
        ("end", "This match is over. One of the two has ended it, or somebody who may do so for them.", set()),
    ):
        for _ in range(2):
            assert press(nora, made, do).status_code == 303
        shown = page(nora, f"/m/{made}")
        assert said in shown.text
        assert buttons(shown) == left


def test_how_it_feels_is_asked_once_they_have_met_and_only_oneself_sees_it(
    site: Site, people: Mapping[str, Any]
) -> None:
    made = met(site, people)
    nora, mara = (site.signed_in(people[who].id) for who in ("nora", "mara"))
    feels = {"fit&answer=good", "fit&answer=deciding", "fit&answer=not_a_fit"}
    assert "You have met. How does it feel?" in page(nora, f"/m/{made}").text

    for _ in range(2):
        assert press(nora, made, "fit&answer=good").status_code == 303

    for_nora, for_mara, for_admin = (
        page(nora, f"/m/{made}"),
        page(mara, f"/m/{made}"),
        seen(site, people["diego"], made),
    )
    assert "It feels good to you" in for_nora.text
    assert buttons(for_nora) == {*feels, "pause", "end"} - {"fit&answer=good"}
    assert "You have met. How does it feel?" in for_mara.text
    assert buttons(for_mara) == {*feels, "pause", "end"}
    assert buttons(for_admin) == {"pause", "end"}, "it is for the two to say"
    assert (row(site, made).mentee_fit, row(site, made).mentor_fit) == (Fit.GOOD, None)

    assert press(mara, made, "fit&answer=not_a_fit").status_code == 303
    assert press(mara, made, "fit&answer=not_a_fit").status_code == 303

    shown = page(nora, f"/m/{made}")
    assert "This match is over. It was not a fit, and that is nobody’s fault." in shown.text
    assert "find a seat this week" in shown.text


def test_who_leads_runs_or_audits_finds_the_buttons_of_what_they_may_do_and_no_other_works(
    site: Site, people: Mapping[str, Any]
) -> None:
    with site.db() as db:
        roles = {"max": Role.MANAGER, "pia": Role.PROGRAM_MANAGER, "ina": Role.AUDITOR, "lena": Role.MANAGER}
        others = {name: a_person(db, name.title(), role=role) for name, role in roles.items()}
        program_id = runs.program_for_run(db, None).id
        add_manager(db, program_id=program_id, person_id=others["pia"].id, actor=SYSTEM, now=NOW)
        patch_person(db, person_id=people["nora"].id, changes={"manager_id": others["max"].id}, actor=SYSTEM, now=NOW)
    made = asked(site, people)

    pending = {name: buttons(seen(site, others[name], made)) for name in ("max", "pia", "ina")}
    refused = {name: press(site.signed_in(others[name].id), made, "approve").status_code for name in ("max", "ina")}
    with site.db() as db:
        approve_match(db, match_id=made, actor=by(people["mara"]), now=NOW)
    active = {name: buttons(seen(site, others[name], made)) for name in ("max", "pia", "ina")}

    assert pending == {"max": {"withdraw"}, "pia": {"decline"}, "ina": set()}
    assert active == {"max": {"pause", "end"}, "pia": {"pause", "end"}, "ina": set()}
    assert refused == {"max": 403, "ina": 403}
    assert press(site.signed_in(others["ina"].id), made, "end").status_code == 403
    assert site.signed_in(others["lena"].id).get(f"/m/{made}").status_code == 404
    assert row(site, made).status is MatchStatus.ACTIVE


def test_every_term_of_a_score_has_its_words() -> None:
    assert words.TERMS.keys() == DEFAULT_WEIGHTS.keys()


def test_what_speaks_for_it_is_said_in_words_and_to_admins_in_points(site: Site, people: Mapping[str, Any]) -> None:
    made = begun(site, people)
    with site.db() as db:
        terms = {"overlap": 500, "skill": 4200, "affinity": 700, "segment": 0}
        db.execute(update(match).where(match.c.id == made).values(terms=terms, score=5400))

    for_nora, for_admin = seen(site, people["nora"], made).text, seen(site, people["diego"], made).text

    skill, overlap = "The mentor can teach what the mentee wants to learn", "They share working hours"
    assert f"What speaks for it {skill} {overlap} " in for_nora, "whom Mara would like is hers to know"
    assert f"4,200 {skill} 700 One would like the other 500 {overlap} 5,400 points in all" in for_admin
    assert "same kind of customers" not in for_admin


def test_where_figures_are_off_the_two_read_what_speaks_for_it_and_nobody_on_their_behalf(
    site: Site, people: Mapping[str, Any]
) -> None:
    made = begun(site, people)
    with site.db() as db:
        db.execute(update(match).where(match.c.id == made).values(terms={"skill": 4200}, score=4200))
        db.execute(update(installation).values(person_insights=False))
    standing_in = site.signed_in(people["diego"].id)
    standing_in.post(f"/act-for/{people['nora'].id}", headers=OURS)

    own, for_admin = seen(site, people["nora"], made).text, seen(site, people["diego"], made).text
    on_behalf = page(standing_in, f"/m/{made}").text

    assert "What speaks for it" in own
    assert "What speaks for it" not in for_admin
    assert "You act for Nora Quinn" in on_behalf
    assert "What speaks for it" not in on_behalf


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(site: Site, name: str) -> None:
    with site.db() as db:
        mentee, mentor = (made(db, name, email=f"{n}@earshot.example") for n, made in enumerate((a_mentee, a_mentor)))
        asking: dict[str, Any] = {"mentor_id": mentor.id, "mentee_id": mentee.id, "program_id": None}
        made = ask_for_match(db, **asking, actor=by(mentee), now=NOW).id

    for who in (mentee, mentor):
        assert " ".join(name.split()) in seen(site, who, made).text
