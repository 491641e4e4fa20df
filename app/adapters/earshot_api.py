"""A client of our own REST API, as any integration would write one: the demo plays through it.

The one exception from the rule that `http.py` sends all requests: it calls ourselves, at the loopback address that the
demo has just begun to listen on, where the wall of `http.py` exists to let nobody in. No URL of a user's comes here.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx

_SHORTEST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.05, 1.0
"""Between two looks at long work: at first it may be short, and who asks often takes the time of who works."""


class ApiRefused(Exception):
    """The service said no; the message is its problem's sentence."""


class EarshotApi:
    """Calls to one service with one key. Not for several threads."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=300, trust_env=False
        )

    def send(self, method: str, path: str, **given: Any) -> Any:
        """Send a request and return the JSON that comes back. Raises ApiRefused for anything but 2xx."""
        response = self._http.request(method, path, **given)
        if response.is_success:
            return response.json() if response.content else None
        try:
            problem = response.json()
            places = "; ".join(f"{e['pointer']} {e['detail']}" for e in problem["errors"][:5])
            raise ApiRefused(f"{method} {path}: {problem['code']}: {problem['detail']} {places}".strip())
        except (ValueError, KeyError):
            raise ApiRefused(f"{method} {path}: {response.status_code}") from None

    def pages(self, path: str, **parameters: Any) -> Iterator[Any]:
        """Go through a whole list."""
        cursor: dict[str, str] = {}
        while True:
            page = self.send("GET", path, params={"limit": 200, **parameters, **cursor})
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def start(self, path: str, body: Any, *, seconds: float) -> Any:
        """Start long work, wait for its end, and return the operation. Raises ApiRefused when it fails."""
        response = self._http.post(path, json=body)
        if response.status_code != httpx.codes.ACCEPTED:
            raise ApiRefused(f"POST {path}: {response.status_code} {response.text[:200]}")
        deadline, pause = time.monotonic() + seconds, _SHORTEST_PAUSE_SECONDS
        while time.monotonic() < deadline:
            operation = self.send("GET", response.headers["location"])
            if operation["status"] == "succeeded":
                return operation
            if operation["status"] in ("failed", "cancelled"):
                raise ApiRefused(f"{operation['kind']}: {operation['error']}")
            time.sleep(pause)
            pause = min(1.2 * pause, _LONGEST_PAUSE_SECONDS)
        raise ApiRefused(f"POST {path}: not done after {seconds:.0f} seconds")

    def download(self, url: str) -> bytes:
        """Return the bytes behind a link."""
        response = self._http.get(url)
        if not response.is_success:
            raise ApiRefused(f"GET: {response.status_code}")
        return response.content

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()
