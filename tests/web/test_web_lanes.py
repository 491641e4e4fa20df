"""Blocks side by side that overlap."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.web.lanes import lanes

_NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Block:
    starts_at: datetime
    ends_at: datetime


def a_block(starts: int, minutes: int) -> Block:
    starts_at = _NINE + timedelta(minutes=starts)
    return Block(starts_at, starts_at + timedelta(minutes=minutes))


blocks = st.lists(st.builds(a_block, st.integers(0, 300), st.integers(1, 90)), max_size=12).map(
    lambda found: sorted(found, key=lambda one: one.starts_at)
)


def test_no_blocks_have_no_lanes() -> None:
    assert lanes([]) == []


def test_a_block_that_begins_when_another_ends_has_all_the_width() -> None:
    assert lanes([a_block(0, 30), a_block(30, 30)]) == [(0, 1), (0, 1)]


def test_blocks_that_overlap_through_another_are_as_narrow_as_it() -> None:
    assert lanes([a_block(0, 60), a_block(10, 20), a_block(40, 60)]) == [(0, 2), (1, 2), (1, 2)]


@given(blocks=blocks)
def test_what_overlaps_is_side_by_side_in_as_few_lanes_as_can_be(blocks: list[Block]) -> None:
    placed = list(zip(blocks, lanes(blocks), strict=True))

    most = max((sum(b.starts_at <= a.starts_at < b.ends_at for b in blocks) for a in blocks), default=0)
    assert max((of for _, (_, of) in placed), default=0) == most
    for n, (a, (lane, of)) in enumerate(placed):
        assert 0 <= lane < of
        for b, (other, other_of) in placed[n + 1 :]:
            if b.starts_at < a.ends_at:
                assert (other != lane, other_of) == (True, of)
