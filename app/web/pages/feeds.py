"""Calendar subscriptions: one's sessions in one's own calendar, a team's, and seats that one could take.

An address is shown in the answer to the press that made it and never again: only a digest of it is kept.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from fastapi import Response
from fastapi.responses import RedirectResponse

from app import db as database
from app.db import DbSession
from app.errors import Conflict, NotFound
from app.house import House
from app.operations import feeds as operations
from app.operations.feeds import Issued
from app.queries import feeds, people, teams
from app.queries.access import check_acts
from app.queries.pages import PageRequest
from app.queries.people import PeopleFilter
from app.queries.teams import TeamFilter
from app.rules.access import acts, sees_the_house
from app.vocabulary import FeedKind, FeedPrivacy
from app.web.clocks import moment
from app.web.dependencies import Fields, Now, Pressing, ReadDb, SignedIn, TheHouse, Viewer, page_router
from app.web.html import page
from app.web.qr import Qr, qr

router = page_router()

Do = Literal["create", "rotate", "revoke"]

_SAID = {"revoke": "Taken back. Calendars that had the address find nothing there any more."}
_ALL = PageRequest(limit=200, cursor=None, filters="", secret_key="")
_CLIENTS = (
    (r"Google", "Google Calendar"),
    (r"Outlook|Microsoft|Exchange", "Outlook"),
    (r"iOS|macOS|Mac OS X|CalendarAgent|dataaccessd", "Apple Calendar"),
    (r"Thunderbird", "Thunderbird"),
    (r"DAVx|ICSx", "ICSx⁵"),
)
"""Who fetches, by what they say of themselves: the first that is found."""
_TITLES: Mapping[FeedKind, tuple[str, str]] = {
    FeedKind.PERSONAL: ("Your sessions", "What you listen to, host and meet for. It follows every change."),
    FeedKind.OPEN_SEATS: ("Seats you could take", "Calls of the next four weeks with a free seat that fits you."),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A subscription that the viewer has or could have."""

    kind: FeedKind
    team_id: str
    title: str
    words: str
    feed: "Live | None"

    @property
    def key(self) -> str:
        """What tells its fields on the page from others'."""
        return self.team_id or self.kind.value

    @property
    def hides(self) -> bool:
        """Whether it may leave out what sessions are: open seats are nobody's time."""
        return self.kind is not FeedKind.OPEN_SEATS


