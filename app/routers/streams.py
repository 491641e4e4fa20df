"""The stream of the floor, for programs."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from app import streams
from app.db import transaction
from app.errors import NotFound
from app.routers.dependencies import CurrentActor, Route, TheHouse
from app.routers.problems import refusals
from app.streams import Stream, Streams, TooManyStreams

router = APIRouter(prefix="/v1", tags=["floor"], route_class=Route)

_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events without end", "content": {streams.MEDIA_TYPE: {}}}
}


def _stream(
    the: TheHouse,
    actor: CurrentActor,
    topic: Annotated[
        streams.Topics, Query(description="What to hear of: `floor`, `me`, or `call:` and the id of a call.")
    ] = ["floor", "me"],
    accept: Annotated[str, Header()] = "",
) -> Stream:
    """Return what is to be streamed, looked up before it begins: a stream has no connection to the database."""
    with transaction(the.engine, writes=False) as reading:
        streams.check(reading, topic, accept=accept, actor=actor)
    return Stream(person_id=actor.person_id, credential_id=actor.credential_id, topics=topic)


@router.get(
    "/floor/stream",
    operation_id="floor_stream",
    response_class=StreamingResponse,
    responses=_EVENTS | refusals(NotFound, TooManyStreams),
)
async def stream_floor(request: Request, stream: Annotated[Stream, Depends(_stream)]) -> StreamingResponse:
    """Hear as it happens what changes, as server-sent events.

    Each is `event: changed`, and `data:` says which topic: read that again. Ask with `Accept: text/event-stream`. A
    stream ends within the hour, when the key is no longer valid and when the service stops: come again after two
    seconds, and read again what you show, for what happened meanwhile is not told.
    """
    all_streams: Streams = request.app.state.streams
    await all_streams.open(stream)
    return StreamingResponse(all_streams.told(stream), media_type=streams.MEDIA_TYPE, headers=streams.HEADERS)
