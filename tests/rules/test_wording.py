"""Calls and times as mail says them."""

from datetime import UTC, datetime, timedelta

from app.rules.wording import call_words, moment, when

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_a_time_is_said_where_its_reader_lives_and_names_the_place() -> None:
    assert when(TEN, TEN + timedelta(minutes=30), "Asia/Kolkata") == (
        "Monday 23 November 2026, 15:30–16:00 (Asia/Kolkata)"
    )
    assert moment(TEN, "Pacific/Auckland") == "Monday 23 November 2026, 23:00 (Pacific/Auckland)"


def test_a_call_is_its_company_and_type_and_no_more() -> None:
    assert call_words("Northwind Freight", "discovery") == "Northwind Freight (discovery)"
    assert call_words(None, "executive_briefing.first") == "executive briefing first"
