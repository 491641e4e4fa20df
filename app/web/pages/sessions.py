"""One session: who takes part, when, what for, and the way in; answers to it, another time for it, and its
cancel. Mails and calendars link here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, assert_never

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, Gone, Invalid, Problem, Stale
from app.house import House
from app.ical import write
from app.operations import replies, responses
from app.operations import sessions as operations
from app.queries import alternatives, calls, seats, sessions
from app.queries.entries import Desk, drawn_entries
from app.rules import session_states
from app.rules.access import may_act_for
from app.rules.session_states import Act
from app.vocabulary import CALL_KINDS, Instant, Part, SessionStatus
from app.vocabulary import Response as Answer
from app.web import words
from app.web.clocks import moment, times_for
from app.web.dependencies import LongForm, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.faces import Face
from app.web.filled import Misfilled
from app.web.html import page
from app.web.pages.session_cancels import LONGEST_NOTE, CancelForm, cancel, deeds, last_word
from app.web.pages.session_moves import (
    SAID,
    WHICH,
    Filled,
    Way,
    all_free,
    in_query,
    move_form,
    take_other_time,
    why_not,
)
from app.web.places import outside_place
from app.web.private_reads import SESSION
from app.web.weeks import Week

router = page_router()

Answering = Literal["accept", "maybe", "decline", "move", "keep", "cancel", "undo"]

_SAID = {"accept": Answer.ACCEPTED, "maybe": Answer.TENTATIVE, "decline": Answer.DECLINED}
_STATUS = {
    SessionStatus.REQUESTED: "It is not confirmed yet: answer once it is.",
    SessionStatus.CONFIRMED: "It is on.",
    SessionStatus.IN_PROGRESS: "It is under way.",
    SessionStatus.COMPLETED: "It took place already.",
    SessionStatus.CANCELLED: "It was cancelled meanwhile. Book another when you still want to meet.",
    SessionStatus.NO_SHOW: "It was noted that somebody did not come.",
    SessionStatus.EXPIRED: "Nobody confirmed it in time. Book another when you still want to meet.",
}
"""Why a status allows an act no more."""
_ENDED = "This one and those that follow are cancelled. Everybody in them hears of it in one mail."
_UNASKED = (SessionStatus.REQUESTED, SessionStatus.EXPIRED, SessionStatus.CANCELLED)
"""Nobody's answer is of interest: they were never invited, or it is off."""
_REFUSED = {
    "past": "It is over.",
    "undo_over": "It is too late to undo this: people are being told. Book the session again.",
    "stale": "The session has another time by now. Look at it, then answer.",
    "suggestion_over": "That time is suggested no longer. Look at the session as it is now.",
}


@dataclass(frozen=True, slots=True)
class Attendance:
    """Somebody who takes part, what as, and what they answered."""

    person_id: str
    face: Face
    words: str
    proposed: str | None
    """Another time that they suggest, on the viewer's clocks."""
    proposed_at: str | None
    """The same, for the button of somebody else who may take it up."""


class SuggestionOver(Conflict):
    """Nobody suggests that time any more."""

    code = "suggestion_over"
    title = "That time is suggested no longer"


@router.get("/s/{session_id}", dependencies=[SESSION])
def show_session(session_id: str, db: ReadDb, now: Now, viewer: SignedIn, show: str = "", said: str = "") -> Response:
    """Show a session to those who take part in it, and with `times` when it could be instead."""
    shown, words = Filled() if show == "times" else None, {**SAID, "ended": _ENDED}
    return _session_page(db, session_id, viewer=viewer, now=now, filled=shown, said=words.get(said, ""))


@router.post("/s/{session_id}")
def change_session(
    session_id: str,
    do: Answering | Way,
    the: TheHouse,
    now: Now,
    viewer: Pressing,
    form: LongForm,
    at: Instant | None = None,
    who: str = "",
    seen: int = 0,
) -> Response:
    """Answer, take up or turn down the time that `who` suggests, cancel, with a word to the others, or undo that; or
    find another time, `at` or as filled in, for the session in the version that was `seen`. Pressing twice changes
    nothing; a refusal is said on the page. Else `at` is the start, or the suggestion, that the page showed: nobody
    answers for a time that they did not see.
    """
    if do == "reschedule" or do == "suggest":
        filled = Filled.of(form, at, viewer.person.time_zone)
        return _find_time(session_id, do, filled, seen, the=the, viewer=viewer, now=now)
    off = CancelForm.of(form) if do == "cancel" else CancelForm()
    try:
        database.written(the.engine, lambda db: _act(db, session_id, do, at, who, off, viewer=viewer, now=now))
    except Misfilled as wrong:
        with database.transaction(the.engine, writes=False) as reading:
            off = replace(off, errors=wrong.errors)
            return _session_page(reading, session_id, viewer=viewer, now=now, off=off)
    except (Conflict, Gone, Invalid, Stale) as refused:
        with database.transaction(the.engine, writes=False) as reading:
            why = _words(reading, session_id, refused, viewer=viewer, now=now)
            return _session_page(reading, session_id, viewer=viewer, now=now, refused=why, off=off)
    return RedirectResponse(f"/s/{session_id}{'?said=ended' if off.scope == 'following' else ''}", 303)


