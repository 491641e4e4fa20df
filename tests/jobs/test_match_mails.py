"""What people read of their matches, and when: whose yes is missing, what came of it, how it feels."""

from datetime import timedelta
from typing import Any

import pytest

from app.db import DbSession, transaction
from app.jobs import HANDLERS, PERIODIC
from app.models import Person
from app.operations.fit_checks import answer_fit
from app.operations.match_acts import end_match, pause_match
from app.operations.match_requests import approve_match, ask_for_match, decline_match, withdraw_match
from app.operations.people import patch_person
from app.operations.program_managers import add_manager
from app.operations.programs import create_program, patch_program
from app.operations.session_outcomes import complete_session
from app.queries import runs
from app.rules.access import SYSTEM
from app.vocabulary import Fit, MatchApproval, PersonStatus, Role
from tests.acts_that_are_told import by
from tests.factories import a_person
from tests.harness import NOW
from tests.jobs.house import House, subject_of, to, words_of
from tests.pools import a_mentee, a_mentor
from tests.sessions_and_people import HALF, TEN, a_session

DAY = timedelta(days=1)
JO, MARA, ADA = "jo@earshot.example", "mara@earshot.example", "ada@earshot.example"


def two(db: DbSession) -> tuple[Person, Person]:
    return a_mentee(db, "Jo Müller", email=JO), a_mentor(db, "Mara Okafor", email=MARA, time_zone="Europe/Berlin")


def asked(house: House) -> tuple[Person, Person, str]:
    """Jo asks Mara; nobody has read of it yet."""
    with transaction(house.engine, writes=True) as db:
        jo, mara = two(db)
        found = ask_for_match(db, mentor_id=mara.id, mentee_id=None, program_id=None, actor=by(jo), now=NOW)
        return jo, mara, found.id


def begun(house: House) -> tuple[Person, Person, str]:
    """A match of Jo and Mara, of which both have read."""
    jo, mara, match_id = asked(house)
    after(house, approve_match, match_id, mara)
    return jo, mara, match_id


def after(house: House, act: Any, match_id: str, who: Person, **given: Any) -> None:
    with transaction(house.engine, writes=True) as db:
        act(db, match_id=match_id, actor=by(who), now=house.clock(), **given)
    post(house)


def post(house: House) -> None:
    house.announce()
    house.work()


def sweep(house: House) -> None:
    HANDLERS["matches"](house.context({}))
    post(house)


def subjects(house: House, address: str) -> list[str]:
    return sorted(subject_of(mail) for mail in to(house, address))


def text(house: House, address: str, subject: str) -> str:
    (mail,) = [mail for mail in to(house, address) if subject_of(mail) == subject]
    return words_of(mail, "text/plain").replace("\r\n", "\n")


def test_a_mentor_reads_who_asks_and_until_when_and_the_mentee_what_came_of_it(house: House) -> None:
    _, mara, match_id = asked(house)
    post(house)

    said = text(house, MARA, "Will you say yes? Jo Müller and Mara Okafor")
    assert "Jo Müller would like Mara Okafor to be their mentor." in said
    assert "by Saturday 5 December 2026, 10:00 (Europe/Berlin)" in said
    assert f"/m/{match_id}\n" in said
    assert subjects(house, JO) == []

    after(house, approve_match, match_id, mara)

    assert f"/m/{match_id}\n" in text(house, JO, "You and Mara Okafor are a match")
    assert len(subjects(house, MARA)) == 1, "she said it herself"


def test_admins_and_mentor_are_asked_where_both_must_say_yes_and_only_who_has_not_is_reminded(house: House) -> None:
    with transaction(house.engine, writes=True) as db:
        a_person(db, "Ada", email=ADA, role=Role.ADMIN)
        changes = {"approval": MatchApproval.ADMIN}
        patch_program(db, program_id=runs.program_for_run(db, None).id, changes=changes, actor=SYSTEM, now=NOW)
    _, mara, match_id = asked(house)
    post(house)
    after(house, approve_match, match_id, mara)

    house.clock.advance(7 * DAY)
    sweep(house)
    sweep(house)

    request, reminder = (
        "Will you say yes? Jo Müller and Mara Okafor",
        "Still waiting for you: Jo Müller and Mara Okafor",
    )
    assert subjects(house, ADA) == [reminder, request]
    assert subjects(house, MARA) == [request]
    assert "if nobody answers by saturday 5 december 2026, 09:00 (europe/london)" in text(house, ADA, reminder).lower()


