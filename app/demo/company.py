"""The believable company that the demo plays: people, accounts and four weeks of calls from one seed.

Every company, whatever its size and seed, holds these cases (`Company.planted` names them):

- two isolated juniors, in Phoenix and in Sydney: another calendar fills their hours save one quiet hour a week at most,
  they run no calls, and at most about eight calls fit;
- one overloaded host, who runs twice the calls of a colleague;
- one skill that one person teaches alone, while nobody else is above level 2; each other skill has at
  least two teachers at level 4;
- one account without observers, the one with most calls.

Every mentee can be matched: they share a language and two working hours in each of the next 26 weeks with at least
three mentors outside the reporting line, and the mentors' capacity suffices for all at once.

Same size, seed and day: equal company, in any process. Nothing here reads a clock, a database or a network.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from app.demo.calls import Host, book
from app.demo.diary import QUARTER, Diary, runs, span
from app.demo.people import ONLY_TAUGHT_SKILL, only_teacher, staff
from app.demo.shapes import Company, DemoCall, DemoPerson, Planted

Size = Literal["demo", "team", "org"]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """How large a company is; mentors and juniors are per team, `calls_of_a_mentor` in the four weeks."""

    teams: int
    mentors: int
    juniors: int
    calls_of_a_mentor: int
    calls: int


_SIZES: dict[Size, _Numbers] = {
    "demo": _Numbers(2, 3, 4, 60, 450),
    "team": _Numbers(6, 4, 5, 64, 2_000),
    "org": _Numbers(50, 4, 5, 64, 16_000),
}
_DAYS = 28
_ISOLATED_IN = ("America/Phoenix", "Australia/Sydney")
_HEARABLE_BY_THE_ISOLATED = 8
_HOUR = 4  # quarters


def company(size: Size, *, seed: int, today: date) -> Company:
    """Return the company whose calls begin on `today` and fill 28 days, days being those of each host's zone."""
    rng = random.Random(f"{size} {seed}")  # noqa: S311  a demo must be repeatable, not secret
    numbers = _SIZES[size]
    teams, people = staff(rng, teams=numbers.teams, mentors=numbers.mentors, juniors=numbers.juniors, today=today)
    overloaded = next(person for person in people if person.kind == "mentor")
    isolated = [next(p for p in people if p.kind == "mentee" and p.time_zone == zone) for zone in _ISOLATED_IN]
    # One day more at either end: a call on the first day in Sydney falls on the day before in Phoenix.
    around = [today + timedelta(days=n) for n in range(-1, _DAYS + 1)]
    diaries = {p.external_id: Diary(p, around if p in isolated else around[1:-1]) for p in people}
    for person in people:
        if person not in isolated:
            _keep_appointments(rng, diaries[person.external_id], relaxed=person == overloaded)

    load = _load(rng, numbers, [person for person in people if person not in isolated], overloaded)
    accounts, calls = book(rng, [Host(person, diaries[person.external_id], count) for person, count in load])

    closed = Counter(call.account_external_id for call in calls).most_common(1)[0][0]
    accounts = tuple(replace(account, observers_allowed=account.external_id != closed) for account in accounts)
    open_calls = [call for call in calls if call.account_external_id != closed]
    for junior in isolated:
        _fill(diaries[junior.external_id], junior, open_calls)
    return Company(
        teams=teams,
        people=tuple(replace(person, busy=tuple(sorted(diaries[person.external_id].busy))) for person in people),
        accounts=accounts,
        calls=calls,
        planted=Planted(
            isolated_juniors=(isolated[0].external_id, isolated[1].external_id),
            overloaded_host=overloaded.external_id,
            only_teacher=only_teacher(people).external_id,
            only_taught_skill=ONLY_TAUGHT_SKILL,
            account_without_observers=closed,
        ),
    )


def _load(
    rng: random.Random, numbers: _Numbers, people: Sequence[DemoPerson], overloaded: DemoPerson
) -> list[tuple[DemoPerson, int]]:
    """Say who runs how many calls: mentors about their share, the overloaded twice that, juniors what is left."""
    usual = numbers.calls_of_a_mentor
    load = [
        (person, 2 * usual if person == overloaded else usual + rng.randint(-2, 2))
        for person in people
        if person.kind == "mentor"
    ]
    juniors = [person for person in people if person.kind == "mentee"]
    each, over = divmod(numbers.calls - sum(count for _, count in load), len(juniors))
    return load + [(junior, each + (n < over)) for n, junior in enumerate(juniors)]


def _keep_appointments(rng: random.Random, diary: Diary, *, relaxed: bool) -> None:
    """Block what every calendar holds: a team meeting, a one-on-one, and on half of the days something else.

    Somebody `relaxed` has the two weekly appointments only, so that twice the calls find room.
    """
    usual = next(iter(diary.free.values()))
    weekly = [(weekday, *_appointment(rng, usual)) for weekday in (rng.choice((1, 5)), rng.choice((2, 3, 4)))]
    for day in diary.free:
        wanted = [(first, count) for weekday, first, count in weekly if weekday == day.isoweekday()]
        if not relaxed and rng.random() < 0.5:
            wanted.append(_appointment(rng, usual))
        for first, count in wanted:
            if diary.fits(day, first, count):
                diary.block(day, first, count)


def _appointment(rng: random.Random, hours: int) -> tuple[int, int]:
    """Draw (first, count) of 30 to 60 minutes inside the first stretch of a day's hours."""
    first, length = next(runs(hours))
    count = rng.choice((2, 2, 3, 4))
    return first + rng.randrange(length - count + 1), count


def _fill(diary: Diary, junior: DemoPerson, calls: Sequence[DemoCall]) -> None:
    """Block all of the junior's hours, save in each week the quietest hour in which a short call could be heard."""
    kept = {day: span(first, _HOUR) for day, first in _quiet_hours(diary, junior, calls)}
    for day, hours in diary.free.items():
        for first, count in runs(hours & ~kept.get(day, 0)):
            diary.block(day, first, count)


def _quiet_hours(diary: Diary, junior: DemoPerson, calls: Sequence[DemoCall]) -> Iterable[tuple[date, int]]:
    """Return (day, first quarter) of at most one hour a calendar week: a short call in its middle, few others in it."""
    inside: Counter[tuple[date, int]] = Counter()  # calls that lie wholly in the hour that begins there
    hearable: set[tuple[date, int]] = set()
    for call in calls:
        if call.language not in junior.languages:
            continue
        (day, first), count = diary.locate(call.starts_at), (call.ends_at - call.starts_at) // QUARTER
        inside.update((day, begin) for begin in range(first + count - _HOUR, first + 1))
        if count <= 2 and diary.fits(day, first - 1, _HOUR):
            hearable.add((day, first - 1))
    kept: dict[tuple[int, int], tuple[date, int]] = {}
    left = _HEARABLE_BY_THE_ISOLATED
    for hour in sorted(hearable, key=lambda hour: (inside[hour], hour)):
        week = hour[0].isocalendar()[:2]
        if week not in kept and (not kept or inside[hour] <= left):
            kept[week] = hour
            left -= inside[hour]
    return kept.values()
