"""Answers to one invite as calendars send them: the shape of each is kept, names and addresses are not."""

import base64
import quopri

UID = "ses_01jd6x0000e8r9sv4kz2m7n5qa@6f1k2m3n4p5q.earshot"
MIA = "mia@acme.example"


def lines(*several: str) -> str:
    return "\r\n".join(several) + "\r\n"


def a_calendar(
    *,
    method: str = "REPLY",
    uid: str = UID,
    attendee: str = MIA,
    partstat: str = "ACCEPTED",
    sequence: int = 0,
    stamp: str = "20261121T100000Z",
    more: tuple[str, ...] = ("DTSTART:20261123T100000Z", "DTEND:20261123T103000Z"),
) -> str:
    return lines(
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Somebody//Their calendar//EN",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        f"DTSTAMP:{stamp}",
        f"SEQUENCE:{sequence}",
        f"ATTENDEE;PARTSTAT={partstat}:mailto:{attendee}",
        *more,
        "END:VEVENT",
        "END:VCALENDAR",
    )


def a_mail(
    calendar: str,
    *,
    sender: str = f"Mia <{MIA}>",
    to: str = "Earshot <earshot@earshot.example>",
    results: str | None = None,
    more: tuple[str, ...] = (),
) -> bytes:
    """As Gmail sends it: three alternatives, and the same calendar attached."""
    given = [] if results is None else [f"Authentication-Results: {results}"]
    return lines(
        *given,
        *more,
        f"From: {sender}",
        f"To: {to}",
        "Subject: Accepted: 1:1",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="outer"',
        "",
        "--outer",
        'Content-Type: multipart/alternative; boundary="inner"',
        "",
        "--inner",
        'Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes',
        "",
        "Mia has accepted this invitation.",
        "--inner",
        'Content-Type: text/calendar; charset="UTF-8"; method=REPLY',
        "Content-Transfer-Encoding: 7bit",
        "",
        calendar.rstrip(),
        "--inner--",
        "",
        "--outer",
        'Content-Type: application/ics; name="invite.ics"',
        'Content-Disposition: attachment; filename="invite.ics"',
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(calendar.encode()).decode().rstrip().replace("\n", "\r\n"),
        "--outer--",
    ).encode()


