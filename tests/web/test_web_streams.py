"""Streams on real sockets: what they tell, to whom, and when they end. How fast, `./dev bench pages` measures."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import streams
from app.db import make_engine, transaction
from app.main import create_app
from app.operations.events import tell
from app.operations.seats import book_seat, release_seat
from app.rules.access import SYSTEM
from app.serving import listening, server
from app.streams import MOST_OF_ONE, Trail
from app.vocabulary import Role
from tests.factories import MONDAY, a_call, a_person
from tests.following import Following
from tests.harness import TEST_VAULT, Api, FakeClock
from tests.patience import PATIENCE_SECONDS, until
from tests.web.browsers import OURS, Site

FAR = MONDAY + timedelta(days=3, hours=10)
"""Of another day, so no matter of the floor."""


class Told(Site):
    """The pages, and what streams are told of them."""

    def mark(self) -> str:
        """A topic of one stream's own: a call of which nothing is told until a test wants something told."""
        return f"call:{_call(self, starts_at=FAR)}"

    def to(self, stream: Following) -> set[str]:
        """All that a stream, whose last topic is its mark, is told of what has happened by now."""
        mark = stream.topics[-1]

        def marked() -> str:
            with self.db() as db:
                tell(db, "call.changed", mark.removeprefix("call:"), version=2, actor=SYSTEM, now=self.api.clock())
            return mark

        return stream.told_up_to(marked)


@pytest.fixture
def site(serve: Callable[..., Api], database_url: str, clock: FakeClock, tmp_path: Path) -> Told:
    clock.at = MONDAY + timedelta(hours=9)
    return Told(serve(database_url, clock, tmp_path))


@pytest.fixture
def people(site: Site) -> dict[str, str]:
    with site.db() as db:
        return {name: a_person(db, name).id for name in ("Nora", "Leo", "Mara")}


def _call(site: Site, **fields: object) -> str:
    with site.db() as db:
        return a_call(db, **fields)  # type: ignore[arg-type]


def _book(site: Site, call_id: str, observer_id: str) -> str:
    with site.db() as db:
        return str(book_seat(db, call_id=call_id, observer_id=observer_id, actor=SYSTEM, now=site.api.clock()).id)


def _cookie(site: Site, person_id: str) -> str:
    return f"sid={site.signed_in(person_id).cookies['sid']}"


def _follow(site: Told, person_id: str, *topics: str) -> Following:
    """Open a stream, and let it be told of what happened before: somebody signed in."""
    opened = Following(site.api.url, *topics, site.mark(), cookie=_cookie(site, person_id), path="/stream")
    site.to(opened)
    return opened


def test_a_seat_is_told_to_the_floor_to_the_call_and_to_whom_it_is_for(site: Told, people: dict[str, str]) -> None:
    call_id, other = _call(site, seats=2), _call(site, starts_at=MONDAY + timedelta(hours=12))
    topics = ("floor", "me", f"call:{call_id}", f"call:{other}")
    with _follow(site, people["Nora"], *topics) as nora, _follow(site, people["Leo"], *topics) as leo:
        _book(site, call_id, people["Nora"])

        assert site.to(nora) == {"floor", "me", f"call:{call_id}"}
        assert site.to(leo) == {"floor", f"call:{call_id}"}


def test_a_call_of_another_day_is_no_matter_of_the_floor(site: Told, people: dict[str, str]) -> None:
    far = _call(site, starts_at=FAR)
    with _follow(site, people["Nora"], "floor", "me") as nora, _follow(site, people["Leo"], "floor", "me") as leo:
        _book(site, far, people["Nora"])

        assert site.to(nora) == {"me"}
        assert site.to(leo) == set()


def test_many_changes_are_told_once_each_topic_and_nothing_is_kept_back(site: Told, people: dict[str, str]) -> None:
    call_id = _call(site, seats=3)
    with _follow(site, people["Leo"], "floor", f"call:{call_id}") as leo:
        with site.db() as db:
            for _ in range(20):
                mine = book_seat(db, call_id=call_id, observer_id=people["Nora"], actor=SYSTEM, now=site.api.clock())
                release_seat(db, seat_id=mine.id, actor=SYSTEM, now=site.api.clock())
        assert [leo.told(), leo.told()] == [f"call:{call_id}", "floor"]
        assert site.to(leo) == set()


def test_programs_follow_the_floor_with_a_key(site: Told, people: dict[str, str]) -> None:
    call_id = _call(site, seats=2)
    topics, key = ("floor", "me", site.mark()), site.api.key(Role.REP, people["Nora"])
    with Following(site.api.url, *topics, key=key) as nora, Following(site.api.url, key=key) as by_default:
        _book(site, call_id, people["Nora"])

        assert nora.status == 200
        assert "content-type: text/event-stream" in nora.head
        assert "cache-control: no-store" in nora.head
        assert "x-accel-buffering: no" in nora.head
        assert site.to(nora) == {"floor", "me"} == {by_default.told(), by_default.told()}


