"""The four weeks of customer calls: who sells to whom, what comes after what, and at which hour."""

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, islice
from string import ascii_lowercase

from app.demo.diary import QUARTER, Diary, ahead_of_utc
from app.demo.names import DOMAIN, account_name
from app.demo.shapes import CallType, DemoAccount, DemoCall, DemoPerson, Interval

# Percent of all calls by type and minutes. Types add up to 35/25/20/10/10, lengths to 10/45/25/20 (product.md).
_MIX: dict[tuple[CallType, int], int] = {
    ("discovery", 15): 6,
    ("discovery", 30): 22,
    ("discovery", 45): 5,
    ("discovery", 60): 2,
    ("demo", 30): 7,
    ("demo", 45): 10,
    ("demo", 60): 8,
    ("technical", 30): 6,
    ("technical", 45): 6,
    ("technical", 60): 8,
    ("negotiation", 15): 1,
    ("negotiation", 30): 5,
    ("negotiation", 45): 3,
    ("negotiation", 60): 1,
    ("renewal", 15): 3,
    ("renewal", 30): 5,
    ("renewal", 45): 1,
    ("renewal", 60): 1,
}
_OF_JUNIORS: tuple[CallType, ...] = ("discovery", "demo")

_STAGES: dict[CallType, tuple[str, ...]] = {
    "discovery": ("qualification",),
    "demo": ("evaluation",),
    "technical": ("evaluation", "validation"),
    "negotiation": ("proposal", "negotiation"),
    "renewal": ("renewal",),
}
_TOPICS: dict[CallType, tuple[str, ...]] = {
    "discovery": (
        "discovery call",
        "intro call",
        "discovery with operations",
        "needs and goals",
        "discovery with finance",
    ),
    "demo": (
        "product demo",
        "tailored demo",
        "demo for the leadership team",
        "demo with the end users",
        "demo follow-up",
    ),
    "technical": (
        "technical deep dive",
        "security review",
        "integration workshop",
        "architecture questions",
        "pilot setup",
    ),
    "negotiation": (
        "pricing review",
        "commercial terms",
        "procurement call",
        "contract review",
        "proposal walkthrough",
    ),
    "renewal": ("renewal review", "renewal planning", "renewal terms", "yearly business review"),
}

# A deal moves one step at a time; customers who renew are none of the deals under way.
_RANK: dict[CallType, int] = {"discovery": 0, "demo": 1, "technical": 2, "negotiation": 3, "renewal": 5}
_DAYS_BETWEEN_STEPS = 2

# Customers sit near their host; a zone named twice is twice as likely.
_CUSTOMERS_OF = {
    "America/New_York": ("America/New_York", "America/New_York", "America/Chicago"),
    "America/Chicago": ("America/Chicago", "America/Chicago", "America/New_York", "America/Phoenix"),
    "America/Los_Angeles": ("America/Los_Angeles", "America/Los_Angeles", "America/Phoenix", "America/Chicago"),
    "America/Phoenix": ("America/Phoenix", "America/Los_Angeles", "America/Chicago"),
    "America/Sao_Paulo": ("America/Sao_Paulo", "America/Sao_Paulo", "America/New_York"),
    "Europe/London": ("Europe/London", "Europe/London", "Europe/Berlin"),
    "Europe/Berlin": ("Europe/Berlin", "Europe/Berlin", "Europe/London"),
    "Asia/Kolkata": ("Europe/London", "Europe/Berlin", "Asia/Kolkata"),
    "Australia/Sydney": ("Australia/Sydney",),
}
_HOME_LANGUAGE = {"America/Sao_Paulo": "pt", "Europe/Berlin": "de"}

_WEEKDAY_WEIGHT = {1: 8, 2: 12, 3: 12, 4: 12, 5: 7}
_OPENS, _CLOSES = 9 * 4, 17 * 4  # quarters of the customer's day

Card = tuple[CallType, int]


@dataclass(frozen=True, slots=True)
class Host:
    """Somebody who sells: the time they have and how many calls they run in the four weeks."""

    person: DemoPerson
    diary: Diary
    calls: int


@dataclass(slots=True)
class _Deal:
    """An account that a host works on, how far it has come and when they last spoke."""

    account: DemoAccount
    rank: int
    on: date


@dataclass(frozen=True, slots=True)
class _Booked:
    """A call with its time, before it has a number."""

    host: DemoPerson
    account: DemoAccount
    type: CallType
    time: Interval


def book(rng: random.Random, hosts: Sequence[Host]) -> tuple[tuple[DemoAccount, ...], tuple[DemoCall, ...]]:
    """Fill the hosts' diaries; calls come by time. A call that no day of its host can take falls out.

    O(calls × accounts of one host).
    """
    market = _Market(rng)
    booked = [call for host, hand in zip(hosts, _hands(rng, hosts), strict=True) for call in market.work(host, hand)]
    booked.sort(key=lambda call: (call.time, call.host.external_id))
    calls = tuple(_call(rng, number, call) for number, call in enumerate(booked, start=1))
    return tuple(market.accounts), calls


