"""Power hours: each observer hears each host about as often, and nobody is at two places."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.rotation import Turn, rounds, turns

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Block:
    """A power hour."""

    hosts: list[str]
    observers: list[str]
    minutes: int
    rotation: int

    @property
    def ends_at(self) -> datetime:
        return TEN + timedelta(minutes=self.minutes)

    @property
    def turns(self) -> list[Turn]:
        return turns(self.hosts, self.observers, starts_at=TEN, ends_at=self.ends_at, rotation_minutes=self.rotation)

    @property
    def rounds(self) -> list[tuple[datetime, datetime]]:
        return list(rounds(TEN, self.ends_at, self.rotation))


def named(letter: str, most: int) -> st.SearchStrategy[list[str]]:
    return st.integers(0, most).map(lambda count: [f"{letter}{number}" for number in range(count)])


blocks = st.builds(
    Block,
    hosts=named("host", 7),
    observers=named("observer", 15),
    minutes=st.integers(1, 240),
    rotation=st.integers(1, 90),
)


@pytest.mark.parametrize(("hosts", "observers"), [([], ["Aisha"]), (["Mara"], []), ([], [])])
def test_without_hosts_or_observers_nobody_listens(hosts: list[str], observers: list[str]) -> None:
    assert Block(hosts, observers, 60, 20).turns == []


def test_what_is_left_is_a_short_turn_unless_it_is_less_than_half_of_one() -> None:
    lengths = {minutes: [stops - begins for begins, stops in rounds(TEN, TEN + timedelta(minutes=minutes), 20)]
               for minutes in (9, 10, 20, 49, 50)}  # fmt: skip

    assert {minutes: [one.seconds // 60 for one in found] for minutes, found in lengths.items()} == {
        9: [],
        10: [10],
        20: [20],
        49: [20, 20],
        50: [20, 20, 10],
    }


def test_observers_go_from_host_to_host() -> None:
    found = Block(["Mara", "Tom"], ["Aisha", "Leo", "Zoe"], 40, 20).turns

    assert [(turn.observer, turn.host, turn.starts_at.minute) for turn in found] == [
        ("Aisha", "Mara", 0),
        ("Leo", "Tom", 0),
        ("Zoe", "Mara", 0),
        ("Aisha", "Tom", 20),
        ("Leo", "Mara", 20),
        ("Zoe", "Tom", 20),
    ]


@given(blocks)
def test_nobody_hears_two_at_once_or_misses_a_round(block: Block) -> None:
    heard = Counter((turn.observer, turn.starts_at, turn.ends_at) for turn in block.turns)

    wanted = [(one, *span) for one in block.observers for span in block.rounds] if block.hosts else []
    assert heard == Counter(wanted)


@given(blocks)
def test_each_observer_hears_each_host_as_often_as_the_others_but_for_once(block: Block) -> None:
    heard = Counter((turn.observer, turn.host) for turn in block.turns)

    for observer in block.observers:
        times = [heard[observer, host] for host in block.hosts]
        assert max(times, default=0) - min(times, default=0) <= 1


@given(blocks)
def test_no_host_has_more_listeners_at_a_time_than_fall_to_each(block: Block) -> None:
    at_once = Counter((turn.host, turn.starts_at) for turn in block.turns)

    assert max(at_once.values(), default=0) <= ceil(len(block.observers) / max(len(block.hosts), 1))


@given(blocks)
def test_rounds_follow_each_other_within_the_hour_and_none_is_shorter_than_half(block: Block) -> None:
    spans, length = block.rounds, timedelta(minutes=block.rotation)

    assert [begins for begins, _ in spans] == [TEN + number * length for number in range(len(spans))]
    assert all(length / 2 <= stops - begins <= length and stops <= block.ends_at for begins, stops in spans)
    lost = block.ends_at - (spans[-1][1] if spans else TEN)
    assert timedelta(0) <= lost < length / 2


@given(blocks)
def test_the_same_people_at_the_same_time_take_the_same_turns(block: Block) -> None:
    assert block.turns == block.turns
    assert block.turns == sorted(block.turns, key=lambda turn: (turn.starts_at, block.observers.index(turn.observer)))
