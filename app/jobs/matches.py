"""Look after matches: remind whose yes is missing, end what nobody decided about, ask the two how it feels."""

from functools import partial

from app.db import transaction
from app.jobs.context import JobContext
from app.operations import fit_checks, match_requests
from app.queries import matches


def sweep(context: JobContext) -> None:
    """Do what matches wait for by now. Looks first: most of the time there is nothing to do. Safe to repeat; what was
    missed while nothing ran is done once.
    """
    now = context.clock()
    acts = {
        match_requests.expire_matches: matches.expired(now=now),
        match_requests.remind_matches: matches.to_be_reminded(now=now),
        fit_checks.ask_fits: matches.to_be_felt(),
    }
    for act, which in acts.items():
        with transaction(context.engine, writes=False) as reading:
            due = matches.any_of(reading, which)
        while due:
            due = context.write(partial(act, now=now)) > 0
