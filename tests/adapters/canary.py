"""A canary on loopback that nothing of ours may hit, ways to spell where it is, and a neighbour that is allowed."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pytest

from tests.adapters.web_server import Reply, WebServer, answer

TLS = ssl.create_default_context()  # reading all certificates that a machine trusts takes a while
GOOD_HOST, GOOD = "127.0.0.2", (IPv4Network("127.0.0.2/32"),)
"""Stands for a public address: on the allow-list, unlike the canary's 127.0.0.1."""
NOWHERE = str(IPv4Address(0))  # which connects to loopback
SPELLED = ["127.0.0.1", "127.1", "127.0.1", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "0177.1", "017700000001",
           "2130706433", "0x7f000001", "0X7F000001", "127.0.0.0x1", "0", NOWHERE,
           "00000000000000000000177.0.0.1"]  # fmt: skip
TYPED = [
    *(f"http://{spelled}:{{port}}/" for spelled in SPELLED),
    "http://localhost:{port}/", "http://LOCALHOST:{port}/", "http://localhost.:{port}/", "http://127.0.0.1.:{port}/",
    "https://127.0.0.1:{port}/", "http://[::1]:{port}/", "http://[0:0:0:0:0:0:0:1]:{port}/", "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/", "http://[2002:7f00:1::]:{port}/", "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b:1::127.0.0.1]:{port}/", "http://[2001::f7f7:f7f7:80ff:fffe]:{port}/", "http://[::1%25lo]:{port}/",
    "http://[fe80::1%lo]:{port}/", "http://[fec0::1]:{port}/", "http://[fd00::1]:{port}/", "http://[ff02::1]:{port}/",
    "http://127.0.0.1:{port}@hooks.example/", "http://public@127.0.0.1:{port}/", "http://a:b@127.0.0.1:{port}/",
    "http://hooks.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@hooks.example/",
    "http://hooks.example\\@127.0.0.1:{port}/", "http://127.0.0.1\t:{port}/", "http://127.0.0.1:{port}\r\n/",
    "http://127.0.0.1:{port}/\r\nHost: hooks.example", " http://127.0.0.1:{port}/", "http:\\\\127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "//127.0.0.1:{port}/",
    "http://１２７.０.０.１:{port}/", "http://①②⑦.⓪.⓪.①:{port}/", "http://127。0。0。1:{port}/",
    "http://127．0．0．1:{port}/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:{port}/", "http://127.0.0.1%2f:{port}/", "http://%31%32%37.1:{port}/",
    "http://127.0.0.1%00.hooks.example:{port}/", "http://169.254.169.254/latest/meta-data/", "http://168.63.129.16/",
    "http://10.0.0.1:{port}/", "http://172.16.0.1/", "http://192.168.0.1/", "http://100.100.100.200/",
    "http://224.0.0.1:{port}/", "http://255.255.255.255:{port}/", "http://inside.example:{port}/",
    "ftp://127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1:{port}/_GET", "unix:///run/docker.sock",
]  # fmt: skip


@dataclass
class Canary:
    """Listens at 127.0.0.1, and at the same port of ::1 where there is one."""

    port: int
    servers: list[WebServer]

    @property
    def hits(self) -> int:
        return sum(server.connections for server in self.servers)


@contextmanager
def a_canary() -> Iterator[Canary]:
    with ExitStack() as stack:
        servers = [stack.enter_context(WebServer(answer()))]
        with suppress(OSError):
            servers.append(stack.enter_context(WebServer(answer(), host="::1", port=servers[0].port)))
        yield Canary(servers[0].port, servers)


@contextmanager
def at_good_host(reply: Reply) -> Iterator[WebServer]:
    """Serve at the address that is allowed; where a machine has none, the test is skipped."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(WebServer(reply, host=GOOD_HOST))
        except OSError:
            pytest.skip(f"needs {GOOD_HOST} beside 127.0.0.1, as Linux has it")
        yield server
