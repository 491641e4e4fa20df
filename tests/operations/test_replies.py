"""What people answer in their calendars counts once, in order, and only from who they are."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select, update

from app.db import DbSession, transaction, written
from app.errors import Forbidden
from app.ical.reply import read_calendar, read_mail
from app.models import Person
from app.models.tables import calendar_entry, calendar_reply, job, notice, participant, seat
from app.operations.people import patch_person
from app.operations.replies import Gate, NotVouchedFor, ReplyTaken, decline_suggestion, take_calendar, take_mail
from app.operations.reply_addresses import ReplyTo
from app.operations.responses import respond
from app.operations.seats import book_seat
from app.operations.series import book_series
from app.operations.sessions import reschedule_session
from app.queries.series import occurrence_rows
from app.rules.access import SYSTEM, Actor
from app.vocabulary import MessageKind, Response, Role, SeatStatus, SessionStatus
from tests.factories import a_call, a_person
from tests.harness import NOW
from tests.ical.reply_examples import a_calendar, a_mail
from tests.sessions_and_people import HALF, TEN, a_plan, a_session, claimed, responses, row_of
from tests.worlds import worlds

GATE = Gate("mx.acme.example", ReplyTo("replies@earshot.example", "secret"))
LATER = TEN + timedelta(hours=4)


def three(db: DbSession) -> tuple[Person, Person, Person]:
    """Mia, Max and Ben: enough that one may decline and a session stands."""
    return a_person(db, "Mia"), a_person(db, "Max"), a_person(db, "Ben")


def entry_of(db: DbSession, who: Person) -> Any:
    return db.execute(select(calendar_entry).where(calendar_entry.c.person_id == who.id)).one()


def ics(at: datetime, name: str = "DTSTART") -> str:
    return f"{name}:{at:%Y%m%dT%H%M%SZ}"


def answer(db: DbSession, who: Person, partstat: str = "ACCEPTED", *, minute: int = 0, **given: Any) -> str:
    """A reply of one person to the one entry they have, `minute` minutes from now; what became of it."""
    return answered(db, who, partstat, minute=minute, **given).outcome


def answered(db: DbSession, who: Person, partstat: str, *, minute: int = 0, **given: Any) -> ReplyTaken:
    (taken,) = taken_all(db, who, partstat, minute=minute, **given)
    return taken


def taken_all(db: DbSession, who: Person, partstat: str, *, minute: int = 0, **given: Any) -> list[ReplyTaken]:
    mine = entry_of(db, who)
    stamp = f"{NOW + timedelta(minutes=minute):%Y%m%dT%H%M%SZ}"
    text = a_calendar(
        **{
            "uid": mine.uid,
            "attendee": who.email,
            "partstat": partstat,
            "sequence": mine.sequence,
            "stamp": stamp,
            "more": (ics(mine.starts_at),),
            **given,
        }
    )
    return take_calendar(db, replies=read_calendar(text.encode()), actor=SYSTEM, now=NOW)


def suggest(db: DbSession, who: Person, starts_at: datetime, partstat: str = "TENTATIVE", **given: Any) -> ReplyTaken:
    return answered(db, who, partstat, **{"method": "COUNTER", "more": (ics(starts_at),), **given})


def suggested(db: DbSession, session_id: str, who: Person) -> datetime | None:
    query = select(participant.c.proposed_starts_at).where(participant.c.session_id == session_id)
    at: datetime | None = db.execute(query.where(participant.c.person_id == who.id)).scalar_one()
    return at


def turned_down(db: DbSession) -> list[Any]:
    return list(db.execute(select(job.c.payload).where(job.c.kind == "counter_mail")).scalars())


def a_mail_of(db: DbSession, who: Person, **given: Any) -> bytes:
    mine = entry_of(db, who)
    calendar = a_calendar(uid=mine.uid, attendee=who.email, stamp=f"{NOW:%Y%m%dT%H%M%SZ}", more=(ics(mine.starts_at),))
    return a_mail(calendar, **{"sender": f"<{who.email}>", **given})


def take(db: DbSession, raw: bytes, gate: Gate = GATE, actor: Actor = SYSTEM) -> list[str]:
    taken = take_mail(db, mail=read_mail(raw), gate=gate, actor=actor, now=NOW)
    return [one.outcome for one in taken]


def passed(domain: str = "earshot.example", gate: str = "mx.acme.example") -> str:
    return f"{gate}; dmarc=pass header.from={domain}"


def test_a_mail_for_which_nobody_vouches_changes_nothing(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    another = GATE.reply_to.address(entry_of(db, max_).id)
    forged = [
        a_mail_of(db, mia),
        a_mail_of(db, mia, results=passed(gate="mx.evil.example")),
        a_mail_of(db, mia, results=passed("evil.example")),
        a_mail_of(db, mia, sender=f"<{max_.email}>", results=passed()),
        a_mail_of(db, mia, to="replies@earshot.example"),
        a_mail_of(db, mia, to="replies+0123456789abcdefghjkmnpqrs@earshot.example"),
        a_mail_of(db, mia, to=another),
    ]

    for raw in forged:
        with pytest.raises(NotVouchedFor):
            take(db, raw)

    for gate in (Gate("", ReplyTo("", "secret")), Gate("mx.acme.example", ReplyTo("", "other"))):
        with pytest.raises(NotVouchedFor):
            take(db, a_mail_of(db, mia, to=GATE.reply_to.address(entry_of(db, mia).id)), gate)
    assert set(responses(db, session_id).values()) == {"needs_action"}
    assert db.execute(select(calendar_reply)).all() == []


def test_only_who_runs_the_house_hands_replies_in(db: DbSession) -> None:
    mia, max_, ben = three(db)
    a_session(db, mia, max_, ben)
    herself = Actor(credential_id="key_x", role=Role.REP, person_id=mia.id)

    with pytest.raises(Forbidden):
        take(db, a_mail_of(db, mia, results=passed()), actor=herself)
    with pytest.raises(Forbidden):
        take_calendar(db, replies=[], actor=herself, now=NOW)


def test_our_gateway_and_the_address_of_an_invite_vouch(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    to = GATE.reply_to.address(entry_of(db, max_).id)
    assert to

    by_gateway = take(db, a_mail_of(db, mia, results=passed()))
    by_address = take(db, a_mail_of(db, max_, to=to.upper(), sender="<max@private.example>"))

    assert (by_gateway, by_address) == (["answered"], ["answered"])
    assert responses(db, session_id) == {mia.id: "accepted", max_.id: "accepted", ben.id: "needs_action"}


def test_strangers_are_ignored_and_never_added(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id, eve = a_session(db, mia, max_, ben), a_person(db, "Eve")

    outcomes = [
        answer(db, mia, attendee="stranger@evil.example"),
        answer(db, mia, attendee=eve.email),
        answer(db, mia, uid="ses_unknown@elsewhere"),
    ]

    assert outcomes == ["ignored"] * 3
    assert responses(db, session_id).keys() == {mia.id, max_.id, ben.id}


@pytest.mark.parametrize("partstat", ["DELEGATED", "NEEDS-ACTION", "COMPLETED", "X-MAYBE", "", "A" * 500])
def test_what_says_neither_yes_nor_no_changes_nothing(db: DbSession, partstat: str) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    assert answer(db, mia, partstat) == "ignored"

    assert responses(db, session_id)[mia.id] == "needs_action"


def test_a_clock_that_is_days_ahead_does_not_silence_what_follows(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    assert answer(db, mia, "DECLINED", minute=3 * 24 * 60) == "ignored"
    assert answer(db, mia, "ACCEPTED", minute=1) == "answered"

    assert responses(db, session_id)[mia.id] == "accepted"


def test_an_answer_counts_once_and_never_over_a_later_one(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    outcomes = [
        answer(db, mia, "TENTATIVE", minute=5),
        answer(db, mia, "TENTATIVE", minute=5),
        answer(db, mia, "DECLINED", minute=4),
        answer(db, mia, "ACCEPTED", minute=6),
    ]

    assert outcomes == ["answered", "ignored", "ignored", "answered"]
    assert responses(db, session_id)[mia.id] == "accepted"


def test_an_answer_to_an_older_revision_counts_only_when_it_says_the_same_time(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    reschedule_session(db, session_id=session_id, starts_at=LATER, actor=SYSTEM, now=NOW)

    outcomes = [
        answer(db, mia, "DECLINED", sequence=0, more=(ics(TEN),)),
        answer(db, mia, "DECLINED", sequence=0, more=()),
        answer(db, mia, "DECLINED", sequence=7, more=(ics(TEN),)),
        answer(db, mia, "ACCEPTED", sequence=0, more=(ics(LATER),)),
        suggest(db, max_, LATER + HALF, sequence=0).outcome,
    ]

    assert outcomes == ["ignored", "ignored", "ignored", "answered", "ignored"]
    assert responses(db, session_id)[mia.id] == "accepted"


def test_a_program_that_counts_up_when_it_answers_does_not_silence_the_answers_that_follow(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    outcomes = [
        answer(db, mia, "ACCEPTED", sequence=9),
        answer(db, mia, "ACCEPTED", sequence=9),
        answer(db, mia, "DECLINED", sequence=0, minute=1),
    ]

    assert outcomes == ["answered", "ignored", "answered"]
    assert responses(db, session_id)[mia.id] == "declined"


def test_an_answer_that_tells_no_time_counts_for_an_older_revision_while_the_time_was_never_another(
    db: DbSession,
) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    later_revision = update(calendar_entry).where(calendar_entry.c.session_id == session_id).values(sequence=2)
    db.execute(later_revision)

    newer = answered(db, mia, "DECLINED", sequence=3, more=())
    older = answer(db, mia, "ACCEPTED", sequence=1, more=())
    reschedule_session(db, session_id=session_id, starts_at=LATER, actor=SYSTEM, now=NOW)
    moved = answered(db, max_, "ACCEPTED", sequence=1, more=())

    assert (newer.outcome, older, moved.outcome) == ("ignored", "answered", "ignored")
    assert newer.why == moved.why == "It answers another revision, and does not say which time."


def test_declining_gives_a_seat_back_and_accepting_later_does_not_take_it_again(db: DbSession) -> None:
    observer = a_person(db, "Mia")
    booked = book_seat(db, call_id=a_call(db), observer_id=observer.id, actor=SYSTEM, now=NOW)

    outcomes = [answer(db, observer, "ACCEPTED"), answer(db, observer, "DECLINED", minute=1)]
    late = answer(db, observer, "ACCEPTED", minute=2)

    assert (outcomes, late) == (["answered", "answered"], "refused")
    assert db.execute(select(seat.c.status).where(seat.c.id == booked.id)).scalar_one() is SeatStatus.RELEASED
    assert claimed(db, observer) == []


def test_a_host_who_answers_changes_nothing_about_the_call(db: DbSession) -> None:
    host = a_person(db, "Host")
    book_seat(db, call_id=a_call(db, host), observer_id=a_person(db).id, actor=SYSTEM, now=NOW)

    assert answer(db, host, "DECLINED") == "ignored"
    assert suggest(db, host, LATER).outcome == "refused"

    assert db.execute(select(seat.c.status)).scalar_one() is SeatStatus.CONFIRMED


def test_who_declined_and_is_taken_meanwhile_can_not_accept_any_more(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    answer(db, mia, "DECLINED")
    mine = entry_of(db, mia)
    a_session(db, mia, a_person(db, "Zoe"))

    text = a_calendar(uid=mine.uid, attendee=mia.email, sequence=mine.sequence, stamp="20261121T093000Z")
    (taken,) = take_calendar(db, replies=read_calendar(text.encode()), actor=SYSTEM, now=NOW)

    assert taken.outcome == "refused"
    assert responses(db, session_id)[mia.id] == "declined"


def test_another_time_is_suggested_to_the_others_who_may_take_it(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    outcomes = [suggest(db, mia, LATER).outcome, suggest(db, mia, LATER).outcome]

    assert outcomes == ["suggested", "ignored"]
    assert suggested(db, session_id, mia) == LATER
    assert responses(db, session_id)[mia.id] == "tentative"
    reschedule_session(db, session_id=session_id, starts_at=LATER, actor=SYSTEM, now=NOW)
    assert suggested(db, session_id, mia) is None
    assert turned_down(db) == []


def test_a_suggestion_that_is_declined_is_declined_in_the_calendar_it_came_from(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    suggest(db, mia, LATER, "DECLINED")

    for _ in range(2):
        decline_suggestion(db, session_id=session_id, person_id=mia.id, actor=SYSTEM, now=NOW)

    assert suggested(db, session_id, mia) is None
    assert responses(db, session_id)[mia.id] == "declined"
    assert [one["entry_id"] for one in turned_down(db)] == [entry_of(db, mia).id]


def test_a_suggestion_made_here_after_one_by_calendar_is_declined_here(db: DbSession) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)
    one: dict[str, Any] = {"session_id": session_id, "person_id": mia.id, "now": NOW}
    suggest(db, mia, LATER)
    decline_suggestion(db, **one, actor=SYSTEM)

    by_mia = Actor(credential_id="page", role=Role.REP, person_id=mia.id)
    respond(db, **one, response=Response.TENTATIVE, proposed_starts_at=LATER + HALF, actor=by_mia)
    decline_suggestion(db, **one, actor=SYSTEM)

    assert len(turned_down(db)) == 1
    told = db.execute(select(notice.c.kind, notice.c.person_id)).all()
    assert [tuple(row) for row in told] == [(MessageKind.TIME_STAYS, mia.id)]


@pytest.mark.parametrize("starts_at", [TEN, NOW - HALF, LATER + timedelta(seconds=30)])
def test_a_suggestion_that_nobody_could_take_is_turned_down_at_once(db: DbSession, starts_at: datetime) -> None:
    mia, max_, ben = three(db)
    session_id = a_session(db, mia, max_, ben)

    outcomes = [suggest(db, mia, starts_at).outcome for _ in range(2)]

    assert outcomes == ["refused", "ignored"]
    assert suggested(db, session_id, mia) is None
    assert len(turned_down(db)) == 1


def test_a_seat_has_the_time_of_its_call(db: DbSession) -> None:
    observer = a_person(db, "Mia")
    book_seat(db, call_id=a_call(db), observer_id=observer.id, actor=SYSTEM, now=NOW)

    taken = suggest(db, observer, LATER, "DECLINED")

    assert (taken.outcome, taken.why) == ("refused", "A seat has the time of its call.")
    assert db.execute(select(seat.c.status)).scalar_one() is SeatStatus.CONFIRMED
    assert len(turned_down(db)) == 1


def a_series(db: DbSession, *people: Person) -> list[str]:
    """Four Mondays at 10:00; the ids in order."""
    first, _ = book_series(
        db, plan=a_plan(*people), rrule="FREQ=WEEKLY;COUNT=4", on_conflict="refuse", actor=SYSTEM, now=NOW
    )
    series_id = row_of(db, first).series_id
    return [row.id for row in occurrence_rows(db, [series_id])[series_id]]


def test_of_a_series_one_occurrence_is_answered_or_all(db: DbSession) -> None:
    mia, max_, ben = three(db)
    sessions = a_series(db, mia, max_, ben)
    second = TEN + timedelta(weeks=1)

    everything = answer(db, mia, "ACCEPTED")
    one = answer(db, mia, "DECLINED", minute=1, more=(ics(second), ics(second, "RECURRENCE-ID")))
    none = answer(db, mia, "DECLINED", minute=2, more=(ics(TEN + HALF, "RECURRENCE-ID"),))

    assert (everything, one, none) == ("answered", "answered", "ignored")
    assert [responses(db, id_)[mia.id] for id_ in sessions] == ["accepted", "declined", "accepted", "accepted"]


def test_declining_a_series_of_two_cancels_what_is_to_come(db: DbSession) -> None:
    mia, max_, _ = three(db)
    sessions = a_series(db, mia, max_)

    outcomes = [answer(db, mia, "DECLINED", sequence=0), answer(db, max_, "ACCEPTED", minute=1)]

    assert outcomes == ["answered", "ignored"], "there is nothing left to come to"
    assert {row_of(db, id_).status for id_ in sessions} == {SessionStatus.CANCELLED}
    assert claimed(db, mia) == claimed(db, max_) == []


def test_an_occurrence_is_moved_alone_and_a_series_never_from_a_calendar(db: DbSession) -> None:
    mia, max_, ben = three(db)
    sessions = a_series(db, mia, max_, ben)
    second = TEN + timedelta(weeks=1)

    whole = suggest(db, mia, LATER)
    one = suggest(db, mia, second + HALF, minute=1, more=(ics(second + HALF), ics(second, "RECURRENCE-ID")))
    decline_suggestion(db, session_id=sessions[1], person_id=mia.id, actor=SYSTEM, now=NOW)

    assert (whole.outcome, one.outcome) == ("refused", "suggested")
    assert [row["session_id"] for row in turned_down(db)] == [None, sessions[1]]


def test_who_has_another_address_by_now_is_a_stranger_at_the_old_one(db: DbSession) -> None:
    mia, max_, ben = three(db)
    a_session(db, mia, max_, ben)
    old = mia.email
    patch_person(db, person_id=mia.id, changes={"email": "new.mia@earshot.example"}, actor=SYSTEM, now=NOW)

    assert answer(db, mia, attendee=old) == "ignored"
    assert answer(db, mia, attendee="new.mia@earshot.example") == "answered"


@contextmanager
def undone(db: DbSession) -> Iterator[None]:
    """What happens in it has not happened."""
    savepoint = db.begin_nested()
    yield
    savepoint.rollback()


a_reply = st.tuples(
    st.integers(0, 3),
    st.integers(0, 5),
    st.sampled_from(["ACCEPTED", "DECLINED", "TENTATIVE", "DELEGATED", "COUNTER"]),
)


def _rank(one: tuple[int, int, str]) -> tuple[int, int]:
    """SEQUENCE, of which none counts for more than ours, number 2; and DTSTAMP."""
    return min(one[0], 2), one[1]


@settings(max_examples=worlds(40))
@given(data=st.data(), sent=st.lists(a_reply, min_size=1, max_size=6, unique_by=_rank))
def test_in_any_order_however_often_the_last_answer_counts(
    db: DbSession, data: st.DataObject, sent: Sequence[tuple[int, int, str]]
) -> None:
    repeated = data.draw(st.permutations([*sent, *data.draw(st.lists(st.sampled_from(sent), max_size=6))]))
    with undone(db):
        mia, max_, ben = three(db)
        session_id = a_session(db, mia, max_, ben)
        for away in (LATER, TEN):
            reschedule_session(db, session_id=session_id, starts_at=away, actor=SYSTEM, now=NOW)

        for sequence, minute, word in repeated:
            if word == "COUNTER":
                suggest(db, mia, LATER, sequence=sequence, minute=minute)
            else:
                answer(db, mia, word, sequence=sequence, minute=minute)

        assert row_of(db, session_id).status is SessionStatus.CONFIRMED
        state = (responses(db, session_id)[mia.id], suggested(db, session_id, mia))
        # A suggestion must be about the revision that stands, number 2; nobody can be sent instead.
        counting = [one for one in sent if one[2] != "DELEGATED" and (one[2] != "COUNTER" or one[0] == 2)]
        last = max(counting, key=_rank)[2] if counting else "NEEDS_ACTION"
        assert state == (("tentative", LATER) if last == "COUNTER" else (last.lower(), None))
        assert bool(claimed(db, mia)) == (last != "DECLINED")


def test_of_one_answer_that_arrives_many_times_at_once_one_counts(engine: Engine) -> None:
    with transaction(engine, writes=True) as db:
        mia, max_, ben = three(db)
        session_id = a_session(db, mia, max_, ben)
        mine = entry_of(db, mia)
    text = a_calendar(uid=mine.uid, attendee=mia.email, partstat="DECLINED", stamp="20261121T093000Z")
    replies = read_calendar(text.encode())

    def once(_: int) -> str:
        return written(engine, lambda db: take_calendar(db, replies=replies, actor=SYSTEM, now=NOW))[0].outcome

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(once, range(8)))

    assert outcomes == ["answered", *["ignored"] * 7]
    with transaction(engine, writes=False) as db:
        assert responses(db, session_id)[mia.id] == "declined"