def test_who_runs_the_program_is_asked_like_an_admin_and_nobody_who_runs_another_or_no_longer_leads(
    house: House,
) -> None:
    with transaction(house.engine, writes=True) as db:
        own = runs.program_for_run(db, None).id
        other = create_program(db, name="Other", weights={}, actor=SYSTEM, now=NOW).id
        for name, program_id in (("Pia", own), ("Ron", own), ("Una", other)):
            who = a_person(db, name, email=f"{name}@earshot.example".lower(), role=Role.PROGRAM_MANAGER)
            add_manager(db, program_id=program_id, person_id=who.id, actor=SYSTEM, now=NOW)
            if name == "Ron":
                patch_person(db, person_id=who.id, changes={"role": Role.REP}, actor=SYSTEM, now=NOW)
        patch_program(db, program_id=own, changes={"approval": MatchApproval.ADMIN}, actor=SYSTEM, now=NOW)

    asked(house)
    post(house)

    request = "Will you say yes? Jo Müller and Mara Okafor"
    assert subjects(house, "pia@earshot.example") == [request]
    assert subjects(house, "ron@earshot.example") == subjects(house, "una@earshot.example") == []


@pytest.mark.parametrize(
    ("act", "who", "reader", "why"),
    [
        (decline_match, MARA, JO, "The answer was no."),
        (withdraw_match, JO, MARA, "The request was taken back."),
    ],
)
def test_the_other_reads_that_there_will_be_no_match_and_why(
    house: House, act: Any, who: str, reader: str, why: str
) -> None:
    jo, mara, match_id = asked(house)
    post(house)

    after(house, act, match_id, jo if who == JO else mara)

    other = "Mara Okafor" if reader == JO else "Jo Müller"
    assert why in text(house, reader, f"No match this time: {other}")
    assert not [one for one in subjects(house, who) if one.startswith("No match")]


def test_silence_ends_it_on_day_14_and_both_read_so_once(house: House) -> None:
    asked(house)
    post(house)

    house.clock.advance(14 * DAY)
    for _ in range(3):
        sweep(house)

    for reader, other in ((JO, "Mara Okafor"), (MARA, "Jo Müller")):
        assert "Nobody decided in time." in text(house, reader, f"No match this time: {other}")
    assert len(subjects(house, MARA)) == 2, "after a downtime there is no reminder of what is over"


def test_a_question_that_was_answered_before_the_mail_went_is_not_asked(house: House) -> None:
    _, mara, match_id = asked(house)
    with transaction(house.engine, writes=True) as db:
        decline_match(db, match_id=match_id, actor=by(mara), now=NOW)
    post(house)

    assert subjects(house, MARA) == []
    assert subjects(house, JO) == ["No match this time: Mara Okafor"]


def test_the_other_reads_that_a_match_has_ended_and_who_has_left_reads_nothing(house: House) -> None:
    jo, mara, match_id = begun(house)
    after(house, end_match, match_id, jo)
    ended = text(house, MARA, "Your match with Jo Müller has ended")
    assert "One of you has ended it, or somebody who may do so for you." in ended

    before = subjects(house, MARA)
    with transaction(house.engine, writes=True) as db:
        ask_for_match(db, mentor_id=mara.id, mentee_id=jo.id, program_id=None, actor=SYSTEM, now=NOW)
        patch_person(db, person_id=mara.id, changes={"status": PersonStatus.LEFT}, actor=SYSTEM, now=NOW)
    post(house)

    assert "One of you is no longer in the program." in text(house, JO, "Your match with Mara Okafor has ended")
    assert subjects(house, MARA) == before


def met(house: House, jo: Person, mara: Person) -> None:
    with transaction(house.engine, writes=True) as db:
        session_id = a_session(db, jo, mara)
        complete_session(db, session_id=session_id, actor=SYSTEM, now=TEN + HALF)
    house.clock.at = TEN + 2 * HALF


def test_both_are_asked_once_how_it_feels_unless_they_have_said_it(house: House) -> None:
    jo, mara, match_id = begun(house)
    after(house, answer_fit, match_id, mara, answer=Fit.GOOD)
    met(house, jo, mara)

    for _ in range(3):
        sweep(house)

    assert subjects(house, JO).count("How is it going with Mara Okafor?") == 1
    assert "How is it going with Jo Müller?" not in subjects(house, MARA)


def test_who_feels_that_it_is_no_fit_is_not_named(house: House) -> None:
    _, mara, match_id = begun(house)

    after(house, answer_fit, match_id, mara, answer=Fit.NOT_A_FIT)

    assert "It was not a fit, and that is nobody's fault." in text(house, JO, "Your match with Mara Okafor has ended")
    assert "has ended" not in " ".join(subjects(house, MARA))


def test_a_match_that_rests_is_asked_about_once_it_goes_on(house: House) -> None:
    jo, mara, match_id = begun(house)
    after(house, pause_match, match_id, jo)
    met(house, jo, mara)

    sweep(house)

    assert "How is it going with Mara Okafor?" not in subjects(house, JO)


def test_matches_are_looked_after_every_quarter_of_an_hour() -> None:
    assert PERIODIC["matches"] == timedelta(minutes=15)
