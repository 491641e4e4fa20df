"""Each rule for the calendars that we send is broken in a file that keeps it, and the checkers must see that.

The rules are those of RFC 5545, 5546, 6047 and 7986, and of what Outlook, Google and Apple are known to want beyond.
"""

import ast
import inspect
import re
from collections.abc import Callable

import pytest

from tests.ical import checker, mail_checker, revision_checker
from tests.ical.checker import problems
from tests.ical.entry_examples import CUSTOMER, JUNIOR
from tests.ical.mail_checker import calendar_of, mail_problems
from tests.ical.revision_checker import revision_problems
from tests.ical.test_ical_golden import golden

Change = Callable[[bytes], bytes]

GOLDEN = golden()
METHODS = {"feed.ics": None, "cancel.ics": "CANCEL", "cancelled_series.ics": "CANCEL"}
METHODS |= {"counter_declined.ics": "DECLINECOUNTER"}
NEW_YORK = "TZID=America/New_York"
ALARM = "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:P0D\r\nEND:VALARM\r\n"


def swap(old: str, new: str) -> Change:
    return lambda data: data.replace(old.encode(), new.encode(), 1)


def everywhere(old: str, new: str) -> Change:
    return lambda data: data.replace(b"\r\n ", b"").replace(old.encode(), new.encode())


def without(name: str) -> Change:
    """Leave out the first line of this name, with its folds."""
    return lambda data: re.sub(rb"\r\n" + name.encode() + rb"[;:][^\r]*(\r\n [^\r]*)*", b"", data, count=1)


def twice(line: str) -> Change:
    return swap(f"{line}\r\n", f"{line}\r\n{line}\r\n")


def without_zone(data: bytes) -> bytes:
    return re.sub(rb"BEGIN:VTIMEZONE.*END:VTIMEZONE\r\n", b"", data, flags=re.DOTALL)


def zone_last(data: bytes) -> bytes:
    zone = re.findall(rb"BEGIN:VTIMEZONE.*END:VTIMEZONE\r\n", data, flags=re.DOTALL)[0]
    return without_zone(data).replace(b"END:VCALENDAR", zone + b"END:VCALENDAR")


def last_event_again(data: bytes) -> bytes:
    end = data.rindex(b"END:VCALENDAR")
    return data[:end] + data[data.rindex(b"BEGIN:VEVENT") :]


def other_attachment(data: bytes) -> bytes:
    before, boundary, attached = data.rpartition(b"invite.ics")
    return before + boundary + attached.replace(b"QkVHSU46", b"QkVHSU47", 1)


def found(name: str, data: bytes) -> str:
    """What the checker says of a file that should be as the golden one of this name."""
    if name.endswith(".eml"):
        return "; ".join(mail_problems(data, customers=[CUSTOMER]))
    method = METHODS.get(name, "REQUEST")
    recipient = None if method is None else JUNIOR.email
    return "; ".join(problems(data, method=method, recipient=recipient, customers=[CUSTOMER]))


