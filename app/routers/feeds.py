"""Calendar subscriptions: the objects, and the calendars that their addresses hold."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.errors import Forbidden, NotFound, Stale, TooMany
from app.house import House
from app.operations import feeds as operations
from app.operations.changes import UnknownReference
from app.queries import feeds
from app.routers.dependencies import Answer, CurrentActor, Db, IfMatch, Now, Page, ReadDb, Route, TheHouse
from app.routers.problems import refusals
from app.routers.rates import count_stranger
from app.routers.subscriptions import Subscriptions
from app.rules.rates import UNKNOWN_FEEDS
from app.schemas.feeds import CreateFeed, FeedIssued, FeedRead
from app.schemas.shapes import Listing

router = APIRouter(tags=["feeds"], route_class=Route)

_CALENDAR: dict[int | str, dict[str, Any]] = {
    200: {"description": "The calendar", "content": {"text/calendar": {"schema": {"type": "string"}}}},
    304: {"description": "As you know it"},
}


@router.get("/v1/feeds", operation_id="feeds_list", responses=refusals())
def list_feeds(db: ReadDb, actor: CurrentActor, page: Page, answer: Answer) -> Listing[FeedRead]:
    """List your calendar subscriptions. Their addresses are not shown again."""
    found = feeds.list_feeds(db, page, actor=actor)
    data = [FeedRead.model_validate(row) for row in found.rows]
    return answer.page(found, data)


@router.post(
    "/v1/feeds",
    status_code=201,
    operation_id="feeds_create",
    responses=refusals(Forbidden, UnknownReference, operations.FeedExists),
)
def create_feed(body: CreateFeed, db: Db, now: Now, actor: CurrentActor, answer: Answer, the: TheHouse) -> FeedIssued:
    """Make a calendar subscription. Its address is a secret and shown only now."""
    made = operations.create_feed(
        db,
        person_id=body.person_id,
        kind=body.kind,
        privacy=body.privacy,
        team_id=body.team_id,
        actor=actor,
        now=now,
    )
    return answer.created(f"/v1/feeds/{made.feed.id}", made.feed.version, _issued(made, the))


@router.get("/v1/feeds/{feed_id}", operation_id="feeds_get", responses=refusals(NotFound))
def get_feed(feed_id: str, db: ReadDb, actor: CurrentActor, answer: Answer) -> FeedRead:
    """Read one calendar subscription, without its address."""
    found = feeds.feed_by_id(db, feed_id, actor=actor)
    fetched = f"{found.last_fetched_at.timestamp():.0f}" if found.last_fetched_at else ""
    return answer.version(found.version, FeedRead.model_validate(found), shows=fetched)


@router.post(
    "/v1/feeds/{feed_id}/rotate",
    operation_id="feeds_rotate",
    responses=refusals(NotFound, Stale, operations.FeedRevoked),
)
def rotate_feed(
    feed_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer, the: TheHouse
) -> FeedIssued:
    """Give a subscription another address, shown only now. The old one is gone at once."""
    made = operations.rotate_feed(db, feed_id=feed_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(made.feed.version, _issued(made, the))


@router.post("/v1/feeds/{feed_id}/revoke", operation_id="feeds_revoke", responses=refusals(NotFound, Stale))
def revoke_feed(feed_id: str, db: Db, now: Now, actor: CurrentActor, if_match: IfMatch, answer: Answer) -> FeedRead:
    """Take a subscription back for good. Its address is gone at once."""
    found = operations.revoke_feed(db, feed_id=feed_id, expected_version=if_match, actor=actor, now=now)
    return answer.version(found.version, FeedRead.model_validate(found))


@router.get(
    "/feeds/{secret}.ics",
    operation_id="feeds_fetch",
    response_class=Response,
    responses=_CALENDAR | refusals(NotFound, TooMany),
)
def fetch_feed(secret: str, request: Request, now: Now) -> Response:
    """Read the calendar behind an address. The address is the key; an unknown or revoked one is not there."""
    # Plain fetches never come this far: see `subscriptions.Lane`.
    found: Subscriptions = request.app.state.subscriptions
    try:
        return found.answer(secret, request)
    except NotFound:
        count_stranger(request, UNKNOWN_FEEDS, at=now)
        raise


def _issued(made: operations.Issued, the: House) -> FeedIssued:
    return FeedIssued.of(made.feed, secret=made.secret, public_url=the.settings.public_url)
