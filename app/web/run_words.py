"""What pages call runs, what they maximise, why somebody is left without a mentor or a call."""

from collections.abc import Mapping

from app.operations.match_feasibility import AWAY, BY_HAND, FORCED, NOT_MOVED, PINNED
from app.rules.matching.problem import NO_MENTORS, PINNED_ELSEWHERE, PLACES_PINNED, Blocker
from app.vocabulary import Disruption, MatchStatus, Objective, RunCause, RunStatus, SeatStatus

STATES: Mapping[RunStatus, tuple[str, str]] = {
    RunStatus.QUEUED: ("Waits", "open"),
    RunStatus.RUNNING: ("Being solved", "open"),
    RunStatus.DRAFT: ("Draft", "open"),
    RunStatus.PUBLISHING: ("Being published", "open"),
    RunStatus.PUBLISHED: ("Published", "good"),
    RunStatus.FAILED: ("Failed", "bad"),
    RunStatus.CANCELLED: ("Dropped", ""),
}
"""How far a run is: words, and the kind of their tag."""
OBJECTIVES: Mapping[Objective, str] = {
    Objective.UTIL: "Most points, nobody far behind",
    Objective.LEX: "The best for whoever fares worst",
    Objective.TOTAL: "Most points in all",
    Objective.STABLE: "No two who would rather have each other",
}
DISRUPTIONS: Mapping[Disruption, str] = {
    Disruption.SOME: "Move whom it is worth it for",
    Disruption.LEAST: "Move as few as can be",
}
CAUSES: Mapping[RunCause, str] = {
    RunCause.BY_HAND: "Started by hand",
    RunCause.SOMEBODY_LEFT: "Started by itself: somebody left",
    RunCause.PLACE_FREED: "Started by itself: a mentor has room again",
    RunCause.NOT_A_FIT: "Started by itself: a match was not a fit",
}
BETWEEN: Mapping[str, str] = {
    AWAY: "One of them is away or no longer in the program",
    FORCED: "The program gives the mentee somebody else",
    PINNED: "The mentee’s match that stands is pinned",
    NOT_MOVED: "Somebody whom this draft moves has the place: accept that pair first, or publish the draft",
    Blocker.SELF: "Nobody mentors themselves",
    Blocker.FORBIDDEN: "They are never paired, or one has said no",
    Blocker.REPEAT: "They have been matched before",
    Blocker.REPORTING_LINE: "One reports to the other",
    Blocker.TEAM: "Their teams break the team rule",
    Blocker.GRADE_GAP: "Their grades are too far apart",
    Blocker.LANGUAGE: "They share no language",
    Blocker.ZONE_GAP: "Their time zones are too far apart",
    Blocker.SHARED_HOURS: "They share too few working hours",
    Blocker.CAPACITY: "No place left",
    PINNED_ELSEWHERE: "The mentee is pinned to somebody else",
    PLACES_PINNED: "All places of the mentor are pinned",
}
"""What stands between two people."""
RULES: Mapping[str, str] = {
    Blocker.SELF: "being themselves",
    Blocker.FORBIDDEN: "a rule or a no",
    Blocker.REPEAT: "a match before",
    Blocker.REPORTING_LINE: "reporting line",
    Blocker.TEAM: "team",
    Blocker.GRADE_GAP: "grade",
    Blocker.LANGUAGE: "language",
    Blocker.ZONE_GAP: "time zone",
    Blocker.SHARED_HOURS: "working hours",
    Blocker.CAPACITY: "places",
}
"""By what mentors are ruled out."""
WITHOUT: Mapping[str, str] = {
    Blocker.CAPACITY: "Every mentor who fits is full",
    Blocker.FORBIDDEN: "Kept apart from every mentor",
    Blocker.REPEAT: "Has had every mentor before",
    Blocker.REPORTING_LINE: "Reports to every mentor, or they to them",
    Blocker.TEAM: "The team rule leaves no mentor",
    Blocker.GRADE_GAP: "Every mentor’s grade is too far away",
    Blocker.LANGUAGE: "Shares a language with no mentor",
    Blocker.ZONE_GAP: "Every mentor’s time zone is too far away",
    Blocker.SHARED_HOURS: "Shares too few working hours with every mentor",
    Blocker.SELF: "Nobody mentors themselves",
    NO_MENTORS: "The program has no mentor who is here",
    BY_HAND: "Left without a mentor by hand",
    "proposed": "Has a mentor in a draft: publish it",
    "match_ended": "Their match has ended: run again",
    "paused": "Takes a break",
    "never_run": "No run has looked at them yet",
}
"""Why somebody has no mentor."""
REMEDIES: Mapping[str, str] = {
    Blocker.CAPACITY: "A mentor who takes one more would do",
    Blocker.FORBIDDEN: "Take one of its never-pairs back",
    Blocker.REPEAT: "Let people have a mentor again, or enrol another",
    Blocker.REPORTING_LINE: "Enrol a mentor of another line",
    Blocker.TEAM: "Ease the team rule, or enrol a mentor whom it allows",
    Blocker.GRADE_GAP: "Allow more grades between the two",
    Blocker.LANGUAGE: "Enrol a mentor who speaks a language of theirs",
    Blocker.ZONE_GAP: "Allow more hours between their clocks",
    Blocker.SHARED_HOURS: "Ask for fewer shared hours, or look at their working hours",
    NO_MENTORS: "Enrol a mentor",
}
"""What would give somebody a mentor."""
MADE: Mapping[MatchStatus, tuple[str, str, str]] = {
    MatchStatus.PENDING: (
        "Asked",
        "open",
        "Asked: {mentee} and {mentor} are told; it begins with the yes that it waits for.",
    ),
    MatchStatus.ACTIVE: ("Matched", "good", "Matched: {mentee} and {mentor} are told, and it has begun."),
    MatchStatus.PAUSED: ("Matched", "good", "{mentee} and {mentor} are a match, and pause."),
    MatchStatus.ENDED: ("Ended", "", "It was made a match, and has ended since."),
}
"""What has become of a pair of a run that was made a match: words, the kind of their tag, a sentence."""
VALUES: Mapping[str, str] = {
    "skill": "The host shows what they want to learn",
    "mentor": "Their own mentor hosts it",
    "manager": "Their manager hosts it",
    "segment": "A kind of customer that they know",
    "new_type": "A type of call they have hardly heard",
}
"""What the terms of a planned seat say."""
BOOKED: Mapping[SeatStatus, tuple[str, str, str]] = {
    SeatStatus.REQUESTED: ("Asked for", "open", "Asked for: {host} says yes or no, and the invites follow the yes."),
    SeatStatus.RELEASED: ("Given back", "", "It was booked, and has been given back since."),
    SeatStatus.DECLINED: ("Declined", "bad", "{host} said no."),
    SeatStatus.CANCELLED: ("Cancelled", "bad", "It was booked, and has been cancelled since."),
    SeatStatus.EXPIRED: ("No answer", "bad", "It was asked for, and nobody said yes in time."),
}
"""What a planned seat has become since it was taken: words, the kind of their tag, a sentence. Any other is booked."""
BOOKED_NOW = ("Booked", "good", "Booked: invites go to {observer} and {host}.")
OPEN: Mapping[str, str] = {
    "no_call_in_free_time": "No such call lies in their free time",
    "dropped": "The seat was taken out by hand",
    "seats_taken": "Every seat on such a call is taken",
    "host_full": "The hosts have reached their limits",
    "limit_reached": "Their own limit is reached",
    "time_taken": "They are on another call then",
}
"""Why somebody does not hear in a plan what they have yet to hear."""
REFUSALS: Mapping[str, str] = {
    "seats_full": "Every seat is taken by now",
    "slot_taken": "They are taken at that time by now",
    "not_joinable": "Nobody may sit in on it by now",
    "call_cancelled": "The call was cancelled",
    "already_booked": "They have this seat already",
    "past": "The call has started",
    "min_notice": "It starts too soon",
    "beyond_horizon": "It lies too far ahead",
    "outside_availability": "It lies outside their hours by now",
    "limit": "A limit is reached by now",
    "own_call": "They host it themselves",
    "not_active": "They are on leave or have left",
}
"""Why booking refuses a planned seat, by its code."""
