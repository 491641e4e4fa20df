"""Answers are read as Google, Outlook, Exchange and Apple send them; whatever else comes is refused."""

import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ical.mime import LARGEST, addresses, bare
from app.ical.reply import NotAReply, Reply, read_calendar, read_mail
from tests.ical.reply_examples import (
    APPLE,
    GOOGLE,
    MIA,
    OUTLOOK,
    OUTLOOK_COUNTER,
    UID,
    a_calendar,
    a_mail,
    apple_mail,
    lines,
    outlook_mail,
)

TEN, HALF_PAST = datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 10, 30, tzinfo=UTC)
STAMP = datetime(2026, 11, 21, 10, 11, 12, tzinfo=UTC)


def only(replies: tuple[Reply, ...]) -> Reply:
    (reply,) = replies
    return reply


@pytest.mark.parametrize(
    ("calendar", "why"),
    [
        ("", "no calendar"),
        ("<html>Sign in</html>", "no calendar"),
        (GOOGLE.removesuffix("END:VCALENDAR\r\n"), "ends before"),
        (a_calendar() + a_calendar(), "more than one calendar"),
        (a_calendar(method="REQUEST"), "METHOD"),
        (a_calendar(method="CANCEL"), "METHOD"),
        (a_calendar().replace("METHOD:REPLY\r\n", ""), "METHOD"),
        (a_calendar().replace("VEVENT", "VTODO"), "no event"),
        (a_calendar(uid=" "), "which event"),
        (a_calendar(uid="a\0b"), "which event"),
        (a_calendar(uid="x" * 256), "which event"),
        (a_calendar(stamp="20261121T100000"), "DTSTAMP"),
        (a_calendar(stamp="20261321T100000Z"), "DTSTAMP"),
        (a_calendar(stamp=""), "DTSTAMP"),
        (a_calendar().replace("SEQUENCE:0", "SEQUENCE:-1"), "SEQUENCE"),
        (a_calendar().replace("SEQUENCE:0", "SEQUENCE:9999999999"), "SEQUENCE"),
        (a_calendar().replace("SEQUENCE:0", "SEQUENCE:²"), "SEQUENCE"),
        (a_calendar().replace("ATTENDEE", "X-NOBODY"), "who answers"),
        (a_calendar(attendee=""), "who answers"),
        (a_calendar(attendee="mia\0@acme.example"), "who answers"),
        (a_calendar(attendee="a" * 300 + "@acme.example"), "who answers"),
        (a_calendar(more=("ATTENDEE;PARTSTAT=DECLINED:mailto:max@acme.example",)), "who answers"),
        (a_calendar(more=("DTSTART:20261399T100000Z",)), "DTSTART"),
        (a_calendar(more=("RECURRENCE-ID:soon",)), "RECURRENCE-ID"),
        (a_calendar(method="COUNTER", more=()), "which time"),
        (a_calendar(method="COUNTER", more=("DTSTART;VALUE=DATE:20261123",)), "which time"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(calendar: str, why: str) -> None:
    with pytest.raises(NotAReply, match=why):
        read_calendar(calendar.encode())


def test_answers_to_several_events_or_to_too_many_are_refused() -> None:
    event = a_calendar().partition("BEGIN:VEVENT")[2].rpartition("END:VCALENDAR")[0]
    other = event.replace(UID, "another@example")

    for more, why in ((other, "more than one UID"), (event + ("BEGIN:VEVENT" + event) * 20, "no event")):
        with pytest.raises(NotAReply, match=why):
            read_calendar(a_calendar().replace("END:VCALENDAR", f"BEGIN:VEVENT{more}END:VCALENDAR").encode())


def test_google_says_when_and_declines() -> None:
    mail = read_mail(a_mail(GOOGLE))

    reply = only(mail.replies)
    assert (reply.method, reply.uid, reply.sequence, reply.stamped_at) == ("REPLY", UID, 3, STAMP)
    assert (reply.starts_at, reply.ends_at, reply.occurrence) == (TEN, HALF_PAST, None)
    assert reply.of(mail.sender) == (MIA, "DECLINED")


def test_exchange_leaves_the_organizer_out_and_writes_windows_zones() -> None:
    mail = read_mail(outlook_mail(OUTLOOK))

    reply = only(mail.replies)
    assert (reply.sequence, reply.starts_at, reply.ends_at) == (3, TEN, HALF_PAST)
    assert (mail.sender, reply.of(mail.sender)) == (MIA, (MIA, "TENTATIVE"))


def test_outlook_suggests_another_time() -> None:
    reply = only(read_mail(outlook_mail(OUTLOOK_COUNTER)).replies)

    assert (reply.method, reply.starts_at) == ("COUNTER", TEN.replace(hour=14))
    assert reply.ends_at == HALF_PAST.replace(hour=14)


def test_apple_says_no_time_and_has_a_name_of_its_own_for_who_answers() -> None:
    reply = only(read_mail(apple_mail(APPLE)).replies)

    assert (reply.starts_at, reply.sequence, reply.of(None)) == (None, 3, (MIA, "ACCEPTED"))


def test_one_occurrence_is_named_by_the_time_that_the_series_has_it_at() -> None:
    more = ("DTSTART;TZID=Europe/London:20260706T110000", "RECURRENCE-ID;TZID=Europe/London:20260706T100000")

    reply = only(read_calendar(a_calendar(more=more).encode()))

    assert reply.occurrence == datetime(2026, 7, 6, 9, tzinfo=UTC)
    assert reply.starts_at == datetime(2026, 7, 6, 10, tzinfo=UTC)


def test_of_several_who_are_named_in_a_counter_the_sender_suggests() -> None:
    others = ("ATTENDEE:mailto:max@acme.example", "DTSTART:20261123T140000Z", "DURATION:PT45M")

    reply = only(read_calendar(a_calendar(method="COUNTER", partstat="DECLINED", more=others).encode()))

    assert reply.of(MIA) == (MIA, "DECLINED")
    assert (reply.of(None), reply.of("eve@acme.example")) == (None, None)
    assert reply.ends_at == TEN.replace(hour=14, minute=45)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no calendar"),
        (b"\n", "no calendar"),
        (b"From: a@b.example\n\nHello", "no calendar"),
        (b"x" * (LARGEST + 1), "larger"),
        (a_mail(GOOGLE).replace(b"text/plain", b"text/calendar"), "more than one calendar"),
        (b"Content-Type: multipart/mixed\n\nHello", "no calendar"),
        (b"Content-Type: message/rfc822\n\n" + a_mail(GOOGLE), "no calendar"),
        (b"Content-Type: text/calendar\nContent-Transfer-Encoding: base64\n\nA", "no calendar"),
    ],
)
def test_a_mail_without_one_calendar_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(NotAReply, match=why):
        read_mail(raw)


def test_a_calendar_that_is_only_attached_is_read() -> None:
    raw = a_mail(GOOGLE).replace(b"Content-Type: text/calendar", b"Content-Type: text/html")

    assert only(read_mail(raw).replies).of(None) == (MIA, "DECLINED")


BOMBS = {
    "nested": b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(20_000)),
    "delimiters": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\n" * 190_000,
    "boundaries": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n--" * 340_000,
    "headers": b"a: b\n" * 200_000,
    "folds": b"From:" + b"\n a@b.example," * 80_000,
    "brackets": b"From: " + b"(" * 900_000 + b"\nContent-Type: text/calendar\n\n",
    "quotes": b"From: " + b'"\\' * 450_000 + b"\nContent-Type: text/calendar\n\n",
    "ats": b"From: " + b"a@" * 450_000,
    "attendees": lines("BEGIN:VCALENDAR", "METHOD:COUNTER", "BEGIN:VEVENT").encode() + b"ATTENDEE:\r\n" * 80_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_costs_little(bomb: bytes, soak: bool) -> None:
    began = time.thread_time()

    for raw in (bomb, b"Content-Type: text/calendar\n\n" + bomb):
        with pytest.raises(NotAReply):
            read_mail(raw[:LARGEST])

    assert time.thread_time() - began < (1.0 if soak else 4.0)


@given(st.binary(max_size=400), st.integers(0, 1500), st.integers(0, 300))
def test_any_damage_is_read_or_refused(noise: bytes, at: int, gone: int) -> None:
    whole = a_mail(GOOGLE, results="mx.example; dmarc=pass header.from=acme.example")
    with suppress(NotAReply):
        read_mail(whole[:at] + noise + whole[at + gone :]).authenticated("mx.example")


GATE = "mx.acme.example"
PASSED = f"{GATE}; spf=pass smtp.mailfrom=acme.example; dmarc=pass (p=REJECT dis=NONE) header.from=acme.example"


def vouched(*, gate: str = GATE, **given: object) -> str | None:
    return read_mail(a_mail(GOOGLE, **given)).authenticated(gate)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "results",
    [
        PASSED,
        PASSED.upper(),
        f"{GATE} 1;\r\n dkim=pass header.i=@acme.example;\r\n\tdmarc=pass action=none header.from=acme.example",
        f"{GATE}; dmarc=pass header.from=acme.example; arc=none (i=1)",
        f'{GATE}; spf=fail smtp.mailfrom="a; dmarc=fail"@acme.example; dmarc=pass header.from=acme.example',
    ],
)
def test_the_gateway_vouches_for_who_sent_it(results: str) -> None:
    assert vouched(results=results) == MIA


