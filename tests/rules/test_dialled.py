"""What a dialler's message says, and what is no message."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.dialled import Dialled, NotUnderstood, read_message

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
MAPPING: dict[str, str | list[str]] = {
    "event": "/event",
    "started": ["call.answered"],
    "ended": ["call.ended"],
    "call": "/data/id",
    "host_email": "/data/users/0/email",
    "started_at": "/data/answered_at",
    "ended_at": "/data/ended_at",
    "title": "/data/a~1b",
    "account": "/data/m~0n",
}
BEGAN = NOW - timedelta(minutes=20)


def a_message(event: str = "call.answered", **data: Any) -> bytes:
    usual = {"id": 812, "users": [{"email": "Mara@Earshot.example"}], "answered_at": BEGAN.timestamp()}
    return json.dumps({"event": event, "data": {**usual, **data}}).encode()


def read(body: bytes) -> Dialled | None:
    return read_message(body, MAPPING, now=NOW)


def test_a_message_is_read_where_the_mapping_points_to() -> None:
    said = read(
        a_message("call.ended", ended_at="2026-11-23T11:25:00+01:00", **{"a/b": " Demo\n2 ", "m~n": "Northwind"})
    )

    ended_at = datetime(2026, 11, 23, 10, 25, tzinfo=UTC)
    assert said == Dialled("812", "mara@earshot.example", BEGAN, ended_at, "Demo 2", "Northwind")


@pytest.mark.parametrize(
    "written",
    [
        int(BEGAN.timestamp()),
        int(BEGAN.timestamp() * 1000),
        str(int(BEGAN.timestamp())),
        BEGAN.timestamp(),
        "2026-11-23T10:10:00Z",
        "2026-11-23T15:40:00.000+05:30",
    ],
)
def test_times_are_instants_seconds_or_milliseconds(written: Any) -> None:
    said = read(a_message(answered_at=written))

    assert said is not None
    assert said.started_at == BEGAN


def test_a_clock_that_is_ahead_says_now() -> None:
    said = read(a_message(answered_at=(NOW + timedelta(minutes=4)).timestamp()))

    assert said is not None
    assert said.started_at == NOW


def test_what_no_word_stands_for_is_nothing_to_us() -> None:
    assert read(a_message("call.ringing", id=None)) is None


HOSTILE = {
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "a number": b"7",
    "no UTF-8": b'{"event": "\xff"}',
    "very deep": b"[" * 100_000,
    "a number without end": b'{"event": ' + b"9" * 100_000 + b"}",
    "an event that is no word": b'{"event": {"event": "call.answered"}}',
    "no call": a_message(id=None),
    "a call of yes": a_message(id=True),
    "a call of a broken number": a_message(id=1.5),
    "a call of half a letter": a_message(id="\ud800"),
    "a call with a break": a_message(id="1\r\n2"),
    "a call with a NUL": a_message(id="\x00"),
    "a very long call": a_message(id="x" * 513),
    "no beginning": a_message(answered_at=None),
    "no end": a_message("call.ended"),
    "a time of day": a_message(answered_at="10:00"),
    "a time without an offset": a_message(answered_at="2026-11-23T10:10:00"),
    "a time of yes": a_message(answered_at=True),
    "a time that is none": a_message(answered_at=float("nan")),
    "a time without end": a_message(answered_at=1e308),
    "a time of many digits": a_message(answered_at="9" * 5000),
    "the year 9999": a_message(answered_at="9999-12-31T23:59:59-23:59"),
    "the year 1": a_message(answered_at="0001-01-01T00:00:00+23:59"),
    "the day before yesterday": a_message(answered_at=(NOW - timedelta(days=2)).timestamp()),
    "tomorrow": a_message(answered_at=(NOW + timedelta(days=1)).timestamp()),
    "an end before the beginning": a_message("call.ended", ended_at=(BEGAN - timedelta(seconds=1)).timestamp()),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_what_can_not_be_told_is_not_guessed(body: bytes) -> None:
    with pytest.raises(NotUnderstood) as why:
        read(body)

    assert len(str(why.value)) <= 120
    assert str(why.value).endswith(".")


def test_names_are_one_line_that_shows_what_it_says() -> None:
    said = read(a_message(**{"a/b": "\u202eDemo\x00\ud800 <b>" + "x" * 999, "m~n": " \n "}))

    assert said is not None
    assert said.title is not None
    assert said.title.startswith("Demo <b>x")
    assert len(said.title) <= 200
    assert said.account is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["event", "data", "id", "users"]) | st.text(), inner)
    ),
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    with suppress(NotUnderstood):
        read(body)


@given(st.dictionaries(st.sampled_from(["id", "answered_at", "ended_at", "users", "a/b"]), JSON))
def test_whatever_is_where_a_value_should_be_is_read_or_refused(data: dict[str, Any]) -> None:
    for event in ("call.answered", "call.ended"):
        try:
            said = read(a_message(event, **data))
        except NotUnderstood:
            continue
        assert said is not None
        assert 0 < len(said.call) <= 512


def test_the_examples_of_the_guide_can_be_followed() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "diallers.md").read_text()
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.+?)```", guide, re.DOTALL)]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))

    soon_after = datetime(2026, 11, 21, 9, 20, tzinfo=UTC)
    said = [read_message(json.dumps(message).encode(), mapping, now=soon_after) for message, mapping in pairs]

    began_at = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
    assert [one and (one.call, one.host_email, one.started_at) for one in said] == [
        ("812", "mara@earshot.example", began_at),
        ("5780678246121472", "mara@earshot.example", began_at),
    ]
