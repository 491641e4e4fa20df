"""Imports over the API: refusals first, then what is answered and what is there afterwards."""

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import func, select

from app.db import transaction
from app.models.tables import file_import_row
from app.worker import Worker
from tests.harness import Api

PEOPLE = "name,email,time_zone\nAya,aya@earshot.example,Europe/London\n"
CALLS = "external_id,title,host_email,starts_at,ends_at\n1,Demo,aya@earshot.example,{},2026-11-23T10:30:00Z\n"
TEN = "2026-11-23T10:00:00Z"


def send(client: httpx.Client, text: str | bytes, kind: str = "people", **given: Any) -> httpx.Response:
    headers = {"Content-Type": "text/csv", **given.pop("headers", {})}
    return client.post("/v1/imports", params={"kind": kind, **given}, content=text, headers=headers)


def names(api: Api) -> list[str]:
    return [person["name"] for person in api.admin.get("/v1/people").json()["data"]]


def test_strangers_and_reps_import_nothing(api: Api) -> None:
    send(api.admin, PEOPLE)
    rep = api.rep(api.admin.get("/v1/people").json()["data"][0]["id"])

    assert send(api.client(), PEOPLE).status_code == 401
    assert (send(rep, "%PDF").status_code, send(rep, PEOPLE).status_code) == (403, 403)


def test_what_is_no_csv_file_gets_one_sentence(sqlite_api: Api) -> None:
    for text in (b"%PDF-1.7", b"", b"\xff\xfen\x00", PEOPLE.encode("utf-16-le"), CALLS.format(TEN).encode()):
        refused = send(sqlite_api.admin, text)

        assert (refused.status_code, refused.json()["code"]) == (422, "wrong_file")
        assert refused.json()["errors"] == []
        assert refused.json()["detail"].count(". ") <= 1


def test_the_kind_is_needed_and_known_and_the_body_text_csv(sqlite_api: Api) -> None:
    admin = sqlite_api.admin

    assert admin.post("/v1/imports", content=PEOPLE, headers={"Content-Type": "text/csv"}).status_code == 422
    assert send(admin, PEOPLE, kind="teams").status_code == 422
    assert send(admin, PEOPLE, sort="name").json()["code"] == "unknown_parameter"
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        refused = send(admin, PEOPLE, headers={"Content-Type": kind})
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported_media_type")
    assert names(sqlite_api) == []


def test_more_than_ten_mebibytes_are_refused(sqlite_api: Api) -> None:
    refused = send(sqlite_api.admin, b"x" * (10 * 1024 * 1024 + 1))

    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


def test_a_bad_row_refuses_them_all_and_points_at_its_cell(api: Api) -> None:
    send(api.admin, PEOPLE)
    text = CALLS.format(TEN) + "2,Other,aya@earshot.example,2026-11-23 10:00,2026-11-23T10:30:00Z\n"

    refused = send(api.admin, text, kind="calls")

    assert (refused.status_code, refused.json()["code"]) == (422, "rows_refused")
    errors = [(error["pointer"], error["code"]) for error in refused.json()["errors"]]
    assert errors == [("line:3/starts_at", "naive_time")]
    assert refused.json()["more_errors"] == 0
    assert api.admin.get("/v1/calls").json()["data"] == []


def test_bad_rows_are_left_out_when_asked(api: Api) -> None:
    answer = send(api.admin, PEOPLE + "Bo,bo,Europe/London\n", skip_bad=True)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": api.admin.get("/v1/imports").json()["data"][0]["id"],
        "kind": "people",
        "dry_run": False,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": 1,
        "errors": [{"line": 3, "column": "email", "code": "invalid", "detail": "`email` must be an e-mail address."}],
        "more_errors": 0,
    }
    assert names(api) == ["Aya"]


def test_a_dry_run_answers_with_errors_and_writes_nothing(api: Api) -> None:
    answer = send(api.admin, PEOPLE + "Bo,bo,Europe/London\n", dry_run=True)

    body = answer.json()
    assert (answer.status_code, body["dry_run"], body["created"], body["skipped"]) == (200, True, 1, 1)
    assert names(api) == []


def test_at_most_a_thousand_errors_are_listed(sqlite_api: Api) -> None:
    text = PEOPLE + "Bo,bo,Europe/London\n" * 1100

    listed = send(sqlite_api.admin, text, dry_run=True).json()
    refused = send(sqlite_api.admin, text).json()

    assert (len(listed["errors"]), listed["more_errors"], listed["skipped"]) == (1000, 100, 1100)
    assert (len(refused["errors"]), refused["more_errors"]) == (1000, 100)


