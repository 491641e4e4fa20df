"""Words of matches, match runs and plan runs."""

from enum import StrEnum


class MatchStatus(StrEnum):
    """The life of a pair of mentee and mentor."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class Objective(StrEnum):
    """What a match run maximises once most mentees are matched."""

    TOTAL = "total"
    """The most points in all."""
    UTIL = "util"
    """The same, with a penalty for each band of poor pairs: nobody is left far behind for a few points of others."""
    LEX = "lex"
    """First the best worst pair, then the most points."""
    STABLE = "stable"
    """No mentee and mentor who both prefer each other to what they got."""


class Disruption(StrEnum):
    """What a match run may change about pairs that stand."""

    SOME = "some"
    """Whatever is worth more than the bonus of staying."""
    LEAST = "least"
    """As few pairs as can be, once most mentees are matched."""


class RunCause(StrEnum):
    """Why a match run was started."""

    BY_HAND = "by_hand"
    SOMEBODY_LEFT = "somebody_left"
    PLACE_FREED = "place_freed"
    """Somebody waits for a mentor, and a mentor has room again."""
    NOT_A_FIT = "not_a_fit"


class MatchApproval(StrEnum):
    """Who must say yes before a match of a program becomes active."""

    NONE = "none"
    MENTOR = "mentor"
    MENTEE = "mentee"
    BOTH = "both"
    ADMIN = "admin"


class Approver(StrEnum):
    """One who must say yes to a match."""

    MENTOR = "mentor"
    MENTEE = "mentee"
    ADMIN = "admin"


class EndedBecause(StrEnum):
    """Why a match ended, or never became active."""

    BY_HAND = "by_hand"
    REPLACED = "replaced"
    LEFT = "left"
    """One of the two left the company or the program."""
    NOT_A_FIT = "not_a_fit"
    DECLINED = "declined"
    EXPIRED = "expired"
    """Nobody decided in time."""
    WITHDRAWN = "withdrawn"
    """Who asked took it back."""


class Fit(StrEnum):
    """How a match feels after its first session."""

    GOOD = "good"
    DECIDING = "deciding"
    NOT_A_FIT = "not_a_fit"


class PairRuleKind(StrEnum):
    """What a program always says of two people."""

    FORBIDDEN = "forbidden"
    FORCED = "forced"


class RunStatus(StrEnum):
    """The life of a match run or plan run."""

    QUEUED = "queued"
    RUNNING = "running"
    DRAFT = "draft"
    PUBLISHING = "publishing"
    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PairChange(StrEnum):
    """What becomes of a mentee between one answer and another."""

    KEPT = "kept"
    ADDED = "added"
    """Somebody without a mentor gets one."""
    MOVED = "moved"
    """Another mentor than before."""
    UNMATCHED = "unmatched"
    """Somebody who had a mentor has none."""
