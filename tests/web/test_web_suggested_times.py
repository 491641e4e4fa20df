"""Another time that somebody suggests: the others take it up or turn it down by a button, once, and nobody else."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import select

from app.models.tables import participant, session
from app.operations.responses import respond
from app.rules.access import SYSTEM
from app.vocabulary import Response
from tests.factories import a_person
from tests.sessions_and_people import HALF, TEN, a_session
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

LATER = TEN + timedelta(hours=4)


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Nora and Max meet on Monday at 10:00; Zoe has nothing to do with it."""
    with site.db() as db:
        return {name: a_person(db, name.title()).id for name in ("nora", "max", "zoe")}


@pytest.fixture
def made(site: Site, people: Mapping[str, str]) -> str:
    """Their session, for which Nora suggests 14:00."""
    with site.db() as db:
        nora, max_ = (_Known(people[name]) for name in ("nora", "max"))
        session_id = a_session(db, nora, max_)  # type: ignore[arg-type]
    _suggests(site, session_id, people["nora"], LATER)
    return session_id


class _Known:
    """Somebody by id, for a plan."""

    def __init__(self, person_id: str) -> None:
        self.id = person_id


def _suggests(site: Site, session_id: str, person_id: str, at: datetime) -> None:
    with site.db() as db:
        respond(
            db,
            session_id=session_id,
            person_id=person_id,
            response=Response.TENTATIVE,
            proposed_starts_at=at,
            actor=SYSTEM,
            now=site.api.clock(),
        )


def _state(site: Site, session_id: str) -> tuple[datetime, list[Any]]:
    with site.db() as db:
        starts_at = db.execute(select(session.c.starts_at).where(session.c.id == session_id)).scalar_one()
        proposed = db.execute(select(participant.c.proposed_starts_at).where(participant.c.session_id == session_id))
        return starts_at, [at for at in proposed.scalars() if at]


def _press(browser: Any, session_id: str, act: str) -> Any:
    return browser.post(f"/s/{session_id}?do={act}", headers=OURS)


def _buttons(shown: Page) -> set[str]:
    asked = [parse_qs(urlsplit(attrs["action"]).query) for attrs in shown.all("form")]
    found = [(one.pop("do")[0], one) for one in asked if "do" in one]
    return {f"{do}&{name}={of[0]}" for do, one in found if do in ("move", "keep") for name, of in one.items()}


MOVE = f"move&at={LATER:%Y-%m-%dT%H:%M:%SZ}"


def test_only_the_others_are_asked(site: Site, people: Mapping[str, str], made: str) -> None:
    keep = f"keep&who={people['nora']}"

    assert _buttons(page(site.signed_in(people["nora"]), f"/s/{made}")) == set()
    assert _buttons(page(site.signed_in(people["max"]), f"/s/{made}")) == {MOVE, keep}
    for act in (MOVE, keep):
        assert _press(site.signed_in(people["zoe"]), made, act).status_code == 404
    assert _state(site, made) == (TEN, [LATER])


def test_it_is_taken_up_once(site: Site, people: Mapping[str, str], made: str) -> None:
    browser = site.signed_in(people["max"])

    assert [_press(browser, made, MOVE).status_code for _ in range(2)] == [303, 303]

    assert _state(site, made) == (LATER, [])


def test_it_is_turned_down_once(site: Site, people: Mapping[str, str], made: str) -> None:
    browser, keep = site.signed_in(people["max"]), f"keep&who={people['nora']}"

    assert [_press(browser, made, keep).status_code for _ in range(2)] == [303, 303]
    late = _press(browser, made, MOVE)

    assert _state(site, made) == (TEN, [])
    assert late.status_code == 409
    assert "That time is suggested no longer." in Page(late).text


def test_nobody_takes_up_a_time_that_they_did_not_see(site: Site, people: Mapping[str, str], made: str) -> None:
    browser = site.signed_in(people["max"])
    _suggests(site, made, people["nora"], LATER + HALF)

    assert _press(browser, made, MOVE).status_code == 409
    assert _press(browser, made, "move").status_code == 303

    assert _state(site, made) == (TEN, [LATER + HALF])


def test_a_time_that_is_taken_by_now_is_said_so(site: Site, people: Mapping[str, str], made: str) -> None:
    with site.db() as db:
        a_session(db, _Known(people["max"]), _Known(people["zoe"]), starts_at=LATER)  # type: ignore[arg-type]

    answer = _press(site.signed_in(people["max"]), made, MOVE)

    assert answer.status_code == 409
    assert "You are taken at that time by now." in Page(answer).text
    assert list(Page(answer).faults()) == []


def test_the_api_turns_it_down_too(site: Site, people: Mapping[str, str], made: str) -> None:
    client, stranger = site.api.rep(people["max"]), site.api.rep(people["zoe"])
    where, body = f"/v1/sessions/{made}/decline-suggestion", {"person_id": people["nora"]}

    refused = stranger.post(where, json=body), client.post(where, json=body, headers={"If-Match": '"v1"'})
    answers = [client.post(where, json=body) for _ in range(2)]

    assert [one.status_code for one in refused] == [404, 412]
    assert [one.status_code for one in answers] == [200, 200]
    assert [one["proposed_starts_at"] for one in answers[0].json()["participants"]] == [None, None]
    assert answers[0].json()["version"] == answers[1].json()["version"]
