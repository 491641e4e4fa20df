import email
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import cast

import pytest
from hypothesis import given, settings

from app.ical.entries import Attendee, Organizer
from app.ical.imip import letter, message
from app.ical.itip import cancel, request
from app.ical.write import Method
from tests.ical.entry_examples import CALENDAR_DESK, CUSTOMER, JUNIOR, an_entry, hostile_text
from tests.worlds import worlds

HEADERS = {
    "Content-Type",
    "MIME-Version",
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
}


def a_mail(
    *,
    calendar: bytes | None = None,
    method: Method = "REQUEST",
    sender: Organizer = CALENDAR_DESK,
    recipient: Attendee = JUNIOR,
    subject: str = "Invitation: demo with Ana",
    text: str = "You listen in.\n",
    html: str = "<p>You listen in.</p>\n",
    message_id: str = "ses_1.0.request@7f3a.earshot",
) -> bytes:
    return message(
        calendar=request(an_entry()) if calendar is None else calendar,
        method=method,
        sender=sender,
        recipient=recipient,
        subject=subject,
        text=text,
        html=html,
        message_id=message_id,
        date=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    )


def a_letter(
    *,
    sender: Organizer = CALENDAR_DESK,
    recipient: Attendee = JUNIOR,
    subject: str = "Tomorrow: demo with Ana",
    text: str = "Tomorrow you listen in.\n",
    html: str = "<p>Tomorrow you listen in.</p>\n",
    message_id: str = "ntc_1@7f3a.earshot",
    unsubscribe_url: str | None = None,
) -> bytes:
    return letter(
        sender=sender,
        recipient=recipient,
        subject=subject,
        text=text,
        html=html,
        message_id=message_id,
        date=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        unsubscribe_url=unsubscribe_url,
    )


def parts_of(mail: bytes) -> tuple[EmailMessage, list[EmailMessage], EmailMessage]:
    """The mail, its alternatives, and what is attached."""
    whole = email.message_from_bytes(mail, policy=default)
    alternatives, attached = cast(list[EmailMessage], list(whole.iter_parts()))
    return whole, cast(list[EmailMessage], list(alternatives.iter_parts())), attached


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jo",
        "jo@acme.example\r\nBcc: x@y.example",
        "jo@acme.example\n",
        "jo@acme.example, buyer@customer.example",
        "<jo@acme.example>",
        '"jo"@acme.example',
        "jö@acme.example",
        "jo @acme.example",
        "j" * 300 + "@acme.example",
    ],
)
def test_an_address_that_is_none_is_refused_wherever_it_stands(address: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        a_mail(recipient=Attendee("Jo", address))
    with pytest.raises(ValueError, match="not an address"):
        a_mail(sender=Organizer("Earshot", address))
    with pytest.raises(ValueError, match="not an address"):
        a_mail(message_id=address)


def test_a_mail_whose_method_is_not_that_of_its_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="METHOD is not CANCEL"):
        a_mail(calendar=request(an_entry()), method="CANCEL")


@settings(max_examples=worlds(100))
@given(words=hostile_text())
def test_hostile_words_stay_inside_their_header_and_their_part(words: str) -> None:
    calendar = request(an_entry(summary=words, attendees=(Attendee(words, JUNIOR.email),)))

    mail = a_mail(
        calendar=calendar,
        sender=Organizer(words, CALENDAR_DESK.email),
        recipient=Attendee(words, JUNIOR.email),
        subject=words,
        text=words,
        html=words,
    )

    assert mail.isascii()
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert max(map(len, mail.split(b"\r\n"))) <= 76  # RFC 2045 section 6, RFC 2047 section 2
    # The sets of headers and people are exactly ours, for a reader that decodes everything.
    for policy in (default, SMTP):
        whole = email.message_from_bytes(mail, policy=policy)
        assert set(whole.keys()) == HEADERS
        assert len(whole.keys()) == len(HEADERS)
    whole, alternatives, attached = parts_of(mail)
    assert [a.addr_spec for a in whole["To"].addresses] == [JUNIOR.email]
    assert [a.addr_spec for a in whole["From"].addresses] == [CALENDAR_DESK.email]
    assert len(alternatives) == 3
    assert alternatives[2].get_payload(decode=True) == calendar
    assert attached.get_payload(decode=True) == calendar


