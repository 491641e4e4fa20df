"""Words of work that goes on after the answer: jobs, webhooks and mail."""

from enum import StrEnum


class WorkStatus(StrEnum):
    """The life of an operation that outlives its request."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ImportStatus(StrEnum):
    """Whether what an import wrote stands."""

    WRITTEN = "written"
    UNDOING = "undoing"
    UNDONE = "undone"


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
    TIME_STAYS = "time_stays"
    """To who suggested another; where their calendar did, it carries a calendar event too."""
    MATCH_REQUESTED = "match_requested"
    MATCH_REMINDER = "match_reminder"
    MATCH_DECLINED = "match_declined"
    """Also when nobody decided in time, or it was taken back: there will be no match."""
    MATCH_STARTED = "match_started"
    MATCH_ENDED = "match_ended"
    FIT_CHECK = "fit_check"
    POWER_HOUR_PLANNED = "power_hour_planned"
    """To everybody in a new one, and to who is put into one."""
    POWER_HOUR_CHANGED = "power_hour_changed"
    """To those for whom its time, or what they do in it when, is another."""
    POWER_HOUR_OFF = "power_hour_off"
    """It is cancelled, or takes place without them."""
    REMINDER_DAY = "reminder_day"
    REMINDER_SOON = "reminder_soon"
    DIGEST = "digest"
    WEBHOOK_DISABLED = "webhook_disabled"
    SIGN_IN = "sign_in"
    """Its link is no notice: nothing of it is kept but a digest."""
    ADDRESS_CHANGED = "address_changed"
    """To the address that somebody had: no notice, for those go where they are now."""


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
