"""What tests of diallers are made with: one that signs what it says, and what its messages look like."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx

from app.credentials import webhook_signature
from tests.harness import Api

HOOK = "/hooks/dialler/{connection_id}"
"""What is posted there is signed by a dialler: no browser is believed."""
MAPPING: dict[str, str | list[str]] = {
    "event": "/event",
    "started": ["call.answered"],
    "ended": ["call.ended"],
    "call": "/data/id",
    "host_email": "/data/user/email",
    "started_at": "/data/answered_at",
    "ended_at": "/data/ended_at",
    "title": "/data/title",
    "account": "/data/company",
}


def said_of(host_email: str, began_at: datetime, ended_at: datetime | None = None, **data: Any) -> bytes:
    """A message: the call started, or with `ended_at`, it ended."""
    told = {"id": 812, "user": {"email": host_email}, "answered_at": began_at.isoformat()}
    over = {} if ended_at is None else {"ended_at": ended_at.isoformat()}
    event = "call.answered" if ended_at is None else "call.ended"
    return json.dumps({"event": event, "data": {**told, **over, **data}}).encode()


class Dialler:
    """One that is listened to, and posts over a real socket."""

    def __init__(self, api: Api) -> None:
        made = api.admin.post("/v1/dialler-connections", json={"name": "Our dialler", "mapping": MAPPING}).json()
        self.id: str = made["id"]
        self.secret: str = made["secret"]
        self.path = f"/hooks/dialler/{self.id}"
        self._api = api
        self._client = api.client()

    def post(
        self,
        body: bytes,
        message_id: str = "msg_1",
        *,
        late: timedelta = timedelta(),
        instead: Mapping[str, str] = {},
    ) -> httpx.Response:
        """Sign and post; `late` is how long ago it was signed, `instead` are headers in place of ours."""
        sent_at = int((self._api.clock() - late).timestamp())
        signature = webhook_signature(self.secret, message_id=message_id, sent_at=sent_at, body=body)
        ours = {
            "webhook-id": message_id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": signature,
        }
        return self._client.post(
            self.path, content=body, headers=httpx.Headers({**ours, **instead}, encoding="latin-1")
        )

    @property
    def health(self) -> dict[str, Any]:
        """The dialler as an admin reads it."""
        read: dict[str, Any] = self._api.admin.get(f"/v1/dialler-connections/{self.id}").json()
        return read
