"""What the buttons about a call do, on whichever page they stand, and what is said afterwards, or instead."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Literal, assert_never

from app.db import DbSession
from app.errors import Conflict, Gone, Invalid
from app.operations import floor, seats, waitlist
from app.operations.refused import AlreadyBooked
from app.queries.seats import named_seats
from app.vocabulary import LIVE_SEATS, Door, SeatStatus, SessionKind
from app.web.dependencies import Viewer

Do = Literal[
    "take", "drop-in", "leave", "remove", "approve", "decline",
    "wait", "accept", "quit",
    "open", "close", "raise", "lower",
]  # fmt: skip
REFUSED = (Conflict, Gone, Invalid)
"""What a page says in its own words, with everything on it as it was."""
LONGEST_WHY = 140

SAID: Mapping[str, str] = {
    "taken": "Seat taken. Your microphone stays off.",
    "asked": "Asked. The host says yes or no.",
    "drop-in": "You are in. Open the call; your microphone stays off.",
    "leave": "Seat given back.",
    "remove": "They no longer have this seat, and are told.",
    "approve": "They have the seat, and are told.",
    "decline": "They are told that it does not suit this time.",
    "wait": "You are in line. A seat that comes free is offered to you here.",
    "free": "A seat has come free meanwhile: take it.",
    "accept": "The seat is yours. Your microphone stays off.",
    "quit": "You are out of the line.",
    "open": "The door is open: whoever may listen can drop in.",
    "close": "The door is closed. Whoever listens stays.",
    "raise": "Your hand is up: the floor sees it.",
    "lower": "Your hand is down.",
}
"""What has been done, by the word that the address carries."""
_TO_THE_VIEWER: Mapping[str, str] = {
    "slot_taken": "You are taken at that time. Free it first, or choose a call at another time.",
    "outside_availability": "The call lies outside your working hours. Choose one within them.",
    "not_active": "You are on leave. Ask an admin to make you active again, then take it.",
    "own_call": "You host this call: its seats are for others.",
    "seats_full": "Every seat is taken. Choose another call of the week.",
    "not_started": "The call has not started. Take a seat on it, or drop in once it is under way.",
    "offer_expired": "The offer has expired: the seat is for whoever is next. Wait again, or choose another call.",
    "not_offered": "No seat is offered to you. It is kept for you here once one comes free.",
    "not_requested": "Nobody waits for your answer about this seat any more.",
}
"""Reasons in words to the one who wants the seat; the others are sentences to anybody as they are."""


def act(db: DbSession, call_id: str, do: Do, *, of: str, why: str, viewer: Viewer, now: datetime) -> str:
    """Do what a button says and return the word of `SAID` for it. `of` is the seat or the place in line that it is
    about, where that may be several; `why` what a raised hand says. Pressing twice changes nothing.
    """
    actor, me = viewer.actor, viewer.person.id
    match do:
        case "take" | "drop-in":
            kind = SessionKind.SHADOW if do == "take" else SessionKind.DROP_IN
            with suppress(AlreadyBooked):
                made = seats.book_seat(db, call_id=call_id, observer_id=me, kind=kind, actor=actor, now=now)
                if made.status is SeatStatus.REQUESTED:
                    return "asked"
            return "taken" if do == "take" else do
        case "leave":
            held = [one for one in named_seats(db, call_id, actor=actor) if one.status in LIVE_SEATS]
            if mine := next((one for one in held if one.observer_id == me), None):
                seats.release_seat(db, seat_id=mine.id, actor=actor, now=now)
        case "remove":
            seats.release_seat(db, seat_id=of, actor=actor, now=now)
        case "approve":
            seats.approve_seat(db, seat_id=of, actor=actor, now=now)
        case "decline":
            seats.decline_seat(db, seat_id=of, actor=actor, now=now)
        case "wait":
            with suppress(AlreadyBooked):
                place = seats.wait_if_full(db, call_id=call_id, observer_id=me, actor=actor, now=now)
                return do if place else "free"
            return "taken"  # meanwhile, by themselves
        case "accept":
            waitlist.accept_offer(db, entry_id=of, actor=actor, now=now)
        case "quit":
            waitlist.leave(db, entry_id=of, actor=actor, now=now)
        case "open" | "close":
            door = Door.OPEN if do == "open" else Door.CLOSED
            floor.set_door(db, call_id=call_id, door=door, actor=actor, now=now)
        case "raise":
            floor.raise_hand(db, call_id=call_id, why=_one_line(why), actor=actor, now=now)
        case "lower":
            floor.lower_hand(db, call_id=call_id, actor=actor, now=now)
        case _:
            assert_never(do)
    return do


def words_for(code: str, detail: str, about: object, *, viewer: Viewer) -> str:
    """Say a refusal to the viewer: what is in the way, and what would work."""
    if code == "limit" and about == viewer.person.id:
        return detail.replace("The observer's limit", "Your limit")
    return _TO_THE_VIEWER.get(code, detail)


def _one_line(why: str) -> str | None:
    printable = "".join(letter if letter.isprintable() else " " for letter in why)
    return " ".join(printable.split())[:LONGEST_WHY] or None
