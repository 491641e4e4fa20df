"""Every route answers, whatever its endpoint raises."""

import asyncio

import httpx
from fastapi import APIRouter, FastAPI

from app.routers.dependencies import Route
from tests.patience import PATIENCE_SECONDS


def test_a_route_that_looks_for_something_in_vain_answers_500_and_does_not_hang() -> None:
    router = APIRouter(route_class=Route)

    @router.get("/in-vain")
    def in_vain(number: int) -> int:
        return next(one for one in range(number) if one > number)

    app = FastAPI()
    app.include_router(router)

    async def status(number: str) -> int:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
            answer = await asyncio.wait_for(client.get("/in-vain", params={"number": number}), timeout=PATIENCE_SECONDS)
        return answer.status_code

    assert asyncio.run(status("3")) == 500
    assert asyncio.run(status("none")) == 422