def test_a_stream_is_refused_to_strangers_and_to_who_would_wait_for_its_end(site: Told, people: dict[str, str]) -> None:
    closed = _call(site, sensitive=True)
    key = site.api.key(Role.REP, people["Nora"])
    cookie = _cookie(site, people["Nora"])

    def status(*topics: str, **given: str) -> int:
        with Following(site.api.url, *topics, **given) as asked:
            return asked.status

    assert status("floor") == status("floor", key="no key") == status("floor", path="/stream") == 401
    assert status("floor", path="/stream", key=key) == 401
    assert status(f"call:{closed}", key=key) == status(f"call:{closed}", cookie=cookie, path="/stream") == 404
    assert status("payroll", key=key) == status(cookie=cookie, path="/stream") == 422
    assert status(*["floor"] * 9, key=key) == 422
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        refused = site.api.client(key).get("/v1/floor/stream", headers=accept)
        assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")


def test_signing_out_ends_the_streams_of_that_browser_and_no_other(site: Told, people: dict[str, str]) -> None:
    browser = site.signed_in(people["Nora"])
    here = Following(site.api.url, "floor", cookie=f"sid={browser.cookies['sid']}", path="/stream")
    with here, _follow(site, people["Nora"], "floor") as elsewhere:
        browser.post("/logout", headers=OURS)

        assert here.ends()
        site.to(elsewhere)  # goes on


def test_what_happens_to_a_key_ends_its_streams(site: Told, people: dict[str, str]) -> None:
    key = site.api.key(Role.REP, people["Nora"])
    with Following(site.api.url, key=key) as nora:
        key_id = next(one["id"] for one in site.api.admin.get("/v1/api-keys").json()["data"] if one["person_id"])
        assert site.api.admin.post(f"/v1/api-keys/{key_id}/revoke").status_code == 200

        assert nora.ends()


