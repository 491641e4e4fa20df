"""Work that runs later: kind of job to what is done. Each loads, acts with no transaction open, then records."""

from collections.abc import Callable, Mapping

from app.jobs import housekeeping, mail, runs, settling
from app.jobs.context import JobContext

HANDLERS: Mapping[str, Callable[[JobContext], None]] = {
    "give_way": settling.give_way,
    "housekeeping": housekeeping.clear,
    "invite_mail": mail.send_invite,
    "match_run": runs.match_run,
    "plan_run": runs.plan_run,
    "plan_publish": runs.plan_publish,
    "settle_call": settling.settle_call,
    "settle_session": settling.settle_session,
}