BROKEN: list[tuple[str, Change, str]] = [
    # Bytes: CRLF, 75 octets, folded between characters, no control characters
    ("invite.ics", swap("\r\nUID", "\nUID"), "bare CR or LF"),
    ("invite.ics", swap("\r\nUID", "\r\r\nUID"), "bare CR or LF"),
    ("feed.ics", lambda data: data.replace(b"\r\n", b"\n"), "bare CR or LF"),
    ("invite.ics", lambda data: data[:-2], "does not end in CRLF"),
    ("invite.ics", swap("SUMMARY:Listen", "SUMMARY:" + "x" * 68 + "\r\n Listen"), "line of 76 octets"),
    ("invite.ics", lambda data: data.replace("ü".encode(), b"\xc3\r\n \xbc", 1), "folded inside a character"),
    ("invite.ics", swap("SUMMARY:", "SUMMARY:\x07"), "control character"),
    ("invite.ics", swap("SUMMARY:", "SUMMARY:\x00"), "control character"),
    ("invite.ics", swap(r"Demo\,", "Demo,"), "SUMMARY is not escaped"),
    ("invite.ics", swap(r"”.\n", r"”.\t"), "DESCRIPTION is not escaped"),
    ("invite.ics", swap("VERSION:2.0", "VERSION 2.0"), "not a content line"),
    ("invite.ics", swap("END:VALARM", "END:VEVENT"), "closes nothing"),
    ("invite.ics", lambda data: data + data, "not one whole VCALENDAR"),
    # The calendar: one METHOD, that of the mail; a feed has none
    ("invite.ics", without("VERSION"), "VERSION or PRODID missing"),
    ("invite.ics", without("PRODID"), "VERSION or PRODID missing"),
    ("invite.ics", without("METHOD"), "METHOD is not that of the mail"),
    ("invite.ics", twice("METHOD:REQUEST"), "METHOD is not that of the mail"),
    ("invite.ics", swap("METHOD:REQUEST", "METHOD:PUBLISH"), "METHOD is not that of the mail"),
    ("cancel.ics", swap("METHOD:CANCEL", "METHOD:REQUEST"), "METHOD is not that of the mail"),
    ("feed.ics", swap("VERSION:2.0", "VERSION:2.0\r\nMETHOD:PUBLISH"), "METHOD is not that of the mail"),
    ("feed.ics", swap("VERSION:2.0", "VERSION:2.0\r\nMETHOD:REQUEST"), "METHOD is not that of the mail"),
    ("feed.ics", everywhere("VEVENT", "VTODO"), "something else than events and zones"),
    ("feed.ics", swap("ses_2@", "ses_1@"), "UID twice"),
    ("series.ics", without("RECURRENCE-ID"), "UID twice"),
    ("series.ics", swap("UID:ses_4@", "UID:ses_5@"), "a message is about one event"),
    ("feed.ics", swap("REFRESH-INTERVAL;VALUE=DURATION", "REFRESH-INTERVAL"), "REFRESH-INTERVAL without VALUE"),
    ("feed.ics", without("REFRESH-INTERVAL"), "REFRESH-INTERVAL) is there 0 times"),
    ("feed.ics", without("NAME"), "NAME (of a feed"),
    ("feed.ics", without("X-WR-CALNAME"), "X-WR-CALNAME (of a feed"),
    ("feed.ics", without("X-WR-TIMEZONE"), "X-WR-TIMEZONE (of a feed"),
    ("feed.ics", without("X-PUBLISHED-TTL"), "X-PUBLISHED-TTL (of a feed"),
    # Times: UTC for what happens once, a zone that is written with it for series
    *(
        ("invite.ics", without(name), f"{name} is there 0 times")
        for name in ("DTSTAMP", "LAST-MODIFIED", "CREATED", "DTSTART", "DTEND", "UID", "SEQUENCE", "SUMMARY", "TRANSP")
    ),
    ("invite.ics", twice("UID:ses_1@7f3a.earshot"), "UID is there 2 times"),
    ("invite.ics", swap("DTSTART:20260304T120000Z", "DTSTART:20260304T120000"), "DTSTART is a floating time"),
    ("invite.ics", swap("DTEND:20260304T124500Z", "DTEND:20260304T124500"), "DTEND is not an instant in UTC"),
    ("invite.ics", swap("DTSTAMP:20260301T093000Z", "DTSTAMP:20260301T093000"), "DTSTAMP is not an instant in UTC"),
    ("invite.ics", swap("DTSTART:20260304T120000Z", "DTSTART;VALUE=DATE:20260304"), "DTSTART is a floating time"),
    (
        "invite.ics",
        swap("DTSTART:20260304T120000Z", "DTSTART;TZID=Europe/Berlin:20260304T120000"),
        "a zone or an EXDATE without a rule",
    ),
    ("invite.ics", swap("DTSTAMP:2026", "DTSTAMP:2027"), "DTSTAMP is not LAST-MODIFIED"),
    ("invite.ics", swap("DTSTART:2026", "DTSTART:2027"), "ends before it starts"),
    ("series.ics", everywhere(f";{NEW_YORK}:", ":"), "DTSTART is a floating time"),
    ("series.ics", without_zone, "the zones are not those that are used"),
    ("counter_declined.ics", without_zone, "the zones are not those that are used"),
    ("series.ics", swap("TZID:America/New_York", "TZID:America/Chicago"), "the zones are not those that are used"),
    ("series.ics", everywhere("America/New_York", "America/Chicago"), "other offsets than its place"),
    ("series.ics", everywhere("America/New_York", "Eastern Standard Time"), "other offsets than its place"),
    ("series.ics", swap("TZOFFSETTO:-0400", "TZOFFSETTO:-0300"), "other offsets than its place"),
    ("series.ics", swap("BYMONTH=11;BYDAY=1SU", "BYMONTH=10;BYDAY=1SU"), "other offsets than its place"),
    ("series.ics", zone_last, "a zone comes after an event"),
    ("series.ics", swap("TZID:America/New_York", "TZID:America/New_York\r\nCOMMENT:x"), "a TZID and its observances"),
    (
        "series.ics",
        swap("RRULE:FREQ=YEARLY", "RDATE:20270101T000000\r\nRRULE:FREQ=YEARLY"),
        "an observance without its",
    ),
    ("series.ics", swap("FREQ=YEARLY", "FREQ=MONTHLY"), "an observance without a yearly rule"),
    ("series.ics", swap("TZOFFSETTO:-0400", "TZOFFSETTO:-4"), "an observance that cannot be read"),
    # Series: a rule that ends, exceptions in the zone of the series and of its revision
    ("series.ics", swap(";COUNT=6", ""), "RRULE is not one of ours"),
    ("series.ics", swap(";COUNT=6", ";UNTIL=20261201"), "RRULE is not one of ours"),
    ("series.ics", swap("FREQ=WEEKLY", "FREQ=SECONDLY"), "RRULE is not one of ours"),
    ("series.ics", twice("RRULE:FREQ=WEEKLY;COUNT=6"), "RRULE is not one of ours"),
    ("series.ics", without("RRULE:FREQ=WEEKLY"), "a zone or an EXDATE without a rule"),
    ("series.ics", swap(f"DTSTART;{NEW_YORK}:20261013T100000", "DTSTART:20261013T140000Z"), "a series is in one zone"),
    ("series.ics", swap(f"EXDATE;{NEW_YORK}:20261020T100000", "EXDATE:20261020T140000Z"), "a series is in one zone"),
    ("series.ics", swap(f"EXDATE;{NEW_YORK}:20261020", f"EXDATE;{NEW_YORK}:20261103"), "what does not happen"),
    (
        "series.ics",
        swap(f"RECURRENCE-ID;{NEW_YORK}:20261103T100000", "RECURRENCE-ID:20261103T150000Z"),
        "RECURRENCE-ID without a series in its zone",
    ),
    ("counter_declined.ics", swap(f"ID;{NEW_YORK}:", "ID:"), "RECURRENCE-ID without a series in its zone"),
    ("series.ics", swap("SEQUENCE:2", "SEQUENCE:1"), "an override of another revision"),
    ("series.ics", last_event_again, "RECURRENCE-ID twice"),
    # People: who arranges it, and colleagues alone
    ("invite.ics", without("ORGANIZER"), "ORGANIZER is there 0 times"),
    ("invite.ics", everywhere("mailto:calendar@earshot.example", "Earshot"), "ORGANIZER is not a mail address"),
    ("invite.ics", everywhere("mailto:jo@acme.example", "jo"), "ATTENDEE is not a mail address"),
    ("invite.ics", everywhere("mailto:jo@", "mailto:somebody@"), "the recipient is not among the attendees"),
    ("invite.ics", everywhere("ana@acme", "jo@acme"), "ATTENDEE twice"),
    ("cancel.ics", lambda data: without("ATTENDEE")(without("ATTENDEE")(data)), "message without ATTENDEE"),
    ("invite.ics", everywhere("ROLE=REQ-PARTICIPANT;", ""), "ATTENDEE without ROLE or PARTSTAT"),
    ("invite.ics", everywhere("PARTSTAT=ACCEPTED;", ""), "ATTENDEE without ROLE or PARTSTAT"),
    ("invite.ics", everywhere(";RSVP=TRUE", ""), "RSVP is for requests, and for all of them"),
    ("feed.ics", swap("PARTSTAT=ACCEPTED", "RSVP=TRUE;PARTSTAT=ACCEPTED"), "RSVP is for requests"),
    ("cancel.ics", swap("PARTSTAT=ACCEPTED", "RSVP=TRUE;PARTSTAT=ACCEPTED"), "RSVP is for requests"),
    ("invite.ics", swap("BEGIN:VALARM", f"ATTENDEE:mailto:{CUSTOMER}\r\nBEGIN:VALARM"), f"customer address {CUSTOMER}"),
    ("feed.ics", swap("LOCATION:", f"LOCATION:{CUSTOMER} "), f"customer address {CUSTOMER}"),
    # What it says
    ("invite.ics", without("STATUS"), "STATUS is none"),
    ("invite.ics", swap("SEQUENCE:0", "SEQUENCE:-1"), "SEQUENCE is not a number"),
    ("invite.ics", swap("UID:ses_1@7f3a.earshot", "UID:ses_1"), "UID is not something@somewhere"),
    ("invite.ics", swap("STATUS:CONFIRMED", "STATUS:CANCELLED"), "REQUEST of a cancelled event"),
    ("cancel.ics", swap("STATUS:CANCELLED", "STATUS:CONFIRMED"), "CANCEL with another STATUS"),
    ("cancel.ics", without("STATUS"), "CANCEL with another STATUS"),
    ("cancel.ics", swap("TRANSP:TRANSPARENT", "TRANSP:OPAQUE"), "a cancelled event blocks time"),
    ("feed.ics", swap("SUMMARY:Cancelled: ", "SUMMARY:"), "a feed does not say that an event is cancelled"),
    ("feed.ics", swap("BUSYSTATUS:FREE", "BUSYSTATUS:BUSY"), "Outlook is told something else about the time"),
    ("invite.ics", without("X-MICROSOFT-CDO-BUSYSTATUS"), "Outlook is told something else about the time"),
    ("invite.ics", swap("VALUE=URI:", "X-V=URI:"), "CONFERENCE without VALUE=URI or FEATURE"),
    ("invite.ics", swap("FEATURE=VIDEO", "X-F=VIDEO"), "CONFERENCE without VALUE=URI or FEATURE"),
    ("invite.ics", swap("ACTION:DISPLAY", "ACTION:EMAIL"), "not a DISPLAY alarm"),
    ("invite.ics", without("TRIGGER"), "alarm without DESCRIPTION or TRIGGER"),
    ("invite.ics", swap("END:VEVENT", f"{ALARM}END:VEVENT"), "rings more than once"),
    ("cancel.ics", swap("END:VEVENT", f"{ALARM}END:VEVENT"), "alarm for a cancelled event"),
    # The mail around it
    ("invite.eml", swap("Technik", "Téchnik"), "not ASCII"),
    ("invite.eml", swap("You listen", "You\nlisten"), "bare CR or LF in the mail"),
    ("invite.eml", swap("You listen", "You listen" + " in" * 30), "a line of the mail is too long"),
    ("invite.eml", swap("multipart/mixed", "multipart/related"), "not an alternative and then an attachment"),
    ("invite.eml", swap("multipart/alternative", "multipart/related"), "not an alternative and then an attachment"),
    ("invite.eml", swap("text/html", "text/plain"), "the alternatives are not text, HTML and calendar"),
    ("invite.eml", swap("method=REQUEST", "method=CANCEL"), "METHOD is not that of the mail"),
    ("invite.eml", swap("; method=REQUEST", ""), "METHOD is not that of the mail"),
    ("invite.eml", swap("/calendar; charset=UTF-8", "/calendar; charset=ISO-8859-1"), "charset is not UTF-8"),
    (
        "invite.eml",
        swap("method=REQUEST\r\n", "method=REQUEST\r\nContent-Disposition: attachment\r\n"),
        "the calendar has a disposition",
    ),
    ("invite.eml", other_attachment, "another calendar is attached"),
    ("invite.eml", swap("Content-Disposition: attachment", "Content-Disposition: inline"), "another calendar is"),
    ("invite.eml", without("Auto-Submitted"), "Auto-Submitted is there 0 times"),
    ("invite.eml", swap("auto-generated", "no"), "an out-of-office note may come back"),
    ("invite.eml", without("Message-ID"), "Message-ID is there 0 times"),
    ("invite.eml", swap("<jo@acme.example>", "<jo@acme.example>, <ana@acme.example>"), "not to one person"),
    ("invite.eml", swap("Auto-Sub", f"Bcc: {CUSTOMER}\r\nAuto-Sub"), "not to one person"),
    ("invite.eml", swap("<jo@acme.example>", "<max@acme.example>"), "the recipient is not among the attendees"),
    ("invite.eml", swap("<calendar@earshot.example>", "<no-reply@earshot.example>"), "answers to the ORGANIZER"),
]

