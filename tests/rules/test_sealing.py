"""The bytes under a seal, which must be the same for ever."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from app.rules.sealing import BEGINNING, FACTS, Fact, canonical, seal

AT = datetime(2026, 11, 21, 9, 0, 0, 5, tzinfo=UTC)
EVENT: tuple[Fact, ...] = (7, "evt_1", AT, "per_é", None, "key_1", "seat.booked", "seat", "seat_1", 1)
Facts = list[tuple[Fact, ...]]
facts = st.tuples(
    st.integers(1, 2**62),
    st.text(max_size=20),
    st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as Hypothesis wants it
    *(st.one_of(st.none(), st.text(max_size=20)) for _ in range(6)),
    st.integers(0, 10**6),
)


def sealed(*events: tuple[Fact, ...], before: str = BEGINNING, number: int = 1, at: datetime = AT) -> str:
    return seal(before, events, number=number, sealed_at=at)


def test_an_event_is_one_line_of_plain_ascii() -> None:
    assert len(EVENT) == len(FACTS)
    assert canonical(EVENT) == (
        b'[7,"evt_1","2026-11-21T09:00:00.000005+00:00","per_\\u00e9",null,"key_1","seat.booked","seat","seat_1",1]\n'
    )


def test_a_seal_is_what_it_was_when_this_was_written() -> None:
    assert sealed(EVENT) == "557b4ff22f4ba7c465d8c649bbc7c43a4e8662ca54e6f3d523a91a63a501c871"


def test_the_same_instant_in_another_zone_is_the_same_fact() -> None:
    kolkata = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert canonical([kolkata]) == canonical([AT])


@given(st.lists(facts, max_size=5), st.lists(facts, max_size=5))
def test_other_events_or_another_order_make_another_seal(
    some: list[tuple[Fact, ...]], others: list[tuple[Fact, ...]]
) -> None:
    assert (sealed(*some) == sealed(*others)) == (some == others)


def test_the_seal_before_its_number_and_its_time_are_under_a_seal_too() -> None:
    other = sealed(EVENT)

    assert len({other, sealed(EVENT, before=other), sealed(EVENT, number=2), sealed(EVENT, at=AT + timedelta(1))}) == 4