def test_a_session_that_runs_out_ends_its_stream_at_the_next_check(
    site: Told, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_CHECK_SECONDS", 0.1)
    with _follow(site, people["Nora"], "floor") as nora:
        assert not nora.ends(within=0.5)
        site.api.clock.advance(timedelta(days=60))

        assert nora.ends()


def test_a_check_that_fails_is_not_the_last_one(
    site: Told, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_CHECK_SECONDS", 0.05)
    failed = []

    def fails(*_: object, **__: object) -> set[str]:
        failed.append(1)
        raise ValueError("broken")

    with _follow(site, people["Nora"], "floor") as nora:
        with monkeypatch.context() as broken:
            broken.setattr(streams, "let_in", fails)
            until(lambda: failed)
        site.api.clock.advance(timedelta(days=60))

        assert nora.ends()


def test_a_person_has_six_streams_at_most_and_room_again_when_one_goes(site: Told, people: dict[str, str]) -> None:
    cookie = _cookie(site, people["Nora"])

    def open_one() -> Following:
        return Following(site.api.url, "floor", cookie=cookie, path="/stream")

    with ExitStack() as stack:
        mine = [stack.enter_context(open_one()) for _ in range(MOST_OF_ONE)]
        refused = stack.enter_context(open_one())
        assert [one.status for one in mine] == [200] * MOST_OF_ONE
        assert refused.status == 429
        assert "retry-after: " in refused.head
        assert stack.enter_context(_follow(site, people["Leo"], "floor")).status == 200

        mine[0].close()
        until(lambda: stack.enter_context(open_one()).status == 200)


def test_a_full_process_says_so(site: Told, people: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST", 1)
    cookie = _cookie(site, people["Leo"])
    with _follow(site, people["Nora"]), Following(site.api.url, "floor", cookie=cookie, path="/stream") as leo:
        assert leo.status == 503


def test_who_comes_back_hears_what_happens_from_then_on(site: Told, people: dict[str, str]) -> None:
    call_id = _call(site, seats=2)
    with _follow(site, people["Leo"], "floor"):
        pass
    _book(site, call_id, people["Nora"])
    with _follow(site, people["Leo"], "floor") as leo:  # what happened meanwhile is read again by who comes back
        _book(site, call_id, people["Leo"])
        assert leo.told() == "floor"


def test_silence_is_broken_so_that_the_line_is_taken_for_alive(
    site: Told, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_SILENCE_SECONDS", 0.05)
    with _follow(site, people["Leo"], "floor") as leo:
        for _ in range(3):
            assert leo._up_to(b"\n:\n\n", within=PATIENCE_SECONDS) is not None


@dataclass
class Served:
    """The same service again in this process."""

    url: str
    streams: streams.Streams
    stop: Callable[[], None]


@contextmanager
def _served(api: Api, *, buffer: int = 0) -> Iterator[Served]:
    """Serve again, with an engine of its own."""
    engine = make_engine(api.engine.url.render_as_string(hide_password=False), vault=TEST_VAULT)
    with listening("127.0.0.1", 0) as listener:
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        app = create_app(api.settings, engine=engine, clock=api.clock)
        web = server(app)
        thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not web.started:
            time.sleep(0.005)

        def stop() -> None:
            web.should_exit = True
            thread.join(PATIENCE_SECONDS)

        try:
            yield Served("http://{}:{}".format(*listener.getsockname()), app.state.streams, stop)
        finally:
            stop()
            engine.dispose()


def test_a_service_that_is_told_to_stop_ends_its_streams_in_order(site: Told, people: dict[str, str]) -> None:
    """Else it waits for them in vain, and breaks their lines after its patience is over."""
    cookie = _cookie(site, people["Nora"])
    with _served(site.api) as served:
        followers = [Following(served.url, "floor", cookie=cookie, path="/stream") for _ in range(3)]
        served.stop()

        assert all(one.ends_in_order() for one in followers)
        for one in followers:
            one.close()


def test_what_one_process_writes_is_told_by_the_others(site: Told, people: dict[str, str]) -> None:
    """On PostgreSQL; on SQLite, where there is one process that serves, by the look that it takes each second."""
    call_id = _call(site, seats=2)
    cookie = _cookie(site, people["Leo"])
    with _served(site.api) as served, Following(served.url, "floor", cookie=cookie, path="/stream") as leo:
        assert site.signed_in(people["Nora"]).post(f"/calls/{call_id}?do=take", headers=OURS).status_code == 303

        assert leo.told() == "floor"


def test_what_was_under_way_when_the_first_stream_opened_is_told_once_it_is_there(
    site: Told, people: dict[str, str]
) -> None:
    """On PostgreSQL others commit meanwhile, with later sequences; on SQLite one transaction writes at a time."""
    call_id, other, cookie = _call(site, seats=2), _call(site, seats=2), _cookie(site, people["Leo"])
    with transaction(site.api.engine, writes=True) as slow:
        book_seat(slow, call_id=call_id, observer_id=people["Nora"], actor=SYSTEM, now=site.api.clock())
        if site.api.engine.dialect.name == "postgresql":
            _book(site, other, people["Mara"])
        leo = Following(site.api.url, f"call:{call_id}", cookie=cookie, path="/stream")
    with leo:
        assert leo.told() == f"call:{call_id}"


def test_who_does_not_read_is_cut_off_and_holds_up_nobody(
    site: Told, people: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lines._UNREAD_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(streams, "_REST_SECONDS", 0.0)
    monkeypatch.setattr(streams, "_SILENCE", b": " + b"x" * 20_000 + b"\n\n")  # much at once, for events are small
    monkeypatch.setattr(streams, "_SILENCE_SECONDS", 0.001)
    cookie, call_id = _cookie(site, people["Leo"]), _call(site, seats=2)
    with (
        _served(site.api, buffer=4096) as served,
        Following(served.url, "floor", cookie=cookie, path="/stream") as slow,
    ):
        until(lambda: served.streams.count() == 0)
        monkeypatch.setattr(streams, "_SILENCE_SECONDS", PATIENCE_SECONDS)
        with Following(served.url, "floor", cookie=cookie, path="/stream") as quick:
            _book(site, call_id, people["Nora"])
            assert quick.told() == "floor"
        assert slow.ends()
        assert slow._is_over


def test_the_place_of_a_stream_whose_client_went_before_it_began_is_free_after_its_life(
    site: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_CHECK_SECONDS", 0.01)

    async def left_of_two() -> int:
        all_streams = streams.Streams(site.api.engine, site.api.clock)
        monkeypatch.setattr(streams, "_LIFE_SECONDS", 0.0)
        await all_streams.open(streams.Stream(person_id="per_a", credential_id="key_a", topics=["floor"]))
        monkeypatch.setattr(streams, "_LIFE_SECONDS", 10 * PATIENCE_SECONDS)
        await all_streams.open(streams.Stream(person_id="per_a", credential_id="key_a", topics=["floor"]))
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while all_streams.count() > 1:
                    await asyncio.sleep(0.01)
        await all_streams.closed()
        return all_streams.count()

    assert asyncio.run(left_of_two()) == 1


@given(st.permutations(range(1, 30)), st.data())
def test_every_event_is_read_once_in_whatever_order_they_are_committed(order: list[int], data: st.DataObject) -> None:
    trail, committed, read = Trail(0), set[int](), list[int]()
    while order:
        size = data.draw(st.integers(1, len(order)))
        committed |= set(order[:size])
        order = order[size:]
        found = sorted(one for one in committed if one > trail.last or one in trail.missing)
        trail.follow(found, at=0.0)
        read += found

    assert sorted(read) == list(range(1, 30))
    assert trail.missing == {}


def test_what_was_rolled_back_is_not_waited_for_for_ever() -> None:
    trail = Trail(5)

    trail.follow([9], at=0.0)
    assert set(trail.missing) == {6, 7, 8}
    trail.follow([10], at=61.0)
    assert trail.missing == {}
    trail.follow([100_000], at=61.0)
    assert len(trail.missing) == 1000
