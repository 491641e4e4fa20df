"""Quarter-hours of wall-clock time that one person has left on the days of the demo."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from app.demo.shapes import DemoPerson, Interval

QUARTER = timedelta(minutes=15)


class Diary:
    """Free time of one person as one bit per quarter-hour and day; bit 0 is midnight in the person's own zone.

    No hours of the demo come near the night in which a clock changes, so a day always has 96 quarters here.
    """

    def __init__(self, person: DemoPerson, days: Sequence[date]) -> None:
        self.time_zone = person.time_zone
        self.busy: list[Interval] = []
        self.free: dict[date, int] = {}
        for day in days:
            for hours in person.working_hours:
                if hours.weekday == day.isoweekday() and day not in person.exceptions:
                    first, end = quarter_of(hours.start), quarter_of(hours.end)
                    self.free[day] = self.free.get(day, 0) | span(first, end - first)

    def fits(self, day: date, first: int, count: int) -> bool:
        """Say whether the `count` quarters from `first` on are all free."""
        return first >= 0 and not span(first, count) & ~self.free.get(day, 0)

    def take(self, day: date, first: int, count: int) -> Interval:
        """Use up free quarters and return them as instants."""
        self.free[day] &= ~span(first, count)
        return self.interval(day, first, count)

    def block(self, day: date, first: int, count: int) -> None:
        """Use up free quarters for something that only an imported calendar knows."""
        self.busy.append(self.take(day, first, count))

    def interval(self, day: date, first: int, count: int) -> Interval:
        """Return `count` quarters as instants."""
        midnight = datetime.combine(day, time(), UTC) - ahead_of_utc(self.time_zone, day)
        return midnight + first * QUARTER, midnight + (first + count) * QUARTER

    def locate(self, instant: datetime) -> tuple[date, int]:
        """Return the day and the quarter in which an instant falls here."""
        local = instant.astimezone(ZoneInfo(self.time_zone))
        return local.date(), local.hour * 4 + local.minute // 15


def span(first: int, count: int) -> int:
    """Return the bits of `count` quarters from `first` on."""
    return ((1 << count) - 1) << first


def runs(bits: int) -> Iterator[tuple[int, int]]:
    """Yield (first, count) of each unbroken run of set bits, in order."""
    while bits:
        first = (bits & -bits).bit_length() - 1
        rest = bits >> first
        count = (~rest & (rest + 1)).bit_length() - 1
        yield first, count
        bits &= ~span(first, count)


def quarter_of(wall_clock: str) -> int:
    """Return the quarter that begins at `09:30`."""
    hour, minute = wall_clock.split(":")
    return int(hour) * 4 + int(minute) // 15


@cache
def ahead_of_utc(time_zone: str, day: date) -> timedelta:
    """Return how far the zone's clocks are ahead of UTC at noon of its own `day`, so during all working hours."""
    ahead = datetime.combine(day, time(12), ZoneInfo(time_zone)).utcoffset()
    assert ahead is not None  # noqa: S101  an aware datetime always has an offset
    return ahead
