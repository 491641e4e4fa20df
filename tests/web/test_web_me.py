"""What somebody says of themselves: saved form by form, refused field by field, and nobody else's to change."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app.models.tables import availability, event, mail_setting, pause, person, person_skill
from app.operations.availability import OFFICE_HOURS
from app.operations.person_skills import set_skills
from app.rules.access import SYSTEM
from app.rules.skills import SkillState
from app.vocabulary import Role
from app.web.filled import Misfilled
from app.web.hours import read_weekly, workdays
from tests.factories import a_person
from tests.harness import NOW
from tests.web.browsers import OURS, Site
from tests.web.page_reader import Page, page

LIMITS = {
    "observe_per_day": "2",
    "observe_per_week": "5",
    "host_per_day": "1",
    "host_per_week": "3",
    "host_gap_minutes": "15",
    "seat_capacity": "",
    "sessions_per_day": "",
    "sessions_per_week": "4",
}
OFFICE = {
    "time_zone": "Europe/Berlin",
    "languages": "de, en",
    "buffer_before_minutes": "5",
    "buffer_after_minutes": "10",
    "day": ["1", "2"],
    "from-1-0": "09:00",
    "to-1-0": "12:30",
    "from-1-1": "13:30",
    "to-1-1": "00:00",
    "from-2-0": "08:00",
    "to-2-0": "16:00",
    "from-3-0": "08:00",
    "to-3-0": "16:00",
}


@pytest.fixture
def ana(site: Site) -> str:
    with site.db() as db:
        return a_person(db, "Ana Rep").id


@pytest.fixture
def mine(site: Site, ana: str) -> httpx.Client:
    return site.signed_in(ana)


def save(browser: httpx.Client, do: str, form: Mapping[str, Any], **query: str) -> httpx.Response:
    return browser.post("/me", params={"do": do, **query}, data=dict(form), headers=OURS)


def stored(site: Site, table: Any, person_id: str) -> Any:
    column = table.c.id if table is person else table.c.person_id
    with site.db() as db:
        return db.execute(select(table).where(column == person_id)).one_or_none()


def test_a_stranger_is_led_to_the_sign_in_and_changes_nothing(site: Site, ana: str) -> None:
    answers = [site.browser().get("/me"), save(site.browser(), "limits", LIMITS)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert stored(site, person, ana).version == 1


def test_a_word_that_no_button_has_is_refused(mine: httpx.Client) -> None:
    assert save(mine, "sing", {}).status_code == 422


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"languages": "English!"}, "languages"),
        ({"buffer_after_minutes": "-1"}, "buffer_after_minutes"),
        ({"from-1-0": "", "to-1-0": "", "from-1-1": "", "to-1-1": ""}, "from-1-0"),
        ({"to-2-0": "later"}, "to-2-0"),
        ({"from-2-0": ""}, "from-2-0"),
        ({"from-2-0": "17:00"}, "from-2-0"),
        ({"from-1-1": "12:00"}, "from-1-1"),
    ],
)
def test_hours_that_cannot_be_are_refused_at_their_field_with_what_was_filled_in(
    site: Site, mine: httpx.Client, ana: str, changed: dict[str, str], field: str
) -> None:
    answer = save(mine, "work", OFFICE | changed)

    shown = Page(answer)
    assert answer.status_code == 422
    assert list(shown.faults()) == []
    assert f"#f-{field}" in [attrs.get("href") for attrs in shown.all("a")]
    told = {attrs.get("name"): attrs for attrs in shown.all("input")}
    assert told["from-3-0"]["value"] == "08:00"
    assert told[field]["value"] == (OFFICE | changed)[field]
    assert [tuple(day) for day in stored(site, availability, ana).weekly] == list(OFFICE_HOURS)
    assert stored(site, person, ana).time_zone == "Europe/London"


def test_hours_are_saved_with_a_break_and_an_end_at_midnight_and_a_day_that_is_not_ticked_has_none(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    answer = save(mine, "work", OFFICE)

    shown = page(mine, answer.headers["location"])
    held = stored(site, availability, ana)
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?said=work")
    assert held.weekly == [[1, 540, 750], [1, 810, 1440], [2, 480, 960]]
    assert (held.buffer_before_minutes, held.buffer_after_minutes) == (5, 10)
    assert stored(site, person, ana).time_zone == "Europe/Berlin"
    assert stored(site, person, ana).languages == ["de", "en"]
    assert "Times are Berlin time" in shown.text
    assert "New sessions stay within these hours." in shown.text


def test_days_away_are_added_once_shown_and_taken_back(site: Site, mine: httpx.Client, ana: str) -> None:
    days = {"starts_on": "2026-12-21", "ends_on": "2027-01-03"}

    answers = [save(mine, "away", days) for _ in range(2)]
    shown = page(mine, "/me")
    made = stored(site, pause, ana)
    back = save(mine, "back", {}, of=made.id)

    assert [answer.status_code for answer in (*answers, back)] == [303, 303, 303]
    assert shown.text.count("Mon 21 December to Sun 3 January 2027") == 2  # once in the button, for those who hear it
    assert stored(site, pause, ana) is None


def test_days_away_that_run_backwards_are_refused(site: Site, mine: httpx.Client, ana: str) -> None:
    for days in ({"starts_on": "2026-12-21", "ends_on": "2026-12-20"}, {"starts_on": "soon", "ends_on": ""}):
        answer = save(mine, "away", days)

        assert answer.status_code == 422
        assert "the last is not before the first" in Page(answer).text
    assert stored(site, pause, ana) is None


def test_nobody_takes_back_somebody_elses_days_away(site: Site, mine: httpx.Client) -> None:
    with site.db() as db:
        ben = a_person(db, "Ben").id
    theirs = site.signed_in(ben)
    save(theirs, "away", {"starts_on": "2026-12-21", "ends_on": "2026-12-22"})

    answer = save(mine, "back", {}, of=stored(site, pause, ben).id)

    assert answer.status_code == 404
    assert stored(site, pause, ben) is not None


def test_a_day_has_other_hours_or_none_until_the_usual_ones_hold_again(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    save(mine, "other-hours", {"date": "2026-12-24", "from": "09:00", "to": "12:00"})
    save(mine, "other-hours", {"date": "2026-12-25", "from": "", "to": ""})
    shown = page(mine, "/me")
    save(mine, "usual-hours", {}, of="2026-12-25")
    wrong = save(mine, "other-hours", {"date": "2026-12-28", "from": "12:00", "to": "09:00"})

    assert "09:00 to 12:00" in shown.text
    assert "Day off" in shown.text
    assert stored(site, availability, ana).exceptions == {"2026-12-24": [[540, 720]]}
    assert [tuple(day) for day in stored(site, availability, ana).weekly] == list(OFFICE_HOURS)
    assert wrong.status_code == 422
    assert "A day ends later than it begins." in Page(wrong).text


def test_wishes_are_saved_levels_stay_and_only_who_does_it_alone_teaches(
    site: Site, mine: httpx.Client, ana: str
) -> None:
    with site.db() as db:
        known = {"craft.listening": SkillState(3), "closing.ask": SkillState(1)}
        set_skills(db, person_id=ana, skills=known, actor=SYSTEM, now=NOW)
    wishes = {"wants.craft.listening": "0", "wants.closing.ask": "5", "wants.craft.product": "2"}

    saved = save(mine, "skills", {**wishes, "teaches": ["craft.listening", "closing.ask"]})
    wrong = save(mine, "skills", {**wishes, "wants.closing.ask": "9"})

    with site.db() as db:
        rows = db.execute(select(person_skill).where(person_skill.c.person_id == ana)).all()
    assert (saved.status_code, wrong.status_code) == (303, 422)
    assert {row.skill: (row.level, row.wants, row.teaches) for row in rows} == {
        "craft.listening": (3, 0, True),
        "closing.ask": (1, 5, False),
        "craft.product": (0, 2, False),
    }


@pytest.mark.parametrize("name", ["observe_per_day", "host_gap_minutes", "seat_capacity"])
@pytest.mark.parametrize("value", ["-1", "1000", "many", "1.5", "٣"])
def test_limits_that_are_no_number_or_too_high_are_refused(
    site: Site, mine: httpx.Client, ana: str, name: str, value: str
) -> None:
    answer = save(mine, "limits", LIMITS | {name: value})

    assert answer.status_code == 422
    assert f"#f-{name}" in [attrs.get("href") for attrs in Page(answer).all("a")]
    assert stored(site, person, ana).version == 1


def test_limits_doors_and_keys_are_saved(site: Site, mine: httpx.Client, ana: str) -> None:
    answers = [
        save(mine, "limits", LIMITS),
        save(mine, "doors", {"door_default": "open", "seat_approval": "host"}),
        save(mine, "keys", {}),
    ]

    held = stored(site, person, ana)
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert (held.observe_per_day, held.host_gap_minutes, held.seat_capacity, held.sessions_per_week) == (2, 15, None, 4)
    assert (held.door_default, held.seat_approval, held.shortcuts) == ("open", "host", False)


def test_mail_is_chosen_and_quiet_hours_need_two_times_that_differ(site: Site, mine: httpx.Client, ana: str) -> None:
    wanted = {"digest": "on", "quiet": "on", "quiet_from": "21:00", "quiet_to": "06:30", "language": "pt-BR"}

    saved = save(mine, "mail", wanted)
    wrong = [save(mine, "mail", wanted | {"quiet_to": to}) for to in ("21:00", "")]

    held = stored(site, mail_setting, ana)
    assert saved.status_code == 303
    assert (held.reminders, held.digest, held.quiet_from, held.quiet_to) == (False, True, "21:00", "06:30")
    assert held.language == "pt-BR"
    assert [answer.status_code for answer in wrong] == [422, 422]
    assert "Quiet hours need two times that differ." in Page(wrong[0]).text


def test_who_acts_for_somebody_changes_what_is_theirs_as_themselves(site: Site, ana: str) -> None:
    with site.db() as db:
        ada = a_person(db, "Ada", role=Role.ADMIN).id
    browser = site.signed_in(ada)
    browser.post(f"/act-for/{ana}", headers=OURS)

    save(browser, "doors", {"door_default": "open", "seat_approval": "auto"})
    shown = browser.get("/me")

    with site.db() as db:
        read = db.execute(select(event.c.act, event.c.actor).where(event.c.act.like("%.read"))).all()
    assert shown.status_code == 200
    assert {*map(tuple, read)} == {(f"{what}.read", ada) for what in ("availability", "mail_settings", "skills")}
    assert stored(site, person, ana).door_default == "open"
    assert stored(site, person, ada).door_default == "closed"


_ranges = st.lists(
    st.tuples(st.integers(1, 7), st.integers(0, 1438), st.integers(1, 1440)).filter(lambda one: one[1] < one[2]),
    max_size=20,
)


@given(weekly=_ranges)
def test_hours_that_are_shown_and_sent_again_are_the_same(weekly: list[tuple[int, int, int]]) -> None:
    shown = workdays(weekly)

    form = {name: (value,) for day in shown for one in day.ranges for name, value in _fields(one)}
    read, fields = read_weekly(form | {"day": tuple(str(day.number) for day in shown if day.is_on)})

    assert sorted(read) == sorted(weekly)
    assert len(fields) == len(set(fields)) == len(read)


@given(form=st.dictionaries(st.sampled_from([*OFFICE, "from-7-99"]), st.lists(st.text(max_size=6), min_size=1)))
def test_nothing_that_is_sent_breaks_the_hours(form: dict[str, list[str]]) -> None:
    try:
        weekly, _ = read_weekly({name: tuple(values) for name, values in form.items()})
    except Misfilled:
        return

    assert all(0 <= start < 1440 >= end > 0 for _, start, end in weekly)


def _fields(one: Any) -> list[tuple[str, str]]:
    return [(one.names[0], one.start), (one.names[1], one.end)]
