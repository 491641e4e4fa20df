"""Plan runs over the API: drafted, edited by hand, published."""

from tests.harness import Api
from tests.routers.test_runs_api import WEEK, a_team_of_three, check_watched, refusal, started, work


def test_a_plan_run_goes_from_the_queue_to_sessions(api: Api) -> None:
    junior, _ = a_team_of_three(api)
    start = started(api, "plan-runs", WEEK)
    check_watched(start)
    run = f"/v1/plan-runs/{start.json()['id']}"
    work(api)
    draft = api.admin.get(run).json()
    assert (draft["status"], draft["timed_out"], len(draft["seats"])) == ("draft", False, 4)
    assert draft["objective"] <= draft["bound"]

    publishing = api.admin.post(f"{run}/publish")
    check_watched(publishing)
    twice = api.admin.post(f"{run}/publish")
    assert twice.json()["operation_id"] == publishing.json()["operation_id"] != draft["operation_id"]
    work(api)

    published = api.admin.get(run).json()
    assert (published["status"], {seat["refusal"] for seat in published["seats"]}) == ("published", {None})
    assert api.admin.get(publishing.headers["location"]).json()["result"]["booked"] == 4
    sessions = api.rep(junior).get("/v1/sessions").json()["data"]
    assert len(sessions) == sum(seat["observer_id"] == junior for seat in published["seats"]) == 2
    late = api.admin.post(f"{run}/publish")
    assert (late.status_code, late.json()["status"]) == (202, "published")


def a_draft(api: Api) -> str:
    a_team_of_three(api)
    run = f"/v1/plan-runs/{started(api, 'plan-runs', WEEK).json()['id']}"
    work(api)
    return run


def test_a_draft_is_edited_with_the_version_that_was_read_and_says_what_follows(api: Api) -> None:
    run = a_draft(api)
    read = api.admin.get(run)
    seat, *_ = read.json()["seats"]
    assert (seat["stale"], seat["by_hand"], read.json()["stale_seats"]) == (None, False, 0)

    pinned = api.admin.patch(
        f"{run}/seats/{seat['id']}", json={"pinned": True}, headers={"If-Match": read.headers["etag"]}
    )
    assert (pinned.status_code, pinned.json()) == (200, {**seat, "pinned": True})
    late = api.admin.delete(f"{run}/seats/{seat['id']}", headers={"If-Match": read.headers["etag"]})
    assert refusal(late) == (412, "stale")
    gone = api.admin.delete(f"{run}/seats/{seat['id']}", headers={"If-Match": pinned.headers["etag"]})
    assert (gone.status_code, gone.content) == (204, b"")
    place = {"observer_id": seat["observer_id"], "call_id": seat["call_id"]}
    assert api.admin.get(run).json()["dropped"] == [place]
    back = api.admin.post(f"{run}/seats", json=place, headers={"If-Match": gone.headers["etag"]})

    assert (back.status_code, back.json()["by_hand"], back.json()["value"]) == (201, True, seat["value"])
    after = api.admin.get(run)
    assert after.headers["etag"] == back.headers["etag"]
    assert {name: after.json()[name] for name in ("objective", "learning", "unmet", "dropped")} == {
        name: read.json()[name] for name in ("objective", "learning", "unmet", "dropped")
    }


def test_what_booking_or_the_plan_refuses_is_refused_here_by_the_same_code(api: Api) -> None:
    run = a_draft(api)
    seat, *_ = api.admin.get(run).json()["seats"]
    call_id = seat["call_id"]
    api.admin.post(f"/v1/calls/{call_id}/cancel")

    draft = api.admin.get(run)
    assert {one["stale"] for one in draft.json()["seats"] if one["call_id"] == call_id} == {"call_cancelled"}
    assert draft.json()["stale_seats"] == sum(one["call_id"] == call_id for one in draft.json()["seats"])
    assert api.admin.get(run, headers={"If-None-Match": draft.headers["etag"]}).status_code == 304
    dropped = api.admin.delete(f"{run}/seats/{seat['id']}", headers={"If-Match": draft.headers["etag"]})
    assert dropped.status_code == 204
    place = {"observer_id": seat["observer_id"], "call_id": call_id}
    assert refusal(api.admin.post(f"{run}/seats", json=place)) == (409, "call_cancelled")
    assert refusal(api.admin.post(f"{run}/seats", json={**place, "observer_id": "per_none"})) == (
        422,
        "unknown_reference",
    )
    assert refusal(api.admin.post(f"{run}/swap", json={"seat_id": "pls_none", "observer_id": "per_none"})) == (
        404,
        "not_found",
    )


