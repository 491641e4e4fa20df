"""Which layer of a setting holds."""

from hypothesis import given
from hypothesis import strategies as st

from app.rules.seating import allotment
from app.rules.settings import OWN_SIDE_CEILING, SEAT_CAPACITY, SETTINGS, Said, in_force
from app.vocabulary import SettingLayer as Layer

_numbers = st.none() | st.integers(0, 6)


def test_nothing_holds_where_no_layer_says_anything() -> None:
    for setting in SETTINGS:
        assert in_force(setting, {}) is None
        assert in_force(setting, dict.fromkeys(Layer)) is None


def test_the_nearest_layer_that_says_anything_holds_also_when_it_says_nothing_at_all_is_allowed() -> None:
    says = {Layer.CALL_TYPE: 2, Layer.HOST: 3, Layer.ACCOUNT: None, Layer.CALL: 0}

    assert in_force(SEAT_CAPACITY, says) == Said(0, Layer.CALL)
    assert in_force(SEAT_CAPACITY, {**says, Layer.CALL: None}) == Said(3, Layer.HOST)


def test_what_a_layer_says_that_has_no_say_is_not_heard() -> None:
    assert in_force(SEAT_CAPACITY, {Layer.ORG: 9, Layer.PERSON: 9}) is None


def test_of_ceilings_the_lowest_holds_and_of_equal_ones_the_nearer() -> None:
    assert in_force(OWN_SIDE_CEILING, {Layer.ORG: 2, Layer.ACCOUNT: 4}) == Said(2, Layer.ORG)
    assert in_force(OWN_SIDE_CEILING, {Layer.ORG: 4, Layer.ACCOUNT: 2}) == Said(2, Layer.ACCOUNT)
    assert in_force(OWN_SIDE_CEILING, {Layer.ORG: 3, Layer.ACCOUNT: 3}) == Said(3, Layer.ACCOUNT)


def test_every_setting_is_in_the_table_once() -> None:
    names = [setting.name for setting in SETTINGS]

    assert sorted(set(names)) == sorted(names)


@given(_numbers, _numbers, _numbers, st.integers(0, 6), st.booleans(), _numbers, _numbers, st.integers(0, 3))
def test_a_call_gets_what_the_layers_say_one_by_one(
    override: int | None,
    account: int | None,
    host: int | None,
    call_type: int,
    open_: bool,
    account_ceiling: int | None,
    house_ceiling: int | None,
    colleagues: int,
) -> None:
    """Against the rule written out: its own number, else account's, host's, type's; then what the ceilings leave."""
    expected = next(number for number in (override, account, host, call_type) if number is not None)
    for ceiling in (account_ceiling, house_ceiling):
        if ceiling is not None:
            expected = min(expected, max(ceiling - 1 - colleagues, 0))

    found = allotment(
        override,
        account,
        host,
        call_type,
        open_=open_,
        account_ceiling=account_ceiling,
        house_ceiling=house_ceiling,
        colleagues=colleagues,
    )

    assert found.seats == (expected if open_ else 0)
