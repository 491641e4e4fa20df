"""Every refusal of booking names who and what is in the way, and offers what would work."""

from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import update

from app.db import transaction
from app.models import Person
from app.models.tables import availability
from app.operations.accounts import create_account
from app.operations.call_types import patch_call_type
from app.operations.people import patch_person
from app.rules.access import SYSTEM
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api

TEN = MONDAY + timedelta(hours=10)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALWAYS = [[day, 0, 1440] for day in range(1, 8)]


def somebody(api: Api, name: str, *, always: bool = False, **fields: Any) -> Person:
    """Who works in London by day, or at any hour."""
    with transaction(api.engine, writes=True) as db:
        made = a_person(db, name, **fields)
        if always:
            db.execute(update(availability).where(availability.c.person_id == made.id).values(weekly=ALWAYS))
        return made


def a_call_of(api: Api, host: Person | None = None, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_call(db, host, **fields)


def an_account(api: Api, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return create_account(db, fields={"name": "Northwind", **fields}, actor=SYSTEM, now=NOW).id


def sit_in(api: Api, call_id: str, who: Person, **fields: Any) -> httpx.Response:
    return api.admin.post(f"/v1/calls/{call_id}/seats", json={"observer_id": who.id, **fields})


def seated(api: Api, call_id: str, who: Person) -> None:
    made = sit_in(api, call_id, who)
    assert made.status_code == 201, made.text


def meet(api: Api, *people: Person, starts_at: datetime = TEN, **fields: Any) -> httpx.Response:
    who = [{"person_id": one.id, "as": part} for one, part in zip(people, ("mentee", "mentor"), strict=True)]
    body = {"kind": "one_on_one", "participants": who, "starts_at": starts_at.isoformat(), "duration_minutes": 30}
    return api.admin.post("/v1/sessions", json={**body, **fields})


def said(answer: httpx.Response) -> tuple[int, str, str | None]:
    return answer.status_code, answer.json()["code"], answer.json().get("person_id")


def in_the_way(answer: httpx.Response) -> tuple[str, str]:
    body = answer.json()
    return body["blocking_starts_at"], body["blocking_ends_at"]


def offered(answer: httpx.Response) -> list[str]:
    return [one.get("call_id") or one["starts_at"] for one in answer.json()["alternatives"]]


def test_the_limit_of_an_observer_is_named_and_the_day_that_is_full_where_they_live(api: Api) -> None:
    jo = somebody(api, "Jo", time_zone="Australia/Lord_Howe", observe_per_day=1, always=True)
    sunday = datetime.fromisoformat("2027-04-04T00:00:00Z")  # their clocks go back by half an hour
    seated(api, a_call_of(api, starts_at=sunday), jo)
    early, late = a_call_of(api, starts_at=sunday - 10 * HOUR), a_call_of(api, starts_at=sunday + 13 * HOUR)

    for call_id in (early, late):
        refused = sit_in(api, call_id, jo)

        assert said(refused) == (422, "limit", jo.id)
        assert in_the_way(refused) == ("2027-04-03T13:00:00Z", "2027-04-04T13:30:00Z")
        words = "limit of 1 seat on 2027-04-04 (Australia/Lord_Howe) is reached. Choose another day."
        assert refused.json()["detail"] == f"The observer's {words}"
    seated(api, a_call_of(api, starts_at=sunday + 13 * HOUR + 30 * MINUTE), jo)


def test_the_limit_of_a_host_is_named_and_the_week_that_is_full_where_they_live(api: Api) -> None:
    host = somebody(api, "Host", time_zone="Asia/Kolkata", host_per_day=5, host_per_week=2)
    jo = somebody(api, "Jo", always=True)
    for hours in (0, 24):
        seated(api, a_call_of(api, host, starts_at=TEN + hours * HOUR), jo)

    refused = sit_in(api, a_call_of(api, host, starts_at=TEN + 3 * DAY), jo)

    assert said(refused) == (422, "limit", host.id)
    assert in_the_way(refused) == ("2026-11-22T18:30:00Z", "2026-11-29T18:30:00Z")
    words = "limit of 2 observers in week 2026-W48 (Asia/Kolkata) is reached. Choose another week."
    assert refused.json()["detail"] == f"The host's {words}"
    monday = datetime.fromisoformat("2026-11-29T18:30:00Z")
    seated(api, a_call_of(api, host, starts_at=monday), jo)


def test_the_limit_of_meetings_is_named_and_when_it_is_full(api: Api) -> None:
    mia, max_, tom = (somebody(api, name, time_zone="America/Phoenix", always=True) for name in ("Mia", "Max", "Tom"))
    api.admin.patch(f"/v1/people/{max_.id}", json={"sessions_per_day": 1})
    assert meet(api, mia, max_).status_code == 201

    refused = meet(api, tom, max_, starts_at=TEN + 20 * HOUR)

    assert said(refused) == (422, "limit", max_.id)
    assert in_the_way(refused) == ("2026-11-23T07:00:00Z", "2026-11-24T07:00:00Z")
    assert "limit of 1 session on 2026-11-23 (America/Phoenix)" in refused.json()["detail"]
    assert offered(refused)[0] == "2026-11-24T07:00:00Z"


def test_a_call_too_soon_one_that_is_over_and_ones_own_are_answered_with_others(api: Api) -> None:
    jo, host = somebody(api, "Jo", always=True), somebody(api, "Host")
    soon, over = a_call_of(api, starts_at=NOW + 14 * MINUTE), a_call_of(api, starts_at=NOW - 20 * DAY)
    own = a_call_of(api, jo, starts_at=NOW + 5 * DAY)
    other = a_call_of(api, host, starts_at=TEN)

    refused = [sit_in(api, call_id, jo) for call_id in (soon, over, own)]

    assert [one.json()["code"] for one in refused] == ["min_notice", "past", "own_call"]
    assert [offered(one) for one in refused] == [[other]] * 3
    seated(api, other, jo)


def test_who_may_sit_in_nowhere_is_offered_nothing(api: Api) -> None:
    left = somebody(api, "Left")
    with transaction(api.engine, writes=True) as db:
        patch_person(db, person_id=left.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)
    call_id = a_call_of(api)
    a_call_of(api, starts_at=TEN + HOUR)

    refused = sit_in(api, call_id, left)

    assert said(refused) == (422, "not_active", left.id)
    assert "alternatives" not in refused.json()


def test_a_meeting_too_soon_or_past_is_answered_with_the_first_times_that_give_notice(api: Api) -> None:
    mia, max_ = somebody(api, "Mia", always=True), somebody(api, "Max", always=True)

    soon, past = (meet(api, mia, max_, starts_at=NOW + minutes * MINUTE) for minutes in (14, -10))

    assert (soon.json()["code"], past.json()["code"]) == ("min_notice", "past")
    first = ["2026-11-21T09:15:00Z", "2026-11-21T09:30:00Z", "2026-11-21T09:45:00Z"]
    assert offered(soon) == offered(past) == first
    assert meet(api, mia, max_, starts_at=NOW + 15 * MINUTE).status_code == 201


def test_what_lies_outside_working_hours_is_answered_with_the_gap_it_falls_into(api: Api) -> None:
    jo, max_ = somebody(api, "Jo", time_zone="America/New_York"), somebody(api, "Max", always=True)
    night = MONDAY + timedelta(hours=12)  # seven in the morning, after a weekend
    seat, meeting = sit_in(api, a_call_of(api, starts_at=night), jo), meet(api, jo, max_, starts_at=night)

    for refused in (seat, meeting):
        assert said(refused) == (422, "outside_availability", jo.id)
        assert in_the_way(refused) == ("2026-11-20T22:00:00Z", "2026-11-23T14:00:00Z")
        assert "pause" not in refused.json()["detail"]
    assert offered(meeting)[0] == "2026-11-23T14:00:00Z"


def test_who_is_away_in_a_pause_is_said_to_be(api: Api) -> None:
    jo, max_ = somebody(api, "Jo"), somebody(api, "Max")
    off = {"starts_on": "2026-11-23", "ends_on": "2026-11-27"}
    assert api.admin.post(f"/v1/people/{jo.id}/availability/pauses", json=off).status_code == 201

    for refused in (sit_in(api, a_call_of(api), jo), meet(api, max_, jo)):
        assert said(refused) == (422, "outside_availability", jo.id)
        assert in_the_way(refused) == ("2026-11-20T17:00:00Z", "2026-11-30T09:00:00Z")
        assert refused.json()["detail"].endswith("They are away: it falls into a pause.")


def test_a_call_without_seats_says_what_leaves_it_none_and_nobody_waits_for_it(api: Api) -> None:
    jo, host = somebody(api, "Jo"), somebody(api, "Host", seat_capacity=0)
    strict, closed = an_account(api, own_side_ceiling=2), an_account(api, seat_capacity=0)
    other = a_call_of(api, starts_at=TEN + HOUR)
    with transaction(api.engine, writes=True) as db:
        patch_call_type(db, slug="demo", changes={"seat_capacity": 0}, actor=SYSTEM, now=NOW)

    for call_id, by in (
        (a_call_of(api, seats=0), "its own number"),
        (a_call_of(api, host), "its host"),
        (a_call_of(api, account_id=closed), "its account"),
        (a_call_of(api, type="demo"), "its type"),
        (
            a_call_of(api, account_id=strict, colleagues_invited=1, seats=3),
            "the ceiling of its account on own-side faces: 2, among them the host and 1 invited",
        ),
    ):
        for waitlist in (False, True):
            refused = sit_in(api, call_id, jo, waitlist=waitlist)

            assert said(refused) == (409, "not_joinable", None), by
            assert refused.json()["detail"] == f"This call has no seats. It gets none by {by}."
            assert offered(refused) == ([] if by == "its type" else [other])
        assert api.admin.get(f"/v1/calls/{call_id}/suggestions").json() == {"suggestions": []}
        assert api.admin.get(f"/v1/calls/{call_id}/waitlist").json()["data"] == []


def test_a_call_without_seats_is_not_listed_and_one_look_at_it_says_what_booking_says(api: Api) -> None:
    jo, none = somebody(api, "Jo"), a_call_of(api, seats=0)
    about = {"joinable_by": jo.id, "expand": "refusal"}

    listed = api.admin.get("/v1/calls", params={"joinable_by": jo.id}).json()["data"]
    looked = api.admin.get(f"/v1/calls/{none}", params=about).json()

    assert listed == []
    assert (looked["joinable"], looked["refusal"]["code"]) == (False, sit_in(api, none, jo).json()["code"])


def test_a_full_call_names_the_ceiling_that_keeps_it_so(api: Api) -> None:
    jo, tom = somebody(api, "Jo"), somebody(api, "Tom")
    assert api.admin.patch("/v1/settings", json={"own_side_ceiling": 2}).status_code == 200
    call_id = a_call_of(api, seats=5)
    seated(api, call_id, tom)

    refused = sit_in(api, call_id, jo)

    assert said(refused) == (409, "seats_full", None)
    by = "the ceiling of the house on own-side faces: 2, among them the host and 0 invited"
    assert refused.json()["detail"] == f"Every seat on this call is taken. It gets 1 by {by}."
    assert sit_in(api, call_id, jo, waitlist=True).status_code == 202


def test_a_number_of_seats_that_a_ceiling_makes_too_low_names_it(api: Api) -> None:
    account = an_account(api)
    call_id = a_call_of(api, seats=2, account_id=account)
    for name in ("Jo", "Tom"):
        seated(api, call_id, somebody(api, name))
    assert api.admin.patch(f"/v1/accounts/{account}", json={"own_side_ceiling": 2}).status_code == 200

    by_ceiling = api.admin.patch(f"/v1/calls/{call_id}", json={"seat_capacity": 3})
    by_number = api.admin.patch(f"/v1/calls/{call_id}", json={"seat_capacity": 0})

    assert [(one.status_code, one.json()["code"]) for one in (by_ceiling, by_number)] == [
        (409, "capacity_below_taken")
    ] * 2
    by = "the ceiling of its account on own-side faces: 2, among them the host and 0 invited"
    assert by_ceiling.json()["detail"] == f"2 are taken, and it would get 1 by {by}. Release seats first."
    assert by_number.json()["detail"] == "2 are taken, and it would get 0 by its own number. Release seats first."


def test_a_cancel_is_offered_to_be_undone_while_it_can_be(api: Api) -> None:
    mia, max_ = somebody(api, "Mia"), somebody(api, "Max")
    place = meet(api, mia, max_).headers["location"]
    assert api.admin.post(f"{place}/cancel").status_code == 200

    at_once = api.admin.post(f"{place}/start").json()
    api.clock.advance(timedelta(seconds=15))
    later = api.admin.post(f"{place}/start").json()
    undone = api.admin.post(f"{place}/undo-cancel")

    assert (at_once["code"], at_once["possible"]) == ("illegal_move", ["undo-cancel"])
    assert (later["code"], later["possible"]) == ("illegal_move", [])
    assert later["detail"] == "It is cancelled. It stays so."
    assert (undone.status_code, undone.json()["code"]) == (410, "undo_over")


def test_what_is_over_is_not_offered_to_be_moved_or_cancelled(api: Api) -> None:
    mia, max_ = somebody(api, "Mia"), somebody(api, "Max")
    place = meet(api, mia, max_).headers["location"]
    api.clock.at = TEN + DAY

    refused = api.admin.post(f"{place}/undo-cancel").json()

    assert (refused["code"], refused["possible"]) == ("illegal_move", ["start", "complete", "no-show"])


def test_occurrences_at_which_somebody_cant_come_are_told_in_utc(api: Api) -> None:
    mia, max_, tom = somebody(api, "Mia"), somebody(api, "Max"), somebody(api, "Tom")
    assert meet(api, tom, max_, starts_at=TEN + 7 * DAY).status_code == 201

    refused = meet(api, mia, max_, recurrence={"rrule": "FREQ=WEEKLY;COUNT=3"})

    assert said(refused) == (409, "slot_taken", max_.id)
    times = {"starts_at": "2026-11-30T10:00:00Z", "ends_at": "2026-11-30T10:30:00Z"}
    blocking = {f"blocking_{name}": at for name, at in times.items()}
    (blocked,) = refused.json()["blocked"]
    detail = {"code": "slot_taken", "detail": "This person is taken at that time.", "person_id": max_.id}
    assert blocked == {**times, **blocking, **detail}
