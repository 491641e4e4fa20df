"""Reading the text of calendars: what breaks a limit, what is no calendar, and what others get wrong."""

import gzip
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ical.read import LARGEST, LONGEST_LINE, MOST_COMPONENTS, Component, Reason, Unreadable, parse, plain
from tests.ical.foreign_calendars import CRLF, a_calendar, an_event


def the_event(content: bytes) -> Component:
    return parse(content)[0].children[0]


def reason(content: bytes) -> Reason:
    with pytest.raises(Unreadable) as refused:
        parse(content)
    return refused.value.reason


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", Reason.NOT_A_CALENDAR),
        (b"<!doctype html><title>Sign in</title>", Reason.NOT_A_CALENDAR),
        (b"BEGIN:VEVENT\r\nUID:1\r\nEND:VEVENT\r\n", Reason.NOT_A_CALENDAR),
        (a_calendar(an_event()).partition(b"END:VCALENDAR")[0], Reason.CUT_OFF),
        (a_calendar(an_event()).partition(b"END:VEVENT")[0], Reason.CUT_OFF),
        (gzip.compress(a_calendar(an_event()))[:-9], Reason.DAMAGED),
        (b"\x1f\x8bgzip it is not", Reason.DAMAGED),
    ],
)
def test_what_is_no_whole_calendar_is_refused_for_it_would_make_people_free(content: bytes, why: Reason) -> None:
    assert reason(content) is why


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_the_largest_file_is_read_and_a_byte_more_is_refused(packed: Callable[[bytes], bytes]) -> None:
    whole = a_calendar()
    lines = b"X-NOTE:" + b"x" * 1015 + CRLF.encode()
    largest = whole + lines * ((LARGEST - len(whole)) // len(lines))
    largest += b"x" * (LARGEST - len(largest))

    assert len(parse(packed(largest))) == 1
    assert reason(packed(largest + b"x")) is Reason.TOO_LARGE


def test_the_longest_line_is_read_and_a_byte_more_is_refused_however_it_is_folded() -> None:
    longest = "SUMMARY:" + "x" * (LONGEST_LINE - len("SUMMARY:"))
    folded = (CRLF + " ").join([longest[:40_000], longest[40_000:]])

    summary = the_event(a_calendar(an_event(folded))).first("SUMMARY")

    assert summary is not None
    assert len(summary.value) == LONGEST_LINE - len("SUMMARY:")
    assert reason(a_calendar(an_event(longest + "x"))) is Reason.LINE_TOO_LONG
    assert reason(a_calendar(an_event(folded + "x"))) is Reason.LINE_TOO_LONG


@pytest.mark.parametrize("name", ["ATTACH;ENCODING=BASE64;VALUE=BINARY", "X-ALT-DESC", "DESCRIPTION", "SUMMARYX", ""])
@pytest.mark.parametrize("fold", [CRLF + " ", ""])
def test_a_line_that_nobody_needs_may_be_as_long_as_the_file(name: str, fold: str) -> None:
    attached = f"{name}:" + fold.join(["QUFB" * 18] * 28_000)

    event = the_event(a_calendar(an_event("SUMMARY:Before", attached, attached, "TRANSP:OPAQUE")))

    assert event.word("SUMMARY") == "BEFORE"
    assert event.word("TRANSP") == "OPAQUE"
    assert event.word("DTSTART"), "what comes before and after is read"


def test_what_follows_a_long_line_is_held_to_the_limits_too() -> None:
    attached = "ATTACH:" + "x" * LONGEST_LINE

    assert reason(a_calendar(an_event(attached, "SUMMARY:" + "x" * LONGEST_LINE))) is Reason.LINE_TOO_LONG
    assert reason(a_calendar(an_event(attached)).partition(b"END:VEVENT")[0]) is Reason.CUT_OFF
    assert reason(a_calendar(an_event()).partition(b"END:VCAL")[0] + attached.encode()) is Reason.CUT_OFF
    assert len(parse(a_calendar(an_event()) + attached.encode())) == 1


def test_the_most_components_are_read_and_one_more_is_refused() -> None:
    one = "BEGIN:VTODO" + CRLF + "END:VTODO"

    assert len(parse(a_calendar(*[one] * (MOST_COMPONENTS - 1)))[0].children) == MOST_COMPONENTS - 1
    assert reason(a_calendar(*[one] * MOST_COMPONENTS)) is Reason.TOO_MANY_COMPONENTS


def test_four_components_within_one_another_are_read_and_five_are_refused() -> None:
    def nested(depth: int) -> bytes:
        return a_calendar(*["BEGIN:X"] * (depth - 1), *["END:X"] * (depth - 1))

    assert len(parse(nested(4))) == 1
    assert reason(nested(5)) is Reason.TOO_DEEP


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r\r\n"])
@pytest.mark.parametrize("space", [" ", "\t"])
def test_folds_are_undone_in_the_middle_of_a_character_whatever_ends_a_line(newline: str, space: str) -> None:
    whole = a_calendar(an_event("SUMMARY:Grüße")).replace(b"\r\n", newline.encode())
    folded = whole.replace("ü".encode(), b"\xc3" + (newline + space).encode() + b"\xbc")

    summary = the_event(folded).first("SUMMARY")

    assert summary is not None
    assert summary.value.strip() == "Grüße"


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + a_calendar(an_event("SUMMARY:Grüße")),
        b"\r\n   " + a_calendar(an_event("SUMMARY:Grüße")),
        a_calendar(an_event("SUMMARY:Grüße")).decode().encode("utf-16"),
        a_calendar(an_event("SUMMARY:Grüße")).decode().encode("cp1252"),
        a_calendar("X-NOTE:\x8f", an_event("SUMMARY:Grüße")) + b"\xff",
        gzip.compress(a_calendar(an_event("SUMMARY:Grüße"))[:50])
        + gzip.compress(a_calendar(an_event("SUMMARY:Grüße"))[50:]),
    ],
)
def test_text_is_found_behind_marks_blanks_old_charsets_and_packing(content: bytes) -> None:
    calendar = parse(content)[0]

    (event,) = calendar.children

    assert [one.value for one in event.all("SUMMARY")] == ["Grüße"]