@pytest.mark.parametrize("name", ["", "Jo", "Jo O'Neill-Smith", "Müller, Jo", 'Jo "J" <x@y.example>', "Jo.", "👩‍💻 Jo"])
def test_a_name_is_read_back_as_it_was(name: str) -> None:
    whole, _, _ = parts_of(a_mail(recipient=Attendee(name, JUNIOR.email), subject=f"For {name}!"))

    (address,) = whole["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, JUNIOR.email)
    assert whole["Subject"] == f"For {name}!"


def test_a_name_of_ten_kilobytes_is_cut_in_the_header() -> None:
    mail = a_mail(recipient=Attendee("x" * 10_000, JUNIOR.email), subject="y" * 10_000)

    # By the older parser: the newer one of Python 3.11 leaves the folds between encoded words in names as spaces.
    whole = email.message_from_bytes(mail)
    assert str(make_header(decode_header(whole["To"]))) == f"{'x' * 200} <{JUNIOR.email}>"
    assert str(make_header(decode_header(whole["Subject"]))) == "y" * 200


def test_overrides_of_the_writing_direction_are_taken_out_of_names() -> None:
    whole, _, _ = parts_of(a_mail(sender=Organizer("\u202etohsraE\u202c \u2066x\u2069", CALENDAR_DESK.email)))

    assert whole["From"].addresses[0].display_name == "tohsraE x"


def test_the_invite_is_the_last_alternative_of_the_first_child_and_attached_once_more() -> None:
    whole, alternatives, attached = parts_of(a_mail())

    assert whole.get_content_type() == "multipart/mixed"
    assert [part.get_content_type() for part in alternatives] == ["text/plain", "text/html", "text/calendar"]
    invite = alternatives[2]
    assert invite["Content-Type"].params == {"charset": "UTF-8", "method": "REQUEST"}
    assert invite["Content-Disposition"] is None
    assert attached.get_content_type() == "application/ics"
    assert attached["Content-Type"].params == {"name": "invite.ics"}
    assert attached.get_filename() == "invite.ics"


def test_every_byte_of_the_calendar_arrives_in_both_places() -> None:
    calendar = cancel(an_entry(sequence=1, summary="é🎧" * 60))

    _, alternatives, attached = parts_of(a_mail(calendar=calendar, method="CANCEL"))

    assert alternatives[2].get_payload(decode=True) == calendar
    assert attached.get_payload(decode=True) == calendar
    assert alternatives[2]["Content-Type"].params["method"] == "CANCEL"


def test_the_letter_says_who_when_and_that_a_machine_wrote_it() -> None:
    whole, alternatives, _ = parts_of(a_mail(text="Grüße\n.\nFrom here on\n"))

    assert whole["Auto-Submitted"] == "auto-generated"
    assert whole["Message-ID"] == "<ses_1.0.request@7f3a.earshot>"
    assert whole["Date"].datetime == datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
    assert alternatives[0].get_content() == "Grüße\r\n.\r\nFrom here on\r\n"
    assert alternatives[1].get_content() == "<p>You listen in.</p>\r\n"
    assert CUSTOMER not in str(whole)


def test_the_same_mail_has_the_same_bytes_and_another_id_other_boundaries() -> None:
    mail = a_mail()
    other, _, _ = parts_of(a_mail(message_id="ses_2.0.request@7f3a.earshot"))

    assert mail == a_mail()
    assert other.get_boundary() != parts_of(mail)[0].get_boundary()


@settings(max_examples=worlds(100))
@given(words=hostile_text())
def test_hostile_words_stay_inside_the_header_and_the_part_of_a_letter(words: str) -> None:
    mail = a_letter(
        sender=Organizer(words, CALENDAR_DESK.email),
        recipient=Attendee(words, JUNIOR.email),
        subject=words,
        text=words,
        html=words,
    )

    assert mail.isascii()
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert max(map(len, mail.split(b"\r\n"))) <= 76
    whole = email.message_from_bytes(mail, policy=default)
    assert sorted(whole.keys()) == sorted(HEADERS)
    assert [a.addr_spec for a in whole["To"].addresses] == [JUNIOR.email]
    assert [part.get_content_type() for part in whole.walk()] == ["multipart/alternative", "text/plain", "text/html"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "earshot.example/r/token/mail",
        "mailto:eve@evil.example",
        "https://earshot.example/r/x>,<https://evil.example",
        "https://earshot.example/r/x\r\nBcc: eve@evil.example",
        "https://earshot.example/r/x\n",
        "https://earshot.example/r/x y",
        "https://earshot.example/r/\u202e",
        "https://earshot.example/" + "x" * 1000,
    ],
)
def test_what_is_no_url_is_no_way_to_unsubscribe_and_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="not a URL") as refused:
        a_letter(unsubscribe_url=url)

    assert url not in str(refused.value) or not url


def test_a_letter_can_be_unsubscribed_from_by_one_click() -> None:
    url = f"https://earshot.example/r/{'t' * 300};a,b=c/mail"

    mail = a_letter(unsubscribe_url=url)

    whole = email.message_from_bytes(mail, policy=default)
    assert whole["List-Unsubscribe"] == f"<{url}>"
    assert whole["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert max(map(len, mail.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1


def test_a_letter_has_text_and_html_and_no_more() -> None:
    whole = email.message_from_bytes(a_letter(), policy=default)

    text, html = cast(list[EmailMessage], list(whole.iter_parts()))
    assert set(whole.keys()) == HEADERS
    assert whole.get_content_type() == "multipart/alternative"
    assert (text.get_content_type(), text.get_content()) == ("text/plain", "Tomorrow you listen in.\r\n")
    assert (html.get_content_type(), html.get_content()) == ("text/html", "<p>Tomorrow you listen in.</p>\r\n")
    assert whole["Message-ID"] == "<ntc_1@7f3a.earshot>"
    assert a_letter() == a_letter()
