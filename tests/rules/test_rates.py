"""How often somebody may come, by its promises over any times at which they do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.rates import Rate, Turn, full_in, network, turn

SECOND = 10**9
NOON = 1_795_000_000 * SECOND


@st.composite
def rates(draw: st.DrawFn, *, even: bool = False) -> Rate:
    limit = draw(st.integers(1, 12))
    burst = limit if even else draw(st.integers(1, 12))
    return Rate("tried", limit=limit, seconds=draw(st.sampled_from([1, 7, 60])), burst=burst)


@st.composite
def comings(draw: st.DrawFn, rate: Rate) -> list[int]:
    """Instants at which somebody comes: in crowds, evenly, and with pauses around the length of a step."""
    gaps = draw(st.lists(st.one_of(st.just(0), st.integers(0, 2 * rate.step), st.just(rate.step)), max_size=60))
    instants = [NOON]
    for gap in gaps:
        instants.append(instants[-1] + gap)
    return instants


def let_through(rate: Rate, instants: list[int]) -> list[int]:
    full_at, through = 0, []
    for now in instants:
        found = turn(rate, full_at, now=now)
        full_at = found.full_at
        if not found.wait:
            through.append(now)
    return through


@given(st.data())
def test_never_more_than_limit_and_burst_in_any_window(data: st.DataObject) -> None:
    rate = data.draw(rates())

    through = let_through(rate, data.draw(comings(rate)))

    for begin in through:
        within = [at for at in through if begin <= at < begin + rate.seconds * SECOND]
        assert len(within) <= rate.limit + rate.burst


@given(st.data())
def test_who_keeps_to_the_limit_in_any_window_is_never_refused(data: st.DataObject) -> None:
    rate = data.draw(rates(even=True))
    window = rate.seconds * SECOND
    kept: list[int] = []
    for at in data.draw(comings(rate)):
        if sum(at - window < before for before in kept) < rate.limit:
            kept.append(at)

    assert let_through(rate, kept) == kept


@given(st.data())
def test_who_waits_as_told_is_let_through_and_a_moment_earlier_is_not(data: st.DataObject) -> None:
    rate = data.draw(rates())
    full_at = 0
    for _ in range(rate.burst):
        full_at = turn(rate, full_at, now=NOON).full_at

    refused = turn(rate, full_at, now=NOON)

    assert refused.wait > 0
    assert turn(rate, refused.full_at, now=NOON + refused.wait - 1).wait == 1
    assert turn(rate, refused.full_at, now=NOON + refused.wait).wait == 0


@given(st.data())
def test_as_many_are_left_as_then_come_through_at_once(data: st.DataObject) -> None:
    rate = data.draw(rates())
    full_at = 0
    for now in data.draw(comings(rate)):
        found = turn(rate, full_at, now=now)
        full_at = found.full_at

        assert len(let_through_from(rate, full_at, now)) == found.left


def let_through_from(rate: Rate, full_at: int, now: int) -> list[Turn]:
    through = []
    while not (found := turn(rate, full_at, now=now)).wait:
        through.append(found)
        full_at = found.full_at
    return through


@given(st.data())
def test_asking_in_vain_changes_nothing(data: st.DataObject) -> None:
    rate = data.draw(rates())

    through = let_through(rate, data.draw(comings(rate)))

    assert let_through(rate, through) == through


@given(st.data(), st.integers(1, 10**6))
def test_a_clock_that_was_set_back_makes_nobody_wait_for_longer_than_a_step(data: st.DataObject, back: int) -> None:
    rate = data.draw(rates())
    full_at = 0
    for _ in range(rate.burst):
        full_at = turn(rate, full_at, now=NOON).full_at

    after = turn(rate, full_at, now=NOON - back * SECOND)

    assert after.wait <= rate.step
    assert full_in(after, now=NOON - back * SECOND) <= -(-rate.burst * rate.step // SECOND)


def test_a_wait_is_said_in_whole_seconds_and_never_as_none() -> None:
    assert Turn(0, 0, 0).retry_after is None
    assert Turn(0, 0, 1).retry_after == 1
    assert Turn(0, 0, SECOND).retry_after == 1
    assert Turn(0, 0, SECOND + 1).retry_after == 2


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not an address", "not an address"),
        ("x" * 500, "x" * 64),
    ],
)
def test_a_limit_counts_an_address_or_the_64_bits_of_its_network(address: str, counted: str) -> None:
    assert network(address) == counted
