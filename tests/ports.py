"""Free ports for servers that tests start as processes of their own."""

import random
import socket
from contextlib import ExitStack

_BELOW_THE_PASSING = range(15_000, 32_000)
"""Ports the system gives to nobody by itself: one from above could be an outgoing connection's before it is used."""


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 at which nobody listens: all are held until all are known, so none is there twice."""
    ports: list[int] = []
    with ExitStack() as held:
        while len(ports) < count:
            listener = held.enter_context(socket.socket())
            port = random.SystemRandom().choice(_BELOW_THE_PASSING)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
    return ports


def is_listening(port: int) -> bool:
    """Whether somebody takes connections at this port of 127.0.0.1."""
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]
