"""When a reminder or a digest is due where somebody lives, and until when it is still worth sending. All in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.rules.availability import Range, steady_stretches
from app.vocabulary import MessageKind

DIGEST_AT = time(7, 30)
"""Wall time where somebody lives."""
GRACE = timedelta(hours=2)
"""How late what comes a long time before, or in the morning, may be. After downtime nobody hears of the day before."""
_QUEUE = timedelta(minutes=5)
"""What the sweep and the queue may take: what was due before quiet hours still goes out in their first minutes."""
_DAY = timedelta(days=1)


class Topic(StrEnum):
    """What somebody can switch off, as their settings call it."""

    REMINDERS = "reminders"
    DIGEST = "digest"


TOPICS: Mapping[MessageKind, Topic] = {
    MessageKind.REMINDER_DAY: Topic.REMINDERS,
    MessageKind.REMINDER_SOON: Topic.REMINDERS,
    MessageKind.DIGEST: Topic.DIGEST,
}
"""Mails that carry a way to switch their topic off; people need the others."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder of what somebody takes part in."""

    before: timedelta
    """How long before the start it is due, outside quiet hours."""
    least: timedelta
    """How long before the start it makes no sense any more."""
    grace: timedelta
    """How late it may be."""
    news: timedelta
    """Who heard of this start later than this long before the reminder is due needs none."""


REMINDERS: Mapping[MessageKind, Reminder] = {
    MessageKind.REMINDER_DAY: Reminder(before=_DAY, least=timedelta(minutes=30), grace=GRACE, news=timedelta(hours=2)),
    MessageKind.REMINDER_SOON: Reminder(
        before=timedelta(minutes=10),
        least=timedelta(minutes=2),
        grace=timedelta(minutes=8),
        news=timedelta(minutes=30),
    ),
}


@dataclass(frozen=True, slots=True)
class Home:
    """Where somebody lives, and in which hours they want to hear nothing: `[quiet_from, quiet_to)` in wall time such as
    `20:00`, over midnight when it ends earlier than it begins; None and None: no such hours.
    """

    time_zone: str
    quiet_from: str | None
    quiet_to: str | None


def due_at(kind: MessageKind, starts_at: datetime, home: Home) -> datetime | None:
    """Return when this reminder of something that starts then is due: a fixed time before, however long the day is, or
    the end of the quiet hours that this falls into; None when that is too short before the start.
    """
    reminder = REMINDERS[kind]
    at = loud_from(starts_at - reminder.before, home)
    return at if at <= starts_at - reminder.least else None


def remind(
    kind: MessageKind, starts_at: datetime, home: Home, *, told_at: datetime | None = None, now: datetime
) -> bool:
    """Whether this reminder is to be sent now. `told_at` is when its reader heard of this start: booked, or moved to
    it; None: whoever wrote the reminder looked at that.
    """
    due, reminder = due_at(kind, starts_at, home), REMINDERS[kind]
    if due is None or (told_at is not None and told_at > due - reminder.news):
        return False
    return now <= starts_at - reminder.least and _in_time(due, reminder.grace, home, now=now)


def digest_due_at(day: date, home: Home) -> datetime | None:
    """Return when the digest of a local day is due: 07:30, or when quiet hours end; None when that is another day."""
    zone = ZoneInfo(home.time_zone)
    at = loud_from(datetime.combine(day, DIGEST_AT, zone).astimezone(UTC), home)
    return at if at.astimezone(zone).date() == day else None


def digest_day(home: Home, *, now: datetime) -> date | None:
    """Return the local day whose digest is to be sent now; None when none is."""
    day = now.astimezone(ZoneInfo(home.time_zone)).date()
    due = digest_due_at(day, home)
    return day if due is not None and _in_time(due, GRACE, home, now=now) else None


def span_of(day: date, time_zone: str) -> Range:
    """Return the instants `[first, last)` of a local day: 23, 24 or 25 hours, on Lord Howe Island 23½ or 24½."""
    zone = ZoneInfo(time_zone)
    midnights = (datetime.combine(one, time(), zone).astimezone(UTC) for one in (day, day + _DAY))
    starts_at, ends_at = midnights
    return starts_at, ends_at


@lru_cache(maxsize=8192)
def loud_from(at: datetime, home: Home) -> datetime:
    """Return the first instant not before `at` at which it is not quiet; one that the clock skips is when it does."""
    if not _is_quiet(at, home):
        return at
    stretches = steady_stretches(home.time_zone, at, at + 2 * _DAY)
    ends = ((begins + _left(begins + offset, home), stops) for (begins, stops), offset in stretches)
    # No clock changes twice within two days: one of these stretches is longer than all that can be left.
    return next(end for end, stops in ends if end < stops)


def _in_time(due: datetime, grace: timedelta, home: Home, *, now: datetime) -> bool:
    """Whether it is due, not too late, and no quiet hours have begun meanwhile."""
    return due <= now <= due + grace and (now <= due + _QUEUE or not _is_quiet(now, home))


def _is_quiet(at: datetime, home: Home) -> bool:
    return _left(at.astimezone(ZoneInfo(home.time_zone)), home) > timedelta()


def _left(wall: datetime, home: Home) -> timedelta:
    """Return how much of quiet hours is left by a clock that shows `wall`; zero outside them."""
    if home.quiet_from is None or home.quiet_to is None:
        return timedelta()
    shown, begin, end = _since_midnight(wall.time()), _clock(home.quiet_from), _clock(home.quiet_to)
    # Modulo a day, so that it makes no difference whether midnight lies between.
    return (end - shown) % _DAY if (shown - begin) % _DAY < (end - begin) % _DAY else timedelta()


def _clock(text: str) -> timedelta:
    return _since_midnight(time.fromisoformat(text))


def _since_midnight(wall: time) -> timedelta:
    return timedelta(hours=wall.hour, minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
