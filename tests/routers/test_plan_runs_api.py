"""Plan runs over the API: drafted, edited by hand, published."""

from tests.harness import Api
from tests.routers.test_runs_api import WEEK, a_team_of_three, check_watched, started, work


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
