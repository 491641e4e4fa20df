"""Feeds: who may not, then the objects, then the calendar at the address as clients read it."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import icalendar
import pytest
import recurring_ical_events
from sqlalchemy import func, select, text, update

from app.db import DbSession, make_engine, transaction
from app.models import Person
from app.models.tables import calendar_entry, feed
from app.operations.accounts import patch_account
from app.operations.call_types import patch_call_type
from app.operations.calls import patch_call
from app.operations.people import patch_person
from app.operations.seats import release_seat
from app.operations.skills import patch_skill
from app.rules.access import SYSTEM
from app.vocabulary import Role
from tests.calls_and_seats import TEN, Scene, a_scene, a_seat
from tests.factories import a_person
from tests.harness import NOW, Api, FakeClock
from tests.ical.checker import parse, problems
from tests.statements import assert_same_cost, counted

PLAIN = {"Accept-Encoding": "identity"}


class Subscribed:
    """Jo and Tom sit in on Mara's call, and Jo's calendar has an address."""

    def __init__(self, api: Api, *, privacy: str = "full") -> None:
        self.api = api
        with transaction(api.engine, writes=True) as db:
            self.scene: Scene = a_scene(db)
            self.jo: Person = a_person(db, "Jo", email="jo@earshot.example", observe_per_day=9, observe_per_week=50)
            self.tom: Person = a_person(db, "Tom", email="tom@earshot.example")
            self.seat = a_seat(db, self.scene.call_id, self.jo)
            a_seat(db, self.scene.call_id, self.tom)
        self.as_jo = api.rep(self.jo.id)
        self.made = self.create(self.jo.id, privacy)
        self.anybody = api.client()
        self.path = self.path_of(self.made)

    def create(self, person_id: str, privacy: str = "full") -> dict[str, Any]:
        wanted = {"person_id": person_id, "kind": "personal", "privacy": privacy}
        answer = self.api.admin.post("/v1/feeds", json=wanted)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def path_of(self, made: dict[str, Any]) -> str:
        path: str = made["url"].removeprefix(self.api.settings.public_url)
        return path

    def fetch(self, **headers: str) -> httpx.Response:
        return self.anybody.get(self.path, headers={**PLAIN, **headers})

    @contextmanager
    def change(self) -> Iterator[DbSession]:
        """Something happens an hour later."""
        self.api.clock.advance(timedelta(hours=1))
        with transaction(self.api.engine, writes=True) as db:
            yield db


@pytest.fixture
def jos(api: Api) -> Subscribed:
    return Subscribed(api)


def test_people_subscribe_only_to_themselves_and_only_once(api: Api, jos: Subscribed) -> None:
    def create(client: httpx.Client, **fields: Any) -> tuple[int, str]:
        answer = client.post(
            "/v1/feeds", json={"person_id": jos.jo.id, "kind": "personal", "privacy": "full", **fields}
        )
        return answer.status_code, answer.json().get("code", "")

    assert create(api.client()) == (401, "unauthenticated")
    assert create(jos.as_jo, person_id=jos.tom.id) == (403, "forbidden")
    assert create(api.admin, person_id="per_none") == (422, "unknown_reference")
    assert create(api.admin, kind="everybody")[0] == 422
    assert create(api.admin, privacy="secret")[0] == 422
    assert create(jos.as_jo) == (409, "feed_exists")


def test_other_peoples_feeds_are_not_there(api: Api, jos: Subscribed) -> None:
    as_tom, place = api.rep(jos.tom.id), f"/v1/feeds/{jos.made['id']}"

    assert as_tom.get("/v1/feeds").json()["data"] == []
    assert [as_tom.get(place).status_code] == [404]
    assert [as_tom.post(f"{place}/{act}").status_code for act in ("rotate", "revoke")] == [404, 404]
    assert jos.fetch().status_code == 200


def test_an_auditor_sees_a_feed_and_neither_moves_it_nor_takes_it_back(api: Api, jos: Subscribed) -> None:
    as_auditor, place = api.client(api.key(Role.AUDITOR)), f"/v1/feeds/{jos.made['id']}"

    seen = as_auditor.get(place)
    sent = [as_auditor.post(f"{place}/{act}") for act in ("rotate", "revoke")]

    assert seen.status_code == 200
    assert [(answer.status_code, answer.json()["code"]) for answer in sent] == [(403, "only_reads")] * 2
    assert (as_auditor.get(place).json(), jos.fetch().status_code) == (seen.json(), 200)


def test_the_secret_is_shown_once_and_stored_nowhere(api: Api, jos: Subscribed) -> None:
    key = {"Idempotency-Key": "k-1"}
    wanted = {"person_id": jos.tom.id, "kind": "personal", "privacy": "full"}
    first = api.admin.post("/v1/feeds", json=wanted, headers=key)

    again = api.admin.post("/v1/feeds", json=wanted, headers=key)
    listed = api.admin.get("/v1/feeds").json()["data"]

    assert first.headers["location"] == f"/v1/feeds/{first.json()['id']}"
    assert first.json()["url"].endswith(f"/feeds/{first.json()['secret']}.ics")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json().keys() == first.json().keys() - {"url", "secret"}
    assert not {"url", "secret"} & {name for row in listed for name in row}
    with transaction(api.engine, writes=False) as db:
        stored = repr(db.execute(select(feed)).all())
    assert first.json()["secret"] not in stored


def test_unknown_revoked_and_rotated_addresses_and_those_of_leavers_are_all_the_same_nothing(
    api: Api, jos: Subscribed
) -> None:
    place = f"/v1/feeds/{jos.made['id']}"
    rotated = api.admin.post(f"{place}/rotate")
    old, new = jos.path, jos.path_of(rotated.json())
    asked = {**PLAIN, "X-Request-Id": "the-same-one"}
    unknown = jos.anybody.get("/feeds/nobody.ics", headers=asked)

    assert jos.anybody.get(old, headers=asked).content == unknown.content
    assert jos.anybody.get(new, headers=asked).status_code == 200
    with transaction(api.engine, writes=True) as db:
        patch_person(db, person_id=jos.jo.id, changes={"status": "left"}, actor=SYSTEM, now=NOW)
    assert jos.anybody.get(new, headers=asked).content == unknown.content
    with transaction(api.engine, writes=True) as db:
        patch_person(db, person_id=jos.jo.id, changes={"status": "active"}, actor=SYSTEM, now=NOW)
    revoked = api.admin.post(f"{place}/revoke")
    assert jos.anybody.get(new, headers=asked).content == unknown.content
    assert (unknown.status_code, unknown.headers["referrer-policy"]) == (404, "no-referrer")
    assert revoked.json()["revoked_at"] is not None
    assert api.admin.post(f"{place}/revoke").json() == revoked.json()
    assert api.admin.post(f"{place}/rotate").json()["code"] == "feed_revoked"
    assert jos.create(jos.jo.id)["id"] != jos.made["id"]


def test_a_transition_on_an_old_version_is_refused(api: Api, jos: Subscribed) -> None:
    place, old = f"/v1/feeds/{jos.made['id']}", {"If-Match": '"v1"'}
    assert api.admin.post(f"{place}/rotate", headers=old).headers["etag"] == '"v2"'

    assert api.admin.post(f"{place}/rotate", headers=old).status_code == 412
    assert api.admin.post(f"{place}/revoke", headers=old).status_code == 412


def test_a_list_of_feeds_takes_the_same_statements_however_long(api: Api, jos: Subscribed) -> None:
    for person_id in (jos.tom.id, jos.scene.host.id):
        jos.create(person_id)

    assert_same_cost(api, api.admin, "/v1/feeds")


def test_the_calendar_is_valid_and_tells_the_person_what_they_will_hear(jos: Subscribed) -> None:
    answer = jos.fetch()

    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, max-age=300"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert problems(answer.content, method=None, customers=["Ms Buyer"]) == []
    assert "Tom" not in answer.text
    calendar = icalendar.Calendar.from_ical(answer.content)
    (event,) = recurring_ical_events.of(calendar).between(TEN, TEN + timedelta(hours=1))
    assert event["SUMMARY"] == "Shadow: Mara Okafor · Northwind Freight (discovery)"
    assert (event.start, event.end) == (TEN, TEN + timedelta(minutes=30))
    assert parse(answer.content).value("X-WR-TIMEZONE") == "Europe/London"


def test_two_polls_of_one_state_are_the_same_bytes_stored_or_not(api: Api, jos: Subscribed) -> None:
    drawn = jos.fetch()
    with transaction(api.engine, writes=False) as db:
        kept = db.execute(select(func.count(calendar_entry.c.vevent))).scalar()
    stored = jos.fetch()
    with transaction(api.engine, writes=True) as db:
        db.execute(update(calendar_entry).values(vevent=b"of an older renderer", renderer=0))
    anew = jos.fetch()

    assert kept == 1
    assert drawn.content == stored.content == anew.content
    assert drawn.headers["etag"] == stored.headers["etag"] == anew.headers["etag"]


def test_what_the_client_has_is_not_sent_again(jos: Subscribed) -> None:
    jos.api.clock.advance(timedelta(hours=1))
    first = jos.fetch()
    etag, date = first.headers["etag"], first.headers["last-modified"]

    for known in ({"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}, {"If-Modified-Since": date}):
        same = jos.fetch(**known)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        assert same.headers["last-modified"] == date
        assert same.headers["cache-control"] == "private, max-age=300"
    assert jos.fetch(**{"If-None-Match": '"x"', "If-Modified-Since": date}).status_code == 200
    assert jos.fetch(**{"If-Modified-Since": "yesterday"}).status_code == 200
    assert parsedate_to_datetime(date) < jos.api.clock()


def test_who_asks_by_date_learns_that_a_call_left_the_year_ahead_and_that_it_came_back(jos: Subscribed) -> None:
    def move(starts_at: datetime) -> str:
        with jos.change() as db:
            changes = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
            patch_call(db, call_id=jos.scene.call_id, changes=changes, actor=SYSTEM, now=jos.api.clock())
        jos.api.clock.advance(timedelta(hours=1))
        answer = jos.fetch(**{"If-Modified-Since": known})
        assert (answer.status_code, len(parse(answer.content).parts)) == (200, int(starts_at < last_day))
        return answer.headers["last-modified"]

    jos.api.clock.advance(timedelta(hours=1))
    last_day = datetime(2027, 11, 21, tzinfo=UTC)
    known = jos.fetch().headers["last-modified"]
    known = move(last_day + timedelta(hours=10))
    known = move(last_day - timedelta(hours=14))

    assert jos.fetch(**{"If-Modified-Since": known}).status_code == 304
    jos.api.clock.at = datetime(2026, 11, 22, tzinfo=UTC)
    assert jos.fetch(**{"If-Modified-Since": known}).status_code == 200


def test_a_poll_asks_the_same_statements_however_long_the_calendar_is(jos: Subscribed) -> None:
    def cost(path: str) -> int:
        with counted(jos.api.engine) as statements:
            jos.anybody.get(path, headers=PLAIN)
        return len([s for s in statements if not s.startswith(("PRAGMA", "BEGIN"))])

    def costs() -> list[int]:
        jos.fetch()  # draws
        rotated = jos.path_of(jos.api.admin.post(f"/v1/feeds/{jos.made['id']}/rotate").json())
        jos.path = rotated
        return [cost(rotated), cost(rotated)]

    before = costs()
    with jos.change() as db:
        for hours in (1, 2, 3):
            a_seat(db, jos.scene.another_call(db, TEN + timedelta(hours=hours)), jos.jo)
    jos.fetch()

    assert costs() == before


def test_head_and_gzip_say_the_same(jos: Subscribed) -> None:
    plain = jos.fetch()
    head = jos.anybody.head(jos.path, headers=PLAIN)
    with jos.anybody.stream("GET", jos.path, headers={"Accept-Encoding": "gzip"}) as answer:
        packed, headers = b"".join(answer.iter_raw()), answer.headers
    refused = jos.fetch(**{"Accept-Encoding": "gzip;q=0"})

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(plain.content))
    assert {head.headers["etag"], refused.headers["etag"]} == {plain.headers["etag"]}
    assert gzip.decompress(packed) == plain.content
    assert headers["content-encoding"] == "gzip"
    assert headers["etag"] != plain.headers["etag"]
    again = jos.fetch(**{"Accept-Encoding": "gzip", "If-None-Match": headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, headers["etag"])


def test_a_fetch_carries_its_request_id_and_what_is_no_plain_fetch_is_refused_as_everywhere(jos: Subscribed) -> None:
    named = jos.fetch(**{"X-Request-Id": "calendar-4711"})
    unnamed = jos.fetch(**{"X-Request-Id": "no id\tat all"})

    assert (named.headers["x-request-id"], named.headers["x-content-type-options"]) == ("calendar-4711", "nosniff")
    assert len(unnamed.headers["x-request-id"]) == 24
    assert jos.anybody.get(f"{jos.path}?fresh=1", headers=PLAIN).json()["code"] == "unknown_parameter"
    assert jos.anybody.post(jos.path).headers["allow"] == "GET, HEAD"
    assert jos.anybody.request("GET", jos.path, content=b"x", headers=PLAIN).content == jos.fetch().content
    assert jos.anybody.request("GET", jos.path, content=b"x" * 2_000_000).status_code == 413


def test_a_refused_fetch_is_a_page_for_people_and_a_problem_for_clients(jos: Subscribed) -> None:
    page = jos.anybody.get("/feeds/nobody.ics", headers={"Accept": "text/html"})
    problem = jos.anybody.get("/feeds/nobody.ics")

    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert problem.headers["content-type"] == "application/problem+json"


def test_what_is_kept_for_one_is_never_given_to_another_of_the_same_name(api: Api, jos: Subscribed) -> None:
    with transaction(api.engine, writes=True) as db:
        other = a_person(db, "Jo", email="other@earshot.example")
    others = jos.path_of(jos.create(other.id))
    with transaction(api.engine, writes=True) as db:
        a_seat(db, jos.scene.another_call(db, TEN + timedelta(hours=1)), other)

    mine, theirs = jos.fetch(), jos.anybody.get(others, headers=PLAIN)

    assert mine.headers["etag"] != theirs.headers["etag"]
    names = [("jo@earshot.example" in text, "other@earshot.example" in text) for text in map(_unfolded, (mine, theirs))]
    assert names == [(True, False), (False, True)]
    assert jos.anybody.get(others, headers=PLAIN).content == theirs.content


def test_every_process_gives_the_same_bytes_and_a_change_by_one_shows_in_all(
    api: Api, jos: Subscribed, serve: Callable[..., Api], database_url: str, tmp_path: Path
) -> None:
    elsewhere = serve(database_url, api.clock, tmp_path).client()
    kept = [client.get(jos.path, headers=PLAIN) for client in (jos.anybody, elsewhere)]
    packed = [client.get(jos.path, headers={"Accept-Encoding": "gzip"}) for client in (jos.anybody, elsewhere)]
    with jos.change() as db:
        release_seat(db, seat_id=jos.seat.id, actor=SYSTEM, now=jos.api.clock())
    after = [client.get(jos.path, headers=PLAIN) for client in (jos.anybody, elsewhere)]

    for one, other in (kept, packed, after):
        assert (one.content, one.headers["etag"]) == (other.content, other.headers["etag"])
    assert "STATUS:CANCELLED" in after[1].text
    api.admin.post(f"/v1/feeds/{jos.made['id']}/revoke")
    assert [client.get(jos.path).status_code for client in (jos.anybody, elsewhere)] == [404, 404]


def test_a_seat_given_back_stays_for_30_days_as_cancelled(jos: Subscribed) -> None:
    before = jos.fetch()
    with jos.change() as db:
        release_seat(db, seat_id=jos.seat.id, actor=SYSTEM, now=jos.api.clock())
    released = jos.fetch(**{"If-None-Match": before.headers["etag"]})
    (event,) = parse(released.content).parts

    jos.api.clock.at = datetime(2026, 12, 21, 23, 59, tzinfo=UTC)
    last_day = jos.fetch()
    jos.api.clock.advance(timedelta(minutes=1))
    next_day = jos.fetch(**{"If-None-Match": last_day.headers["etag"]})

    assert (event.value("STATUS"), event.value("TRANSP")) == ("CANCELLED", "TRANSPARENT")
    assert (event.value("SUMMARY") or "").startswith("Cancelled: Shadow: Mara Okafor")
    assert problems(released.content, method=None) == []
    assert (len(parse(last_day.content).parts), len(parse(next_day.content).parts)) == (1, 0)


def test_a_host_has_one_entry_that_names_who_listens(api: Api, jos: Subscribed) -> None:
    made = jos.create(jos.scene.host.id)

    answer = jos.anybody.get(jos.path_of(made), headers=PLAIN)

    (event,) = parse(answer.content).parts
    assert event.value("SUMMARY") == r"Observers on your Northwind Freight call: Jo\, Tom"
    assert event.value("TRANSP") == "TRANSPARENT"
    assert (event.value("UID") or "").startswith(jos.scene.call_id)


def test_a_busy_only_feed_tells_when_and_nothing_else(api: Api) -> None:
    jos = Subscribed(api, privacy="busy_only")
    hosts = jos.create(jos.scene.host.id, "busy_only")

    answer = jos.fetch()

    assert problems(answer.content, method=None) == []
    (event,) = parse(answer.content).parts
    assert (event.value("SUMMARY"), event.value("DTSTART")) == ("Busy", "20261123T100000Z")
    for word in ("Mara", "Northwind", "discovery", "meet.example", "/s/", "mara@"):
        assert word.lower() not in answer.text.lower()
    assert parse(jos.anybody.get(jos.path_of(hosts), headers=PLAIN).content).parts == []


@pytest.mark.parametrize("what", ["host", "account", "skill", "lessons"])
def test_a_new_name_shows_at_once_in_every_entry_that_has_it(jos: Subscribed, what: str) -> None:
    before = jos.fetch()
    with jos.change() as db:
        now = jos.api.clock()
        if what == "host":
            changes = {"name": "Mara Renamed"}
            patch_person(db, person_id=jos.scene.host.id, changes=changes, actor=SYSTEM, now=now)
        elif what == "account":
            changes = {"name": "Southwind Renamed"}
            patch_account(db, account_id=jos.scene.account_id, changes=changes, actor=SYSTEM, now=now)
        elif what == "skill":
            patch_skill(db, slug="discovery.questioning", changes={"name": "Asking Renamed"}, actor=SYSTEM, now=now)
        else:
            patch_skill(db, slug="craft.product", changes={"name": "Product Renamed"}, actor=SYSTEM, now=now)
            patch_call_type(db, slug="discovery", changes={}, skills=["craft.product"], actor=SYSTEM, now=now)

    after = jos.fetch(**{"If-None-Match": before.headers["etag"]})

    assert after.status_code == 200
    assert "Renamed" in after.text.replace("\r\n ", "")
    assert after.headers["last-modified"] != before.headers["last-modified"]
    assert (parse(before.content).parts[0].value("DTSTAMP") or "") < (
        parse(after.content).parts[0].value("DTSTAMP") or ""
    )
    assert parse(after.content).parts[0].value("SEQUENCE") == "0"


def test_a_new_name_within_the_same_instant_is_noticed_too(jos: Subscribed) -> None:
    before = jos.fetch()
    with transaction(jos.api.engine, writes=True) as db:
        patch_person(db, person_id=jos.scene.host.id, changes={"name": "Mara B."}, actor=SYSTEM, now=NOW)
    after = jos.fetch(**{"If-None-Match": before.headers["etag"]})

    assert (after.status_code, "Mara B." in after.text) == (200, True)
    by_date = jos.fetch(**{"If-Modified-Since": before.headers["last-modified"]})
    assert by_date.status_code == 200


def test_an_observers_new_name_reaches_the_host_and_the_owners_the_header(jos: Subscribed) -> None:
    hosts = jos.path_of(jos.create(jos.scene.host.id))
    jos.anybody.get(hosts)
    with jos.change() as db:
        patch_person(db, person_id=jos.jo.id, changes={"name": "Joanna"}, actor=SYSTEM, now=jos.api.clock())

    assert r"call: Joanna\, Tom" in jos.anybody.get(hosts).text.replace("\r\n ", "")
    assert parse(jos.fetch().content).value("X-WR-CALNAME") == "Earshot: Joanna"


def test_who_fetched_last_is_noted_once_a_minute(api: Api, jos: Subscribed) -> None:
    def noted() -> tuple[str, str]:
        row = jos.as_jo.get(f"/v1/feeds/{jos.made['id']}").json()
        return row["last_fetched_at"], row["last_fetched_by"]

    jos.fetch(**{"User-Agent": "Calendar/1\t" + "x" * 400})
    first = noted()
    api.clock.advance(timedelta(seconds=59))
    jos.fetch(**{"User-Agent": "Other"})
    second = noted()
    api.clock.advance(timedelta(seconds=1))
    jos.fetch(**{"User-Agent": "Other"})

    assert (first[0], first[1][:11], len(first[1])) == ("2026-11-21T09:00:00Z", "Calendar/1 ", 200)
    assert second == first
    assert noted() == ("2026-11-21T09:01:00Z", "Other")


def test_fetches_go_on_after_the_database_dropped_every_connection(
    serve: Callable[..., Api], postgres_url: str, clock: FakeClock, tmp_path: Path
) -> None:
    jos = Subscribed(serve(postgres_url, clock, tmp_path))
    before = jos.fetch()
    killer = make_engine(postgres_url)
    with transaction(killer, writes=False) as db:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        db.execute(text(f"{others} AND datname = current_database()"))
    killer.dispose()

    after = [jos.fetch() for _ in range(3)]

    assert [(one.status_code, one.content) for one in after] == [(200, before.content)] * 3


def test_a_database_that_takes_no_writes_still_answers(sqlite_api: Api) -> None:
    jos = Subscribed(sqlite_api)
    with transaction(sqlite_api.engine, writes=True) as db:
        db.execute(update(feed).values(last_fetched_at=None))
        db.connection().exec_driver_sql(
            "CREATE TRIGGER full BEFORE UPDATE ON feed BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
        )

    assert jos.fetch().status_code == 200


def _unfolded(answer: httpx.Response) -> str:
    return answer.text.replace("\r\n ", "")
