"""Readers of calendars for the tests of what we write."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.ical.readers import Reader, as_icalendar_does, as_we_do, ical_js, missing


@pytest.fixture(scope="session")
def readers() -> Iterator[dict[str, Reader]]:
    """By name, ourselves first. Without ical.js where it is not installed: one test then says so."""
    with ExitStack() as stack:
        here: dict[str, Reader] = {"Earshot": as_we_do, "icalendar": as_icalendar_does}
        if missing() is None:
            here["ical.js"] = stack.enter_context(ical_js())
        yield here
