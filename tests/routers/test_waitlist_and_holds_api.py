"""Waiting, holding and approving over the API: every refusal, and everybody at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update

from app.db import transaction
from app.models.tables import calendar_entry, call, claim, person, seat, session, waitlist_entry
from app.vocabulary import EntryStatus, Part, SeatApproval, SeatStatus, WaitlistStatus
from app.worker import Worker
from tests.factories import MONDAY, a_call, a_person
from tests.harness import Api
from tests.patience import PATIENCE_SECONDS

TEN = MONDAY + timedelta(hours=10)


def somebody(api: Api, name: str, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, name, **fields).id


def a_call_of(api: Api, **fields: Any) -> str:
    with transaction(api.engine, writes=True) as db:
        return a_call(db, **fields)


def a_call_whose_host_approves(api: Api, **fields: Any) -> tuple[str, str]:
    with transaction(api.engine, writes=True) as db:
        host = a_person(db, "Host")
        db.execute(update(person).where(person.c.id == host.id).values(seat_approval=SeatApproval.HOST))
        return a_call(db, host, **fields), host.id


def book(api: Api, call_id: str, observer_id: str, **given: Any) -> httpx.Response:
    return api.admin.post(f"/v1/calls/{call_id}/seats", json={"observer_id": observer_id, **given})


def wait(api: Api, call_id: str, observer_id: str) -> dict[str, Any]:
    answer = book(api, call_id, observer_id, waitlist=True)
    assert answer.status_code == 202, answer.text
    made: dict[str, Any] = answer.json()
    return made


def entry(api: Api, entry_id: str, act: str = "") -> httpx.Response:
    path = f"/v1/waitlist-entries/{entry_id}"
    return api.admin.post(f"{path}/{act}") if act else api.admin.get(path)


def run_jobs(api: Api) -> None:
    """Do all that is due, but for mail, as the worker would."""
    worker = Worker(api.engine, api.settings, api.clock)
    while worker.run_one():
        pass


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def at_once(several: list[Any]) -> list[httpx.Response]:
    """Call all of these at the same moment."""
    ready = threading.Barrier(len(several))

    def go(act: Any) -> httpx.Response:
        ready.wait(PATIENCE_SECONDS)
        answer: httpx.Response = act()
        return answer

    with ThreadPoolExecutor(len(several)) as pool:
        return list(pool.map(go, several))


@pytest.mark.parametrize(
    "wrong",
    [
        {"waitlist": 1},
        {"waitlist": True, "debrief_minutes": 15},
        {"waitlist": True, "hold_token": "x"},
        {"waitlist": True, "kind": "ride_along"},
        {"kind": "one_on_one"},
        {"debrief_minutes": 4},
        {"debrief_minutes": 61},
        {"debrief_minutes": "15"},
        {"hold_token": ""},
        {"hold_token": "x" * 101},
        {"seat_no": 1},
    ],
)
def test_nonsense_is_refused_before_anything_is_looked_up(sqlite_api: Api, wrong: dict[str, Any]) -> None:
    assert book(sqlite_api, "call_none", "per_none", **wrong).status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"call_id": "call_x"},
        {"observer_id": "per_x"},
        {"call_id": "call_x", "observer_id": "per_x", "kind": "drop_in"},
        {"call_id": "call_x", "observer_id": "per_x", "kind": "debrief"},
        {"call_id": "call_x", "observer_id": "per_x", "starts_at": "2026-11-24T10:00:00Z"},
        {"kind": "one_on_one", "participants": [{"person_id": "per_x", "as": "mentor"}] * 2},
        {
            "kind": "one_on_one",
            "participants": [{"person_id": "per_x", "as": "mentor"}] * 2,
            "starts_at": "2026-11-24T10:00:00Z",
            "duration_minutes": 30,
        },
        {
            "kind": "one_on_one",
            "participants": [{"person_id": "per_x", "as": "mentor"}, {"person_id": "per_y", "as": "mentee"}],
            "starts_at": "2026-11-24T10:00:00",
            "duration_minutes": 30,
        },
    ],
)
def test_a_hold_is_of_a_seat_or_of_time(sqlite_api: Api, wrong: dict[str, Any]) -> None:
    assert sqlite_api.admin.post("/v1/holds", json=wrong).status_code == 422


def test_a_hold_that_moved_since_is_not_given_back_unseen(api: Api) -> None:
    call_id, jo = a_call_of(api), somebody(api, "Jo")
    made = api.admin.post("/v1/holds", json={"call_id": call_id, "observer_id": jo})
    later = {"starts_at": "2026-11-24T14:00:00Z", "ends_at": "2026-11-24T14:30:00Z"}
    api.admin.patch(f"/v1/calls/{call_id}", json=later)
    place, seen = f"/v1/holds/{made.json()['id']}", {"If-Match": made.headers["etag"]}

    stale = api.admin.delete(place, headers=seen)
    moved = api.admin.get(f"/v1/sessions/{made.json()['session_id']}").headers["etag"]
    given_back = api.admin.delete(place, headers={"If-Match": moved})

    assert (seen["If-Match"], said(stale), given_back.status_code) == ('"v1"', (412, "stale"), 204)
    assert said(api.admin.delete(place, headers={"If-Match": moved})) == (404, "not_found")


def test_a_full_call_is_waited_for_and_the_seat_that_comes_free_accepted(api: Api) -> None:
    call_id, jo, tom = a_call_of(api, seats=1), somebody(api, "Jo"), somebody(api, "Tom")
    held = book(api, call_id, jo).json()

    answer = book(api, call_id, tom, waitlist=True)
    place, waiting = answer.headers["location"], answer.json()
    early = entry(api, waiting["id"], "accept")
    api.admin.post(f"/v1/seats/{held['id']}/release")
    listed = api.admin.get(f"/v1/calls/{call_id}/waitlist").json()["data"]
    accepted = entry(api, waiting["id"], "accept")

    assert (answer.status_code, answer.headers["etag"], waiting["status"], waiting["offered_until"]) == (
        202, '"v1"', "waiting", None,
    )  # fmt: skip
    assert said(early) == (409, "not_offered")
    assert [(one["id"], one["status"], one["offered_until"]) for one in listed] == [
        (waiting["id"], "offered", "2026-11-21T10:00:00Z")
    ]
    assert (accepted.json()["status"], api.admin.get(place).json()) == ("taken", accepted.json())
    assert api.admin.get(f"/v1/seats/{accepted.json()['seat_id']}").json()["status"] == "confirmed"
    assert api.admin.get(place, headers={"If-None-Match": accepted.headers["etag"]}).status_code == 304
    assert api.admin.post(f"{place}/leave", headers={"If-Match": '"v1"'}).status_code == 412
    late = api.admin.post(f"{place}/leave")
    assert (said(late), late.json()["seat_id"]) == ((409, "offer_taken"), accepted.json()["seat_id"])


def test_a_seat_that_is_there_is_booked_though_one_would_wait(api: Api) -> None:
    assert book(api, a_call_of(api), somebody(api, "Jo"), waitlist=True).status_code == 201


def test_an_offer_that_expires_goes_to_the_next_by_the_worker(api: Api) -> None:
    call_id = a_call_of(api, seats=1)
    held = book(api, call_id, somebody(api, "Jo")).json()
    first = wait(api, call_id, somebody(api, "Tom"))
    api.clock.advance(timedelta(seconds=1))
    second = wait(api, call_id, somebody(api, "Mia"))
    api.admin.post(f"/v1/seats/{held['id']}/release")
    api.clock.advance(timedelta(minutes=60))

    gone = entry(api, first["id"], "accept")
    run_jobs(api)

    assert said(gone) == (410, "offer_expired")
    assert [entry(api, one["id"]).json()["status"] for one in (first, second)] == ["lapsed", "offered"]


def test_two_who_wait_and_one_seat_that_comes_free_at_once_make_one_offer(api: Api) -> None:
    """Bug 5: oversold seats. Both seats of one call are given back at once, and others try to take them."""
    call_id = a_call_of(api, seats=2)
    held = [book(api, call_id, somebody(api, name)).json() for name in ("A", "B")]
    line = [wait(api, call_id, somebody(api, name)) for name in ("C", "D", "E")]
    late = [somebody(api, name) for name in "FGH"]

    acts: list[Any] = [
        lambda: api.admin.post(f"/v1/seats/{held[0]['id']}/release"),
        lambda: api.admin.post(f"/v1/seats/{held[0]['id']}/release"),
        *(lambda who=who: book(api, call_id, who) for who in late),
    ]
    answers = at_once(acts)

    assert {answer.status_code for answer in answers} <= {200, 409}
    with transaction(api.engine, writes=False) as db:
        offered = waitlist_entry.c.status == WaitlistStatus.OFFERED
        assert db.execute(select(func.count()).select_from(waitlist_entry).where(offered)).scalar() == 1
        assert db.execute(select(call.c.seats_taken)).scalar() == 2
    assert len(line) == 3


def test_many_first_seats_at_once_are_as_many_sessions_and_one_entry_of_the_host(api: Api) -> None:
    """Bugs 4 and 5: the first bookings of a call that has seats make two of what should be one; oversold seats."""
    call_id, people = a_call_of(api, seats=3), [somebody(api, f"P{number}") for number in range(8)]

    answers = at_once([lambda who=who: book(api, call_id, who) for who in people])

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 5
    assert {answer.json()["seat_no"] for answer in answers if answer.status_code == 201} == {1, 2, 3}
    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(session)).scalar() == 3
        of_host = calendar_entry.c.part == Part.HOST
        assert db.execute(select(func.count()).select_from(calendar_entry).where(of_host)).scalar() == 1


def test_a_taken_seat_hides_none_of_the_others(api: Api) -> None:
    """Bug 6: our own event, and the host's own call, hide the seats that remain."""
    call_id = a_call_of(api, seats=2)
    book(api, call_id, somebody(api, "Jo"))

    shown = api.admin.get(f"/v1/calls/{call_id}").json()

    assert (shown["seats_taken"], shown["joinable"]) == (1, True)
    assert book(api, call_id, somebody(api, "Tom")).status_code == 201


