"""The field's words: enums, ids and constrained types that schemas, rules and models share."""

import re
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, Strict, StringConstraints


class Role(StrEnum):
    """What a person may do in the product (access only; mentor and mentee are enrolments)."""

    ADMIN = "admin"
    PROGRAM_MANAGER = "program_manager"
    MANAGER = "manager"
    REP = "rep"
    AUDITOR = "auditor"


class PersonStatus(StrEnum):
    """Whether a person works here now."""

    ACTIVE = "active"
    ON_LEAVE = "on_leave"
    LEFT = "left"


class Side(StrEnum):
    """Which side of a lasting pair somebody is enrolled on."""

    MENTEE = "mentee"
    MENTOR = "mentor"


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


class WorkStatus(StrEnum):
    """The life of an operation that outlives its request."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStatus(StrEnum):
    """The life of a row in the job table."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"
    """Given up: it failed as often as it may, or is hopeless."""
    CANCELLED = "cancelled"


class WebhookFormat(StrEnum):
    """What an endpoint understands: Standard Webhooks, or the messages of a chat."""

    STANDARD = "standard"
    SLACK = "slack"
    TEAMS = "teams"


class EndpointStatus(StrEnum):
    """Whether a webhook endpoint is sent anything."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DisabledBecause(StrEnum):
    """Why a webhook endpoint is sent nothing."""

    BY_HAND = "by_hand"
    GONE = "gone"
    """It answered 410."""
    FAILING = "failing"
    """Nothing arrived for five days."""


class DeliveryStatus(StrEnum):
    """The life of one event on its way to one endpoint."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Tried as often as it may be; it can be sent again by hand."""


class MessageKind(StrEnum):
    """What a mail says. Those up to SERIES_CANCELLED carry a calendar event; the others are notices."""

    SEAT_BOOKED = "seat_booked"
    SEAT_CHANGED = "seat_changed"
    SEAT_CANCELLED = "seat_cancelled"
    HOSTING_BOOKED = "hosting_booked"
    HOSTING_CHANGED = "hosting_changed"
    HOSTING_CANCELLED = "hosting_cancelled"
    SESSION_BOOKED = "session_booked"
    SESSION_CHANGED = "session_changed"
    SESSION_CANCELLED = "session_cancelled"
    SERIES_BOOKED = "series_booked"
    SERIES_CHANGED = "series_changed"
    SERIES_CANCELLED = "series_cancelled"
    SEAT_REQUESTED = "seat_requested"
    SEAT_DECLINED = "seat_declined"
    SEAT_EXPIRED = "seat_expired"
    SEAT_OFFERED = "seat_offered"
    OFFER_LAPSED = "offer_lapsed"
    REQUEST_OVER = "request_over"
    SESSION_DECLINED = "session_declined"
    TIME_SUGGESTED = "time_suggested"
    MATCH_STARTED = "match_started"
    REMINDER_DAY = "reminder_day"
    REMINDER_SOON = "reminder_soon"
    DIGEST = "digest"
    WEBHOOK_DISABLED = "webhook_disabled"


class NoticeStatus(StrEnum):
    """The life of a mail that carries no calendar event."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"
    """It had become pointless, or was not wanted."""
    REFUSED = "refused"
    """No relay will ever take it."""
    BOUNCED = "bounced"
    """It was taken, and came back."""


class FeedKind(StrEnum):
    """What a calendar subscription shows."""

    PERSONAL = "personal"
    TEAM = "team"
    OPEN_SEATS = "open_seats"


class FeedPrivacy(StrEnum):
    """How much of each session a feed tells."""

    FULL = "full"
    BUSY_ONLY = "busy_only"


class CalendarKind(StrEnum):
    """How a calendar outside is read."""

    ICS = "ics"
    CALDAV = "caldav"


class CalendarUse(StrEnum):
    """What the events of a connected calendar are to us."""

    BUSY = "busy"
    """Time in which its owner is taken."""
    CALLS = "calls"
    """That, and customer calls of theirs: events with somebody from outside."""


class CalendarHealth(StrEnum):
    """Whether a connected calendar can be read."""

    NEW = "new"
    """Not read yet."""
    OK = "ok"
    DEGRADED = "degraded"
    """Not readable now: what was read last still counts."""
    DISABLED = "disabled"


class EntryStatus(StrEnum):
    """Whether a calendar entry still stands."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_HAS_OFFSET = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ZONES = frozenset(available_timezones())
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def zone(name: str) -> str:
    """Return the IANA zone name, or raise ValueError."""
    if name not in _ZONES:
        raise ValueError("is not an IANA time zone such as Europe/Berlin")
    ZoneInfo(name)
    return name


def _email(value: str) -> str:
    value = value.strip()
    if len(value) > 254 or not _EMAIL.fullmatch(value):
        raise ValueError("is not an e-mail address")
    return value.lower()


def _written_with_offset(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _HAS_OFFSET.fullmatch(value):
        raise ValueError("is not a time with an offset, such as 2026-11-23T09:00:00Z (RFC 3339; + in a URL is %2B)")
    return value


def _utc(value: datetime) -> datetime:
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside 1970 to 2100") from None
    if not _FIRST <= instant < _LAST:
        raise ValueError("lies outside 1970 to 2100")
    return instant


def _whole_minute(value: datetime) -> datetime:
    if value.second or value.microsecond:
        raise ValueError("must be a whole minute")
    return value


def _written_as_day(value: object) -> object:
    written = isinstance(value, str) and _DAY.fullmatch(value)
    if not written and not isinstance(value, date):
        raise ValueError("is not a date such as 2026-11-23")
    return value


def _in_our_time(value: date) -> date:
    if not _FIRST.date() <= value < _LAST.date():
        raise ValueError("lies outside 1970 to 2100")
    return value


def _one_line(value: str) -> str:
    if any(ord(c) < 32 or c in "\x7f\u2028\u2029" for c in value):
        raise ValueError("must be one line without control characters")
    return value


ZoneName = Annotated[str, StringConstraints(max_length=64), AfterValidator(zone)]
Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
Instant = Annotated[AwareDatetime, BeforeValidator(_written_with_offset), AfterValidator(_utc)]
"""RFC 3339 with an offset in; an aware UTC instant inside 1970 to 2100 in our hands."""
Minute = Annotated[Instant, AfterValidator(_whole_minute)]
"""An instant without seconds: what people plan, calendars show to the minute."""
Day = Annotated[date, BeforeValidator(_written_as_day), AfterValidator(_in_our_time)]
"""A calendar day such as 2026-11-23; numbers and times of day are refused."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=64)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
"""A short lower-case word such as a segment or a stage."""
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
"""A language tag such as en or pt-BR (RFC 5646)."""
HttpUrl = Annotated[
    str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2000), AfterValidator(_one_line)
]
Source = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$", max_length=64)]
ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=512), AfterValidator(_one_line)]
Whole = Annotated[int, Strict(), Field(ge=-(2**31), le=2**31 - 1)]
"""A whole number; text, true and 1.0 are refused."""
YesNo = Annotated[bool, Strict()]
Level = Annotated[int, Strict(), Field(ge=0, le=4)]
"""0 no evidence, 1 knows it, 2 does it with help, 3 does it alone, 4 can teach."""
Wish = Annotated[int, Strict(), Field(ge=0, le=5)]
"""How much somebody wants to learn a skill: 0 not at all, 5 first of all."""
Capacity = Annotated[int, Strict(), Field(ge=0, le=50)]