def test_the_same_file_again_changes_nothing(api: Api) -> None:
    send(api.admin, PEOPLE)
    first = send(api.admin, CALLS.format(TEN), kind="calls")
    seen = api.admin.get("/v1/calls").json()["data"]

    again = send(api.admin, CALLS.format(TEN), kind="calls")

    assert (first.json()["created"], again.json()["created"], again.json()["unchanged"]) == (1, 0, 1)
    assert api.admin.get("/v1/calls").json()["data"] == seen
    assert seen[0]["external"] == [{"source": "csv", "id": "1"}]


def test_the_same_key_imports_once_and_answers_twice(api: Api) -> None:
    keyed = {"Idempotency-Key": "import-1"}

    first, second = send(api.admin, PEOPLE, headers=keyed), send(api.admin, PEOPLE, headers=keyed)
    other = send(api.admin, PEOPLE.replace("Aya", "Bo"), headers=keyed)

    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert names(api) == ["Aya"]


def undone(api: Api, import_id: str) -> dict[str, Any]:
    """Undo an import, let a worker do it, and return what is said of it then."""
    started = api.admin.post(f"/v1/imports/{import_id}/undo")
    assert (started.status_code, started.json()["status"]) == (202, "undoing")
    assert started.headers["location"] == f"/v1/operations/{started.json()['operation_id']}"
    worker = Worker(api.engine, api.settings, api.clock)
    while worker.run_one():
        pass
    assert api.admin.get(started.headers["location"]).json()["status"] == "succeeded"
    answer: dict[str, Any] = api.admin.get(f"/v1/imports/{import_id}").json()
    return answer


def test_what_wrote_nothing_is_no_import(api: Api) -> None:
    send(api.admin, PEOPLE)
    dry, again = send(api.admin, PEOPLE, dry_run=True).json(), send(api.admin, PEOPLE).json()

    assert (dry["id"], again["id"]) == (None, None)
    assert len(api.admin.get("/v1/imports").json()["data"]) == 1


def test_an_import_is_undone_once_and_in_time(api: Api) -> None:
    late, done = send(api.admin, PEOPLE).json()["id"], send(api.admin, PEOPLE.replace("Aya", "Bo")).json()["id"]

    first, second = (api.admin.post(f"/v1/imports/{done}/undo").json() for _ in range(2))
    assert first == second
    assert undone(api, done)["put_back"] == 1
    again = api.admin.post(f"/v1/imports/{done}/undo")
    api.clock.advance(timedelta(days=7))
    too_late = api.admin.post(f"/v1/imports/{late}/undo")

    assert (again.status_code, again.json()["code"]) == (409, "already_undone")
    assert (too_late.status_code, too_late.json()["code"]) == (409, "too_late_to_undo")
    assert api.admin.post("/v1/imports/imp_0/undo").status_code == 404


def test_the_answer_says_what_was_put_back_and_what_not_and_why(api: Api) -> None:
    done = send(api.admin, PEOPLE + "Bo,bo@earshot.example,Europe/London\n").json()["id"]
    bo = next(one for one in api.admin.get("/v1/people").json()["data"] if one["name"] == "Bo")
    api.admin.patch(f"/v1/people/{bo['id']}", json={"grade": 3}).raise_for_status()
    seen = api.admin.get(f"/v1/imports/{done}")

    after = undone(api, done)

    assert (after["status"], after["put_back"], after["not_put_back"], after["more_left_as_is"]) == ("undone", 1, 1, 0)
    assert after["left_as_is"] == [
        {
            "object_type": "person",
            "object_id": bo["id"],
            "created": True,
            "code": "changed_since",
            "detail": "It has changed since the import.",
        }
    ]
    fresh = api.admin.get(f"/v1/imports/{done}", headers={"If-None-Match": seen.headers["etag"]})
    assert fresh.status_code == 200
    again = api.admin.get(f"/v1/imports/{done}", headers={"If-None-Match": fresh.headers["etag"]})
    assert again.status_code == 304


def test_nothing_is_left_in_an_import_of_who_is_erased(api: Api) -> None:
    send(api.admin, PEOPLE)
    done = send(api.admin, PEOPLE.replace("Aya", "Aya Quorl")).json()["id"]
    who = api.admin.get("/v1/people").json()["data"][0]

    erased = api.admin.post(f"/v1/people/{who['id']}/erase", json={"confirm": who["email"]})

    assert erased.is_success, erased.text
    assert undone(api, done)["left_as_is"] == []
    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(func.count()).select_from(file_import_row)).scalar() == 0
