"""Power hours in calendars: who reads of which, with whose turns, and what becomes of it when they change."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.db import transaction
from app.models.tables import calendar_entry, job, person
from app.operations.people import patch_person
from app.operations.retention import purge
from app.rules.access import SYSTEM
from tests.harness import Api
from tests.ical.checker import Component, parse, problems
from tests.ical.reply_examples import a_calendar
from tests.routers.test_power_hours_api import PATH, TEN, Scene
from tests.statements import counted

PLAIN = {"Accept-Encoding": "identity"}


class Calendars(Scene):
    """The scene, with a feed for whoever wants one."""

    def feed(self, name: str, kind: str = "personal", **fields: Any) -> str:
        wanted = {"person_id": self.ids[name], "kind": kind, **fields}
        made = self.api.admin.post("/v1/feeds", json=wanted)
        assert made.status_code == 201, made.text
        path: str = made.json()["url"].removeprefix(self.api.settings.public_url)
        return path

    def fetch(self, path: str, **headers: str) -> Any:
        return self.api.client().get(path, headers={**PLAIN, **headers})

    def events(self, path: str) -> list[Component]:
        answer = self.fetch(path)
        assert answer.status_code == 200, answer.text
        found = [one for one in parse(answer.content).parts if one.name == "VEVENT"]
        assert not found or problems(answer.content, method=None) == []
        return found

    def event(self, path: str) -> Component:
        (found,) = self.events(path)
        return found

    def hour(self, **other: Any) -> str:
        made = self.make(**other)
        assert made.status_code == 201, made.text
        hour_id: str = made.json()["id"]
        return hour_id

    def patch(self, hour_id: str, **changes: Any) -> None:
        self.api.clock.advance(timedelta(minutes=1))
        answer = self.lea.patch(f"{PATH}/{hour_id}", json=changes)
        assert answer.status_code == 200, answer.text

    def cancel(self, hour_id: str) -> None:
        self.api.clock.advance(timedelta(minutes=1))
        assert self.lea.delete(f"{PATH}/{hour_id}").status_code == 204

    def change(self, who: str, **changes: Any) -> None:
        self.api.clock.advance(timedelta(minutes=1))
        with transaction(self.api.engine, writes=True) as db:
            patch_person(db, person_id=self.ids[who], changes=changes, actor=SYSTEM, now=self.api.clock())


@pytest.fixture
def scene(api: Api) -> Calendars:
    return Calendars(api)


def is_later(after: Component, before: Component) -> bool:
    """Whether calendars take it for a later revision of the same event."""
    same = after.value("UID") == before.value("UID")
    counted_up = int(after.value("SEQUENCE") or 0) > int(before.value("SEQUENCE") or 0)
    return same and counted_up and (after.value("DTSTAMP") or "") > (before.value("DTSTAMP") or "")


def said(event: Component) -> str:
    return (event.value("DESCRIPTION") or "").replace("\\n", "\n").replace("\\,", ",")


def test_nobody_reads_of_it_who_is_not_in_it(scene: Calendars) -> None:
    bens, leas = scene.feed("Ben"), scene.feed("Lea")

    scene.hour()

    assert scene.events(bens) == scene.events(leas) == []


def test_who_is_in_it_has_it_in_their_calendar_with_their_own_turns_on_their_own_clocks(scene: Calendars) -> None:
    scene.change("Leo", time_zone="America/New_York")
    feeds = {name: scene.feed(name) for name in ("Mara", "Leo")}

    hour_id = scene.hour()
    mara, leo = (scene.event(feeds[name]) for name in ("Mara", "Leo"))

    for event in (mara, leo):
        assert (event.value("UID") or "").startswith(f"{hour_id}@")
        assert event.value("SUMMARY") == "Power hour: Monday power hour"
        assert (event.value("DTSTART"), event.value("DTEND")) == ("20261123T100000Z", "20261123T104000Z")
        assert (event.value("STATUS"), event.value("TRANSP")) == ("CONFIRMED", "OPAQUE")
        assert (event.value("URL") or "").endswith(f"/power-hours/{hour_id}")
    assert said(mara).splitlines()[:4] == [
        "You dial. Times are those of Europe/London.",
        "10:00–10:20 You are heard by Aisha",
        "10:20–10:40 You are heard by Leo",
        "",
    ]
    assert said(leo).splitlines()[:3] == [
        "You listen. Times are those of America/New_York.",
        "05:00–05:20 You listen to Tom",
        "05:20–05:40 You listen to Mara",
    ]


def test_its_people_are_told_by_notices_and_get_no_invite_beside(scene: Calendars) -> None:
    hour_id = scene.hour()
    scene.patch(hour_id, rotation_minutes=10)
    scene.cancel(hour_id)

    with transaction(scene.api.engine, writes=False) as db:
        kinds = db.execute(select(job.c.kind).where(job.c.kind == "invite_mail")).all()
        entries = db.execute(select(func.count()).select_from(calendar_entry)).scalar()
    assert (kinds, entries) == ([], 4)


def test_an_unchanged_calendar_is_the_same_bytes_and_costs_no_more_than_without_it(scene: Calendars) -> None:
    path = scene.feed("Leo")

    def cost() -> int:
        with counted(scene.api.engine) as statements:
            scene.fetch(path)
        return len([one for one in statements if not one.startswith(("PRAGMA", "BEGIN"))])

    scene.fetch(path)
    without = cost()
    hour_id = scene.hour()
    first = scene.fetch(path)
    with_it = cost()
    scene.patch(hour_id, team_id=scene.team_id)

    again = scene.fetch(path, **{"If-None-Match": first.headers["etag"]})

    assert (first.content, again.status_code) == (scene.fetch(path).content, 304)
    assert with_it == without


def test_who_has_another_turn_or_time_gets_a_later_revision_and_nobody_else(scene: Calendars) -> None:
    hour_id = scene.hour(host_ids=scene.who("Mara"), rotation_minutes=40)
    feeds = {name: scene.feed(name) for name in ("Mara", "Aisha", "Leo", "Tom")}
    before = {name: scene.events(path) for name, path in feeds.items()}
    tags = {name: scene.fetch(path).headers["etag"] for name, path in feeds.items()}

    scene.patch(hour_id, host_ids=scene.who("Mara", "Tom"))
    after = {name: scene.events(path) for name, path in feeds.items()}

    changed = {name for name, path in feeds.items() if scene.fetch(path).headers["etag"] != tags[name]}
    assert changed == {"Mara", "Leo", "Tom"}, "Aisha still hears Mara all the while"
    assert is_later(after["Leo"][0], before["Leo"][0])
    assert is_later(after["Mara"][0], before["Mara"][0])
    assert "10:00–10:40 You listen to Tom" in said(after["Leo"][0])
    scene.patch(hour_id, ends_at="2026-11-23T11:00:00Z")
    assert is_later(scene.event(feeds["Aisha"]), after["Aisha"][0])
    assert scene.event(feeds["Aisha"]).value("DTEND") == "20261123T110000Z"


def test_another_name_is_read_by_all(scene: Calendars) -> None:
    hour_id, path = scene.hour(), scene.feed("Leo")
    before = scene.event(path)

    scene.patch(hour_id, name="Prospecting")

    after = scene.event(path)
    assert after.value("SUMMARY") == "Power hour: Prospecting"
    assert (after.value("DTSTAMP") or "") > (before.value("DTSTAMP") or "")


@pytest.mark.parametrize("how", ["taken out", "cancelled"])
def test_who_is_in_it_no_more_reads_for_30_days_that_it_is_off(scene: Calendars, how: str) -> None:
    hour_id, path = scene.hour(), scene.feed("Aisha")
    before = scene.event(path)

    if how == "cancelled":
        scene.cancel(hour_id)
    else:
        scene.patch(hour_id, observer_ids=scene.who("Leo"))
    off, content = scene.event(path), scene.fetch(path).content

    assert is_later(off, before)
    assert (off.value("STATUS"), off.value("TRANSP")) == ("CANCELLED", "TRANSPARENT")
    assert (off.value("SUMMARY"), off.value("DTSTART")) == ("Cancelled: Power hour", "20261123T100000Z")
    assert (off.parts, said(off).rpartition("/")[2]) == ([], "power-hours"), "it does not ring, and leads to the others"
    assert scene.fetch(path).content == content
    scene.api.clock.advance(timedelta(days=31))
    assert scene.events(path) == []


def test_who_leaves_the_house_is_read_of_no_more(scene: Calendars) -> None:
    scene.hour()
    path = scene.feed("Mara")
    before = scene.event(path)

    scene.change("Aisha", status="left")

    assert "Aisha" in said(before)
    assert "Aisha" not in said(scene.event(path))
    assert is_later(scene.event(path), before)


def test_who_is_taken_in_again_has_it_again_under_its_uid(scene: Calendars) -> None:
    hour_id, path = scene.hour(), scene.feed("Aisha")
    scene.patch(hour_id, observer_ids=scene.who("Leo"))
    off = scene.event(path)

    scene.patch(hour_id, host_ids=scene.who("Mara", "Tom", "Aisha"))

    again = scene.event(path)
    assert is_later(again, off)
    assert again.value("STATUS") == "CONFIRMED"
    assert said(again).startswith("You dial.")


def test_a_new_name_and_a_new_zone_are_shown(scene: Calendars) -> None:
    scene.hour()
    leos = scene.feed("Leo")
    before = scene.event(leos)

    scene.change("Mara", name="Mara O.")
    renamed = scene.event(leos)
    scene.change("Leo", time_zone="Asia/Kolkata")
    moved = scene.event(leos)

    assert "You listen to Mara O." in said(renamed)
    assert (renamed.value("DTSTAMP") or "") > (before.value("DTSTAMP") or "")
    assert "15:30–15:50 You listen to Tom" in said(moved)
    assert (moved.value("DTSTAMP") or "") > (renamed.value("DTSTAMP") or "")


def test_a_calendar_that_says_when_only_says_that(scene: Calendars) -> None:
    for name in ("Mara", "Leo"):
        path = scene.feed(name, privacy="busy_only")
        hour_id = scene.hour() if name == "Mara" else ""

        event = scene.event(path)

        assert (event.value("SUMMARY"), event.value("TRANSP")) == ("Busy", "OPAQUE")
        for word in ("Power", "Monday", "Tom", "listen", hour_id or "power-hours"):
            assert word not in "".join(str(line.value) for line in event.lines if line.name != "UID")


def test_a_team_reads_which_of_its_people_are_in_one(scene: Calendars) -> None:
    for name in ("Mara", "Leo", "Ben"):
        scene.change(name, team_id=scene.team_id)
    path = scene.feed("Lea", "team", team_id=scene.team_id)
    before = scene.fetch(path).headers["etag"]

    hour_id = scene.hour()
    found = scene.events(path)

    summaries = {event.value("SUMMARY") for event in found}
    assert summaries == {"Mara: Power hour: Monday power hour", "Leo: Power hour: Monday power hour"}
    assert {event.value("TRANSP") for event in found} == {"TRANSPARENT"}
    assert all(said(event).endswith(f"/power-hours/{hour_id}") and "listen" not in said(event) for event in found)
    assert scene.fetch(path).headers["etag"] != before
    scene.cancel(hour_id)
    assert {event.value("STATUS") for event in scene.events(path)} == {"CANCELLED"}


@pytest.mark.parametrize(("method", "partstat"), [("REPLY", "DECLINED"), ("COUNTER", "TENTATIVE")])
def test_an_answer_to_it_changes_nothing_as_nobody_was_asked(scene: Calendars, method: str, partstat: str) -> None:
    path = scene.feed("Leo")
    hour_id = scene.hour()
    before = scene.fetch(path).content
    uid = scene.event(path).value("UID") or ""
    with transaction(scene.api.engine, writes=False) as db:
        email = db.execute(select(person.c.email).where(person.c.id == scene.ids["Leo"])).scalar_one()
    answer = a_calendar(method=method, uid=uid, attendee=email, partstat=partstat)

    kind = {"Content-Type": "text/calendar"}
    handed_in = scene.api.admin.post("/v1/itip", content=answer, headers=kind)

    assert "ignored" in handed_in.text, handed_in.text
    assert scene.fetch(path).content == before
    assert scene.lea.get(f"{PATH}/{hour_id}").json()["observer_ids"] == scene.who("Aisha", "Leo")


def test_what_is_purged_goes_with_its_entries_and_what_was_cancelled_too(scene: Calendars) -> None:
    scene.cancel(scene.hour())
    scene.hour()
    over = TEN + timedelta(hours=1)

    with transaction(scene.api.engine, writes=True) as db:
        purge(db, kind="sessions", before=TEN, now=over)
        kept = db.execute(select(func.count()).select_from(calendar_entry)).scalar()
        purge(db, kind="sessions", before=over, now=over)
        left = db.execute(select(func.count()).select_from(calendar_entry)).scalar()

    assert (kept, left) == (8, 0)


def test_hostile_names_stay_in_their_place(scene: Calendars) -> None:
    hostile = "A;B,C\\n, DTSTART:x"
    scene.change("Mara", name="Mara;X:Y,\\Z")
    path = scene.feed("Leo")

    scene.hour(name=hostile)

    event = scene.event(path)
    assert [len(event.all(name)) for name in ("SUMMARY", "DTSTART", "DESCRIPTION")] == [1, 1, 1]
    assert event.value("DTSTART") == "20261123T100000Z"
