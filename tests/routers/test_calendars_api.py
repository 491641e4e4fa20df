"""Connected calendars: what is refused, what is never told, and when somebody is taken."""

from datetime import timedelta
from typing import Any

import httpx
import icalendar
import pytest
from sqlalchemy import select, update

from app.db import transaction
from app.ical.expand import busy_times
from app.models import Person
from app.models.tables import connected_calendar, idempotency_record, installation, job
from app.operations.availability import replace_busy
from app.operations.connected_calendars import MOST, note_failure
from app.queries.connected_calendars import place_of
from app.rules.access import SYSTEM
from app.vocabulary import BusyStatus, JobStatus
from tests.factories import MONDAY, a_call, a_person
from tests.harness import NOW, Api
from tests.ical.checker import parse

URL = "https://calendar.example/canary-path/mara.ics?token=canary-token"
BODY: dict[str, Any] = {"kind": "ics", "url": URL, "name": "Work"}
HOUR = timedelta(hours=1)


@pytest.fixture
def mara(api: Api) -> Person:
    with transaction(api.engine, writes=True) as db:
        return a_person(db, "Mara")


def connect(client: httpx.Client, who: Person, **fields: Any) -> httpx.Response:
    return client.post(f"/v1/people/{who.id}/calendars", json={**BODY, **fields})


@pytest.mark.parametrize(
    "url",
    [
        "http://calendar.example/mara.ics",
        "https://10.0.0.1/mara.ics",
        "https://[::1]/mara.ics",
        "https://169.254.169.254/latest/meta-data",
        "https://mara:canary@calendar.example/mara.ics",
        "ftp://calendar.example/mara.ics",
        "webcal://127.0.0.1/mara.ics",
        "https://calendar.example/a b.ics",
        "mara.ics",
        "",
    ],
)
def test_an_address_to_which_nothing_will_ever_go_is_refused(api: Api, mara: Person, url: str) -> None:
    answer = connect(api.rep(mara.id), mara, url=url)

    assert (answer.status_code, answer.json()["code"]) == (422, "url_refused")
    assert answer.json()["errors"][0]["pointer"] == "/url"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "exchange"}, "invalid"),
        ({"password": "canary"}, "password_alone"),
        ({"username": "a:canary"}, "invalid"),
        ({"username": "canary\r\nX: y", "password": "x"}, "invalid"),
        ({"name": " "}, "invalid"),
        ({"canary": 1}, "invalid"),
    ],
)
def test_what_does_not_fit_is_refused_and_not_repeated(api: Api, mara: Person, fields: Any, code: str) -> None:
    answer = connect(api.rep(mara.id), mara, **fields)

    assert answer.status_code == 422
    assert answer.json()["code"] == code
    assert "canary-" not in answer.text


def test_the_same_address_twice_names_the_calendar_that_has_it(api: Api, mara: Person) -> None:
    first = connect(api.admin, mara).json()["id"]
    again, in_other_words = connect(api.admin, mara), connect(api.admin, mara, url=URL.replace("https", "webcal"))

    for answer in (again, in_other_words):
        assert (answer.status_code, answer.json()["code"]) == (409, "calendar_connected")
        assert answer.json()["calendar_id"] == first


def test_nobody_connects_more_than_ten(api: Api, mara: Person) -> None:
    answers = [connect(api.admin, mara, url=f"{URL}{number}") for number in range(MOST + 1)]

    assert [answer.status_code for answer in answers] == [201] * MOST + [409]
    assert answers[-1].json()["code"] == "too_many_calendars"


def test_what_opens_a_calendar_is_never_told_again(api: Api, mara: Person) -> None:
    client = api.rep(mara.id)
    secrets = {"username": "canary-user", "password": "canary-pass"}
    made = client.post(
        f"/v1/people/{mara.id}/calendars",
        json={**BODY, **secrets, "use": "calls", "title_contains": "demo"},
        headers={"Idempotency-Key": "one"},
    )
    path = made.headers["location"]
    refreshed = client.post(f"{path}/refresh", headers={"Idempotency-Key": "two"})
    read, listed = client.get(path), client.get(f"/v1/people/{mara.id}/calendars")

    assert (made.status_code, refreshed.status_code, read.status_code) == (201, 202, 200)
    assert made.json() == read.json() == listed.json()["data"][0]
    assert (made.json()["host"], made.json()["health"], made.json()["use"]) == ("calendar.example", "new", "calls")
    for answer in (made, refreshed, read, listed):
        assert "canary" not in answer.text + repr(answer.headers)
    with transaction(api.engine, writes=False) as db:
        kept = [repr(tuple(row)) for table in (idempotency_record, job) for row in db.execute(select(table))]
    assert "canary" not in "".join(kept)