def test_one_who_gives_a_seat_back_is_the_only_one_who_is_off(api: Api) -> None:
    """Bugs 7 and 9: one seat's cancel cancels all; a cancelled seat is still counted."""
    call_id, jo, tom = a_call_of(api, seats=2), somebody(api, "Jo"), somebody(api, "Tom")
    gone, kept = book(api, call_id, jo).json(), book(api, call_id, tom).json()

    api.admin.post(f"/v1/seats/{gone['id']}/release")

    assert api.admin.get(f"/v1/seats/{kept['id']}").json() == kept
    assert api.admin.get(f"/v1/sessions/{kept['session_id']}").json()["status"] == "confirmed"
    assert api.admin.get(f"/v1/calls/{call_id}").json()["seats_taken"] == 1
    with transaction(api.engine, writes=False) as db:
        off = calendar_entry.c.status == EntryStatus.CANCELLED
        assert db.execute(select(calendar_entry.c.person_id).where(off)).scalars().all() == [jo]
    assert book(api, call_id, somebody(api, "Mia")).json()["seat_no"] == 1


def test_who_sits_in_or_waits_is_told_to_nobody_but_the_host(api: Api) -> None:
    """Bug 8: the list of who attends is leaked."""
    call_id = a_call_of(api, seats=1)
    jo, tom, mia = (somebody(api, name) for name in ("Jo", "Tom", "Mia"))
    held = book(api, call_id, jo).json()
    waiting = [wait(api, call_id, who) for who in (tom, mia)]
    host_id = api.admin.get(f"/v1/calls/{call_id}").json()["host_id"]

    of_tom, of_host = api.rep(tom), api.rep(host_id)

    assert of_tom.get(f"/v1/calls/{call_id}/seats").json()["data"] == []
    assert of_tom.get(f"/v1/sessions/{held['session_id']}").status_code == 404
    lines = [who.get(f"/v1/calls/{call_id}/waitlist").json()["data"] for who in (of_tom, of_host)]
    assert [{one["person_id"] for one in line} for line in lines] == [{tom}, {tom, mia}]
    assert of_tom.get(f"/v1/waitlist-entries/{waiting[1]['id']}").status_code == 404
    assert of_tom.post(f"/v1/waitlist-entries/{waiting[1]['id']}/leave").status_code == 404


