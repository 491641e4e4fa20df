"""What is drawn as a code, a reader that is not ours reads."""

import re

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.qr import Qr, qr
from tests.worlds import worlds


def read(code: Qr) -> str:
    """Draw the code as a browser does, eight pixels a square, and read it."""
    squares = np.full((code.size, code.size), 255, dtype=np.uint8)
    strokes = re.findall(r"M(\d+) (\d+)\.5h(\d+)", code.path)
    assert "".join(f"M{x} {y}.5h{length}" for x, y, length in strokes) == code.path
    for x, y, length in (map(int, stroke) for stroke in strokes):
        squares[y, x : x + length] = 0
    found = zxingcpp.read_barcodes(np.kron(squares, np.ones((8, 8), dtype=np.uint8)))
    return str(found[0].text)


def test_more_than_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="large"):
        qr("x" * 2_400)


@settings(max_examples=worlds(25))
@given(secret=st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", min_size=1, max_size=200))
def test_whatever_the_address_its_code_is_read_as_it(secret: str) -> None:
    address = f"webcal://earshot.example/feeds/{secret}.ics"

    assert read(qr(address)) == address
