"""What is believed of delivery reports, and what hostile ones can do: nothing, in no time."""

import time
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.bounces import LONGEST_REPORT, Bounce, NotAReport, blames_address, bounces, first_status
from tests.worlds import worlds

MESSAGE_ID = "ntc_01jd6x0000e8r9sv4kz2m7n5qe@6f1k.earshot"
JO = "jo@acme.example"


def a_report(
    *,
    action: str = "failed",
    status: str = "5.1.1",
    final: str = f"rfc822; {JO}",
    original: str = "",
    words: str = "smtp; 550 5.1.1 no such mailbox",
    of_the_message: str = "Reporting-MTA: dns; relay.example",
    returned: str = f"From: earshot@earshot.example\nTo: Jo <{JO}>\nMessage-ID: <{MESSAGE_ID}>\nSubject: hello\n",
    returned_type: str = "text/rfc822-headers",
    content_type: str = 'multipart/report; report-type=delivery-status; boundary="=_b"',
    status_type: str = "message/delivery-status",
) -> bytes:
    fields = [f"Final-Recipient: {final}", f"Action: {action}", f"Status: {status}", f"Diagnostic-Code: {words}"]
    if original:
        fields.append(f"Original-Recipient: {original}")
    lines = [
        "From: MAILER-DAEMON@relay.example",
        "Message-ID: <the-report@relay.example>",
        f"Content-Type: {content_type}",
        "",
        "This is a MIME mail.",
        "--=_b",
        "Content-Type: text/plain",
        "",
        "Sorry.",
        "--=_b",
        f"Content-Type: {status_type}",
        "",
        of_the_message,
        "",
        *fields,
        "",
        "--=_b",
        f"Content-Type: {returned_type}",
        "",
        returned,
        "--=_b--",
        "",
    ]
    return "\r\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n").encode()


def the_bounce(raw: bytes) -> Bounce:
    (found,) = bounces(raw)
    return found


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"Subject: out of office\r\n\r\nI am away.\r\n",
        b"\xff\xfe\x00" * 100,
        a_report(content_type='multipart/mixed; boundary="=_b"'),
        a_report(content_type='multipart/report; report-type=disposition-notification; boundary="=_b"'),
        a_report(content_type="multipart/report; report-type=delivery-status"),
        a_report(content_type='multipart/report; report-type=delivery-status; boundary=""'),
        a_report(content_type='multipart/report; report-type=delivery-status; boundary="other"'),
        a_report(status_type="text/plain"),
        a_report(status_type="message/delivery-status\nContent-Transfer-Encoding: base64"),
        b"x" * (LONGEST_REPORT + 1),
    ],
)
def test_a_mail_that_is_no_delivery_report_is_said_to_be_none(raw: bytes) -> None:
    with pytest.raises(NotAReport):
        bounces(raw)


@pytest.mark.parametrize(
    "raw",
    [
        a_report(action="delayed", status="4.4.1"),
        a_report(action="delayed", status="5.1.1"),
        a_report(action="delivered", status="2.0.0"),
        a_report(action="relayed"),
        a_report(action="expanded"),
        a_report(action=""),
        a_report(status="4.4.7"),
        a_report(status="2.1.1"),
        a_report(status="5"),
        a_report(status="5.1.1234"),
        a_report(status=""),
        a_report(returned="From: earshot@earshot.example\n"),
        a_report(returned="Message-ID: \n"),
        a_report(returned_type="application/octet-stream"),
    ],
)
def test_what_was_not_given_up_for_good_or_names_no_mail_is_no_bounce(raw: bytes) -> None:
    assert bounces(raw) == []


def test_a_bounce_says_which_mail_did_not_arrive_where_and_why() -> None:
    found = the_bounce(a_report(original="rfc822;Jo.Doe@Acme.Example", final="RFC822; <relay-42@inner.example>"))

    assert found == Bounce(
        message_id=MESSAGE_ID,
        recipients=frozenset({JO, "jo.doe@acme.example", "relay-42@inner.example"}),
        status="5.1.1",
        words="550 5.1.1 no such mailbox",
    )


