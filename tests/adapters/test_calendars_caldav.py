"""CalDAV as two real servers speak it, and as servers speak that nobody would want to."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from app.adapters.calendars import NotFetched, Place, fetch_caldav
from app.adapters.http import Outbound
from app.ical.connected import Told, Wanted, read
from tests.adapters.caldav_servers import PASSWORD, USER, CalDav, radicale, xandikos
from tests.adapters.web_server import Asked, Reply, WebServer, answer
from tests.ical.foreign_calendars import a_calendar, an_event, berlin_as_outlook_has_it

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOW = NINE - timedelta(days=2)
HOUR = timedelta(hours=1)
WEEK: dict[str, Any] = {"start": NINE - timedelta(hours=9), "end": NINE + timedelta(days=7), "now": NOW}


@pytest.fixture
def outbound() -> Iterator[Outbound]:
    with Outbound(allowed=(IPv4Network("127.0.0.0/8"),)) as made:
        yield made


@pytest.fixture(scope="module", params=[radicale, xandikos], ids=["radicale", "xandikos"])
def dav(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CalDav]:
    run: Callable[[Path], AbstractContextManager[CalDav]] = request.param
    with run(tmp_path_factory.mktemp("dav")) as made:
        work, home = made.make("work"), made.make("home")
        made.put(work, "1", a_calendar(an_event("RRULE:FREQ=DAILY;COUNT=3", start="DTSTART:20261123T090000Z", uid="1")))
        zoned = an_event(start="DTSTART;TZID=Mine:20261124T130000", uid="2")
        made.put(work, "2", a_calendar(berlin_as_outlook_has_it("Mine"), zoned))
        made.put(work, "3", a_calendar(an_event("SUMMARY:Long ago", start="DTSTART:20200106T090000Z", uid="3")))
        made.put(
            home,
            "4",
            a_calendar(an_event(r"SUMMARY:Müller & <Söhne>\, dentist", start="DTSTART:20261125T150000Z", uid="4")),
        )
        yield made


def place(dav: CalDav, path: str, *, password: str = PASSWORD) -> Place:
    url = path if path.startswith("http") else dav.url + path
    return Place(url, USER, password) if dav.needs_password else Place(url)


def told(outbound: Outbound, where: Place) -> Told:
    content = fetch_caldav(outbound, where, **WEEK).content
    week = {"start": WEEK["start"], "end": WEEK["end"], "owner_zone": "Europe/Berlin"}
    return read(Wanted(content, **week, addresses=frozenset(), own_domain="none"))


AT_WORK = [NINE, NINE + 24 * HOUR, NINE + 27 * HOUR, NINE + 48 * HOUR]
AT_HOME = [NINE + 54 * HOUR]


def test_a_calendar_tells_what_it_holds_in_the_window(dav: CalDav, outbound: Outbound) -> None:
    found = told(outbound, place(dav, f"{dav.home}work/"))

    assert [start for start, _ in found.busy] == AT_WORK


def test_a_home_a_principal_and_the_server_itself_lead_to_all_calendars(dav: CalDav, outbound: Outbound) -> None:
    for path in (dav.home, dav.principal, "/"):
        found = told(outbound, place(dav, path))

        assert sorted(start for start, _ in found.busy) == sorted(AT_WORK + AT_HOME), path


def test_a_calendar_without_events_says_that_nobody_is_busy(dav: CalDav, outbound: Outbound) -> None:
    empty = dav.make("empty")

    assert told(outbound, place(dav, empty)).busy == ()


def test_what_is_not_there_needs_its_owner(dav: CalDav, outbound: Outbound) -> None:
    with pytest.raises(NotFetched) as refused:
        fetch_caldav(outbound, place(dav, "/mara/nothing-here/"), **WEEK)

    assert refused.value.lasting


def test_a_wrong_password_needs_its_owner(tmp_path: Path, outbound: Outbound) -> None:
    with radicale(tmp_path) as dav, pytest.raises(NotFetched, match=r"\(401\)") as refused:
        fetch_caldav(outbound, place(dav, dav.home, password="another"), **WEEK)

    assert refused.value.lasting
    assert "mara" not in str(refused.value)


def multistatus(*responses: str) -> Reply:
    ns = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    return answer(207, body=f"<D:multistatus {ns}>{''.join(responses)}</D:multistatus>".encode())


def response(href: str, props: str) -> str:
    told = f"<D:propstat><D:prop>{props}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
    return f"<D:response><D:href>{href}</D:href>{told}</D:response>"


CALENDAR = multistatus(response("/", "<D:resourcetype><D:collection/><C:calendar/></D:resourcetype>"))
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE m [<!ENTITY l0 "ha">{LAUGHS}]><D:multistatus xmlns:D="DAV:">&l9;</D:multistatus>'.encode()
FILE = b'<!DOCTYPE m [<!ENTITY f SYSTEM "file:///etc/passwd">]><D:multistatus xmlns:D="DAV:">&f;</D:multistatus>'
MANY = b"<D:multistatus xmlns:D='DAV:'>" + b"<a/>" * 300_000 + b"</D:multistatus>"
HOSTILE = {
    "a bomb of entities": answer(207, body=BOMB),
    "a file": answer(207, body=FILE),
    "a million elements": answer(207, body=MANY),
    "depth": answer(207, body=b"<a>" * 100_000),
    "a page": answer(body=b"<html>Sign in</html>"),
    "no multistatus": answer(207, body=b"<html/>"),
    "nothing": answer(207, body=b""),
    "an unknown encoding": answer(207, body=b'<?xml version="1.0" encoding="x-none"?><a/>'),
    "twelve mebibytes": answer(207, body=b"<a>" + b" " * (12 << 20)),
    "a link to a private address": multistatus(
        response("/", "<C:calendar-home-set><D:href>http://192.168.0.1/</D:href></C:calendar-home-set>")
    ),
    "a link that is none": multistatus(
        response("/", "<C:calendar-home-set><D:href>file:///etc/passwd</D:href></C:calendar-home-set>")
    ),
}


@pytest.mark.parametrize("reply", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_server_is_refused_in_a_sentence(reply: Reply, outbound: Outbound) -> None:
    with WebServer(reply) as server, pytest.raises(NotFetched) as refused:
        fetch_caldav(outbound, Place(f"http://127.0.0.1:{server.port}/canary/"), **WEEK)

    assert str(refused.value).endswith(".")
    assert "canary" not in str(refused.value)


def test_a_server_that_leaves_out_a_part_is_not_believed(outbound: Outbound) -> None:
    cut = "<D:response><D:href>/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status></D:response>"

    def reply(asked: Asked) -> Any:
        return (multistatus(cut) if asked.line.startswith("REPORT") else CALENDAR)(asked)

    with WebServer(reply) as server, pytest.raises(NotFetched, match="left out a part"):
        fetch_caldav(outbound, Place(f"http://127.0.0.1:{server.port}/"), **WEEK)


def test_too_many_requests_say_when_to_come_back(outbound: Outbound) -> None:
    with WebServer(answer(429, "Retry-After: 3600")) as server, pytest.raises(NotFetched) as refused:
        fetch_caldav(outbound, Place(f"http://127.0.0.1:{server.port}/"), **WEEK)

    assert (refused.value.lasting, refused.value.retry_at) == (False, NOW + HOUR)
