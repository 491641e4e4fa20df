"""The audit has a line about refusals that nobody comes upon by accident, and one request leaves one."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select

from app.db import transaction
from app.models.tables import event, event_detail
from app.routers.refusal_notes import LINES_PER_MINUTE
from tests.harness import Api
from tests.web.browsers import Site

REFUSALS = ("request.refused", "sign_in.refused")


def lines(api: Api) -> list[Any]:
    query = select(event, event_detail.c.detail).join(event_detail, event_detail.c.event_id == event.c.id)
    with transaction(api.engine, writes=False) as db:
        return list(db.execute(query.where(event.c.act.in_(REFUSALS)).order_by(event.c.sequence)).all())


def test_an_altered_cursor_leaves_one_line_that_says_from_where_and_where_to(api: Api) -> None:
    answer = api.admin.get("/v1/people", params={"cursor": "altered"}, headers={"X-Request-Id": "altered-1"})

    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
    (line,) = lines(api)
    assert (line.act, line.object_type, line.object_id) == ("request.refused", "request", "altered-1")
    assert (line.actor, line.credential_id) == ("anonymous", "anonymous")
    assert line.detail == {
        "code": "cursor_invalid",
        "method": "GET",
        "path": "/v1/people",
        "address": "127.0.0.1",
        "passed_over": 0,
    }


def test_what_anybody_comes_upon_leaves_no_line(api: Api) -> None:
    assert api.client().get("/v1/people").status_code == 401
    assert api.admin.get("/v1/people/per_nobody").status_code == 404
    assert api.admin.get("/v1/people", params={"limit": 0}).status_code == 422

    assert lines(api) == []


def test_a_form_of_another_site_is_noted_without_the_secret_in_its_address(sqlite_api: Api) -> None:
    browser = Site(sqlite_api).browser()

    answer = browser.post("/login/t/the-secret-itself", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    (line,) = lines(sqlite_api)
    assert (line.act, line.detail["code"], line.detail["path"]) == (
        "sign_in.refused",
        "foreign_form",
        "/login/t/{token}",
    )


def test_more_than_a_minute_takes_is_counted_into_one_line(sqlite_api: Api) -> None:
    def hammer(times: int) -> None:
        for _ in range(times):
            sqlite_api.admin.get("/v1/people", params={"cursor": "altered"})

    hammer(LINES_PER_MINUTE + 7)
    assert len(lines(sqlite_api)) == LINES_PER_MINUTE
    sqlite_api.clock.advance(timedelta(minutes=1))
    hammer(2)

    assert [line.detail["passed_over"] for line in lines(sqlite_api)] == [0] * LINES_PER_MINUTE + [7, 0]


def test_after_a_clock_was_set_back_refusals_are_noted_within_a_minute(sqlite_api: Api) -> None:
    browser = Site(sqlite_api).browser()

    def press(times: int) -> None:
        for _ in range(times):
            browser.post("/login/t/a-secret", headers={"Sec-Fetch-Site": "cross-site"})

    press(LINES_PER_MINUTE + 1)
    sqlite_api.clock.advance(-timedelta(hours=1))
    press(1)
    sqlite_api.clock.advance(timedelta(minutes=1))
    press(1)

    assert [line.detail["passed_over"] for line in lines(sqlite_api)] == [0] * LINES_PER_MINUTE + [2]
