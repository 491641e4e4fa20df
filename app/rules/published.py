"""Which acts leave the house as webhooks, and what each says. What is not listed here stays inside."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """An act that outsiders may hear of."""

    object_type: str
    """What it happened to, whose state goes with it."""
    says: str
    """One sentence for who receives it."""


TESTED = "webhook_endpoint.tested"
"""Heard by the endpoint that was tested and by no other, whatever it listens to."""

PUBLISHED: Mapping[str, Published] = {
    "account.created": Published("account", "An account was added."),
    "account.changed": Published("account", "An account changed."),
    "account.deleted": Published("account", "An account was deleted."),
    "call.created": Published("call", "A call was added."),
    "call.changed": Published("call", "A call changed: its time, host, type, seats or anything else that it shows."),
    "call.cancelled": Published("call", "A call will not happen; its seats are free again."),
    "call.started": Published("call", "A call began."),
    "call.ended": Published("call", "A call is over; who sat in has attended."),
    "call.no_show": Published("call", "The customer did not come to a call."),
    "call.door_opened": Published("call", "The door of a call that is on was opened: whoever may, drops in."),
    "call.door_closed": Published("call", "The door of a call that is on was closed: nobody new drops in."),
    "call.seats_changed": Published("call", "How many seats of a call are taken changed."),
    "call.seat_opened": Published("call", "A seat on an upcoming call came free and nobody in line gets it."),
    "enrollment.created": Published("enrollment", "Somebody joined a program as mentee or mentor."),
    "enrollment.changed": Published("enrollment", "An enrollment changed, such as how many matches it has room for."),
    "enrollment.deleted": Published("enrollment", "Somebody left a program on this side."),
    "match.started": Published("match", "A mentee and a mentor were matched."),
    "match.ended": Published("match", "A match ended."),
    "match.requested": Published("match", "A match waits for somebody's yes."),
    "match.approved": Published("match", "Somebody said yes to a match; another yes is still missing."),
    "match.declined": Published("match", "Somebody said no to a match that waited for a yes."),
    "match.withdrawn": Published("match", "Who asked for a match took it back."),
    "match.expired": Published("match", "Nobody decided in time about a match that waited for a yes."),
    "match.reminded": Published("match", "Those whose yes a match waits for were reminded."),
    "match.changed": Published("match", "A match was pinned, so that no run moves it by itself, or let go."),
    "match.paused": Published("match", "A match rests."),
    "match.resumed": Published("match", "A match that rested goes on."),
    "match.fit_asked": Published("match", "The two of a match were asked how it feels, after their first session."),
    "match.fit_answered": Published("match", "One of the two of a match said how it feels."),
    "match_run.started": Published("match_run", "A match run was asked for."),
    "match_run.drafted": Published("match_run", "A match run is a draft that can be looked at and published."),
    "match_run.changed": Published("match_run", "Somebody changed the draft of a match run, or accepted a pair of it."),
    "match_run.published": Published("match_run", "The pairs of a match run became matches."),
    "match_run.failed": Published("match_run", "A match run did not come to an end."),
    "match_run.cancelled": Published("match_run", "A match run was called off."),
    "person.created": Published("person", "A person was added."),
    "person.changed": Published("person", "A person changed: their team, manager, status or anything else on them."),
    "person.erased": Published("person", "Somebody was erased: forget who they were, too."),
    "plan_run.started": Published("plan_run", "A plan run was asked for."),
    "plan_run.drafted": Published("plan_run", "A plan run is a draft that can be looked at and published."),
    "plan_run.changed": Published("plan_run", "Somebody changed the draft of a plan run, or accepted a seat of it."),
    "plan_run.publishing": Published("plan_run", "The seats of a plan run are being booked."),
    "plan_run.publishing_failed": Published("plan_run", "Booking a plan run stopped half-way; it is a draft again."),
    "plan_run.publishing_cancelled": Published("plan_run", "Booking a plan run was called off; it is a draft again."),
    "plan_run.published": Published("plan_run", "The seats of a plan run were booked."),
    "plan_run.failed": Published("plan_run", "A plan run did not come to an end."),
    "plan_run.cancelled": Published("plan_run", "A plan run was called off."),
    "power_hour.created": Published("power_hour", "A power hour is planned."),
    "power_hour.changed": Published("power_hour", "A power hour changed: its time, its turns or who is in it."),
    "power_hour.cancelled": Published("power_hour", "A power hour will not happen."),
    "seat.requested": Published("seat", "Somebody asked for a seat on a call; it is kept until it is decided."),
    "seat.booked": Published("seat", "Somebody has a seat on a call."),
    "seat.moved": Published("seat", "The call of a seat moved, and the seat with it."),
    "seat.renumbered": Published("seat", "A seat has another number on its call."),
    "seat.declined": Published("seat", "The host said no to somebody who asked for a seat."),
    "seat.released": Published("seat", "A seat was given back, or taken from an observer who can't have it any more."),
    "seat.cancelled": Published("seat", "A seat is off with its call."),
    "seat.expired": Published("seat", "Nobody decided in time about a seat that was kept for somebody."),
    "seat.attended": Published("seat", "An observer heard the call."),
    "seat.attempted": Published("seat", "An observer was there and the customer was not."),
    "seat.no_show": Published("seat", "An observer did not come."),
    "session.requested": Published("session", "A session waits for somebody's answer."),
    "session.booked": Published("session", "A session stands."),
    "session.moved": Published("session", "A session is at another time, or has another host."),
    "session.changed": Published("session", "A session changed, though not its time."),
    "session.answered": Published("session", "Somebody accepted or declined a session, or suggested another time."),
    "session.restored": Published("session", "A session that was cancelled stands again."),
    "session.started": Published("session", "A session began."),
    "session.completed": Published("session", "A session is over and took place."),
    "session.cancelled": Published("session", "A session will not happen."),
    "session.expired": Published("session", "Nobody confirmed a session in time."),
    "session.no_show": Published("session", "A session did not take place, for somebody did not come."),
    "session.debrief_due": Published("session", "A debrief begins: both sides are asked for their answers."),
    "team.created": Published("team", "A team was added."),
    "team.changed": Published("team", "A team changed."),
    "team.deleted": Published("team", "A team was deleted."),
    "waitlist_entry.joined": Published("waitlist_entry", "Somebody stands in line for a full call."),
    "waitlist_entry.offered": Published("waitlist_entry", "A seat that came free is kept for who was next in line."),
    "waitlist_entry.waiting": Published("waitlist_entry", "An offer went away and its person is in line again."),
    "waitlist_entry.taken": Published("waitlist_entry", "Somebody who stood in line got a seat."),
    "waitlist_entry.lapsed": Published("waitlist_entry", "An offer or a place in line ran out unused."),
    "waitlist_entry.left": Published("waitlist_entry", "Somebody left the line."),
    TESTED: Published("webhook_endpoint", "An admin asked for this to see whether it arrives."),
}


def listens(acts: Iterable[str], act: str) -> bool:
    """Whether somebody who listens to `acts`, each an act or `object.*`, hears of this one. None named: all of them."""
    wanted = frozenset(acts)
    return not wanted or act in wanted or f"{act.partition('.')[0]}.*" in wanted
