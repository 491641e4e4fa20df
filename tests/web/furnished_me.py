"""What stands in a house for the pages of feeds and connected calendars."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from app.models.tables import connected_calendar, feed
from app.operations.connected_calendars import connect_calendar
from app.operations.feeds import create_feed
from app.rules.access import SYSTEM
from app.vocabulary import CalendarHealth, CalendarKind, CalendarUse, FeedKind, FeedPrivacy
from tests.harness import NOW
from tests.web.houses import LOOKED_AT, Furnishing

_BY: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
_WHY = "calendar.example: There is no calendar at this address (404)."


def feeds_and_calendars(house: Furnishing) -> Mapping[str, str]:
    """Nora's feed, which Outlook fetched, and her calendars elsewhere, as many as she may have in a huge house: every
    second one can't be read.
    """
    nora = house.people["junior"].id
    made = create_feed(house.db, person_id=nora, kind=FeedKind.PERSONAL, privacy=FeedPrivacy.FULL, **_BY).feed
    fetched = {"last_fetched_at": LOOKED_AT - timedelta(minutes=12), "last_fetched_by": house.text("Outlook 16.0")}
    house.db.execute(update(feed).where(feed.c.id == made.id).values(**fetched))
    for number in range(house.many(2, huge=10)):
        told: dict[str, Any] = {
            "url": f"https://calendar.example/{number}.ics",
            "name": house.text(("Work", "Customers")[number % 2]),
            "kind": CalendarKind.ICS,
            "use": (CalendarUse.BUSY, CalendarUse.CALLS)[number % 2],
        }
        open_: dict[str, Any] = {"username": None, "password": None, "title_contains": None, "allowed": ()}
        one = connect_calendar(house.db, person_id=nora, **told, **open_, **_BY)
        health = ({"health": CalendarHealth.OK}, {"health": CalendarHealth.DEGRADED, "why": house.text(_WHY)})[
            number % 2
        ]
        looked = {"read_at": LOOKED_AT - timedelta(minutes=7), "due_at": LOOKED_AT + timedelta(minutes=8)}
        house.db.execute(update(connected_calendar).where(connected_calendar.c.id == one.id).values(**health, **looked))
    return {}
