"""Sessions without a call on the week page, and seats that nobody confirmed yet."""

from datetime import timedelta

from sqlalchemy import update

from app.models.tables import session
from app.operations import seats
from app.operations.responses import respond
from app.operations.sessions import cancel_session
from app.rules.access import SYSTEM
from app.vocabulary import Response, Role, SessionStatus
from tests.factories import MONDAY, a_call, a_person
from tests.seats_that_wait import a_host_who_approves, hold
from tests.sessions_and_people import TEN, a_session
from tests.statements import counted
from tests.web.browsers import Site
from tests.web.page_reader import page
from tests.web.test_web_week import HOSTILE


def test_a_week_has_ones_own_sessions_and_nobody_elses_not_even_for_admins(site: Site) -> None:
    with site.db() as db:
        nora, mara, leo, zoe = (a_person(db, name) for name in ("Nora Quinn", "Mara Okafor", "Leo Marchetti", "Zoe"))
        diego = a_person(db, "Diego Salas", role=Role.ADMIN)
        made = a_session(db, nora, mara)
        a_session(db, leo, zoe, starts_at=TEN + timedelta(hours=1))
        off = a_session(db, nora, leo, starts_at=TEN + timedelta(hours=2))
        cancel_session(db, session_id=off, actor=SYSTEM, now=site.api.clock())

    mine = page(site.signed_in(nora.id), "/week")
    admins = page(site.signed_in(diego.id), "/week?d=2026-W48")

    assert "Mon 23 10:00 to 10:30 MO One-on-one with Mara Okafor Awaits your answer" in mine.text
    assert f"/s/{made}" in [attrs["href"] for attrs in mine.all("a")]
    assert f"/s/{off}" not in mine.answer.text
    assert "Leo" not in mine.answer.text
    assert "One-on-one" not in admins.text


def test_what_is_open_about_a_session_is_marked(site: Site) -> None:
    with site.db() as db:
        nora, mara = a_person(db, "Nora Quinn", sessions_per_day=9), a_person(db, "Mara Okafor")
        made = [a_session(db, nora, mara, starts_at=TEN + timedelta(hours=n)) for n in range(5)]
        answers = {made[0]: Response.ACCEPTED, made[1]: Response.TENTATIVE}
        for session_id, answer in answers.items():
            respond(
                db,
                session_id=session_id,
                person_id=nora.id,
                response=answer,
                actor=SYSTEM,
                now=site.api.clock(),
            )
        requested = {"status": SessionStatus.REQUESTED}
        for session_id, expires_at in ((made[3], TEN), (made[4], site.api.clock())):
            db.execute(update(session).where(session.c.id == session_id).values(**requested, expires_at=expires_at))

    shown = page(site.signed_in(nora.id), "/week").text

    assert "10:00 to 10:30 MO One-on-one with Mara Okafor 11:00" in shown
    assert "11:00 to 11:30 MO One-on-one with Mara Okafor You may come" in shown
    assert "12:00 to 12:30 MO One-on-one with Mara Okafor Awaits your answer" in shown
    assert "13:00 to 13:30 MO One-on-one with Mara Okafor Held, not booked yet" in shown
    assert "14:00 to 14:30" not in shown, "expired"


def test_seats_that_somebody_has_yet_to_confirm_are_marked_for_observer_and_host(site: Site) -> None:
    with site.db() as db:
        nora, leo = a_person(db, "Nora Quinn"), a_person(db, "Leo Marchetti")
        mara, max_ = a_host_who_approves(db, "Mara Okafor"), a_person(db, "Max Ito")
        now = site.api.clock()
        asked = a_call(db, mara, starts_at=MONDAY + timedelta(hours=10))
        full = a_call(db, max_, seats=1, starts_at=MONDAY + timedelta(hours=12))
        held = a_call(db, max_, starts_at=MONDAY + timedelta(hours=14))
        seats.book_seat(db, call_id=asked, observer_id=nora.id, actor=SYSTEM, now=now)
        first = seats.book_seat(db, call_id=full, observer_id=leo.id, actor=SYSTEM, now=now)
        seats.wait_if_full(db, call_id=full, observer_id=nora.id, actor=SYSTEM, now=now)
        seats.release_seat(db, seat_id=first.id, actor=SYSTEM, now=now)
        hold(db, held, nora)

    hers = page(site.signed_in(nora.id), "/week").text
    maras, maxs = (page(site.signed_in(one.id), "/week").text for one in (mara, max_))
    site.api.clock.advance(timedelta(minutes=5))
    later = page(site.signed_in(nora.id), "/week").text

    assert "Mara Okafor with a customer Discovery You asked for a seat" in hers
    assert "Max Ito with a customer Discovery A seat is offered to you" in hers
    assert "Max Ito with a customer Discovery A seat is held for you" in hers
    assert "Nora Quinn asks for a seat" in maras
    assert "Nora Quinn is offered a seat" in maxs
    assert "Nora Quinn holds a seat" in maxs
    assert "is held for you" not in later, "expired"
    assert "A seat is offered to you" in later


def test_it_opens_at_the_week_of_a_session_without_a_call(site: Site) -> None:
    with site.db() as db:
        nora = a_person(db, "Nora Quinn")
        a_session(db, nora, a_person(db, "Mara Okafor"), starts_at=TEN + timedelta(days=15))

    shown = page(site.signed_in(nora.id), "/week")

    assert "7 to 13 December" in shown.text
    assert "One-on-one with Mara Okafor" in shown.text


def test_hostile_names_are_text(site: Site) -> None:
    with site.db() as db:
        nora = a_person(db, "Nora Quinn")
        for number, name in enumerate(HOSTILE):
            other = a_person(db, name, email=f"o{number}@earshot.example")
            a_session(db, nora, other, starts_at=TEN + timedelta(hours=number))

    shown = page(site.signed_in(nora.id), "/week")

    assert len(shown.all("script")) == 1
    assert not shown.all("img")
    assert [name for name in HOSTILE if name not in shown.text] == []


def test_the_page_costs_the_same_number_of_statements_for_one_session_and_for_many(site: Site) -> None:
    with site.db() as db:
        nora, others = a_person(db, "Nora Quinn"), [a_person(db, f"Rep {n}") for n in range(4)]
        a_session(db, nora, others[0])
    browser = site.signed_in(nora.id)

    with counted(site.api.engine) as for_one:
        browser.get("/week")
    with site.db() as db:
        for number, other in enumerate(others):
            a_session(db, nora, other, starts_at=TEN + timedelta(hours=number + 1))
        a_session(db, nora, *others[:2], starts_at=TEN + timedelta(days=1))
    with counted(site.api.engine) as for_many:
        browser.get("/week")

    assert len(for_many) == len(for_one) <= 17
