"""The life of a match: whose yes it needs, and how long it waits for it."""

from collections.abc import Mapping
from datetime import timedelta

from app.vocabulary import Approver, MatchApproval

REMINDED_AFTER = timedelta(days=7)
"""When those whose yes is missing are reminded, once."""
EXPIRES_AFTER = timedelta(days=14)
"""When a match that nobody decided about ends."""

ASKED_AGAIN_AFTER = timedelta(days=30)
"""How long a no to a mentee holds: until then nobody has to say it again."""

_NEEDED: dict[MatchApproval, tuple[Approver, ...]] = {
    MatchApproval.NONE: (),
    MatchApproval.MENTOR: (Approver.MENTOR,),
    MatchApproval.MENTEE: (Approver.MENTEE,),
    MatchApproval.BOTH: (Approver.MENTOR, Approver.MENTEE),
    MatchApproval.ADMIN: (Approver.ADMIN,),
}


def shown_terms(terms: Mapping[str, int], *, sees_wishes: bool) -> dict[str, int]:
    """The terms of a score that somebody may see. Whom people would like is for them to know and for those who see the
    program from inside, and a term that adds up the wishes of both would tell it.
    """
    return {name: points for name, points in terms.items() if sees_wishes or name != "affinity"}


def awaited(approval: MatchApproval, *, asked_by_mentee: bool, by_admin: bool) -> list[Approver]:
    """Whose yes a new match waits for, in the order of `Approver`; empty: it is active at once.

    Who asks has said yes by asking. The mentor whom a mentee asks has a say whatever the program wants; an admin who
    proposes or publishes a match has said what an admin has to say.
    """
    needed = {*_NEEDED[approval]}
    if asked_by_mentee:
        needed = needed - {Approver.MENTEE} | {Approver.MENTOR}
    if by_admin:
        needed -= {Approver.ADMIN}
    return [who for who in Approver if who in needed]
