"""How fast mail goes: at most so many to a domain in any minute, and nothing to a relay that rests."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.adapters.pace import RESTS, TRIAL_SECONDS, Pace, Rest
from tests.worlds import worlds

_STEPS = st.lists(st.floats(0, 30), max_size=60)


@settings(max_examples=worlds(200))
@given(most=st.integers(1, 5), steps=_STEPS)
def test_in_no_minute_does_a_domain_get_more_than_its_share(most: int, steps: list[float]) -> None:
    pace, now, gone = Pace(most), 1000.0, []
    for step in steps:
        now += step
        if pace.wait("acme.example", now) == 0:
            gone.append(now)

    for first in gone:
        assert len([at for at in gone if first <= at < first + 60]) <= most


@settings(max_examples=worlds(200))
@given(most=st.integers(1, 50), waiting=st.integers(1, 200), late=st.floats(0, 0.1))
def test_everybody_gets_through_about_as_fast_as_the_share_allows_by_coming_when_told(
    most: int, waiting: int, late: float
) -> None:
    pace, asked, gone = Pace(most), 0, []
    queue = [0.0] * waiting
    while queue:
        queue.sort()
        now = queue.pop(0)
        asked += 1
        if wait := pace.wait("acme.example", now):
            queue.append(now + wait + late)
        else:
            gone.append(now)

    assert max(gone) <= 1.1 * 60 * waiting / most + 60
    assert asked <= 2 * waiting  # nobody asks again and again


def test_what_can_wait_leaves_half_of_the_minute_to_the_rest() -> None:
    pace = Pace(10)

    told = [pace.wait("acme.example", 1.0, can_wait=True) for _ in range(1000)]
    urgent = [pace.wait("acme.example", 2.0) for _ in range(6)]

    assert told[:6] == [0.0] * 5 + [60.0]
    assert told[-1] > 10_000, "each is told a time of its own"
    assert urgent == [0.0] * 5 + [59.0], "they need not wait behind a thousand"


def test_domains_do_not_wait_for_each_other() -> None:
    pace = Pace(1)

    assert [pace.wait(f"{number}.example", 5.0) for number in range(3000)] == [0.0] * 3000
    assert pace.wait("2999.example", 5.0) == 60
    assert pace.wait("2999.example", 65.0) == 0


def test_a_relay_rests_longer_each_time_it_fails_and_not_at_all_once_it_works() -> None:
    rest, now, rests = Rest(), 0.0, []
    for _ in range(6):
        rest.failed(now, since=now)
        rests.append(rest.left(now))
        now += rest.left(now)
        assert rest.left(now) == 0
        rest.trying(now)
        now += 0.001

    assert rests == [*RESTS, RESTS[-1], RESTS[-1]]
    rest.worked()
    assert rest.left(now) == 0
    rest.failed(now, since=now)
    assert rest.left(now) == RESTS[0]


def test_after_a_rest_one_tries_and_the_others_wait_for_what_comes_of_it() -> None:
    rest = Rest()
    rest.failed(0, since=0)

    rest.trying(5)

    assert rest.left(5) == TRIAL_SECONDS
    assert rest.left(5 + TRIAL_SECONDS) == 0, "who tried never came back"


def test_two_mails_that_meet_the_same_failure_are_one_failure() -> None:
    rest = Rest()

    rest.failed(10.0, since=1.0)
    rest.failed(10.5, since=2.0)

    assert rest.left(10.5) == 4.5


def test_a_relay_that_works_is_tried_by_everybody() -> None:
    rest = Rest()

    rest.trying(1)

    assert rest.left(1) == 0
