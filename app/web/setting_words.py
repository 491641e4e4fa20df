"""What pages call what can be set and what is kept: above a field, when that can't be, and where it says what holds."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.rules.matching.problem import DEFAULT_WEIGHTS
from app.rules.settings import Value
from app.vocabulary import MatchApproval, SeatApproval
from app.web import words


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the house that is a whole number."""

    name: str
    says: str
    hint: str
    least: int
    most: int
    unit: str = "minutes"
    as_long_as: str = ""
    """The most in words, where its number is large."""
    optional: bool = False

    @property
    def label(self) -> str:
        """What is above its field."""
        return f"{self.says}, in {self.unit}" if self.unit in ("minutes", "days") else self.says

    @property
    def wrong(self) -> str:
        """What is said of a number that can't be."""
        most = f" ({self.as_long_as})" if self.as_long_as else ""
        return f"{self.says}: {self.least:,} to {self.most:,} {self.unit}{most}{', or nothing' * self.optional}."


RULES = (
    Rule("min_notice_minutes", "Shortest notice", "Nobody books later than that.", 0, 10_080, as_long_as="7 days"),
    Rule("horizon_days", "How far ahead people book", "Sessions without a call.", 1, 730, "days", "2 years"),
    Rule("hold_minutes", "A time is held for", "While somebody decides.", 1, 60),
    Rule("offer_minutes", "A freed seat is offered for", "Then to the next in line.", 1, 2_880, as_long_as="2 days"),
    Rule("late_cancel_minutes", "A seat comes back late", "So close to its call.", 0, 10_080, as_long_as="7 days"),
    Rule("no_show_grace_minutes", "People may be late", "After that they are a no-show.", 0, 120),
    Rule("own_side_ceiling", "Colleagues on a call", "At most, with the host.", 1, 51, "colleagues", optional=True),
)
CLOSED_STAGES = "Stages in which nobody sits in"
LIMITS: Mapping[str, str] = {
    "min_shared_minutes_per_week": "Shared working hours, in minutes",
    "max_zone_gap_hours": "Hours between their clocks",
    "max_grade_gap": "Grades between them",
}
"""What the limits of a pair are called that are numbers."""
APPROVALS: Mapping[str, str] = {
    MatchApproval.NONE: "Nobody: they begin at once",
    MatchApproval.MENTOR: "The mentor",
    MatchApproval.MENTEE: "The mentee",
    MatchApproval.BOTH: "Both",
    MatchApproval.ADMIN: "An admin, by publishing",
}
TEAMS: Mapping[str, str] = {"any": "Of any team", "same": "Of one team", "different": "Of two teams"}
SAME_TEAM, APPROVAL = "The two are", "Who says yes before a pair begins"
NEVER_REPEAT = "Nobody gets a mentor again whom they had"
REQUESTS_OPEN = "Mentees may ask mentors themselves"
SETTINGS: Mapping[str, str] = {
    **{rule.name: rule.label for rule in RULES},
    "closed_stages": CLOSED_STAGES,
    "seat_capacity": "Seats on a call",
    "observers_allowed": "The account allows observers",
    "seat_approval": "Who lets observers in",
    "host_gap_minutes": "Minutes between two calls of a host that others hear",
    "host_per_day": "Calls of a host that others hear, at most a day",
    "host_per_week": "Calls of a host that others hear, at most a week",
    "observe_per_day": "Calls somebody hears, at most a day",
    "observe_per_week": "Calls somebody hears, at most a week",
    "sessions_per_day": "Sessions without a call, at most a day",
    "sessions_per_week": "Sessions without a call, at most a week",
    "approval": APPROVAL,
    "requests_open": REQUESTS_OPEN,
    **{f"weights.{name}": f"Points at most: {words.TERMS[name]}" for name in DEFAULT_WEIGHTS},
    **{f"constraints.{name}": f"A pair: {label}" for name, label in LIMITS.items()},
    "constraints.same_team": f"A pair: {SAME_TEAM}",
    "constraints.never_repeat": NEVER_REPEAT,
}
"""What every setting is called."""
_VALUES: Mapping[str, Mapping[str, str]] = {
    "seat_approval": {
        SeatApproval.AUTO: "Nobody need: the rules do",
        SeatApproval.HOST: "The host",
        SeatApproval.NONE: "Nobody may sit in",
    },
    "approval": APPROVALS,
    "constraints.same_team": TEAMS,
}
RECORDS: Mapping[str, str] = {
    "idempotency": "Answers to programs that ask twice",
    "jobs": "Work in the background",
    "deliveries": "Webhook deliveries",
    "notices": "Mails",
    "match_runs": "Match runs",
    "plan_runs": "Plan runs",
    "import_rows": "What imports changed",
    "imports": "Imports",
    "browser_sessions": "Sign-ins",
    "busy": "Busy time of calendars",
    "operations": "Long work that ended",
    "event_details": "Details of the audit",
    "calls": "Calls",
    "sessions": "Sessions without a call",
    "events": "The audit",
}
"""What records of a kind are called that go after a while."""


def value(name: str, held: Value | None) -> str:
    """Return what holds of a setting, in words."""
    if held is None:
        return "nothing set"
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, list):
        return ", ".join(held) or "none"
    return f"{held:,}" if isinstance(held, int) else _VALUES.get(name, {}).get(held, held)