REVISIONS: list[tuple[str, str, Change, str]] = [
    ("invite.ics", "update.ics", swap("SEQUENCE:1", "SEQUENCE:0"), "SEQUENCE did not grow"),
    ("update.ics", "cancel.ics", swap("SEQUENCE:2", "SEQUENCE:0"), "SEQUENCE did not grow"),
    ("series.ics", "cancelled_series.ics", swap("SEQUENCE:3", "SEQUENCE:2"), "SEQUENCE did not grow"),
    ("invite.ics", "update.ics", swap("DTSTAMP:20260301T10", "DTSTAMP:20260301T09"), "DTSTAMP did not grow"),
    ("invite.ics", "update.ics", everywhere("mailto:calendar@", "mailto:desk@"), "another ORGANIZER"),
    ("update.ics", "cancel.ics", swap("UID:ses_1", "UID:ses_1-cancelled"), "another UID"),
    ("invite.ics", "update.ics", swap("UID:ses_1@7f3a.earshot", "UID:ses_1@web-2.example"), "another UID"),
    ("invite.ics", "update.ics", swap("CREATED:2026", "CREATED:2027"), "another CREATED"),
    ("update.ics", "cancel.ics", everywhere("PARTSTAT=ACCEPTED", "PARTSTAT=NEEDS-ACTION"), "an answer is forgotten"),
]


