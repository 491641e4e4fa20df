"""Open a port and run the web server on it, the same way for `serve` and for the demo."""

import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.lines import Lines

if sys.platform != "win32":
    import resource

_MOST_LINES = 4096
_OTHER_FILES = 256
"""Files that a process has open besides: connections to databases, logs, what is outbound."""
_OBJECTS_BETWEEN_SEARCHES = 10_000


class PortTaken(Exception):
    """Somebody else listens there; the message says what to do."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Open the port before anything else, so that the address that is printed is the address that works."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port} on {host} can't be opened ({error.strerror}): choose another by --port."
            ) from None
        listener.listen(2048)
        yield listener
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Waits for no stream when it is told to stop: those have no end of their own."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "streams"):
            app.state.streams.close()
        await super().shutdown(sockets)


def server(app: FastAPI, *, lines: Lines | None = None) -> uvicorn.Server:
    """Return the web server. Whoever asks, and by which scheme, is what the connection says (but see `Gate`)."""
    return _Server(
        uvicorn.Config(
            app,
            http=(lines or Lines(_room_for_lines())).line,  # type: ignore[arg-type]  # it is only called
            ws="none",
            proxy_headers=False,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=10,
        )
    )


def settle() -> None:
    """Let a process that has made its app, and serves from now on until it ends, look for cycles among what came since
    alone, and not after every 700 objects: one request makes thousands, and nearly all go without a search.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)


def _room_for_lines() -> int:
    """Let this process have as many files open as it may, and return how many of them connections can be. Services
    begin with 1,024, which as many half-open connections would take.
    """
    if sys.platform == "win32":
        return _MOST_LINES
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_LINES + _OTHER_FILES
    if few < wanted and few != resource.RLIM_INFINITY:
        few = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    return _MOST_LINES if few == resource.RLIM_INFINITY else max(min(_MOST_LINES, few - _OTHER_FILES), 64)