GOOGLE = lines(
    "BEGIN:VCALENDAR",
    "PRODID:-//Google Inc//Google Calendar 70.9054//EN",
    "VERSION:2.0",
    "CALSCALE:GREGORIAN",
    "METHOD:REPLY",
    "BEGIN:VEVENT",
    "DTSTART:20261123T100000Z",
    "DTEND:20261123T103000Z",
    "DTSTAMP:20261121T101112Z",
    "ORGANIZER;CN=Earshot:mailto:earshot@earshot.example",
    f"UID:{UID}",
    "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=DECLINED;CN=Mia;X-NU",
    f" M-GUESTS=0:mailto:{MIA}",
    "CREATED:20261121T090000Z",
    "DESCRIPTION:https://earshot.example/s/ses_01jd6x0000e8r9sv4kz2m7n5qa",
    "LAST-MODIFIED:20261121T101111Z",
    "SEQUENCE:3",
    "STATUS:CONFIRMED",
    "SUMMARY:1:1: Max & Mia",
    "TRANSP:OPAQUE",
    "END:VEVENT",
    "END:VCALENDAR",
)
OUTLOOK = lines(
    "BEGIN:VCALENDAR",
    "METHOD:REPLY",
    "PRODID:Microsoft Exchange Server 2010",
    "VERSION:2.0",
    "BEGIN:VTIMEZONE",
    "TZID:GMT Standard Time",
    "BEGIN:STANDARD",
    "DTSTART:16010101T020000",
    "TZOFFSETFROM:+0100",
    "TZOFFSETTO:+0000",
    "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10",
    "END:STANDARD",
    "BEGIN:DAYLIGHT",
    "DTSTART:16010101T010000",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0100",
    "RRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3",
    "END:DAYLIGHT",
    "END:VTIMEZONE",
    "BEGIN:VEVENT",
    f"ATTENDEE;PARTSTAT=TENTATIVE;CN=Mia:MAILTO:{MIA}",
    "COMMENT;LANGUAGE=en-GB:\\n",
    f"UID:{UID}",
    "SUMMARY;LANGUAGE=en-GB:Tentative: 1:1: Max & Mia",
    "DTSTART;TZID=GMT Standard Time:20261123T100000",
    "DTEND;TZID=GMT Standard Time:20261123T103000",
    "CLASS:PUBLIC",
    "PRIORITY:5",
    "DTSTAMP:20261121T101112Z",
    "TRANSP:OPAQUE",
    "STATUS:CONFIRMED",
    "SEQUENCE:3",
    "LOCATION;LANGUAGE=en-GB:",
    "X-MICROSOFT-CDO-APPT-SEQUENCE:3",
    "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE",
    "END:VEVENT",
    "END:VCALENDAR",
)
"""Exchange leaves the ORGANIZER out."""
OUTLOOK_COUNTER = lines(
    "BEGIN:VCALENDAR",
    "METHOD:COUNTER",
    "PRODID:Microsoft Exchange Server 2010",
    "VERSION:2.0",
    "BEGIN:VEVENT",
    f"ATTENDEE;PARTSTAT=TENTATIVE;CN=Mia:MAILTO:{MIA}",
    f"UID:{UID}",
    "DTSTART;TZID=GMT Standard Time:20261123T140000",
    "DTEND;TZID=GMT Standard Time:20261123T143000",
    "DTSTAMP:20261121T101112Z",
    "SEQUENCE:3",
    "X-MS-OLK-ORIGINALSTART;TZID=GMT Standard Time:20261123T100000",
    "X-MS-OLK-ORIGINALEND;TZID=GMT Standard Time:20261123T103000",
    "END:VEVENT",
    "END:VCALENDAR",
)
APPLE = lines(
    "BEGIN:VCALENDAR",
    "CALSCALE:GREGORIAN",
    "PRODID:-//Apple Inc.//macOS 14.6//EN",
    "VERSION:2.0",
    "METHOD:REPLY",
    "BEGIN:VEVENT",
    "DTSTAMP:20261121T101112Z",
    "ORGANIZER;CN=Earshot:mailto:earshot@earshot.example",
    "SEQUENCE:3",
    f"UID:{UID}",
    f'ATTENDEE;CN="Mia";CUTYPE=INDIVIDUAL;EMAIL="{MIA}";PARTSTAT=ACCEPTED:/aMTc0NzY1NDM/principal/',
    "END:VEVENT",
    "END:VCALENDAR",
)
"""No time in it, and iCloud's own name for who answers."""


def outlook_mail(calendar: str) -> bytes:
    """One alternative beside the text, in base 64, its parameters in Outlook's order."""
    return lines(
        f"From: =?utf-8?B?TWlh?= <{MIA.upper()}>",
        "To: Earshot <earshot@earshot.example>",
        "Content-Type: multipart/alternative;",
        '\tboundary="_000_DB9PR_"',
        "",
        "--_000_DB9PR_",
        'Content-Type: text/plain; charset="us-ascii"',
        "",
        "",
        "--_000_DB9PR_",
        'Content-Type: text/calendar; charset="utf-8"; method=REPLY',
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(calendar.encode()).decode().rstrip().replace("\n", "\r\n"),
        "",
        "--_000_DB9PR_--",
    ).encode()


def apple_mail(calendar: str) -> bytes:
    """The calendar alone, quoted-printable, in a mail with bare line feeds."""
    body = quopri.encodestring(calendar.replace("\r\n", "\n").encode(), quotetabs=True).decode()
    head = f"From: Mia <{MIA}>\nTo: earshot@earshot.example\nContent-Type: text/calendar; method=REPLY\n"
    return f"{head}Content-Transfer-Encoding: quoted-printable\n\n{body}".encode()
