"""Open a port and run the web server on it, the same way for `serve` and for the demo."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


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


def server(app: FastAPI) -> uvicorn.Server:
    """Return the web server."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=10,
        )
    )