@pytest.mark.parametrize(
    "raw",
    [
        a_report(action="Failed (undeliverable)"),
        a_report(status="5.1.1 (no such mailbox)"),
        a_report(returned_type="message/rfc822"),
        a_report(returned_type="Message/RFC822; charset=utf-8"),
        a_report(returned_type="message/rfc822-headers"),
        a_report(returned_type="message/global-headers", status_type="message/global-delivery-status"),
        a_report(returned=f"to: {JO}\nmessage-id:\n <{MESSAGE_ID}>\n"),
        a_report(returned=f"Message-ID: {MESSAGE_ID}\n\nHello,\nMessage-ID: <other@evil.example>\n"),
        a_report(returned="", of_the_message=f"Original-Envelope-Id: {MESSAGE_ID}\nReporting-MTA: dns; x"),
        a_report(content_type='MULTIPART/Report;\n\tReport-Type="delivery-status";\n\tboundary="=_b"'),
        a_report(content_type="multipart/report; boundary==_b; report-type=delivery-status; charset=x"),
        a_report().replace(b"\r\n", b"\n"),
    ],
)
def test_reports_are_read_however_they_are_written(raw: bytes) -> None:
    found = the_bounce(raw)

    assert (found.message_id, found.status) == (MESSAGE_ID, "5.1.1")
    assert JO in found.recipients


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "7bit"])
def test_a_report_by_another_writer_is_read(encoding: str) -> None:
    report = MIMEMultipart("report", report_type="delivery-status")
    report.attach(MIMEText("Sorry."))
    fields = f"Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; {JO}\nAction: failed\nStatus: 5.0.0\n"
    status = Message()
    status["Content-Type"] = "x/y"  # the package would write a status as it likes
    status["Content-Transfer-Encoding"] = encoding
    encoded = MIMEText(fields, "plain", "utf-8").get_payload() if encoding == "base64" else fields
    status.set_payload(encoded)
    report.attach(status)
    original = Message()
    original["Message-ID"] = f"<{MESSAGE_ID}>"
    original.set_payload("--=_b--\n" * 3)
    report.attach(MIMEMessage(original))

    found = the_bounce(report.as_bytes().replace(b"x/y", b"message/delivery-status"))

    assert found == Bounce(MESSAGE_ID, frozenset({JO}), "5.0.0", "")


def test_each_recipient_has_a_fate_of_their_own() -> None:
    others = "Final-Recipient: rfc822; late@acme.example\nAction: delayed\nStatus: 4.2.0\n\n" + (
        "Final-Recipient: rfc822; gone@acme.example\nAction: failed\nStatus: 5.1.2\n"
    )

    found = bounces(
        a_report(of_the_message=f"Reporting-MTA: dns; x\n\n{others}", returned=f"Message-ID: <{MESSAGE_ID}>")
    )

    assert [(sorted(one.recipients), one.status) for one in found] == [
        (["gone@acme.example"], "5.1.2"),
        ([JO], "5.1.1"),
    ]


@pytest.mark.parametrize(
    ("status", "words", "read"),
    [
        ("5.0.0", "smtp; 550 5.7.1 blocked", "5.7.1"),
        ("5.0.0", "smtp; 550-5.2.1 closed", "5.2.1"),
        ("5.0.0", "smtp; 550 no", "5.0.0"),
        ("5.1.1", "smtp; 550 5.7.1 blocked", "5.1.1"),
    ],
)
def test_a_status_that_says_nothing_is_read_from_the_words_of_the_server(status: str, words: str, read: str) -> None:
    assert the_bounce(a_report(status=status, words=words)).status == read


def test_hostile_words_are_one_printable_line_and_not_long() -> None:
    hostile = "smtp; 550 \x1b[31mno\x00\u202e <script>\n\talert(1)</script>" + "x" * 5000

    words = the_bounce(a_report(words=hostile)).words

    assert words.isascii()
    assert words.isprintable()
    assert words.startswith("550 [31mno <script> alert(1)</script>x")
    assert len(words) == 200


