"""Read again what a notice is about when it is sent: what it says now, or why there is nothing to say any more.

Who is told is decided when a notice is written (`queries/addressees`); whether it is still so, here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import exists, func, select

from app.db import DbSession
from app.models.tables import (
    account,
    calendar_entry,
    call,
    mail_setting,
    match,
    notice,
    person,
    power_hour,
    power_hour_part,
    seat,
    session,
    waitlist_entry,
    webhook_endpoint,
)
from app.queries import matches, power_hours, programs, seats, sessions
from app.queries.entries import Desk, drawn_entries
from app.queries.power_hours import PowerHourPeople
from app.queries.rows import first_row
from app.rules.access import manages_programs
from app.rules.matching.lives import EXPIRES_AFTER
from app.rules.templates import Fact
from app.rules.wording import call_words, moment, when
from app.vocabulary import (
    IN_LINE,
    LIVE_SEATS,
    Approver,
    CallStatus,
    DisabledBecause,
    EndedBecause,
    EndpointStatus,
    EntryStatus,
    MatchStatus,
    MessageKind,
    Response,
    Role,
    SeatStatus,
    SessionStatus,
    WaitlistStatus,
)


@dataclass(frozen=True, slots=True)
class Said:
    """What a notice says now: a fact for each token of its kind (`rules/messages`), but for `name` and
    `settings_link`, which are the same whatever it is about.
    """

    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Pointless:
    """Why there is nothing to say any more, for whoever looks after the mail."""

    why: str


class Reader(Protocol):
    """Reads what a notice of one kind says now. `one` is its row, as `notice_to_send` returns it."""

    def __call__(self, db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
        """Return it. The notice is left as it is."""


def notice_to_send(db: DbSession, notice_id: str) -> Any:
    """Return the row of a notice with its reader's `name`, `email`, `time_zone`, `role`, `person_status` and
    `language`; None when there is no such notice.
    """
    query = (
        select(
            notice,
            person.c.name,
            person.c.email,
            person.c.time_zone,
            person.c.status.label("person_status"),
            person.c.role,
            mail_setting.c.language,
        )
        .join(person, person.c.id == notice.c.person_id)
        .outerjoin(mail_setting, mail_setting.c.person_id == notice.c.person_id)
    )
    return db.execute(query.where(notice.c.id == notice_id)).first()


def _seat_requested(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    found = _call_about(db, one)
    if found.seat_status is not SeatStatus.REQUESTED or not seats.awaiting_host(db, [found.session_id], now=now):
        return Pointless("somebody has answered, or nobody asks any more")
    if found.host_id != one.person_id:
        return Pointless("somebody else hosts the call now")
    asked = {"observer_name": found.observer_name, "until": moment(found.expires_at, one.time_zone)}
    return Said({**_said_of_call(found, one, desk), **asked})


def _seat_ended(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    found = _call_about(db, one)
    if found.starts_at <= now:
        return Pointless("the call has begun without them")
    if found.seated:
        return Pointless("they have a seat on it again")
    elsewhere = {"link": f"{desk.public_url}/"}
    return Said({**_said_of_call(found, one, desk), "reason": _why_over(found), **elsewhere})


def _seat_offered(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    found = _call_about(db, one)
    if found.entry_status is not WaitlistStatus.OFFERED or found.expires_at is None or found.expires_at <= now:
        return Pointless("the offer was answered, or is over")
    return Said({**_said_of_call(found, one, desk), "until": moment(found.expires_at, one.time_zone)})


def _offer_lapsed(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    found = _call_about(db, one)
    if found.starts_at <= now or found.status is not CallStatus.SCHEDULED:
        return Pointless("nobody can wait for the call any more")
    if found.seated or found.waits:
        return Pointless("they have a seat on it, or wait for one again")
    return Said(_said_of_call(found, one, desk))


def _session_declined(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    people = sessions.named_participants(db, one.about_id)
    names = [by.name for by in people if by.response is Response.DECLINED and by.person_id != one.person_id]
    if not names:
        return Pointless("everybody comes")
    if not any(by.person_id == one.person_id and by.response is not Response.DECLINED for by in people):
        return Pointless("they do not come either")
    return _said_of_session(db, one, {"who_name": " and ".join(names)}, desk=desk, now=now)


def _time_suggested(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    people = sessions.named_participants(db, one.about_id)
    theirs = [
        by for by in people if by.proposed_starts_at not in (None, one.starts_at) and by.person_id != one.person_id
    ]
    if not theirs:
        return Pointless("nobody suggests another time")
    if one.person_id not in {by.person_id for by in people}:
        return Pointless("they no longer take part")
    suggested = tuple(dict.fromkeys(moment(by.proposed_starts_at, one.time_zone) for by in theirs))
    facts: dict[str, Fact] = {"who_name": " and ".join(by.name for by in theirs), "suggested": suggested}
    return _said_of_session(db, one, facts, desk=desk, now=now)


def _match_requested(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    found = _match_about(db, one)
    if found.status is not MatchStatus.PENDING:
        return Pointless(f"the match is {found.status}")
    asked = {Approver.MENTEE: found.mentee_id, Approver.MENTOR: found.mentor_id}
    theirs = {part for part, who in asked.items() if who == one.person_id}
    is_down = manages_programs(one.role) and programs.manager_by_id(db, found.program_id, one.person_id)
    if one.role is Role.ADMIN or is_down:
        theirs.add(Approver.ADMIN)
    if theirs.isdisjoint(found.awaiting):
        return Pointless("nobody waits for their yes any more")
    mentee, mentor = found.mentee_name, found.mentor_name
    wish = f"{mentee} would like {mentor} to be their mentor."
    request = wish if found.asked_by_id else f"{mentor} could be the mentor of {mentee}."
    until = moment(found.asked_at + EXPIRES_AFTER, one.time_zone)
    names = {"mentor_name": mentor, "mentee_name": mentee, "program": found.program}
    return Said({**names, "request": request, "until": until, "link": f"{desk.public_url}/m/{found.id}"})


def _match_over(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    found = _match_about(db, one)
    if found.ended_because is EndedBecause.REPLACED and found.mentee_id == one.person_id and found.has_another:
        return Pointless("they read of the match that they have now")
    why = _WHY_NO_MATCH[found.ended_because or EndedBecause.BY_HAND]
    return Said({**_said_of_match(found, one, desk), "reason": why})


def _fit_check(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    found = _match_about(db, one)
    if found.status not in (MatchStatus.ACTIVE, MatchStatus.PAUSED):
        return Pointless(f"the match is {found.status}")
    if (found.mentee_fit if found.mentee_id == one.person_id else found.mentor_fit) is not None:
        return Pointless("they have said it")
    return Said(_said_of_match(found, one, desk))


def _time_stays(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    mine = [by for by in sessions.named_participants(db, one.about_id) if by.person_id == one.person_id]
    if not mine:
        return Pointless("they no longer take part")
    if mine[0].proposed_starts_at is not None:
        return Pointless("they suggest another time again")
    return _said_of_session(db, one, {}, desk=desk, now=now)


def _match_started(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    found = _match_about(db, one)
    if found.status is not MatchStatus.ACTIVE:
        return Pointless(f"the match is {found.status}")
    names = {"mentor_name": found.mentor_name, "mentee_name": found.mentee_name}
    return Said({**_said_of_match(found, one, desk), **names})


def _webhook_disabled(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    found = first_row(db, select(webhook_endpoint).where(webhook_endpoint.c.id == one.about_id))
    why = _WHY_DISABLED.get(found.disabled_because)
    if found.status is not EndpointStatus.DISABLED or why is None:
        return Pointless("somebody has seen to it")
    if one.role is not Role.ADMIN:
        return Pointless("they are no admin any more")
    link = f"{desk.public_url}/docs"
    return Said({"endpoint": found.name, "endpoint_id": found.id, "reason": why, "link": link})


def _power_hour(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:
    found = first_row(db, select(power_hour).where(power_hour.c.id == one.about_id))
    people = power_hours.people_of(db, [found.id]).get(found.id, PowerHourPeople())
    if one.person_id not in people.ids:
        return Pointless("they are not in it any more")
    if found.ends_at <= now:
        return Pointless("it is over")
    if found.starts_at != one.starts_at:
        return Pointless("it has moved since")
    return Said(
        {
            "power_hour": found.name,
            "when": when(found.starts_at, found.ends_at, one.time_zone),
            "turns": power_hours.turns_in_words(found, people, one.person_id, one.time_zone)
            or ("There is nobody else in it yet.",),
            "link": f"{desk.public_url}/power-hours/{found.id}",
        }
    )


def _power_hour_off(db: DbSession, one: Any, /, *, desk: Desk, now: datetime) -> Said | Pointless:  # noqa: ARG001  a reader
    theirs = power_hour_part.c.power_hour_id == one.about_id, power_hour_part.c.person_id == one.person_id
    if db.execute(select(power_hour_part.c.part).where(*theirs)).first() is not None:
        return Pointless("they are in it again")
    takes_place = db.execute(select(power_hour.c.id).where(power_hour.c.id == one.about_id)).first() is not None
    why = "It takes place without you." if takes_place else "It is cancelled."
    return Said({"when": moment(one.starts_at, one.time_zone), "reason": why, "link": f"{desk.public_url}/power-hours"})


READERS: Mapping[MessageKind, Reader] = {
    MessageKind.SEAT_REQUESTED: _seat_requested,
    MessageKind.SEAT_DECLINED: _seat_ended,
    MessageKind.SEAT_EXPIRED: _seat_ended,
    MessageKind.REQUEST_OVER: _seat_ended,
    MessageKind.SEAT_OFFERED: _seat_offered,
    MessageKind.OFFER_LAPSED: _offer_lapsed,
    MessageKind.SESSION_DECLINED: _session_declined,
    MessageKind.TIME_SUGGESTED: _time_suggested,
    MessageKind.TIME_STAYS: _time_stays,
    MessageKind.MATCH_REQUESTED: _match_requested,
    MessageKind.MATCH_REMINDER: _match_requested,
    MessageKind.MATCH_DECLINED: _match_over,
    MessageKind.MATCH_STARTED: _match_started,
    MessageKind.MATCH_ENDED: _match_over,
    MessageKind.FIT_CHECK: _fit_check,
    MessageKind.WEBHOOK_DISABLED: _webhook_disabled,
    MessageKind.POWER_HOUR_PLANNED: _power_hour,
    MessageKind.POWER_HOUR_CHANGED: _power_hour,
    MessageKind.POWER_HOUR_OFF: _power_hour_off,
}
"""Who reads which notice. Reminders and the digest have readers of their own."""

_WHY_DISABLED: Mapping[DisabledBecause | None, str] = {
    DisabledBecause.GONE: "It answered that it is gone for good (410).",
    DisabledBecause.FAILING: "Nothing has arrived there for five days.",
}


_WHY_NO_MATCH: Mapping[EndedBecause, str] = {
    EndedBecause.BY_HAND: "One of you has ended it, or somebody who may do so for you.",
    EndedBecause.REPLACED: "The matches of the program were made anew.",
    EndedBecause.LEFT: "One of you is no longer in the program.",
    EndedBecause.NOT_A_FIT: "It was not a fit, and that is nobody's fault.",
    EndedBecause.DECLINED: "The answer was no.",
    EndedBecause.EXPIRED: "Nobody decided in time.",
    EndedBecause.WITHDRAWN: "The request was taken back.",
}


def _match_about(db: DbSession, one: Any) -> Any:
    """Return the match that a notice is about, with the names in it, and whether its mentee has another one there that
    has begun. Raises NotFound.
    """
    other = match.alias("other")
    begun = other.c.status.in_((MatchStatus.ACTIVE, MatchStatus.PAUSED)), other.c.id != match.c.id
    another = exists().where(other.c.program_id == match.c.program_id, other.c.mentee_id == match.c.mentee_id, *begun)
    return first_row(db, matches.NAMED.add_columns(another.label("has_another")).where(match.c.id == one.about_id))


def _said_of_match(found: Any, one: Any, desk: Desk) -> dict[str, Fact]:
    other = found.mentee_name if found.mentor_id == one.person_id else found.mentor_name
    return {"other_name": other, "program": found.program, "link": f"{desk.public_url}/m/{found.id}"}


def _call_about(db: DbSession, one: Any) -> Any:
    """Return the call of the seat, or of the place in line, that a notice is about: who hosts and observes it, and
    whether the reader has a seat on it or waits for one. Raises NotFound.
    """
    host, observer = person.alias("host"), person.alias("observer")
    of_seat = select(seat.c.call_id).where(seat.c.id == one.about_id).scalar_subquery()
    of_entry = select(waitlist_entry.c.call_id).where(waitlist_entry.c.id == one.about_id).scalar_subquery()
    theirs = seat.alias("theirs")
    seated = theirs.c.call_id == call.c.id, theirs.c.observer_id == one.person_id, theirs.c.status.in_(LIVE_SEATS)
    line = waitlist_entry.alias("line")
    waits = line.c.call_id == call.c.id, line.c.person_id == one.person_id, line.c.status.in_(IN_LINE)
    query = (
        select(
            *(call.c[name] for name in ("id", "type", "status", "host_id", "starts_at", "ends_at")),
            account.c.name.label("company"),
            host.c.name.label("host_name"),
            observer.c.name.label("observer_name"),
            seat.c.status.label("seat_status"),
            seat.c.session_id,
            session.c.expires_at,
            waitlist_entry.c.status.label("entry_status"),
            exists().where(*seated).label("seated"),
            exists().where(*waits).label("waits"),
        )
        .select_from(call)
        .join(host, host.c.id == call.c.host_id)
        .outerjoin(account, account.c.id == call.c.account_id)
        .outerjoin(seat, seat.c.id == one.about_id)
        .outerjoin(session, session.c.id == seat.c.session_id)
        .outerjoin(observer, observer.c.id == seat.c.observer_id)
        .outerjoin(waitlist_entry, waitlist_entry.c.seat_id == seat.c.id)
    )
    return first_row(db, query.where(call.c.id == func.coalesce(of_seat, of_entry)))


def _said_of_call(found: Any, one: Any, desk: Desk) -> dict[str, Fact]:
    return {
        "call": call_words(found.company, found.type),
        "host_name": found.host_name,
        "when": when(found.starts_at, found.ends_at, one.time_zone),
        "link": f"{desk.public_url}/calls/{found.id}",
    }


def _why_over(found: Any) -> str:
    if found.status is CallStatus.CANCELLED:
        return "The call is off."
    if found.waits:
        return "It has moved to a time at which you are taken. You are in line for a seat, should it move again."
    return "Somebody gave the seat back for you."


def _said_of_session(
    db: DbSession, one: Any, facts: Mapping[str, Fact], *, desk: Desk, now: datetime
) -> Said | Pointless:
    """Say something of a session without a call, in the words of the reader's calendar."""
    found = first_row(db, select(session).where(session.c.id == one.about_id))
    if found.status is not SessionStatus.CONFIRMED or found.starts_at <= now:
        return Pointless("it is off, or has begun")
    if found.starts_at != one.starts_at:
        return Pointless("it has moved since")
    mine = calendar_entry.c.person_id == one.person_id, calendar_entry.c.status == EntryStatus.CONFIRMED
    of = calendar_entry.c.session_id == found.id
    if found.series_id is not None:
        of = calendar_entry.c.series_id == found.series_id
    entry_ids = list(db.execute(select(calendar_entry.c.id).where(*mine, of)).scalars())
    if not entry_ids:
        return Pointless("it is not in their calendar")
    (drawn,) = drawn_entries(db, entry_ids, desk=desk)
    times = when(found.starts_at, found.ends_at, one.time_zone)
    return Said({**facts, "what": drawn.entry.summary, "when": times, "link": f"{desk.public_url}/s/{found.id}"})
