"""The description of the API: complete, true to itself, and the one that is committed."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import openapi_text
from tests.described import PROBLEM, Operation, document, misfits, operations, resolved

COMMITTED = Path(__file__).parents[2] / "openapi.json"
every_operation = pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.route)


def test_the_committed_description_is_the_one_that_the_code_gives() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == openapi_text(), "run `./dev openapi`"


def test_it_is_openapi_3_1_and_every_reference_leads_somewhere() -> None:
    assert document()["openapi"].startswith("3.1.")
    assert {reference: resolved(reference) is not None for reference in _references(document())}
    assert len(operations()) == sum(len(item) for item in document()["paths"].values())


def test_every_operation_has_a_name_of_its_own() -> None:
    names = Counter(operation.id for operation in operations())

    assert [name for name, times in names.items() if times > 1] == []
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)+", name)] == []


def test_no_two_operations_say_the_same_of_themselves() -> None:
    said = Counter(operation.described["summary"] for operation in operations())

    assert [summary for summary, times in said.items() if times > 1] == []


@every_operation
def test_an_operation_says_in_sentences_what_it_does(operation: Operation) -> None:
    summary, description = operation.described["summary"], operation.described["description"]

    assert re.fullmatch(r"[A-Z][^\n]{8,118}\.", summary), summary
    assert description.startswith(summary)
    assert "\n" not in description.replace("\n\n", "")
    assert len(operation.described["tags"]) == 1
    assert operation.path.startswith("/v1/") == ("security" in operation.described)
    if "security" in operation.described:  # a key, or instead of it the cookie of who is signed in
        assert [set(way) for way in operation.described["security"]] == [{"key"}, {"session"}]


@every_operation
def test_every_example_fits_its_schema(operation: Operation) -> None:
    good = [int(status) for status in operation.described["responses"] if status.startswith("2")]
    assert good

    for status in (None, *good):
        for kind, content in operation.content(status).items():
            if kind == "application/json":
                assert list(misfits(content["schema"], content["example"])) == [], (status, content["example"])
            else:
                assert kind in ("text/csv", "text/calendar", "text/event-stream", "message/rfc822")
    assert ("requestBody" in operation.described) == bool(operation.content())


@every_operation
def test_every_refusal_is_described_under_its_status_by_an_example_per_code(operation: Operation) -> None:
    refusals = [int(status) for status in operation.described["responses"] if status >= "400"]

    assert {400, 401, 406, 422, 503} <= set(refusals)
    assert (412 in refusals) == any(p["name"] == "If-Match" for p in operation.parameters("header"))
    assert ("{" in operation.path) <= (404 in refusals or operation.method == "PUT")
    for status in refusals:
        content = operation.content(status)[PROBLEM]
        assert content["examples"]
        for code, reference in content["examples"].items():
            example = resolved(reference["$ref"])["value"]
            assert (example["status"], example["code"]) == (status, code)
            assert list(misfits(content["schema"], example)) == []


@every_operation
def test_an_operation_says_what_the_edges_answer_before_it_is_asked(operation: Operation) -> None:
    edges = {"malformed", "too_large", "unsupported_media_type", "not_acceptable"}

    assert edges <= operation.codes()
    assert ("misdirected" in operation.codes()) == (operation.path not in ("/healthz", "/readyz"))


def test_the_reader_of_this_test_finds_what_does_not_fit() -> None:
    person = resolved("#/components/schemas/PersonRead")
    good = person["examples"][0]

    assert list(misfits(person, good)) == []
    for name, wrong in (
        ("version", "1"),
        ("version", True),
        ("role", "boss"),
        ("created_at", "today"),
        ("external", 1),
    ):
        assert list(misfits(person, {**good, name: wrong})), (name, wrong)
    assert list(misfits(person, {key: value for key, value in good.items() if key != "id"})) == ["/id: absent"]
    assert list(misfits(resolved("#/components/schemas/PatchTeam"), {"nickname": "x"})) == ["/nickname: unknown"]


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


def test_the_description_is_json_that_reads_back_the_same() -> None:
    assert json.loads(openapi_text()) == document()