def test_a_hold_is_shown_once_and_books_once(api: Api) -> None:
    call_id, jo, tom = a_call_of(api, seats=1), somebody(api, "Jo"), somebody(api, "Tom")
    body, keyed = {"call_id": call_id, "observer_id": jo}, {"Idempotency-Key": "hold-1"}

    made = api.admin.post("/v1/holds", json=body, headers=keyed)
    again = api.admin.post("/v1/holds", json=body, headers=keyed)
    full = book(api, call_id, tom)
    other = book(api, a_call_of(api, starts_at=TEN + timedelta(hours=2)), jo, hold_token=made.json()["token"])
    booked = book(api, call_id, jo, hold_token=made.json()["token"])
    used = book(api, call_id, jo, hold_token=made.json()["token"])

    assert (made.status_code, made.json()["expires_at"]) == (201, "2026-11-21T09:05:00Z")
    assert again.json() == {name: value for name, value in made.json().items() if name != "token"}
    with transaction(api.engine, writes=False) as db:
        assert made.json()["token"] not in str(db.execute(select(claim)).all())
    assert [said(answer) for answer in (full, other, used)] == [
        (409, "seats_full"),
        (409, "hold_conflict"),
        (410, "hold_expired"),
    ]
    assert (booked.status_code, booked.json()["session_id"]) == (201, made.json()["session_id"])


