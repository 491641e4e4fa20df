"""Lists on pages: an address says which part of a list is shown, and clocks how instants stand in a table."""

from datetime import datetime
from zoneinfo import ZoneInfo

from app.house import House
from app.queries.pages import PageRequest
from app.web.addresses import Address

ROWS = 50
"""Of a page of a list."""


def request_for(address: Address, the: House, *, limit: int = ROWS) -> PageRequest:
    """Return the part of a list that an address shows. Its `cursor` belongs to all that it says besides."""
    filters = sorted((name, value) for name, value in address.query.items() if name != "cursor")
    return PageRequest(
        limit=limit,
        cursor=address.query.get("cursor"),
        filters=repr((address.path, filters)),
        secret_key=the.settings.secret_key.get_secret_value(),
    )


def beginning(name: str, the: House, *, limit: int) -> PageRequest:
    """Return the beginning of another list that a page needs, such as what a choice offers."""
    return request_for(Address(name, {}), the, limit=limit)


def brief(instant: datetime, time_zone: str, *, now: datetime) -> str:
    """Return an instant as a cell of a table has it: `10:30` when it is today there, `24 Nov, 10:30` in this year, else
    `24 Nov 2027`.
    """
    local, today = instant.astimezone(ZoneInfo(time_zone)), now.astimezone(ZoneInfo(time_zone))
    if local.date() == today.date():
        return f"{local:%H:%M}"
    return f"{local.day} {local:%b, %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y}"
