"""Whose yes a new match waits for."""

import pytest

from app.rules.matching.lives import EXPIRES_AFTER, REMINDED_AFTER, awaited
from app.vocabulary import Approver, MatchApproval

MENTOR, MENTEE, ADMIN = Approver.MENTOR, Approver.MENTEE, Approver.ADMIN


@pytest.mark.parametrize(
    ("approval", "proposed", "asked", "asked_by_admin"),
    [
        (MatchApproval.NONE, [], [MENTOR], [MENTOR]),
        (MatchApproval.MENTOR, [MENTOR], [MENTOR], [MENTOR]),
        (MatchApproval.MENTEE, [MENTEE], [MENTOR], [MENTOR]),
        (MatchApproval.BOTH, [MENTOR, MENTEE], [MENTOR], [MENTOR]),
        (MatchApproval.ADMIN, [], [MENTOR, ADMIN], [MENTOR]),
    ],
)
def test_who_asks_has_said_yes_and_so_has_an_admin_who_proposes_but_never_the_mentor_who_is_asked(
    approval: MatchApproval, proposed: list[Approver], asked: list[Approver], asked_by_admin: list[Approver]
) -> None:
    assert awaited(approval, asked_by_mentee=False, by_admin=True) == proposed
    assert awaited(approval, asked_by_mentee=True, by_admin=False) == asked
    assert awaited(approval, asked_by_mentee=True, by_admin=True) == asked_by_admin


def test_a_reminder_comes_on_day_7_and_the_end_on_day_14() -> None:
    assert (REMINDED_AFTER.days, EXPIRES_AFTER.days) == (7, 14)