@pytest.mark.parametrize(("name", "change", "complaint"), BROKEN)
def test_a_rule_that_is_broken_in_a_golden_file_is_seen(name: str, change: Change, complaint: str) -> None:
    damaged = change(GOLDEN[name])

    assert damaged != GOLDEN[name]
    assert complaint in found(name, damaged)


@pytest.mark.parametrize(("earlier", "later", "change", "complaint"), REVISIONS)
def test_an_update_that_calendars_would_drop_or_show_twice_is_seen(
    earlier: str, later: str, change: Change, complaint: str
) -> None:
    damaged = change(GOLDEN[later])

    assert damaged != GOLDEN[later]
    assert complaint in "; ".join(revision_problems(GOLDEN[earlier], damaged))


def test_the_golden_files_themselves_have_no_problem() -> None:
    assert {name for name, data in GOLDEN.items() if found(name, data)} == {"freebusy.ics"}  # neither event nor zone
    assert revision_problems(GOLDEN["invite.ics"], GOLDEN["update.ics"]) == []
    assert revision_problems(GOLDEN["update.ics"], GOLDEN["cancel.ics"]) == []
    assert revision_problems(GOLDEN["series.ics"], GOLDEN["cancelled_series.ics"]) == []
    assert calendar_of(GOLDEN["invite.eml"]) == GOLDEN["invite.ics"]


def test_there_is_a_broken_file_for_everything_that_the_checkers_complain_of() -> None:
    said = [found(name, change(GOLDEN[name])) for name, change, _ in BROKEN]
    for earlier, later, change, _ in REVISIONS:
        said += revision_problems(GOLDEN[earlier], change(GOLDEN[later]))

    assert [words for words in complaints() if not any(re.search(words, line) for line in said)] == []


def complaints() -> list[str]:
    """What the checkers can say, as patterns, from their code: whatever they yield as text."""
    patterns = []
    for module in (checker, mail_checker, revision_checker):
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Yield) and isinstance(node.value, ast.Constant | ast.JoinedStr):
                parts = node.value.values if isinstance(node.value, ast.JoinedStr) else [node.value]
                texts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts]
                patterns.append("".join(texts))
    return patterns