class _Market:
    """The accounts that hosts have found so far."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._names: set[str] = set()
        self.accounts: list[DemoAccount] = []

    def work(self, host: Host, hand: Sequence[Card]) -> Iterator[_Booked]:
        """Play the cards day by day; one that finds no room moves to the next day."""
        deals: list[_Deal] = []
        waiting: list[Card] = []
        for day, cards in _by_day(self._rng, sorted(host.diary.free), hand):
            due, waiting = [*waiting, *cards], []
            for kind, minutes in due:
                deal = self._next_deal(host.person, deals, _RANK[kind], day)
                first = _hour(self._rng, host.diary, day, deal.account.time_zone, minutes // 15)
                if first is None:
                    waiting.append((kind, minutes))
                    continue
                deal.rank, deal.on = _RANK[kind], day
                yield _Booked(host.person, deal.account, kind, host.diary.take(day, first, minutes // 15))

    def _next_deal(self, host: DemoPerson, deals: list[_Deal], rank: int, day: date) -> _Deal:
        """Return the deal that waited longest for this step, or now and then a new one (often for a first step)."""
        rested = day - timedelta(days=_DAYS_BETWEEN_STEPS)
        ready = [deal for deal in deals if rank - 1 <= deal.rank <= rank and deal.on <= rested]
        if ready and self._rng.random() < (0.3 if rank == 0 else 0.85):
            return min(ready, key=lambda deal: deal.on)
        deals.append(_Deal(self._account(host), rank - 1, date.min))
        return deals[-1]

    def _account(self, host: DemoPerson) -> DemoAccount:
        zone = self._rng.choice(_CUSTOMERS_OF[host.time_zone])
        home = _HOME_LANGUAGE.get(zone, "en")
        account = DemoAccount(
            external_id=f"a-{len(self.accounts) + 1:05}",
            name=account_name(self._rng, self._names),
            segment=self._rng.choice(host.segments),
            time_zone=zone,
            language=home if home in host.languages and self._rng.random() < 0.6 else "en",
            observers_allowed=True,
        )
        self.accounts.append(account)
        return account


def _hands(rng: random.Random, hosts: Sequence[Host]) -> list[list[Card]]:
    """Deal every host a hand from one deck in the exact shares of `_MIX`; juniors get discovery and demo calls only."""
    deck = _deck(rng, sum(host.calls for host in hosts))
    easy = [card for card in deck if card[0] in _OF_JUNIORS]
    for_juniors = sum(host.calls for host in hosts if host.person.kind == "mentee")
    rest = easy[for_juniors:] + [card for card in deck if card[0] not in _OF_JUNIORS]
    rng.shuffle(rest)
    juniors, seniors = iter(easy[:for_juniors]), iter(rest)
    return [list(islice(juniors if host.person.kind == "mentee" else seniors, host.calls)) for host in hosts]


def _deck(rng: random.Random, count: int) -> list[Card]:
    """Return `count` shuffled cards: card k lies under the middle of the k-th of `count` equal parts of the mix."""
    kinds, upto = list(_MIX), list(accumulate(_MIX.values()))
    deck = [kinds[bisect(upto, (k + 0.5) * 100 / count)] for k in range(count)]
    rng.shuffle(deck)
    return deck


def _by_day(rng: random.Random, days: Sequence[date], hand: Sequence[Card]) -> Iterator[tuple[date, list[Card]]]:
    """Spread a hand over the days, more in the middle of the week, each week nearly alike."""
    upto = list(accumulate(_WEEKDAY_WEIGHT[day.isoweekday()] for day in days))
    cards: dict[date, list[Card]] = {day: [] for day in days}
    for k, card in enumerate(hand):
        cards[days[bisect(upto, (k + rng.random()) / len(hand) * upto[-1])]].append(card)
    yield from cards.items()


def _hour(rng: random.Random, diary: Diary, day: date, customer_zone: str, count: int) -> int | None:
    """Draw a first quarter that suits the customer and is free in the diary; None when the day has none."""
    ahead = (ahead_of_utc(customer_zone, day) - ahead_of_utc(diary.time_zone, day)) // QUARTER
    free = [first for first in range(_OPENS, _CLOSES - count + 1) if diary.fits(day, first - ahead, count)]
    if not free:
        return None
    return rng.choices(free, [_liking(day.isoweekday(), first) for first in free])[0] - ahead


@cache
def _liking(weekday: int, first: int) -> float:
    """Say how readily customers begin at this quarter of their day: peaks, a lunch dip, full hours first."""
    hour, quarter = divmod(first, 4)
    peak = 3.0 if weekday in (2, 3, 4) and hour in (10, 11, 14, 15) else 0.4 if hour == 12 else 1.0
    return peak * (1.0, 0.2, 0.7, 0.2)[quarter]


def _call(rng: random.Random, number: int, booked: _Booked) -> DemoCall:
    letters = "".join(rng.choices(ascii_lowercase, k=10))
    return DemoCall(
        external_id=f"c-{number:05}",
        title=f"{booked.account.name}: {rng.choice(_TOPICS[booked.type])}",
        type=booked.type,
        host_external_id=booked.host.external_id,
        account_external_id=booked.account.external_id,
        starts_at=booked.time[0],
        ends_at=booked.time[1],
        language=booked.account.language,
        stage=rng.choice(_STAGES[booked.type]),
        meeting_url=f"https://meet.{DOMAIN}/{letters[:3]}-{letters[3:7]}-{letters[7:]}",
    )