@dataclass(frozen=True, slots=True)
class Live:
    """A subscription that stands."""

    id: str
    contents: str
    since: str
    fetched: str
    """When and by what, on the viewer's clocks; empty while nobody has."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """The address that was made just now."""

    feed_id: str
    https: str
    webcal: str
    code: Qr
    """For a phone that reads it off the screen."""


@router.get("/me/feeds")
def show_feeds(db: ReadDb, now: Now, viewer: SignedIn, said: str = "") -> Response:
    """Show which subscriptions somebody has, and who fetched them last; not to who has no part in what they tell."""
    if not acts(viewer.actor):
        raise NotFound
    return _feeds_page(db, viewer=viewer, now=now, said=_SAID.get(said, ""))


@router.post("/me/feeds")
def change_feeds(do: Do, the: TheHouse, now: Now, viewer: Pressing, fields: Fields, of: str = "") -> Response:
    """Make a subscription, or give it another address, which the answer shows this once; or take it back, once the word
    is typed: neither can be undone.
    """
    check_acts(viewer.actor)
    if do != "create" and fields.get("typed", "").strip().lower() != do:
        why = f"Type {do} to go on: the address that your calendar has stops working at once."
        return _again(the, viewer=viewer, now=now, refused=why, status=422)
    try:
        made = database.written(the.engine, lambda db: _act(db, do, of, fields, viewer=viewer, now=now))
    except Conflict as refused:
        return _again(the, viewer=viewer, now=now, refused=f"{refused.title}. {refused.detail}", status=409)
    if made is None:
        return RedirectResponse("/me/feeds?said=revoke", 303)
    address = f"{the.settings.public_url.rstrip('/')}/feeds/{made.secret}.ics"
    webcal = f"webcal://{address.partition('://')[2]}"
    fresh = Fresh(made.feed.id, address, webcal, qr(webcal))
    with database.transaction(the.engine, writes=False) as reading:
        return _feeds_page(reading, viewer=viewer, now=now, fresh=fresh)


def _act(db: DbSession, do: Do, of: str, fields: Mapping[str, str], *, viewer: Viewer, now: datetime) -> Issued | None:
    by: dict[str, Any] = {"actor": viewer.actor, "now": now}
    if do == "revoke":
        operations.revoke_feed(db, feed_id=of, **by)
        return None
    if do == "rotate":
        return operations.rotate_feed(db, feed_id=of, **by)
    kind = next((one for one in FeedKind if one == fields.get("kind")), FeedKind.PERSONAL)
    privacy = FeedPrivacy.BUSY_ONLY if "private" in fields else FeedPrivacy.FULL
    team_id = fields.get("team") or None
    return operations.create_feed(db, person_id=viewer.person.id, kind=kind, privacy=privacy, team_id=team_id, **by)


def _again(the: House, *, viewer: Viewer, now: datetime, refused: str, status: int) -> Response:
    with database.transaction(the.engine, writes=False) as reading:
        return _feeds_page(reading, viewer=viewer, now=now, refused=refused, status=status)


def _feeds_page(
    db: DbSession,
    *,
    viewer: Viewer,
    now: datetime,
    said: str = "",
    fresh: Fresh | None = None,
    refused: str = "",
    status: int = 200,
) -> Response:
    me, zone = viewer.person, viewer.person.time_zone
    held = {(row.kind, row.team_id or ""): row for row in feeds.live_feeds(db, me.id, actor=viewer.actor)}
    own = [(kind, "", *_TITLES[kind]) for kind in (FeedKind.PERSONAL, FeedKind.OPEN_SEATS)]
    of_teams = [
        (FeedKind.TEAM, team_id, f"Team: {name}", "What everybody in it takes part in.")
        for team_id, name in _teams(db, {team_id for _, team_id in held}, viewer=viewer)
    ]
    offers = [
        Offer(kind, team_id, title, words, _live(held.get((kind, team_id)), zone, now=now))
        for kind, team_id, title, words in own + of_teams
    ]
    return page(
        "feeds.html",
        status=status,
        viewer=viewer.face,
        said=said,
        offers=[offer for offer in offers if offer.kind is not FeedKind.TEAM or offer.feed],
        teams=[(offer.team_id, offer.title.partition(": ")[2]) for offer in offers if offer.team_id and not offer.feed],
        fresh=fresh,
        refused=refused,
    )


def _live(row: Any, time_zone: str, *, now: datetime) -> Live | None:
    if row is None:
        return None
    when = moment(row.last_fetched_at, time_zone, now=now) if row.last_fetched_at else ""
    return Live(
        row.id,
        "Only that you are busy" if row.privacy is FeedPrivacy.BUSY_ONLY else "All you may know",
        moment(row.created_at, time_zone, now=now),
        f"{when} by {client(row.last_fetched_by or '')}" if when else "",
    )


def client(user_agent: str) -> str:
    """Return which calendar program fetched something, in our own words whatever it says of itself."""
    return next((name for pattern, name in _CLIENTS if re.search(pattern, user_agent)), "another program")


def _teams(db: DbSession, subscribed: set[str], *, viewer: Viewer) -> list[tuple[str, str]]:
    """Return the teams whose calendar is for the viewer: their own, of who reports to them; or all."""
    me, actor = viewer.person, viewer.actor
    known = teams.list_teams(db, TeamFilter(), _ALL, sort="name", descending=False).rows
    mine = {me.team_id, *subscribed}
    if actor.reports:
        led = PeopleFilter(manager_id=(me.id,))
        rows = people.list_people(db, led, _ALL, sort="name", descending=False, actor=actor).rows
        mine |= {row.team_id for row in rows}
    return [(row.id, row.name) for row in known if row.id in mine or sees_the_house(actor)]
