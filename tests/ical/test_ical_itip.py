import pytest

from app.ical.entries import EntryStatus
from app.ical.itip import cancel, request
from tests.ical.checker import parse, problems
from tests.ical.entry_examples import COLLEAGUE, CUSTOMER, JUNIOR, an_entry


def test_a_request_never_carries_a_cancelled_entry() -> None:
    with pytest.raises(ValueError, match="send a CANCEL"):
        request(an_entry(status=EntryStatus.CANCELLED))


def test_a_message_to_nobody_is_refused() -> None:
    alone = an_entry(attendees=())

    with pytest.raises(ValueError, match="nobody to invite"):
        request(alone)
    with pytest.raises(ValueError, match="nobody to tell"):
        cancel(alone)


def test_an_invite_has_what_mail_clients_need_for_their_buttons() -> None:
    data = request(an_entry(attendees=(JUNIOR, COLLEAGUE)))

    assert problems(data, method="REQUEST", recipient=JUNIOR.email, customers=[CUSTOMER]) == []
    (event,) = parse(data).parts
    assert [line.params["RSVP"] for line in event.all("ATTENDEE")] == ["TRUE", "TRUE"]
    assert [line.params["PARTSTAT"] for line in event.all("ATTENDEE")] == ["NEEDS-ACTION", "ACCEPTED"]
    assert event.value("SEQUENCE") == "0"


def test_calling_the_whole_session_off_names_everybody() -> None:
    data = cancel(an_entry(sequence=3, attendees=(JUNIOR, COLLEAGUE)))

    assert problems(data, method="CANCEL", recipient=COLLEAGUE.email) == []
    (event,) = parse(data).parts
    assert event.value("STATUS") == "CANCELLED"
    assert event.value("SUMMARY") == "Listen in: demo with Ana"
    assert event.value("SEQUENCE") == "3"
    assert len(event.all("ATTENDEE")) == 2


def test_uid_and_organizer_stay_the_same_for_life() -> None:
    (first,) = parse(request(an_entry())).parts
    (moved,) = parse(request(an_entry(sequence=1))).parts
    (last,) = parse(cancel(an_entry(sequence=2))).parts

    assert {event.value("UID") for event in (first, moved, last)} == {first.value("UID")}
    assert {event.value("ORGANIZER") for event in (first, moved, last)} == {first.value("ORGANIZER")}
