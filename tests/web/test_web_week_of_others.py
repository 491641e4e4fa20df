"""The week of somebody else, or of a team, on the viewer's clocks and on a second one."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.models.tables import event
from app.operations.people import patch_person
from app.operations.teams import create_team
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.sessions_and_people import TEN, a_session
from tests.statements import counted
from tests.web.browsers import Site
from tests.web.page_reader import Page, page


@pytest.fixture
def people(site: Site) -> Mapping[str, str]:
    """Mona in Phoenix leads Nora, who lives in Kolkata and learns in team East; Leo and Mara are led by nobody."""
    with site.db() as db:
        by: dict[str, Any] = {"actor": SYSTEM, "now": site.api.clock()}
        east, west = (create_team(db, name=name, **by).id for name in ("East", "West"))
        mona = a_person(db, "Mona Reyes", time_zone="America/Phoenix", role=Role.MANAGER)
        nora = a_person(db, "Nora Quinn", time_zone="Asia/Kolkata", team_id=east)
        leo, mara = a_person(db, "Leo Marchetti", team_id=west), a_person(db, "Mara Okafor", team_id=east)
        patch_person(db, person_id=nora.id, changes={"manager_id": mona.id}, **by)
        ada = a_person(db, "Ada", role=Role.AUDITOR)
        made = {"mona": mona.id, "nora": nora.id, "leo": leo.id, "mara": mara.id, "ada": ada.id}
        a_session(db, nora, mara)
        # 10:30 in London is 16:00 in Kolkata
        heard = a_call(db, mara, starts_at=MONDAY + timedelta(days=1, hours=10, minutes=30), seats=3)
        others = a_call(db, mara, starts_at=MONDAY + timedelta(days=2, hours=11))
    site.seat(heard, nora.id)
    site.seat(others, leo.id)
    return {**made, "east": east, "west": west}


def _week(site: Site, viewer: str, query: str, *, status: int = 200) -> str:
    return page(site.signed_in(viewer), f"/week?d=2026-W48{query}", status=status).text.partition("Sign out")[2]


def _buttons(shown: Page) -> list[str]:
    """Where links lead that look like buttons."""
    return [attrs["href"] for attrs in shown.all("a") if attrs.get("class", "").startswith("button")]


def test_who_leads_somebody_sees_their_week_and_their_clock_beside_the_own(
    site: Site, people: Mapping[str, str]
) -> None:
    shown = _week(site, people["mona"], f"&who={people['nora']}")

    assert shown.startswith(" This week: Nora Quinn" if site.api.clock() >= MONDAY else " Next week: Nora Quinn")
    assert "Times are Phoenix time, UTC−7 now. Beside them Kolkata time, UTC+5:30 now." in shown
    assert "Where Nora Quinn sits in, who listens to them, whom they meet" in shown
    assert "The second clock is Kolkata’s, 12 hours 30 minutes ahead." in shown
    assert "03:00 to 03:30 15:30 Kolkata MO One-on-one with Mara Okafor Awaits their answer" in shown
    assert "03:30 to 04:00 16:00 Kolkata MO Mara Okafor with a customer" in shown
    assert "Leo Marchetti" not in shown.partition("Open seats")[0].partition("Show")[2]


def test_nobody_looks_into_a_week_that_is_not_theirs_to_see(site: Site, people: Mapping[str, str]) -> None:
    mona, leo = people["mona"], people["leo"]

    for viewer, query in (
        (leo, f"&who={people['nora']}"),
        (mona, f"&who={leo}"),
        (mona, "&who=per_none"),
        (leo, f"&team={people['east']}"),
        (mona, f"&team={people['west']}"),
        (mona, "&zone=Mars/Olympus"),
        (mona, "&zone=../etc/passwd"),
    ):
        _week(site, viewer, query, status=404)

    assert "Whose week" not in _week(site, leo, f"&who={leo}"), "one's own is everybody's to name"
    assert "Nora" not in _week(site, leo, "").partition("Open seats")[0]


def test_of_a_team_those_are_shown_whom_the_viewer_may_see(site: Site, people: Mapping[str, str]) -> None:
    for_manager = _week(site, people["mona"], f"&team={people['east']}")
    for_auditor = _week(site, people["ada"], f"&team={people['west']}")

    assert "Next week: East" in for_manager
    assert "One-on-one of Mara Okafor and 1 more" in for_manager
    assert "Leo" not in for_manager.partition("Open seats")[0].partition("Show")[2]
    assert "Leo Marchetti listens." in for_auditor
    assert "One-on-one" not in for_auditor


def test_a_second_clock_is_chosen_or_left_out_and_one_that_shows_the_same_is_not_drawn(
    site: Site, people: Mapping[str, str]
) -> None:
    nora = f"&who={people['nora']}"

    left_out = _week(site, people["mona"], nora + "&zone=own")
    chosen = _week(site, people["mona"], nora + "&zone=Australia/Lord_Howe")
    same = _week(site, people["leo"], "&zone=Europe/Lisbon")

    assert "second clock is" not in left_out
    assert "second clock is Lord Howe’s, 18 hours ahead" in chosen
    assert "03:00 to 03:30 21:00 Lord Howe" in chosen
    assert "Beside them Lisbon time, UTC now." in same
    assert "10:00 to 10:30 Lisbon" not in same


def test_the_clocks_of_both_are_right_when_one_of_them_changes(site: Site) -> None:
    site.api.clock.at = datetime(2026, 10, 1, 6, tzinfo=UTC)
    with site.db() as db:
        me = a_person(db, "Nora Quinn", time_zone="Australia/Lord_Howe").id

    shown = page(site.signed_in(me), "/week?d=2026-W40&zone=Europe/London").text

    assert "The clocks change this week, from UTC+10:30 to UTC+11." in shown
    assert "The second clock is London’s, 9 hours 30 minutes behind. From Sunday 4 October" in shown
    assert "its clocks show 30 minutes less." in shown


def test_reading_somebody_elses_week_leaves_a_line_and_the_own_none(site: Site, people: Mapping[str, str]) -> None:
    _week(site, people["ada"], f"&who={people['nora']}")
    _week(site, people["mara"], f"&who={people['mara']}")

    with site.db() as db:
        read = db.execute(select(event.c.actor, event.c.object_id).where(event.c.act == "sessions.read")).all()
    assert [tuple(row) for row in read] == [(people["ada"], people["nora"])]


def test_an_empty_week_suggests_calls_and_leads_to_booking(site: Site, people: Mapping[str, str]) -> None:
    with site.db() as db:
        for hour in (9, 11, 13, 15):
            a_call(db, a_person(db, f"Host {hour}"), starts_at=TEN + timedelta(days=1, hours=hour - 10))
        me = a_person(db, "Zoe Lindqvist").id

    shown = page(site.signed_in(me), "/week?d=2026-W48")

    buttons = _buttons(shown)
    assert "You sit in on no call that week. These fit: " in shown.text
    assert sum(address.startswith("/calls/") for address in buttons) == 3
    assert "/book?d=2026-W48" in buttons
    for_auditor = page(site.signed_in(people["ada"]), "/week?d=2026-W48&who=" + me)
    assert "Zoe Lindqvist sits in on no call that week. These fit: " in for_auditor.text
    assert not [address for address in _buttons(for_auditor) if address.startswith("/book")]


def test_the_filters_keep_the_week_and_weeks_keep_the_filters(site: Site, people: Mapping[str, str]) -> None:
    shown = page(site.signed_in(people["mona"]), f"/week?d=2026-W48&who={people['nora']}&zone=own")

    following = next(attrs["href"] for attrs in shown.all("a") if attrs.get("rel") == "next")
    hidden = [attrs["value"] for attrs in shown.all("input") if attrs.get("name") == "d"]
    chosen = [attrs["value"] for attrs in shown.all("option") if "selected" in attrs]
    assert following == f"/week?d=2026-W49&who={people['nora']}&zone=own"
    assert hidden == ["2026-W48"]
    assert chosen == [people["nora"], "", "own"]


def test_a_week_of_a_team_costs_the_same_for_few_and_for_many(site: Site, people: Mapping[str, str]) -> None:
    browser, path = site.signed_in(people["ada"]), f"/week?d=2026-W48&team={people['east']}"

    with counted(site.api.engine) as for_few:
        browser.get(path)
    with site.db() as db:
        for number in range(5):
            more = [a_person(db, f"Rep {number}{side}", team_id=people["east"]) for side in "ab"]
            a_session(db, *more, starts_at=TEN + timedelta(hours=number))
    with counted(site.api.engine) as for_many:
        browser.get(path)

    assert len(for_many) == len(for_few)
