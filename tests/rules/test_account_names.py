"""However an account is spelt, it is the same; of several the strictest is meant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from app.rules.accounts import folded, meant
from tests.harness import NOW


@dataclass(frozen=True)
class One:
    id: str
    name: str = "Northwind"
    observers_allowed: bool = True
    seat_capacity: int | None = None
    own_side_ceiling: int | None = None
    created_at: datetime = NOW


@pytest.mark.parametrize(
    "spelt",
    [
        "müller & söhne",
        "  MÜLLER   &\tSÖHNE ",
        "Mu\u0308ller & So\u0308hne",
        "Ｍüller ＆ Söhne",
        "Müller\u00a0& Söhne",
        "Mül\u200bler & Söh\u00adne",
    ],
)
def test_case_spaces_and_forms_make_no_other_name(spelt: str) -> None:
    assert folded(spelt) == folded("Müller & Söhne")
    assert folded(folded(spelt)) == folded(spelt)


@pytest.mark.parametrize("other", ["Muller & Sohne", "Müller und Söhne", "Müller & Söhne AG", ""])
def test_another_name_is_another(other: str) -> None:
    assert folded(other) != folded("Müller & Söhne")
    assert meant([One("acc_1", other)], "Müller & Söhne") is None


def test_of_several_the_strictest_is_meant_then_the_one_of_this_spelling_then_the_oldest() -> None:
    closed = One("acc_9", "NORTHWIND", observers_allowed=False, created_at=NOW + timedelta(days=1))
    few, faces = One("acc_8", "northwind", seat_capacity=0), One("acc_7", "northwind", own_side_ceiling=1)
    other, same = One("acc_1", "NorthWind"), One("acc_2", created_at=NOW + timedelta(days=1))
    younger = One("acc_0", created_at=NOW + timedelta(days=2))
    everybody = [younger, same, other, faces, few, closed]

    order = []
    while (one := meant(everybody, "Northwind")) is not None:
        order.append(one)
        everybody.remove(one)

    assert order == [closed, few, faces, same, younger, other]