def test_one_seat_of_a_draft_is_booked_now_and_publishing_books_the_others(api: Api) -> None:
    run = a_draft(api)
    read = api.admin.get(run)
    seat, *rest = read.json()["seats"]
    other = next(one for one in rest if one["call_id"] != seat["call_id"])
    one = f"{run}/seats/{seat['id']}"
    api.admin.post(f"/v1/calls/{other['call_id']}/cancel")

    late = api.admin.post(f"{one}/accept", headers={"If-Match": '"v1"'})
    first = api.admin.post(f"{one}/accept", headers={"If-Match": read.headers["etag"]})
    again = api.admin.post(f"{one}/accept", headers={"If-Match": read.headers["etag"]})
    refused = api.admin.post(f"{run}/seats/{other['id']}/accept")

    assert (refusal(late), first.status_code, again.json()) == ((412, "stale"), 200, first.json())
    booked = api.rep(seat["observer_id"]).get(f"/v1/seats/{first.json()['seat_id']}").json()
    assert (booked["status"], booked["call_id"]) == ("confirmed", seat["call_id"])
    assert refusal(refused) == (409, "call_cancelled")
    draft = api.admin.get(run)
    assert (draft.json()["status"], draft.headers["etag"].split("-")[0].strip('"')) == ("draft", "v3")
    assert refusal(api.admin.delete(one)) == (409, "already_booked")
    assert refusal(api.admin.patch(one, json={"pinned": True})) == (409, "already_booked")
    swap = {"seat_id": seat["id"], "observer_id": other["observer_id"]}
    assert refusal(api.admin.post(f"{run}/swap", json=swap)) == (409, "already_booked")
    api.admin.post(f"{run}/publish")
    work(api)
    assert {one["id"]: one["seat_id"] for one in api.admin.get(run).json()["seats"]}[seat["id"]] == booked["id"]


def test_a_draft_planned_anew_gives_way_to_the_new_one_with_its_pins(api: Api) -> None:
    run = a_draft(api)
    seat, other, *_ = api.admin.get(run).json()["seats"]
    api.admin.patch(f"{run}/seats/{seat['id']}", json={"pinned": True})
    api.admin.delete(f"{run}/seats/{other['id']}")

    again = api.admin.post(f"{run}/replan")
    check_watched(again)
    assert refusal(api.admin.post(f"{run}/replan")) == (409, "being_replanned")
    assert refusal(api.admin.post(f"{run}/publish")) == (409, "being_replanned")
    work(api)

    new = api.admin.get(f"/v1/plan-runs/{again.json()['id']}").json()
    places = {(one["observer_id"], one["call_id"]): one["pinned"] for one in new["seats"]}
    assert (new["status"], new["replans_id"]) == ("draft", run.rpartition("/")[2])
    assert places[seat["observer_id"], seat["call_id"]] is True
    assert (other["observer_id"], other["call_id"]) not in places
    assert api.admin.get(run).json()["status"] == "cancelled"
    assert refusal(api.admin.post(f"{run}/publish")) == (409, "not_a_draft")


def test_a_run_is_called_off_while_it_waits_and_as_a_draft_and_never_once_it_is_published(api: Api) -> None:
    a_team_of_three(api)
    waiting, draft, out = (f"/v1/plan-runs/{started(api, 'plan-runs', WEEK).json()['id']}" for _ in range(3))
    first = api.admin.post(f"{waiting}/cancel")
    work(api)
    api.admin.post(f"{out}/publish")

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert api.admin.get(waiting).json()["seats"] == []
    assert api.admin.post(f"{draft}/cancel").json()["status"] == "cancelled"
    assert api.admin.post(f"{draft}/cancel").json()["status"] == "cancelled"
    assert refusal(api.admin.post(f"{out}/cancel")) == (409, "not_a_draft")
