"""Words of calls, seats, sessions and the time they take."""

from enum import StrEnum


class CallStatus(StrEnum):
    """The life of a live customer conversation."""

    SCHEDULED = "scheduled"
    LIVE = "live"
    ENDED = "ended"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


class TypeSource(StrEnum):
    """Who said what type a call is: a manual type is never classified again."""

    RULE = "rule"
    MANUAL = "manual"


class BusyStatus(StrEnum):
    """How firmly an imported interval is taken."""

    BUSY = "busy"
    TENTATIVE = "tentative"


class SessionKind(StrEnum):
    """Kinds of learning meetings."""

    SHADOW = "shadow"
    """The observer listens to an experienced host."""
    REVERSE_SHADOW = "reverse_shadow"
    """The mentor observes the mentee's call."""
    RIDE_ALONG = "ride_along"
    """A manager observes."""
    DROP_IN = "drop_in"
    """Unplanned listening on a call that is under way."""
    DEBRIEF = "debrief"
    ONE_ON_ONE = "one_on_one"
    ROLE_PLAY = "role_play"


CALL_KINDS = (SessionKind.SHADOW, SessionKind.REVERSE_SHADOW, SessionKind.RIDE_ALONG, SessionKind.DROP_IN)
"""Sessions on a live customer call: each belongs to one seat. The others take the time of all who take part."""


class SessionStatus(StrEnum):
    """The life of a session."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    EXPIRED = "expired"


class SeatStatus(StrEnum):
    """The life of a place for an observer on a call."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    ATTENDED = "attended"
    ATTEMPTED = "attempted"
    NO_SHOW = "no_show"
    RELEASED = "released"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class SeatApproval(StrEnum):
    """How a host lets observers in: everybody whom the rules let, only whom they approve, or nobody."""

    AUTO = "auto"
    HOST = "host"
    NONE = "none"


class WaitlistStatus(StrEnum):
    """The life of somebody's place in the order for a full call."""

    WAITING = "waiting"
    OFFERED = "offered"
    TAKEN = "taken"
    LAPSED = "lapsed"
    LEFT = "left"


class SeriesStatus(StrEnum):
    """Whether a recurring session still has an occurrence that stands."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


IN_LINE = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)
"""Places in line that are not over."""
LIVE_SEATS = (SeatStatus.REQUESTED, SeatStatus.CONFIRMED)
"""Seats that take a place on the call."""


class Part(StrEnum):
    """In which part somebody takes part in a session."""

    HOST = "host"
    OBSERVER = "observer"
    MENTOR = "mentor"
    MENTEE = "mentee"


class Response(StrEnum):
    """What a participant answered to the invite (RFC 5545 section 3.2.12, in our spelling)."""

    NEEDS_ACTION = "needs_action"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentative"


class ClaimKind(StrEnum):
    """Why a person is busy through us: a session that stands, a hold or offer that ends by itself, or a request."""

    SESSION = "session"
    HOLD = "hold"
    PENDING = "pending"