def test_a_hold_that_expired_books_nothing_and_others_may(api: Api) -> None:
    call_id, jo, tom = a_call_of(api, seats=1), somebody(api, "Jo"), somebody(api, "Tom")
    made = api.admin.post("/v1/holds", json={"call_id": call_id, "observer_id": jo}).json()
    api.clock.advance(timedelta(minutes=5))

    gone = book(api, call_id, jo, hold_token=made["token"])
    run_jobs(api)

    assert said(gone) == (410, "hold_expired")
    assert book(api, call_id, tom).status_code == 201


def test_time_is_held_and_given_back(api: Api) -> None:
    jo, tom = somebody(api, "Jo"), somebody(api, "Tom")
    body = {
        "kind": "one_on_one",
        "participants": [{"person_id": jo, "as": "mentee"}, {"person_id": tom, "as": "mentor"}],
        "starts_at": "2026-11-24T10:00:00Z",
        "duration_minutes": 30,
    }

    made = api.admin.post("/v1/holds", json=body).json()
    taken = api.admin.post("/v1/holds", json=body)
    deleted = [api.admin.delete(f"/v1/holds/{made['id']}").status_code for _ in "ab"]

    assert said(taken) == (409, "slot_taken")
    assert deleted == [204, 404]
    assert api.admin.post("/v1/holds", json=body).status_code == 201
    api.clock.advance(timedelta(minutes=5))
    run_jobs(api)
    with transaction(api.engine, writes=False) as db:
        assert sorted(db.execute(select(session.c.status)).scalars()) == ["cancelled", "expired"]


def test_time_that_is_held_is_booked_by_its_token_and_by_nothing_else(api: Api) -> None:
    jo, tom = somebody(api, "Jo"), somebody(api, "Tom")
    body: dict[str, Any] = {
        "kind": "one_on_one",
        "participants": [{"person_id": jo, "as": "mentee"}, {"person_id": tom, "as": "mentor"}],
        "starts_at": "2026-11-24T10:00:00Z",
        "duration_minutes": 30,
    }
    made = api.admin.post("/v1/holds", json=body).json()
    held = {**body, "hold_token": made["token"]}

    def plan(**fields: Any) -> httpx.Response:
        return api.admin.post("/v1/sessions", json={**held, **fields})

    for wrong in ({"recurrence": {"rrule": "FREQ=WEEKLY;COUNT=2"}}, {"kind": "shadow", "call_id": "call_x"}):
        assert plan(**wrong).status_code == 422
    assert said(api.admin.post("/v1/sessions", json=body)) == (409, "slot_taken")
    assert said(plan(starts_at="2026-11-24T11:00:00Z")) == (409, "hold_conflict")
    booked = plan()
    assert (booked.status_code, booked.json()["id"], booked.json()["status"]) == (201, made["session_id"], "confirmed")
    assert said(plan()) == (410, "hold_expired")


