"""Series over the API: refusals that say what would work, one scope for every act, and the files that people import."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import update

from app.db import transaction
from app.models.tables import installation
from tests.factories import MONDAY, a_person
from tests.harness import Api
from tests.ical.checker import problems
from tests.ical.reader import shown

WEEK = timedelta(days=7)
NEW_YORK = ZoneInfo("America/New_York")
TUESDAY = MONDAY + timedelta(days=1, hours=16)
"""11:00 in New York and 16:00 in London, in winter."""


@dataclass
class Pair:
    """Ann in New York and Mia in London, who plan on Tuesdays at eleven in New York."""

    ann: str
    mia: str
    as_ann: httpx.Client
    as_mia: httpx.Client

    def book(self, rrule: str = "FREQ=WEEKLY;COUNT=20", on_conflict: str = "refuse", **fields: Any) -> httpx.Response:
        body = {
            "kind": "one_on_one",
            "participants": [{"person_id": self.mia, "as": "mentee"}, {"person_id": self.ann, "as": "mentor"}],
            "starts_at": TUESDAY.isoformat(),
            "duration_minutes": 30,
            "time_zone": "America/New_York",
            "recurrence": {"rrule": rrule, "on_conflict": on_conflict},
        }
        return self.as_ann.post("/v1/sessions", json={**body, **fields})

    def sessions(self) -> list[Any]:
        found: list[Any] = self.as_ann.get("/v1/sessions", params={"limit": 200}).json()["data"]
        return found

    def act(self, session: Any, act: str, **body: Any) -> httpx.Response:
        return self.as_ann.post(f"/v1/sessions/{session['id']}/{act}", json=body)


@pytest.fixture
def pair(api: Api) -> Pair:
    with transaction(api.engine, writes=True) as db:
        db.execute(update(installation).values(horizon_days=300))
        ann, mia = a_person(db, "Ann", time_zone="America/New_York"), a_person(db, "Mia")
    return Pair(ann.id, mia.id, api.rep(ann.id), api.rep(mia.id))


def standing(sessions: list[Any]) -> list[datetime]:
    return [datetime.fromisoformat(one["starts_at"]) for one in sessions if one["status"] == "confirmed"]


def in_file(client: httpx.Client, session: Any) -> list[datetime]:
    answer = client.get(f"/v1/sessions/{session['id']}/invite.ics")
    assert answer.status_code == 200
    assert [one for one in problems(answer.content, method=None) if "REFRESH-INTERVAL" not in one] == []
    return [starts_at for starts_at, _ in shown(answer.content)]


@pytest.mark.parametrize(
    ("rrule", "detail"),
    [
        ("FREQ=WEEKLY", "Say either COUNT or UNTIL, so that the series ends."),
        ("FREQ=HOURLY;COUNT=3", "FREQ must be DAILY, WEEKLY or MONTHLY."),
        ("FREQ=WEEKLY;BYDAY=MO;COUNT=3", "The first time does not fit the rule: start on 2026-11-30 instead."),
    ],
)
def test_a_rule_that_cannot_be_planned_says_what_would_work(pair: Pair, rrule: str, detail: str) -> None:
    answer = pair.book(rrule)

    assert (answer.status_code, answer.json()["code"]) == (422, "recurrence_invalid")
    assert answer.json()["detail"] == detail
    assert pair.sessions() == []


@pytest.mark.parametrize("recurrence", [{}, {"rrule": ""}, {"rrule": "FREQ=DAILY;COUNT=2", "on_conflict": "maybe"}, []])
def test_a_malformed_recurrence_is_a_fault_of_the_body(pair: Pair, recurrence: Any) -> None:
    assert pair.book(recurrence=recurrence).status_code == 422


def test_what_is_in_the_way_is_named_and_skip_leaves_it_out(pair: Pair) -> None:
    third = (TUESDAY + 2 * WEEK).isoformat()
    pair.book(recurrence=None, starts_at=third)

    refused, skipping = pair.book(), pair.book(on_conflict="skip")

    problem = refused.json()
    assert (refused.status_code, problem["code"], problem["blocked_occurrences"]) == (409, "slot_taken", 1)
    assert problem["blocking_starts_at"] == "2026-12-08T16:00:00Z"
    assert problem["blocked"][0]["starts_at"] == "2026-12-08T16:00:00Z"
    assert skipping.status_code == 201
    assert [one["starts_at"] for one in skipping.json()["skipped"]] == ["2026-12-08T16:00:00Z"]
    assert skipping.json()["starts_at"] == "2026-11-24T16:00:00Z"
    assert len(pair.sessions()) == 20


def test_feed_and_file_show_a_series_at_its_wall_time_in_summer_and_winter(api: Api, pair: Pair) -> None:
    first = pair.book().json()
    feed = pair.as_mia.post("/v1/feeds", json={"person_id": pair.mia, "kind": "personal", "privacy": "full"}).json()

    in_feed = api.client().get(feed["url"].replace(api.settings.public_url, api.url))

    planned = standing(pair.sessions())
    assert {f"{at.astimezone(NEW_YORK):%a %H:%M}" for at in planned} == {"Tue 11:00"}
    assert {at.hour for at in planned} == {15, 16}
    assert first["skipped"] == []
    assert in_file(pair.as_mia, first) == in_file(pair.as_ann, pair.sessions()[-1]) == planned
    assert problems(in_feed.content, method=None) == []
    assert [starts_at for starts_at, _ in shown(in_feed.content)] == planned
    assert in_feed.content.count(b"BEGIN:VTIMEZONE") == 1


def test_an_occurrence_the_following_and_all_of_them_move_and_are_cancelled(pair: Pair) -> None:
    pair.book("FREQ=WEEKLY;COUNT=6")
    rows = pair.sessions()
    hour = timedelta(hours=1)

    alone = pair.act(rows[1], "reschedule", starts_at=(TUESDAY + WEEK + hour / 2).isoformat())
    following = pair.act(
        rows[3], "reschedule", starts_at=(TUESDAY + 3 * WEEK - hour / 2).isoformat(), scope="following"
    )
    off = pair.act(rows[4], "cancel")
    all_off = pair.act(rows[0], "cancel", scope="all")

    assert [answer.status_code for answer in (alone, following, off, all_off)] == [200] * 4
    assert alone.json()["starts_at"] == "2026-12-01T16:30:00Z"
    assert following.json()["starts_at"] == "2026-12-15T15:30:00Z"
    assert following.json()["series_id"] != rows[0]["series_id"]
    assert off.json()["status"] == all_off.json()["status"] == "cancelled"
    assert standing(pair.sessions()) == [TUESDAY + n * WEEK - hour / 2 for n in (3, 5)]
    assert in_file(pair.as_mia, rows[3]) == standing(pair.sessions())


def test_a_move_of_a_series_that_somebody_cannot_make_moves_nothing(pair: Pair) -> None:
    pair.book("FREQ=WEEKLY;COUNT=6")
    before = pair.sessions()

    too_late = pair.act(before[2], "reschedule", starts_at=(TUESDAY + 2 * WEEK + WEEK / 14).isoformat(), scope="all")
    stale = pair.as_ann.post(
        f"/v1/sessions/{before[2]['id']}/cancel", json={"scope": "all"}, headers={"If-Match": '"v9"'}
    )

    assert (too_late.status_code, too_late.json()["code"]) == (422, "outside_availability")
    assert too_late.json()["blocked_occurrences"] == 6
    assert stale.status_code == 412
    assert pair.sessions() == before


def test_the_same_request_twice_makes_one_series(pair: Pair) -> None:
    headers = {"Idempotency-Key": "weekly-with-mia"}
    body = {
        "kind": "one_on_one",
        "participants": [{"person_id": pair.mia, "as": "mentee"}, {"person_id": pair.ann, "as": "mentor"}],
        "starts_at": datetime(2026, 11, 24, 16, tzinfo=UTC).isoformat(),
        "duration_minutes": 30,
        "recurrence": {"rrule": "FREQ=WEEKLY;COUNT=4"},
    }

    first, again = (pair.as_ann.post("/v1/sessions", json=body, headers=headers) for _ in range(2))

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert len(pair.sessions()) == 4


def test_an_occurrence_has_the_uid_and_the_sequence_of_the_event_in_calendars(pair: Pair) -> None:
    made = pair.book("FREQ=WEEKLY;COUNT=4")
    first, second, third, _ = pair.sessions()

    def agrees(session: Any) -> tuple[str, int]:
        read = pair.as_ann.get(f"/v1/sessions/{session['id']}").json()
        lines = pair.as_ann.get(f"/v1/sessions/{session['id']}/invite.ics").text.replace("\r\n ", "").split("\r\n")
        assert {f"UID:{read['uid']}", f"SEQUENCE:{read['sequence']}"} <= set(lines)
        assert read == next(one for one in pair.sessions() if one["id"] == session["id"])
        return read["uid"], read["sequence"]

    assert {agrees(one) for one in pair.sessions()} == {(made.json()["uid"], 0)}
    seen = pair.as_ann.get(f"/v1/sessions/{first['id']}").headers["etag"]
    moved = pair.act(second, "reschedule", starts_at=(TUESDAY + WEEK - timedelta(hours=1)).isoformat()).json()
    assert {agrees(one) for one in pair.sessions()} == {(made.json()["uid"], 1)}
    assert (moved["recurrence_id"], moved["starts_at"]) == (second["starts_at"], "2026-12-01T15:00:00Z")
    anew = pair.as_ann.get(f"/v1/sessions/{first['id']}", headers={"If-None-Match": seen})
    assert (anew.status_code, anew.json()["version"]) == (200, first["version"])
    assert pair.as_ann.post(f"/v1/sessions/{first['id']}/cancel", headers={"If-Match": seen}).status_code == 200

    pair.act(third, "reschedule", starts_at=(TUESDAY + 2 * WEEK - timedelta(hours=1)).isoformat(), scope="following")

    (uid, _), (other_uid, sequence) = agrees(second), agrees(third)
    assert (uid == made.json()["uid"], other_uid == uid, sequence) == (True, False, 0)


def test_a_session_that_does_not_recur_is_no_occurrence(pair: Pair) -> None:
    made = pair.book(recurrence=None)

    assert (made.json()["series_id"], made.json()["recurrence_id"], made.headers["etag"]) == (None, None, '"v1"')
    assert made.json()["uid"].startswith(made.json()["id"])