@pytest.mark.parametrize(
    "results",
    [
        None,
        "",
        GATE,
        f"{GATE}; none",
        PASSED.replace(GATE, "mx.evil.example"),
        PASSED.replace(GATE, f"{GATE}.evil.example"),
        PASSED.replace(GATE, f"({GATE}) mx.evil.example"),
        PASSED.replace("dmarc=pass", "dmarc=fail"),
        PASSED.replace("dmarc=pass", "dmarc=bestguesspass"),
        PASSED.replace("dmarc=pass", "x-dmarc=pass"),
        PASSED.replace("header.from=acme.example", "header.from=evil.example"),
        PASSED.replace("header.from=acme.example", "header.from=acme.example.evil.example"),
        PASSED.replace("header.from=acme.example", ""),
        f"{PASSED} header.from=evil.example",
        f"{GATE}; dmarc=fail (dmarc=pass header.from=acme.example) header.from=acme.example",
        f"{GATE}; spf=pass (; dmarc=pass header.from=acme.example)",
        f'{GATE}; spf=pass smtp.mailfrom="; dmarc=pass header.from=acme.example"@evil.example',
        f"{GATE}; spf=pass smtp.mailfrom=; dmarc=pass header.from=acme.example; dmarc=fail header.from=acme.example",
        f'{GATE}; spf=pass (a " b) smtp.mailfrom="; dmarc=pass header.from=acme.example',
    ],
)
def test_nothing_else_is_believed_of_a_sender(results: str | None) -> None:
    assert vouched(results=results) is None