@pytest.mark.parametrize(
    ("line", "value", "params"),
    [
        ("dtstart;tzid=Europe/Berlin:x", "x", {"TZID": "Europe/Berlin"}),
        ('DTSTART;TZID="Canberra, Melbourne; Sydney":x', "x", {"TZID": "Canberra, Melbourne; Sydney"}),
        ('DTSTART;X-URL="https://a.example:1/";TZID=UTC:x:y', "x:y", {"X-URL": "https://a.example:1/", "TZID": "UTC"}),
        ("DTSTART;;VALUE=DATE:x", "x", {"VALUE": "DATE"}),
        ("DTSTART;TZID=^'A^^B^n^':x", "x", {"TZID": '"A^B\n"'}),
        ('DTSTART;TZID="Europe/Berlin:x', "x", {"TZID": "Europe/Berlin"}),
        ("DTSTART;nonsense:x", "x", {}),
    ],
)
def test_a_line_is_parted_at_the_first_colon_outside_of_quotes(line: str, value: str, params: dict[str, str]) -> None:
    start = the_event(a_calendar(an_event(start=line))).first("DTSTART")

    assert start is not None
    assert start.value == value
    assert start.params == params


def test_what_an_alarm_says_is_not_said_of_its_event() -> None:
    alarm = CRLF.join(["BEGIN:VALARM", "DURATION:PT5M", "SUMMARY:Soon", "END:VALARM"])

    event = the_event(a_calendar(an_event(alarm, "SUMMARY:Call")))

    assert [one.value for one in event.all("SUMMARY")] == ["Call"]
    assert [one.value for one in event.all("DURATION")] == ["PT1H"]


def test_an_end_closes_what_nobody_closed_and_is_nothing_alone() -> None:
    content = a_calendar("END:VEVENT", "BEGIN:VEVENT", "BEGIN:VALARM", "END:VEVENT", an_event())

    assert [child.name for child in parse(content)[0].children] == ["VEVENT", "VEVENT"]


def test_all_calendars_of_a_file_are_read() -> None:
    assert len(parse(a_calendar(an_event()) + a_calendar(an_event()))) == 2


def test_escapes_of_text_are_undone() -> None:
    assert plain(r"a\, b\; c\\n\nd\Ne\:") == "a, b; c\\n\nd\ne:"


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    content = a_calendar(an_event())
    for broken in (junk, content[:at] + junk + content[at:], b"\x1f\x8b" + junk, b"\xff\xfe" + junk):
        with suppress(Unreadable):
            assert all(calendar.name == "VCALENDAR" for calendar in parse(broken))