def test_it_is_read_soon_and_asking_again_adds_nothing(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara).headers["location"]
    for _ in range(3):
        api.admin.post(f"{path}/refresh")

    with transaction(api.engine, writes=False) as db:
        waiting = db.execute(select(job.c.payload, job.c.due_at).where(job.c.kind == "calendar_refresh")).all()
    assert [(row.payload["calendar_id"], row.due_at) for row in waiting] == [(path.rpartition("/")[2], NOW)]


def test_a_calendar_that_can_not_be_read_says_why_under_another_tag(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara).headers["location"]
    before = api.admin.get(path)
    with transaction(api.engine, writes=True) as db:
        calendar_id = path.rpartition("/")[2]
        note_failure(db, calendar_id, "calendar.example: It is down.", lasting=False, retry_at=None, now=NOW)
    after = api.admin.get(path, headers={"If-None-Match": before.headers["etag"]})

    assert (after.status_code, after.json()["health"], after.json()["failures"]) == (200, "degraded", 1)
    assert after.json()["why"] == "calendar.example: It is down."


def test_a_calendar_of_somebody_else_is_not_there(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara).headers["location"]
    with transaction(api.engine, writes=True) as db:
        jo = a_person(db, "Jo")
    of_jo = path.replace(mara.id, jo.id)

    for client, there in ((api.rep(jo.id), path), (api.rep(jo.id), of_jo), (api.admin, of_jo)):
        changed = client.patch(there, json={"name": "Mine"})
        asked = [changed, client.get(there), client.delete(there), client.post(f"{there}/refresh")]
        assert [answer.status_code for answer in asked] == [404, 404, 404, 404]


def test_one_that_is_deleted_is_gone_with_what_it_said(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara).headers["location"]
    source = f"calendar:{path.rpartition('/')[2]}"
    with transaction(api.engine, writes=True) as db:
        for one in (source, "outlook"):
            taken = [(MONDAY, MONDAY + HOUR, BusyStatus.BUSY)]
            replace_busy(db, person_id=mara.id, source=one, intervals=taken, actor=SYSTEM, now=NOW)
    stale = api.admin.delete(path, headers={"If-Match": '"v7"'})
    deleted, again = api.admin.delete(path), api.admin.delete(path)

    assert (stale.status_code, deleted.status_code, again.status_code) == (412, 204, 404)
    left = api.admin.get(f"/v1/people/{mara.id}/busy").json()["data"]
    assert [one["source"] for one in left] == ["outlook"]
    with transaction(api.engine, writes=False) as db:
        assert db.execute(select(connected_calendar)).first() is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"url": "https://elsewhere.example/canary-path"}, 422, "invalid"),
        ({"kind": "caldav"}, 422, "invalid"),
        ({"name": None}, 422, "invalid"),
        ({"use": None}, 422, "invalid"),
        ({"use": "canary-use"}, 422, "invalid"),
        ({"username": "canary-a:b"}, 422, "invalid"),
        ({"password": "canary-pass"}, 422, "password_alone"),
    ],
)
def test_what_can_not_change_is_refused_and_not_repeated(
    api: Api, mara: Person, changes: dict[str, Any], status: int, code: str
) -> None:
    path = connect(api.admin, mara).headers["location"]

    answer = api.rep(mara.id).patch(path, json=changes)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "canary-" not in answer.text
    assert api.admin.get(path).json()["version"] == 1


def test_a_password_never_stays_without_its_user_name(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara, username="mara", password="secret").headers["location"]

    alone = api.admin.patch(path, json={"username": None})
    both = api.admin.patch(path, json={"username": None, "password": None})

    assert (alone.status_code, alone.json()["errors"][0]["pointer"]) == (422, "/username")
    assert both.status_code == 200
    assert _stored(api).username is _stored(api).password is None