def test_one_held_seat_is_booked_by_one_of_many_who_have_its_token(api: Api) -> None:
    call_id, jo = a_call_of(api, seats=1), somebody(api, "Jo")
    token = api.admin.post("/v1/holds", json={"call_id": call_id, "observer_id": jo}).json()["token"]

    answers = at_once([lambda: book(api, call_id, jo, hold_token=token) for _ in range(6)])

    assert sorted(answer.status_code for answer in answers) == [201] + [410] * 5


def test_six_holds_at_once_by_one_key_are_five(api: Api) -> None:
    jo = somebody(api, "Jo", observe_per_day=20, observe_per_week=20)
    calls = [a_call_of(api, starts_at=TEN + timedelta(minutes=30 * number)) for number in range(8)]

    def hold(call_id: str) -> httpx.Response:
        return api.admin.post("/v1/holds", json={"call_id": call_id, "observer_id": jo})

    answers = at_once([lambda call_id=call_id: hold(call_id) for call_id in calls])

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 3
    assert {answer.json()["code"] for answer in answers if answer.status_code == 422} == {"limit"}


def test_two_requests_for_the_last_seat_are_one_and_the_host_lets_it_in(api: Api) -> None:
    """Bug 3: two pending both confirmed."""
    call_id, host_id = a_call_whose_host_approves(api, seats=1)
    people = [somebody(api, name) for name in ("Jo", "Tom")]

    answers = at_once([lambda who=who: book(api, call_id, who) for who in people])
    (asked,) = [answer.json() for answer in answers if answer.status_code == 201]
    host, observer = api.rep(host_id), api.rep(asked["observer_id"])

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert asked["status"] == "requested"
    assert said(observer.post(f"/v1/seats/{asked['id']}/approve")) == (403, "forbidden")
    approved = host.post(f"/v1/seats/{asked['id']}/approve", headers={"If-Match": '"v1"'})
    assert (approved.status_code, approved.json()["status"]) == (200, "confirmed")
    assert said(host.post(f"/v1/seats/{asked['id']}/decline")) == (409, "not_requested")


def test_a_seat_comes_with_a_debrief_or_says_that_there_is_no_time_for_one(api: Api) -> None:
    call_id, jo = a_call_of(api), somebody(api, "Jo")

    booked = book(api, call_id, jo, debrief_minutes=15)
    evening = a_call_of(api, starts_at=TEN + timedelta(days=1))
    intervals = [{"starts_at": "2026-11-24T10:30:00Z", "ends_at": "2026-11-28T00:00:00Z", "status": "busy"}]
    api.admin.put(f"/v1/people/{jo}/busy", json={"source": "outlook", "intervals": intervals})
    without = book(api, evening, jo, debrief_minutes=15)

    assert booked.status_code == 201
    planned = api.admin.get("/v1/sessions", params={"kind": "debrief"}).json()["data"]
    assert [(one["follows_id"], one["starts_at"]) for one in planned] == [
        (booked.json()["session_id"], "2026-11-23T10:30:00Z")
    ]
    assert said(without) == (409, "no_debrief_time")
    assert book(api, evening, jo).status_code == 201


def test_seats_of_each_kind_say_so(api: Api) -> None:
    call_id = a_call_of(api, seats=3)
    kinds = ("shadow", "reverse_shadow", "ride_along")

    made = [book(api, call_id, somebody(api, kind), kind=kind).json() for kind in kinds]
    early = book(api, call_id, somebody(api, "Early"), kind="drop_in")

    assert tuple(one["kind"] for one in made) == kinds
    assert said(early) == (409, "not_started")
    with transaction(api.engine, writes=False) as db:
        assert set(db.execute(select(seat.c.status)).scalars()) == {SeatStatus.CONFIRMED}