@router.get("/s/{session_id}/invite.ics")
def download_invite(session_id: str, db: ReadDb, the: TheHouse, viewer: SignedIn) -> Response:
    """Send the file that the API sends for the session, to a browser that has no key: a copy to import, in the
    viewer's own view.
    """
    entry_id = sessions.entry_id_of_session(db, session_id, actor=viewer.actor)
    [drawn] = drawn_entries(db, [entry_id], desk=Desk.of(the.settings))
    content = write.calendar([drawn.fragment().content], method=None)
    headers = {"Content-Disposition": 'attachment; filename="invite.ics"', "Cache-Control": "private, no-store"}
    return Response(content, headers=headers, media_type="text/calendar")


def _find_time(
    session_id: str, way: Way, filled: Filled, seen: int, *, the: House, viewer: Viewer, now: datetime
) -> Response:
    """Move it or suggest to; else show what is wrong, and what was filled in."""
    why = ""
    try:
        at = filled.instant(viewer.person.time_zone)
        which = filled.scope
        taking = partial(take_other_time, session_id=session_id, way=way, starts_at=at, seen=seen, which=which)
        database.written(the.engine, partial(taking, viewer=viewer, now=now))
    except Misfilled as wrong:
        filled = replace(filled, errors=wrong.errors)
    except Invalid as refused:
        filled = replace(filled, errors={"day": why_not(refused, viewer=viewer, now=now)})
    except (Conflict, Stale) as refused:
        status = refused.extra.get("session_status")
        why = _STATUS[SessionStatus(str(status))] if status else why_not(refused, viewer=viewer, now=now)
    else:
        said = which if way == "reschedule" and which == "following" else way
        return RedirectResponse(f"/s/{session_id}?said={said}", 303)
    with database.transaction(the.engine, writes=False) as db:
        return _session_page(db, session_id, viewer=viewer, now=now, filled=filled, refused=why)


def _act(
    db: DbSession,
    session_id: str,
    do: Answering,
    at: datetime | None,
    who: str,
    off: CancelForm,
    *,
    viewer: Viewer,
    now: datetime,
) -> None:
    actor, me = viewer.actor, viewer.person.id
    match do:
        case "accept" | "maybe" | "decline":
            responses.respond(db, session_id=session_id, person_id=me, response=_SAID[do], actor=actor, now=now)
            # Locked by now: what was answered is undone with this transaction.
            if at not in (None, sessions.session_by_id(db, session_id, actor=actor).starts_at):
                raise Stale
        case "move":
            seen = sessions.session_by_id(db, session_id, actor=actor)
            if at is None or seen.starts_at == at:
                return
            if at not in {one.proposed_starts_at for one in sessions.named_participants(db, session_id)}:
                raise SuggestionOver
            operations.reschedule_session(
                db, session_id=session_id, starts_at=at, expected_version=seen.version, actor=actor, now=now
            )
        case "keep":
            replies.decline_suggestion(db, session_id=session_id, person_id=who, actor=actor, now=now)
        case "cancel":
            cancel(db, session_id, off, viewer=viewer, now=now)
        case "undo":
            if sessions.session_by_id(db, session_id, actor=actor).status is SessionStatus.CANCELLED:
                operations.undo_cancel(db, session_id=session_id, actor=actor, now=now)
        case _:
            assert_never(do)


def _session_page(
    db: DbSession,
    session_id: str,
    *,
    viewer: Viewer,
    now: datetime,
    filled: Filled | None = None,
    off: CancelForm | None = None,
    refused: str = "",
    said: str = "",
) -> Response:
    row, me = sessions.session_with_names(db, session_id, actor=viewer.actor), viewer.person
    people = sessions.named_participants(db, session_id)
    mine = next((one for one in people if one.person_id == me.id), None)
    status = session_states.current(row.status, row.expires_at, now=now)
    on_call, is_over = row.kind in CALL_KINDS, row.ends_at <= now
    decides = any(may_act_for(viewer.actor, one.person_id) for one in people)
    ahead = session_states.possible(status) if decides and not is_over else ()
    is_asked = mine is not None and not (on_call and mine.part is Part.HOST)
    may_move = Act.RESCHEDULE in ahead and not on_call
    off = off or CancelForm()
    moving, errors = None, filled.errors if filled else off.errors
    if filled and may_move:
        moving = move_form(db, row, filled, may_suggest=mine is not None, viewer=viewer, now=now)
    elif errors and filled:
        refused = next(iter(errors.values()))
    return page(
        "session.html",
        status=409 if refused else 422 if errors else 200,
        viewer=viewer.face,
        session=row,
        kind=words.KINDS[row.kind],
        is_on_call=on_call,
        **_standing(db, row, status, zone=me.time_zone, now=now),
        **_who(row, people, may_move=may_move, viewer=viewer, now=now),
        account=row.account_name or "a customer",
        meeting_url=outside_place(row.meeting_url),
        lessons=calls.lessons(db, {row.type}).get(row.type, []) if on_call else [],
        week=Week.of(row.starts_at, me.time_zone),
        answer=mine.response.value if mine and is_asked and Act.RESPOND in ahead else None,
        shown_at=in_query(row.starts_at),
        **_until_now(db, row, status, viewer=viewer, now=now),
        may_cancel=Act.CANCEL in ahead and not on_call,
        off=off,
        may_undo=decides and _may_undo(row, now=now),
        may_move=may_move,
        moving=moving,
        refused=refused,
        said=said,
    )