@pytest.mark.parametrize(
    "final",
    [
        "",
        "rfc822;",
        "x400; /C=de/",
        "rfc822; jo",
        "rfc822; @acme.example",
        "rfc822; " + "j" * 300 + "@acme.example",
        ";",
    ],
)
def test_what_is_no_address_names_nobody(final: str) -> None:
    assert the_bounce(a_report(final=final, returned=f"Message-ID: <{MESSAGE_ID}>")).recipients == frozenset()


@pytest.mark.parametrize(
    "raw",
    [
        a_report(of_the_message="\n\n".join(f"Final-Recipient: rfc822; p{n}@x.example" for n in range(20_000))),
        a_report(of_the_message=" \n" * 400_000),
        a_report(words="x; " + "y" * 900_000),
        a_report(words="\n ".join("y" * 70 for _ in range(13_000))),
        a_report(returned="To: " + "<@" * 400_000),
        a_report(returned="\n".join(f"X-{n}: y" for n in range(90_000))),
        a_report(content_type="multipart/report" + "; boundary = " * 60_000),
        a_report(content_type="multipart/report;" + " " * 900_000 + "boundary=b"),
        a_report(content_type="multipart/report; report-type=delivery-status; boundary=" + "b" * 900_000),
        a_report(returned="--=_b\n" * 150_000),
        a_report(returned="--=_b" + " " * 900_000 + "x"),
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=a\n\n"
        + b"".join(b"--%d\nContent-Type: multipart/mixed; boundary=%d\n\n" % (n, n + 1) for n in range(18_000)),
        b"a" * LONGEST_REPORT,
        b"\n" * LONGEST_REPORT,
        b"a: b\n" * (LONGEST_REPORT // 5),
        b" \n" * (LONGEST_REPORT // 2),
        b"<" * LONGEST_REPORT,
    ],
    ids=range(17),
)
def test_a_hostile_megabyte_is_read_in_no_time(raw: bytes, soak: bool) -> None:
    started = time.thread_time()
    try:
        found = bounces(raw[:LONGEST_REPORT])
    except NotAReport:
        found = []

    assert time.thread_time() - started < (0.5 if soak else 2.0)
    assert len(found) <= 100


@settings(max_examples=worlds(300))
@given(noise=st.lists(st.tuples(st.integers(0, 900), st.binary(max_size=8)), max_size=8))
def test_noise_makes_another_report_or_none_and_never_an_accident(noise: list[tuple[int, bytes]]) -> None:
    raw = a_report(original="rfc822; jo@acme.example")
    for place, bytes_ in noise:
        raw = raw[:place] + bytes_ + raw[place + len(bytes_) :]

    try:
        found = bounces(raw)
    except NotAReport:
        return
    for one in found:
        assert one.words.isascii()
        assert one.status.startswith("5.")
        assert 0 < len(one.message_id) <= 254


@pytest.mark.parametrize("status", ["5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.6", "5.1.10", "5.2.1", "5.4.1", "5.4.4"])
def test_a_mailbox_that_is_not_there_is_the_fault_of_the_address(status: str) -> None:
    assert blames_address(status)


@pytest.mark.parametrize(
    "status", ["4.1.1", "2.1.5", "5.1.7", "5.1.8", "5.2.2", "5.2.3", "5.3.4", "5.5.0", "5.6.1", "5.7.1", "5.7.26", ""]
)
def test_a_mail_that_was_too_big_or_unwelcome_is_not(status: str) -> None:
    assert not blames_address(status)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1 no", "5.1.1"),
        ("4.7.0", "4.7.0"),
        ("no 5.1.1", None),
        ("", None),
        ("6.1.1", None),
        ("5.1.1.1.1", "5.1.1"),
    ],
)
def test_the_status_is_what_the_text_begins_with(text: str, status: str | None) -> None:
    assert first_status(text) == status