def test_a_calendar_is_changed_by_the_version_that_was_read(api: Api, mara: Person) -> None:
    client = api.rep(mara.id)
    path = connect(client, mara, username="mara", password="canary-old").headers["location"]

    stale = client.patch(path, json={"name": "Mine"}, headers={"If-Match": '"v7"'})
    changed = client.patch(
        path,
        json={"use": "calls", "title_contains": "demo", "password": "canary-new"},
        headers={"If-Match": client.get(path).headers["etag"]},
    )

    assert (stale.status_code, changed.status_code) == (412, 200)
    told = changed.json()
    assert (told["name"], told["use"], told["title_contains"], told["version"]) == ("Work", "calls", "demo", 2)
    assert told == client.get(path).json()
    assert "canary" not in changed.text + repr(changed.headers)
    with transaction(api.engine, writes=False) as db:
        assert place_of(db, _stored(api)) == (URL, "mara", "canary-new")


def test_a_calendar_that_changes_is_read_soon_and_in_full_unless_just_its_name_did(api: Api, mara: Person) -> None:
    path = connect(api.admin, mara).headers["location"]

    def asked(**changes: Any) -> str | None:
        with transaction(api.engine, writes=True) as db:
            db.execute(update(job).values(status=JobStatus.DONE))
            db.execute(update(connected_calendar).values(etag='"1"', last_modified="once"))
        assert api.admin.patch(path, json=changes).status_code == 200
        with transaction(api.engine, writes=False) as db:
            queued = db.execute(select(job.c.due_at).where(job.c.status == JobStatus.QUEUED)).scalars().all()
        forgot = (_stored(api).etag, _stored(api).last_modified) == (None, None)
        assert queued in ([NOW], [])
        return ("in full" if forgot else "soon") if queued else None

    assert asked(use="calls") == "in full"
    assert asked(title_contains="demo") == "in full"
    assert asked(username="mara", password="secret") == "in full"
    assert asked(name="Mine") == "soon", "what is being read just now is of the version before, and will not be kept"
    assert asked(use="calls", username="mara") is None
    assert api.admin.get(path).json()["version"] == 5


def _stored(api: Api) -> Any:
    with transaction(api.engine, writes=False) as db:
        return db.execute(select(connected_calendar)).one()


def test_a_database_that_lost_its_queue_has_calendars_read_all_the_same(api: Api, mara: Person) -> None:
    connect(api.admin, mara)
    with transaction(api.engine, writes=True) as db:
        db.execute(update(job).values(status=JobStatus.DEAD))
        due = db.execute(select(connected_calendar.c.due_at)).scalar_one()

    assert due == NOW + timedelta(minutes=15)


def test_taken_time_is_told_without_what_takes_it(api: Api, mara: Person) -> None:
    nine = MONDAY + 9 * HOUR
    with transaction(api.engine, writes=True) as db:
        a_call(db, mara, starts_at=nine, minutes=60, title="Canary: demo")
        taken = [
            (nine + 0.5 * HOUR, nine + 2 * HOUR, BusyStatus.BUSY),
            (nine + 5 * HOUR, nine + 6 * HOUR, BusyStatus.TENTATIVE),
            (MONDAY - 365 * 24 * HOUR, MONDAY - 364 * 24 * HOUR, BusyStatus.BUSY),
        ]
        replace_busy(db, person_id=mara.id, source="canary", intervals=taken, actor=SYSTEM, now=NOW)
        ours = db.execute(select(installation.c.id)).scalar_one()
    answer = api.rep(mara.id).get(f"/v1/people/{mara.id}/freebusy.ics", params={"from": "2026-11-23T09:30:00Z"})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert "canary" not in answer.text.lower()
    wanted: dict[str, Any] = {"start": MONDAY, "end": MONDAY + 24 * HOUR, "owner_zone": "UTC"}
    read = busy_times(answer.content, **wanted).occurrences
    assert [(one.start, one.end) for one in read] == [
        (nine + 0.5 * HOUR, nine + 2 * HOUR),
        (nine + 5 * HOUR, nine + 6 * HOUR),
    ]
    lines = set(answer.text.replace("\r\n ", "").split("\r\n"))
    assert {f"UID:freebusy-{mara.id}@{ours}", "DTSTART:20261123T093000Z"} <= lines
    assert "FREEBUSY;FBTYPE=BUSY:20261123T093000Z/20261123T110000Z" in lines
    assert parse(answer.content)
    icalendar.Calendar.from_ical(answer.content)


def test_nobody_else_learns_when_somebody_is_taken(api: Api, mara: Person) -> None:
    with transaction(api.engine, writes=True) as db:
        jo = a_person(db, "Jo")

    assert api.rep(jo.id).get(f"/v1/people/{mara.id}/freebusy.ics").status_code == 404
    assert api.admin.get("/v1/people/per_none/freebusy.ics").status_code == 404
