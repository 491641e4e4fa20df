"""Work that runs later: kind of job to what is done. Each loads, acts with no transaction open, then records."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from app.jobs import (
    calendars,
    clock,
    counters,
    housekeeping,
    imports,
    mail,
    mailbox,
    match_runs,
    matches,
    notices,
    plan_runs,
    privacy,
    reminders,
    resealing,
    sealing,
    settling,
    signing_in,
    webhooks,
)
from app.jobs.context import JobContext

Handler = Callable[[JobContext], None]

HANDLERS: Mapping[str, Handler] = {
    "address_mail": signing_in.tell_old_address,
    "calendar_refresh": calendars.refresh,
    "calendars": calendars.sweep,
    "calls_by_clock": clock.follow,
    "counter_mail": counters.send_counter,
    "erase_person": privacy.erase,
    "give_way": settling.give_way,
    "housekeeping": housekeeping.clear,
    "import_undo": imports.undo,
    "invite_mail": mail.send_invite,
    "mailbox": mailbox.poll,
    "matches": matches.sweep,
    "match_run": match_runs.match_run,
    "notice_mail": notices.send_notice,
    "plan_run": plan_runs.plan_run,
    "plan_publish": plan_runs.plan_publish,
    "rematch": match_runs.rematch,
    "reminders": reminders.sweep,
    "reminders_ahead": reminders.look_ahead,
    "seal": sealing.seal,
    "reseal": resealing.reseal,
    "settle_call": settling.settle_call,
    "settle_session": settling.settle_session,
    "sign_in_mail": signing_in.send_link,
    "webhook_replay": webhooks.replay,
    "webhooks": webhooks.pump,
    "webhooks_slow": webhooks.pump_slowly,
}

PERIODIC: Mapping[str, timedelta] = {
    "calendars": timedelta(minutes=1),
    "calls_by_clock": timedelta(minutes=1),
    "housekeeping": timedelta(hours=1),
    "mailbox": timedelta(minutes=1),
    "matches": timedelta(minutes=15),
    "reminders": timedelta(minutes=1),
    "seal": timedelta(minutes=1),
    "reseal": timedelta(hours=1),
    "reminders_ahead": timedelta(minutes=15),  # looks at everybody; by a quarter hour, as zones and most calls go
}
"""Kind to how often, counted from midnight UTC: once across all workers. What was missed is not caught up on."""

LIMITS: Mapping[frozenset[str], int] = {
    frozenset({"calendar_refresh"}): 2,  # servers that hang, and a process each that reads
    frozenset({"match_run", "plan_run"}): 1,  # a solver takes a core and much memory
    frozenset({"counter_mail", "invite_mail", "notice_mail"}): 2,  # lines to the relay
    frozenset({"erase_person"}): 1,
    frozenset({"import_undo"}): 1,
    frozenset({"mailbox"}): 1,
    frozenset({"webhooks"}): 3,  # slow receivers wait apart, and have no part of these
    frozenset({"webhooks_slow"}): 2,
}
"""How many jobs of these kinds, taken together, run at once in one process."""