def test_only_the_topmost_results_count_and_only_of_our_gateway() -> None:
    assert vouched(results=f"{GATE}; dmarc=fail", more=(f"Authentication-Results: {PASSED}",)) is None
    assert vouched(results="mx.evil.example; none", more=(f"Authentication-Results: {PASSED}",)) is None
    assert vouched(results=PASSED, gate="") is None
    assert vouched(results="; dmarc=pass header.from=acme.example", gate="") is None


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "Mia",
        f"{MIA}, eve@acme.example",
        f"{MIA} <eve@acme.example>",
        f"Mia <{MIA}>\r\nFrom: eve@acme.example",
        f"Mia <{MIA}>\r\nFrom: Mia",
    ],
)
def test_a_mail_with_no_sender_or_several_has_none_to_believe(sender: str) -> None:
    assert vouched(results=PASSED, sender=sender) is None


def test_an_address_in_a_name_is_only_a_name() -> None:
    assert addresses(f'"{MIA}" (max@acme.example) <Eve@Evil.Example>') == ["eve@evil.example"]
    assert bare('a "b\\"c" (d (e) \\) f) g').split() == ["a", "g"]
    assert [bare(open_).split() for open_ in ('a "b', "a (b", "a ) b")] == [["a"], ["a"], ["a", ")", "b"]]


def test_everybody_to_whom_it_went_is_known() -> None:
    raw = a_mail(GOOGLE, to="a@x.example, B <b@x.example>", more=("Delivered-To: c+1@x.example",))

    assert read_mail(raw).recipients == {"a@x.example", "b@x.example", "c+1@x.example"}
