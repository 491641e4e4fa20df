"""The hard rules of a match for one pair: those that lie between the two people. Plain, so that the server may ask."""

from collections.abc import Iterator

from app.rules.availability import shared_minutes
from app.rules.matching.problem import Blocker, MatchConstraints, Mentee, Mentor


def blockers(mentee: Mentee, mentor: Mentor, rules: MatchConstraints) -> Iterator[Blocker]:
    """The constraints that keep these two apart, in the order of Blocker; none when they may be matched.

    Says the same of a pair as `constraints.exclusions` says of all of them at once; a run's own forbidden pairs and
    what is left of a mentor's capacity are for the caller to know. O(weeks).
    """
    if mentee.person == mentor.person:
        yield Blocker.SELF
    if rules.never_repeat and mentor.key in mentee.past_mentors and mentor.key != mentee.current_mentor:
        yield Blocker.REPEAT
    if mentor.person in mentee.reporting_line or mentee.person in mentor.reporting_line:
        yield Blocker.REPORTING_LINE
    if rules.same_team != "any" and _same_team(mentee, mentor) != (rules.same_team == "same"):
        yield Blocker.TEAM
    if rules.max_grade_gap is not None and grade_gap(mentee, mentor) > rules.max_grade_gap:
        yield Blocker.GRADE_GAP
    if mentee.languages.isdisjoint(mentor.languages):
        yield Blocker.LANGUAGE
    if rules.max_zone_gap_hours is not None and zone_gap_minutes(mentee, mentor) > rules.max_zone_gap_hours * 60:
        yield Blocker.ZONE_GAP
    if shared_minutes(mentee.weeks, mentor.weeks) < rules.min_shared_minutes_per_week:
        yield Blocker.SHARED_HOURS


def _same_team(mentee: Mentee, mentor: Mentor) -> bool:
    """A person without a team shares it with nobody."""
    return mentee.team is not None and mentee.team == mentor.team


def grade_gap(mentee: Mentee, mentor: Mentor) -> int:
    """Grades between the two; 0 when one is unknown."""
    return 0 if mentee.grade is None or mentor.grade is None else abs(mentee.grade - mentor.grade)


def zone_gap_minutes(mentee: Mentee, mentor: Mentor) -> int:
    """The short way round: +13 and -11 hours show the same time."""
    gap = abs(mentee.zone_offset_minutes - mentor.zone_offset_minutes) % 1440
    return min(gap, 1440 - gap)
