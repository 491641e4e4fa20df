"""Ids and secrets, by their promises: ids sort by time, typos cost nothing, seals hold, keys are never half read."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import credentials, ids
from tests.harness import NOW

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
MILLISECOND = timedelta(milliseconds=1)

moments = st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
payloads = st.binary(max_size=200)
words = st.text(min_size=1, max_size=40)


# --- Ids --------------------------------------------------------------------------------------------------------------


@given(moments, st.sampled_from(["per", "call", "ses"]))
def test_an_id_is_its_prefix_and_a_uuid_of_version_7(at: datetime, prefix: str) -> None:
    made = ids.new(prefix, at)

    assert re.fullmatch(rf"{prefix}_[0-7][{ALPHABET}]{{25}}", made)
    value = number_of(made)
    assert value >> 80 == (at - datetime(1970, 1, 1, tzinfo=UTC)) // MILLISECOND
    assert (value >> 76 & 0xF, value >> 62 & 0b11) == (7, 0b10)


@given(moments, st.timedeltas(MILLISECOND, timedelta(days=10_000)))
def test_a_later_id_sorts_after_an_earlier_one(at: datetime, later: timedelta) -> None:
    assert ids.new("per", at) < ids.new("per", at + later)


@given(moments, st.timedeltas(MILLISECOND, timedelta(days=10_000)))
def test_the_earliest_id_of_a_moment_parts_what_was_made_before_it_from_what_was_made_since(
    at: datetime, later: timedelta
) -> None:
    assert ids.earliest("per", at) <= ids.new("per", at) < ids.earliest("per", at + later)


def test_ids_of_one_moment_differ() -> None:
    assert len({ids.new("per", NOW) for _ in range(2000)}) == 2000


@given(st.integers(0, 2**130 - 1))
def test_base_32_reads_back_as_the_number(value: int) -> None:
    assert number_of(f"x_{ids.base32(value, 26)}") == value


@pytest.mark.parametrize("bits", [60, 128, 200, 256])
def test_a_secret_has_as_many_bits_as_asked_and_none_twice(bits: int) -> None:
    made = {ids.secret(bits) for _ in range(500)}

    assert len(made) == 500
    assert {len(secret) for secret in made} == {-(-bits // 5)}


def number_of(typeid: str) -> int:
    value = 0
    for letter in typeid.partition("_")[2]:
        value = value * 32 + ALPHABET.index(letter)
    return value


# --- API keys ---------------------------------------------------------------------------------------------------------


def test_a_key_reads_back_and_its_secret_is_not_in_what_is_stored() -> None:
    key_id = ids.new("key", NOW)

    shown, digest = credentials.new_api_key(key_id)

    assert credentials.read_api_key(shown) == credentials.PresentedKey(key_id, digest)
    assert shown[34:74] not in digest
    assert re.fullmatch("[0-9a-f]{64}", digest)


@pytest.mark.parametrize("round_", range(3))
def test_every_single_wrong_character_is_refused(round_: int) -> None:
    shown, _ = credentials.new_api_key(ids.new("key", NOW))

    for place, right in enumerate(shown):
        for wrong in ALPHABET + "ilouABCXYZ-_ \n٣é":
            if wrong != right:
                assert credentials.read_api_key(shown[:place] + wrong + shown[place + 1 :]) is None


def test_every_pair_of_swapped_neighbours_is_refused() -> None:
    shown, _ = credentials.new_api_key(ids.new("key", NOW))

    for place in range(len(shown) - 1):
        swapped = shown[:place] + shown[place + 1] + shown[place] + shown[place + 2 :]
        assert swapped == shown or credentials.read_api_key(swapped) is None


@given(st.text(max_size=100))
def test_no_text_is_a_key_by_accident(text: str) -> None:
    assert credentials.read_api_key(text) is None
    assert credentials.read_api_key(f"es_live_{text}") is None


# --- Comparing and sealing --------------------------------------------------------------------------------------------


@given(st.text(), st.text())
def test_secrets_compare_like_text_whatever_they_hold(a: str, b: str) -> None:
    assert credentials.same(a, b) is (a == b)
    assert credentials.same(a, a)


@given(payloads, words, words)
def test_a_seal_opens_to_what_was_sealed(payload: bytes, key: str, purpose: str) -> None:
    sealed = credentials.seal(payload, secret_key=key, purpose=purpose)

    assert re.fullmatch("[A-Za-z0-9_-]*", sealed)
    assert credentials.unseal(sealed, secret_key=key, purpose=purpose) == payload


@given(payloads, words, words)
def test_a_seal_for_one_purpose_or_key_opens_for_no_other(payload: bytes, one: str, other: str) -> None:
    sealed = credentials.seal(payload, secret_key="k" * 32, purpose=one)

    if one != other:
        assert credentials.unseal(sealed, secret_key="k" * 32, purpose=other) is None
    assert credentials.unseal(sealed, secret_key="K" * 32, purpose=one) is None


@given(payloads, st.integers(0), st.sampled_from(sorted(ALPHABET + "ABC-_+/= é")))
def test_no_other_spelling_of_a_seal_opens(payload: bytes, place: int, letter: str) -> None:
    sealed = credentials.seal(payload, secret_key="k", purpose="p")
    place %= len(sealed)
    altered = sealed[:place] + letter + sealed[place + 1 :]

    assert altered == sealed or credentials.unseal(altered, secret_key="k", purpose="p") is None
    for longer in (sealed + letter, letter + sealed, sealed[:-1], sealed + "=", sealed[1:]):
        assert credentials.unseal(longer, secret_key="k", purpose="p") is None


@given(st.text())
def test_no_text_is_a_seal_by_accident(text: str) -> None:
    assert credentials.unseal(text, secret_key="k", purpose="p") is None
