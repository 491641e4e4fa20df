"""What holds for every list: its shape, its bounds, its cursors, its order and its cost."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from app.db import transaction
from app.models.tables import program_manager
from app.operations.browser_sessions import Browser, start_session
from app.vocabulary import SignedInBy
from tests.access_world import World, a_world, an_sqlite_world
from tests.described import Operation, assert_described, misfits, operations
from tests.harness import NOW
from tests.postgres import create_database, drop_database
from tests.statements import assert_same_cost

LISTS = [operation for operation in operations() if operation.is_list]
IDS = {
    "/v1/calls/{call_id}/seats": {"call_id": "shadowed_call"},
    "/v1/programs/{program_id}/managers": {"program_id": "ramp"},
    "/v1/programs/{program_id}/unmatched": {"program_id": "ramp"},
}
"""Which call has three seats, and in which program three people wait."""
FILTERS = {"/v1/audit": {"act": "person.*"}}
"""Of all that happened, there is more than a page."""
every_list = pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.path)


@pytest.fixture(scope="module")
def world(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with an_sqlite_world(sqlite_template, tmp_path_factory.mktemp("lists")) as made:
        yield with_three_of_each(made)


@pytest.fixture(scope="module")
def postgres_world(
    postgres_server: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    url = create_database(postgres_server, "earshot_lists", template=postgres_template)
    with a_world(url, tmp_path_factory.mktemp("lists")) as made:
        yield with_three_of_each(made)
    drop_database(postgres_server, "earshot_lists")


def with_three_of_each(world: World) -> World:
    """Sign Ana in with two browsers more, have three people run her program, and note that the audit is read: that
    leaves a line in it, once an hour.
    """
    at_home = Browser(device="Firefox on Linux", address="127.0.0.1", old_session=None)
    with transaction(world.api.engine, writes=True) as db:
        for _ in range(2):
            start_session(db, person_id=world.ids["ana"], by=SignedInBy.LINK, browser=at_home, now=NOW)
        runs_it = {"program_id": world.ids["ramp"], "created_at": NOW}
        db.execute(
            insert(program_manager), [{"person_id": world.ids[who], **runs_it} for who in ("ana", "ben", "mara")]
        )
    world.admin.get("/v1/audit").raise_for_status()
    return world


def test_every_read_of_several_things_is_a_list() -> None:
    several = {operation.id for operation in operations() if operation.id.endswith("_list")}

    assert {operation.id for operation in LISTS} == several


@every_list
def test_a_page_has_its_shape_and_leads_to_the_next(world: World, operation: Operation) -> None:
    whole = _page(world, operation, limit=200)
    first = _page(world, operation, limit=1)
    last = _page(world, operation, limit=len(whole.json()["data"]))

    for page in (whole, first, last):
        assert_described(operation, page)
        assert list(page.json()) == ["data", "has_more", "next_cursor"]
    assert (first.json()["has_more"], len(first.json()["data"])) == (True, 1)
    following = first.links["next"]["url"]
    assert following.startswith(world.path(operation.path, **_ids(world, operation)) + "?limit=1&")
    assert "&cursor=" in following
    assert first.json()["next_cursor"] in first.headers["link"]
    for page in (whole, last):
        assert (page.json()["has_more"], page.json()["next_cursor"], "link" in page.headers) == (False, None, False)
    assert "etag" not in whole.headers


@every_list
@pytest.mark.parametrize("limit", ["0", "201", "-1", "abc", "", "1.5", "1e1", "9" * 400, "٣"])
def test_a_limit_out_of_bounds_is_refused(world: World, operation: Operation, limit: str) -> None:
    refused = _page(world, operation, limit=limit)

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "query:limit")
    assert_described(operation, refused)


@every_list
def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(world: World, operation: Operation) -> None:
    refused = _page(world, operation, canary7f3b="1")

    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_parameter")
    assert "canary7f3b" not in refused.text
    assert all(parameter["name"] in refused.json()["detail"] for parameter in operation.parameters("query"))


@every_list
def test_a_cursor_of_another_list_filter_or_sort_is_refused(world: World, operation: Operation) -> None:
    mine = _page(world, operation, limit=1).json()["next_cursor"]
    other = next(one for one in LISTS if one.path != operation.path)
    foreign = _page(world, other, limit=1).json()["next_cursor"]
    filters = [p["name"] for p in operation.parameters("query") if p["name"] not in ("limit", "cursor")]
    altered = [foreign, mine[:-1], mine + "A", mine[::-1], "", "x", "=", "é", "x" * 2000]

    answers = [_page(world, operation, cursor=cursor) for cursor in altered]
    answers += [_page(world, operation, cursor=mine, **{name: _some(operation, name)}) for name in filters]

    for refused in answers:
        assert (refused.status_code, refused.json()["code"]) == (400, "cursor_invalid"), refused.request.url
        assert_described(operation, refused)
    assert _page(world, operation, cursor=mine, limit=200).status_code == 200


@every_list
def test_every_sort_goes_through_everything_once_in_its_order(world: World, operation: Operation) -> None:
    _assert_sorts(world, operation)


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.path)
def test_every_sort_does_on_postgresql_too(postgres_world: World, operation: Operation) -> None:
    _assert_sorts(postgres_world, operation)


@every_list
def test_three_rows_cost_as_many_statements_as_one(world: World, operation: Operation) -> None:
    assert_same_cost(world.api, _asker(world, operation), world.path(operation.path, **_ids(world, operation)))


@pytest.mark.parametrize("operation", [o for o in LISTS if o.path in ("/v1/people", "/v1/calls")], ids=lambda o: o.path)
def test_what_is_written_between_two_pages_moves_no_row_from_one_to_the_other(
    sqlite_url: str, tmp_path: Path, operation: Operation
) -> None:
    with a_world(sqlite_url, tmp_path) as world:
        before = [row["id"] for row in _page(world, operation).json()["data"]]
        first = _page(world, operation, limit=2)
        body = {"name": "Eve", "email": "eve@earshot.example", "time_zone": "Europe/London"}
        if operation.path == "/v1/calls":
            times = {"starts_at": "2026-11-22T09:00:00Z", "ends_at": "2026-11-22T10:00:00Z"}
            body = {"title": "Earlier", "host_id": world.ids["mara"], **times}
        new = world.admin.post(operation.path, json=body).json()["id"]

        seen = [row["id"] for row in _from(first, world.admin)]

    assert [id_ for id_ in seen if id_ != new] == before


def _assert_sorts(world: World, operation: Operation) -> None:
    sorts = [p["schema"]["enum"] for p in operation.parameters("query") if p["name"] == "sort"]
    for sort in sorts[0] if sorts else [None]:
        query = {} if sort is None else {"sort": sort}
        whole = _page(world, operation, limit=200, **query).json()["data"]
        seen = _from(_page(world, operation, limit=2, **query), _asker(world, operation))
        assert seen == whole, sort
        assert len({repr(row) for row in seen}) == len(seen) >= 3
        if sort is not None:
            column = sort.lstrip("-")
            values = [(row[column], row["id"]) for row in seen]
            assert len({value for value, _ in values}) < len(values) or column in ("name", "starts_at", "sequence"), (
                "no two are equal"
            )
            assert values == sorted(values, reverse=sort.startswith("-"))


def _page(world: World, operation: Operation, **query: Any) -> httpx.Response:
    path = world.path(operation.path, **_ids(world, operation))
    filters = {name: value for name, value in FILTERS.get(operation.path, {}).items() if name not in query}
    return _asker(world, operation).get(path, params={**query, **filters})


def _asker(world: World, operation: Operation) -> httpx.Client:
    """An admin, and Ana for what is somebody's own."""
    return world.concerned if operation.path.startswith("/v1/me/") else world.admin


def _from(page: httpx.Response, asker: httpx.Client) -> list[Any]:
    """All rows of this page and of those that it leads to."""
    seen = page.json()["data"]
    while page.json()["has_more"]:
        page = asker.get(page.links["next"]["url"])
        seen += page.json()["data"]
    return list(seen)


def _ids(world: World, operation: Operation) -> dict[str, str]:
    return {name: world.ids[of] for name, of in IDS.get(operation.path, {}).items()}


def _some(operation: Operation, name: str) -> str | int:
    """A value that the parameter takes."""
    (schema,) = (p["schema"] for p in operation.parameters("query") if p["name"] == name)
    fits: tuple[str | int, ...] = (
        "2026-01-01T00:00:00Z",
        "-updated_at",
        "rep",
        "active",
        "scheduled",
        "confirmed",
        "mentee",
        "shadow",
        "refusal",
        "queued",
        "enabled",
        "waiting",
        "-sequence",
        "-starts_at",
        "x",
        1,
    )
    return next(value for value in fits if not list(misfits(_one(schema), value)))


def _one(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["items"] if schema.get("type") == "array" else schema
    return found