def _standing(db: DbSession, row: Any, status: SessionStatus, *, zone: str, now: datetime) -> dict[str, Any]:
    """Return how a session stands: what it waits for and until when, and whether there is something to come to."""
    is_over = row.ends_at <= now
    stands = status in (SessionStatus.CONFIRMED, SessionStatus.IN_PROGRESS)
    return {
        "state": status.value,
        "is_over": is_over,
        "until": moment(row.expires_at, zone, now=now) if row.expires_at else None,
        "awaits_host": status is SessionStatus.REQUESTED and bool(seats.awaiting_host(db, [row.id], now=now)),
        "has_invite": stands and not is_over,
    }


def _until_now(db: DbSession, row: Any, status: SessionStatus, *, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """Return what has been done to a session, and what to choose from to end it."""
    done = deeds(db, row.id, viewer=viewer, now=now)
    return {
        "done": done,
        "last_word": last_word(done) if status is SessionStatus.CANCELLED else None,
        "whole_series": WHICH if row.series_id else (),
        "longest_note": LONGEST_NOTE,
    }


def _who(row: Any, people: Sequence[Any], *, may_move: bool, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """Return who takes part in a session, as its page shows them, and when it is on their clocks."""
    me, clocks = viewer.person, [_clock(one, row) for one in people]
    mine = next((one for one in people if one.person_id == me.id), None)
    return {
        "is_host": mine is not None and mine.part is Part.HOST,
        "takes_part": mine is not None,
        "host": Face.of(row.host_id, row.host_name) if row.host_id else None,
        "others": [Face.of(one.person_id, one.name) for one in people if one.person_id != me.id],
        "observers": [Face.of(one.person_id, one.name) for one in people if one.part is Part.OBSERVER],
        "people": [_attendance(one, row, may_move=may_move, viewer=viewer, now=now) for one in people],
        "times": times_for(row.starts_at, row.ends_at, viewers_zone=me.time_zone, others=clocks),
    }


def _may_undo(row: Any, *, now: datetime) -> bool:
    """Whether to offer the undo of a cancel."""
    return row.undo_until is not None and now < min(row.undo_until, row.ends_at)


def _attendance(one: Any, row: Any, *, may_move: bool, viewer: Viewer, now: datetime) -> Attendance:
    on_call = row.kind in CALL_KINDS
    part = "You" if one.person_id == viewer.person.id else words.PARTS[one.part]
    if on_call and one.part is Part.HOST:
        said = "You host the call" if part == "You" else "Hosts the call"
    elif on_call and row.status is SessionStatus.CANCELLED:
        said = "Gave the seat back, or lost it"
    elif row.status in _UNASKED:
        said = part
    else:
        said = f"{part}, {words.ANSWERS[one.response]}"
    proposed = one.proposed_starts_at
    return Attendance(
        one.person_id,
        Face.of(one.person_id, one.name),
        said,
        moment(proposed, viewer.person.time_zone, now=now) if proposed else None,
        in_query(proposed) if proposed and may_move and one.person_id != viewer.person.id else None,
    )


def _clock(one: Any, row: Any) -> tuple[str, str]:
    is_calls_host = row.kind in CALL_KINDS and one.part is Part.HOST
    return "The host's time" if is_calls_host else one.name, one.time_zone


def _words(db: DbSession, session_id: str, refused: Problem, *, viewer: Viewer, now: datetime) -> str:
    """Say a refusal to the viewer: what is in the way, and what would work."""
    if "session_status" in refused.extra:
        return _STATUS[SessionStatus(str(refused.extra["session_status"]))]
    if refused.code != "slot_taken":
        return _REFUSED.get(refused.code, refused.detail)
    row = sessions.session_by_id(db, session_id, actor=viewer.actor)
    mine = refused.extra.get("person_id") == viewer.person.id
    why = "You are taken at that time by now." if mine else "Somebody is taken at that time by now."
    free = [start for start, _ in alternatives.other_times_for(db, row, after=None, now=now)]
    return all_free(why, free, viewer=viewer, now=now)
