"""The stream that tells pages which of their parts to read again."""

from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.responses import StreamingResponse

from app import streams
from app.db import transaction
from app.streams import Stream, Streams
from app.web.dependencies import Pressing, TheHouse, page_router

router = page_router()


def _stream(
    the: TheHouse, viewer: Pressing, topic: Annotated[streams.Topics, Query()], accept: Annotated[str, Header()] = ""
) -> Stream:
    with transaction(the.engine, writes=False) as reading:
        streams.check(reading, topic, accept=accept, actor=viewer.actor)
    return Stream(person_id=viewer.person.id, credential_id=viewer.actor.credential_id, topics=topic)


@router.get("/stream")
async def stream_changes(request: Request, stream: Annotated[Stream, Depends(_stream)]) -> StreamingResponse:
    """Tell a page what became stale until it goes. Looked up before it begins: a stream has no connection to the
    database.
    """
    all_streams: Streams = request.app.state.streams
    await all_streams.open(stream)
    return StreamingResponse(all_streams.told(stream), media_type=streams.MEDIA_TYPE, headers=streams.HEADERS)
