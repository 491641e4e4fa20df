"""ISO weeks in somebody's own zone, and how pages write days and times."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_NAME = re.compile(r"((?:19[789]|20[0-9])\d)-W(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Week:
    """Monday 00:00 to Monday 00:00 on the clocks of a zone: 167, 168 or 169 hours and now and then others."""

    monday: date
    time_zone: str

    @classmethod
    def of(cls, instant: datetime, time_zone: str) -> "Week":
        """Return the week in which an instant lies."""
        day = instant.astimezone(ZoneInfo(time_zone)).date()
        return cls(day - timedelta(days=day.weekday()), time_zone)

    @classmethod
    def named(cls, name: str, time_zone: str) -> "Week | None":
        """Return the week of an ISO 8601 name such as 2026-W48, 1970 to 2099; None when there is none."""
        found = _NAME.fullmatch(name)
        if found is None:
            return None
        try:
            return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1), time_zone)
        except ValueError:
            return None

    @property
    def name(self) -> str:
        """Its ISO 8601 name."""
        year, week, _ = self.monday.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def starts_at(self) -> datetime:
        """The first instant, in UTC."""
        return datetime.combine(self.monday, time(), ZoneInfo(self.time_zone)).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant after it, in UTC."""
        return self.next.starts_at

    @property
    def next(self) -> "Week":
        """The week after."""
        return Week(self.monday + timedelta(days=7), self.time_zone)

    @property
    def previous(self) -> "Week":
        """The week before."""
        return Week(self.monday - timedelta(days=7), self.time_zone)

    @property
    def label(self) -> str:
        """Its days: `23 to 29 November`."""
        sunday = self.monday + timedelta(days=6)
        month = "" if self.monday.month == sunday.month else f" {self.monday:%B}"
        return f"{self.monday.day}{month} to {sunday.day} {sunday:%B}"

    @property
    def clock_change(self) -> str:
        """What to know when the clocks change in this week; empty when they don't."""
        before, after = offset(self.starts_at, self.time_zone), offset(self.ends_at, self.time_zone)
        return "" if before == after else f"The clocks change this week, from {before} to {after}."


@dataclass(frozen=True, slots=True)
class Beside:
    """What the clocks of another zone show beside those of the viewer's, in one of the viewer's weeks."""

    week: Week
    time_zone: str

    @property
    def place(self) -> str:
        """What people call it."""
        return place(self.time_zone)

    def hour(self, hour: int) -> str:
        """What they show at an hour of the viewer's Monday: `20`, or `20:30` where it is not a whole hour."""
        at = datetime.combine(self.week.monday, time(hour), ZoneInfo(self.week.time_zone))
        there = at.astimezone(UTC).astimezone(ZoneInfo(self.time_zone))
        return f"{there:%H:%M}" if there.minute else f"{there:%H}"

    @property
    def ahead(self) -> str:
        """How far they are ahead on that Monday: `12 hours 30 minutes ahead`, `5 hours behind`, `at the same time`."""
        words = _length(abs(self.minutes))
        return f"{words} {'ahead' if self.minutes > 0 else 'behind'}" if self.minutes else "at the same time"

    @property
    def minutes(self) -> int:
        """The same as minutes; below 0 behind."""
        return self._ahead(self.week.monday)

    @property
    def change(self) -> str:
        """What to know when that is not so all week; empty when it is."""
        for day in (self.week.monday + timedelta(days=n) for n in range(1, 7)):
            if more := self._ahead(day) - self.minutes:
                words = f"{_length(abs(more))} {'more' if more > 0 else 'less'}"
                return f"From {day:%A} {day.day} {day:%B} its clocks show {words}."
        return ""

    def _ahead(self, day: date) -> int:
        """Minutes, at noon of a day: clocks change at night."""
        noon = datetime.combine(day, time(12), ZoneInfo(self.week.time_zone))
        there, here = noon.astimezone(UTC).astimezone(ZoneInfo(self.time_zone)).utcoffset(), noon.utcoffset()
        return int(((there or timedelta()) - (here or timedelta())).total_seconds()) // 60


def there(instant: datetime, time_zone: str, *, here: str) -> str:
    """Return what the clocks of a zone show at an instant: `22:30`; `Tue 03:30` where it is another day than here."""
    theirs, ours = instant.astimezone(ZoneInfo(time_zone)), instant.astimezone(ZoneInfo(here))
    return f"{theirs:%H:%M}" if theirs.date() == ours.date() else f"{theirs:%a %H:%M}"


def _length(minutes: int) -> str:
    """`5 hours`, `1 hour`, `30 minutes`, `12 hours 30 minutes`."""
    whole, rest = divmod(minutes, 60)
    hours = f"{whole} {'hour' if whole == 1 else 'hours'}" if whole else ""
    return " ".join(filter(None, (hours, f"{rest} minutes" if rest else "")))


def offset(instant: datetime, time_zone: str) -> str:
    """Return how far a zone's clocks are from UTC: `UTC+1`, `UTC+5:30`, `UTC`."""
    ahead = instant.astimezone(ZoneInfo(time_zone)).utcoffset() or timedelta()
    minutes = int(ahead.total_seconds() // 60)
    if minutes == 0:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '−'}{hours}" + (f":{rest:02}" if rest else "")


def place(time_zone: str) -> str:
    """Return what people call a zone: the city of its IANA name."""
    return time_zone.rpartition("/")[2].replace("_", " ")
