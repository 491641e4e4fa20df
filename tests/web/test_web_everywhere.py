"""What holds for every page: refusals as pages, headers, files that never change, the reference of the API."""

import gzip
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.html import render
from app.web.reference import reference
from tests.web.browsers import Site
from tests.web.page_reader import Page, page


def test_a_refusal_is_a_page_for_people_and_a_problem_for_programs(site: Site) -> None:
    browser, program = site.browser(), site.api.client()

    for_people = page(browser, "/nowhere", status=404)
    for_programs = program.get("/nowhere")
    api = browser.get("/v1/people")

    assert for_people.answer.headers["x-request-id"] in for_people.text
    assert for_programs.headers["content-type"] == "application/problem+json"
    assert (api.status_code, api.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.parametrize(("method", "path", "status"), [("DELETE", "/login", 405), ("GET", "/login?%00", 400)])
def test_every_way_to_be_refused_has_its_page(site: Site, method: str, path: str, status: int) -> None:
    answer = site.browser().request(method, path, headers={"Sec-Fetch-Site": "same-origin"})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert "<h1>" in answer.text
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_a_failure_of_ours_has_its_page_without_a_word_of_why(site: Site) -> None:
    site.api.clock.at = "broken canary-7f3a"  # type: ignore[assignment]

    shown = page(site.browser(), "/login/t/x", status=500)

    assert "Something broke on our side" in shown.text
    assert shown.answer.headers["x-request-id"] in shown.text
    assert "canary" not in shown.answer.text


def test_files_are_found_under_their_digest_alone_and_never_change(site: Site) -> None:
    browser = site.browser()
    style = next(a["href"] for a in page(browser, "/login").all("link") if a["rel"] == "stylesheet")

    answer = browser.get(style)

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert len(gzip.compress(answer.content)) <= 10_000
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    for wrong in (style.replace("/assets/", "/assets/0"), style + "x", "/assets/..%2f..%2fmain.py/x"):
        assert browser.get(wrong).status_code == 404


def test_every_class_has_a_style(site: Site) -> None:
    browser = site.browser()
    docs, login = page(browser, "/docs"), page(browser, "/login")
    style = browser.get(next(a["href"] for a in docs.all("link") if a["rel"] == "stylesheet")).text

    used = {word for _, attrs in (*docs.elements, *login.elements) for word in attrs.get("class", "").split()}

    assert {word for word in used if not re.search(rf"\.{re.escape(word)}\b", style)} == set()


def _groups(site: Site) -> list[Page]:
    """The index of the reference, which leads to all groups, and the page of each of them."""
    browser = site.browser()
    index = page(browser, "/docs")
    paths = {attrs["href"].partition("#")[0] for attrs in index.all("a") if attrs["href"].startswith("/docs/")}
    groups = [Page(browser.get(path)) for path in sorted(paths)]
    assert [fault for group in groups for fault in group.faults()] == []
    return [index, *groups]


def test_the_reference_names_every_operation_once_with_a_line_to_copy(site: Site) -> None:
    document: dict[str, Any] = site.api.client().get("/openapi.json").json()
    operations = [op["operationId"] for item in document["paths"].values() for op in item.values()]

    index, *groups = _groups(site)

    named = [attrs["href"].partition("#")[2] for attrs in index.all("a") if attrs.get("class") == "op"]
    told = [attrs["id"] for group in groups for attrs in group.all("div") if attrs.get("class") == "inside"]
    assert sorted(named) == sorted(told) == sorted(operations)
    assert all(group.text.count("curl ") >= len(group.all("details")) // 2 > 0 for group in groups)
    assert all(len(shown.answer.content) < 100_000 for shown in (index, *groups))
    assert all(len(gzip.compress(shown.answer.content)) < 15_000 for shown in (index, *groups))


def test_what_every_operation_refuses_is_said_once(site: Site) -> None:
    index, *groups = _groups(site)

    for code in ("unauthenticated", "malformed", "unavailable", "too_large", "idempotency_key_reused"):
        assert index.answer.text.count(f"<code>{code}</code>") == 1
        assert all(f"<code>{code}</code>" not in group.answer.text for group in groups)
    assert sum(group.answer.text.count("<code>not_found</code>") for group in groups) > 50


def test_a_group_that_is_not_there_is_not_found(site: Site) -> None:
    page(site.browser(), "/docs/nothing", status=404)


def test_a_body_with_quotes_survives_the_shell() -> None:
    media = {"application/json": {"example": {"name": "O'Neil $HOME `id`"}}}
    document = {"paths": {"/x": {"post": {"requestBody": {"content": media}}}}}

    [group] = reference(document, base_url="https://earshot.example/").groups

    assert group.operations[0].curl.endswith("""-d '{"name": "O'"'"'Neil $HOME `id`"}'""")


_KEYS = (
    "$ref", "anyOf", "allOf", "properties", "items", "enum", "examples", "example", "schema", "content", "value",
    "tags", "application/json", "requestBody", "parameters", "responses", "200", "type", "required", "operationId",
)  # fmt: skip
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["#/paths", "#/components/schemas/A", "`", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=5),
    max_leaves=20,
)


@given(operation=_json, schema=_json)
def test_no_document_breaks_the_reference(operation: Any, schema: Any) -> None:
    circle = {"A": {"anyOf": [{"$ref": "#/components/schemas/A"}, schema]}, "B": {"$ref": "#/components/schemas/B"}}
    post = {"requestBody": schema, "responses": {"200": schema}, "parameters": [circle["A"], schema]}
    document = {"paths": {"/x": {"get": operation, "post": post}}, "components": {"schemas": circle}}

    found = reference(document, base_url="https://earshot.example")

    said = {"viewer": None, "title": "T", "version": "1", "base_url": "x", "reference": found}
    assert "<h1>" in render("docs.html", **said)
    assert all("<h1>" in render("docs_group.html", group=group, **said) for group in found.groups)
