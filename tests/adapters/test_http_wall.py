"""No request reaches a place that it should not: a canary on loopback is never hit, and would have been."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network

import pytest

from app.adapters.http import Answer, NotAllowed, Outbound, Unreachable
from app.rules.destinations import Allowed
from tests.adapters.canary import GOOD, GOOD_HOST, NOWHERE, SPELLED, TLS, TYPED, Canary, a_canary, at_good_host
from tests.adapters.web_server import Names, WebServer, answer
from tests.patience import PATIENCE_SECONDS
from tests.ports import free_port

LOOPBACK = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


def leading_to(*addresses: str) -> Names:
    return Names({"hooks.example": [list(addresses)]})


def get(url: str, *, allowed: Allowed = (), resolve: Names | None = None, redirects: int = 0) -> Answer:
    with Outbound(allowed=allowed, resolve=resolve, tls=TLS) as outbound:
        return outbound.send("GET", url, deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000, redirects=redirects)  # type: ignore[arg-type]


@pytest.fixture
def canary() -> Iterator[Canary]:
    with a_canary() as made:
        yield made


@pytest.fixture
def good() -> Iterator[WebServer]:
    with at_good_host(answer()) as server:
        yield server


ANSWERED = [
    ["127.0.0.1"], ["::1"], ["1.1.1.1", "127.0.0.1"], ["127.0.0.1", "1.1.1.1"], ["2606:4700:4700::1111", "::1"],
    ["::ffff:127.0.0.1"], ["::127.0.0.1"], ["2002:7f00:1::"], ["64:ff9b::7f00:1"], ["64:ff9b:1::7f00:1"],
    ["2001:0:7f00:1::"], ["2001::f7f7:f7f7:80ff:fffe"], [NOWHERE], ["::"], ["fe80::1%lo"], ["fe80::1"], ["fec0::1"],
    ["fd00::1"], ["10.0.0.1"], ["100.64.0.1"], ["169.254.169.254"], ["192.0.0.192"], ["224.0.0.251"], ["ff02::fb"],
    [*(f"1.1.1.{number}" for number in range(1, 20)), "127.0.0.1"],
]  # fmt: skip


@pytest.mark.parametrize("url", TYPED, ids=ascii)
def test_a_url_does_not_reach_the_canary(url: str, canary: Canary) -> None:
    names = Names({name: [["127.0.0.1"]] for name in ("localhost", "inside.example", "hooks.example")})

    with pytest.raises(NotAllowed):
        get(url.format(port=canary.port), resolve=names)

    assert canary.hits == 0
    assert "hooks.example" not in names.asked


@pytest.mark.parametrize("addresses", ANSWERED, ids=str)
def test_a_name_does_not_reach_the_canary_if_any_of_its_addresses_is_not_public(
    addresses: list[str], canary: Canary
) -> None:
    with pytest.raises(NotAllowed) as refused:
        get(f"http://hooks.example:{canary.port}/", resolve=leading_to(*addresses))

    assert canary.hits == 0
    assert str(refused.value).startswith("hooks.example: ")
    assert not any(address in str(refused.value) for address in addresses)


@pytest.mark.parametrize("spelled", [*SPELLED, "localhost"])
def test_the_canary_would_have_been_hit_by_whoever_just_connects(spelled: str, canary: Canary) -> None:
    try:
        socket.create_connection((spelled, canary.port), timeout=5).close()
    except OSError:
        pytest.skip("this machine's resolver does not read this spelling")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/"])
def test_the_machines_own_lookup_does_not_reach_the_canary_unless_allowed(url: str, canary: Canary) -> None:
    url = url.format(port=canary.port)

    with pytest.raises(NotAllowed):
        get(url)
    assert canary.hits == 0

    try:
        assert get(url, allowed=LOOPBACK).status == 200
    except Unreachable:
        pytest.skip("this machine has no IPv6")


def test_a_name_on_the_allow_list_reaches_the_canary_and_its_neighbour_does_not(canary: Canary) -> None:
    names = Names({"radicale.intranet": [["127.0.0.1"]], "other.intranet": [["127.0.0.1"]]})

    found = get(f"http://radicale.intranet:{canary.port}/", allowed=("radicale.intranet",), resolve=names)
    with pytest.raises(NotAllowed):
        get(f"http://other.intranet:{canary.port}/", allowed=("radicale.intranet",), resolve=names)

    assert found.body == b"hello"
    assert canary.hits == 1


def test_a_name_that_changes_its_mind_is_asked_once_and_connected_to_its_first_answer(
    good: WebServer, canary: Canary
) -> None:
    names = Names({"hooks.example": [[GOOD_HOST], ["127.0.0.1"]]})

    with WebServer(answer(), port=good.port) as second_canary:
        found = get(f"http://hooks.example:{good.port}/", allowed=GOOD, resolve=names)

        assert found.status == 200
        assert names.asked == ["hooks.example"]
        assert (good.connections, second_canary.connections) == (1, 0)


def test_a_kept_connection_stays_where_it_is_and_a_new_one_is_checked_again(good: WebServer) -> None:
    names = Names({"hooks.example": [[GOOD_HOST], ["127.0.0.1"]]})
    url = f"http://hooks.example:{good.port}/"

    with (
        WebServer(answer(), port=good.port) as second_canary,
        Outbound(allowed=GOOD, resolve=names, tls=TLS) as outbound,
    ):
        for _ in range(20):
            assert outbound.send("GET", url, deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000).status == 200
        assert (good.connections, len(good.asked), len(names.asked)) == (1, 20, 1)

        good.hang_up()
        with pytest.raises(NotAllowed):
            outbound.send("GET", url, deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000)

        assert (good.connections, second_canary.connections, len(names.asked)) == (1, 0, 2)


def test_a_connection_kept_for_one_name_does_not_serve_another(good: WebServer) -> None:
    names = Names({"hooks.example": [[GOOD_HOST]], "inside.example": [["10.0.0.1"]]})

    with Outbound(allowed=GOOD, resolve=names, tls=TLS) as outbound:
        outbound.send(
            "GET", f"http://hooks.example:{good.port}/", deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000
        )
        with pytest.raises(NotAllowed):
            outbound.send(
                "GET", f"http://inside.example:{good.port}/", deadline_seconds=PATIENCE_SECONDS, at_most_bytes=1000
            )


def test_the_name_and_not_the_address_is_what_the_host_header_says(good: WebServer) -> None:
    get(f"http://Hooks.Example:{good.port}/a?b#c", allowed=GOOD, resolve=leading_to(GOOD_HOST))

    assert good.asked[0].line == "GET /a?b HTTP/1.1"
    assert good.asked[0].headers["host"] == f"hooks.example:{good.port}"
    assert good.asked[0].headers["user-agent"] == "Earshot"


def test_the_next_address_is_tried_when_one_refuses(good: WebServer) -> None:
    found = get(f"http://hooks.example:{good.port}/", allowed=LOOPBACK, resolve=leading_to("127.0.0.3", GOOD_HOST))

    assert found.status == 200


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1"] * 3, []])
def test_nobody_there_may_be_otherwise_later(addresses: list[str]) -> None:
    port = free_port()

    with pytest.raises(Unreachable, match=r"^hooks\.example: "):
        get(f"http://hooks.example:{port}/", allowed=LOOPBACK, resolve=leading_to(*addresses))


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(Unreachable, match=r"^unknown\.example: "):
        get("http://unknown.example/", resolve=leading_to("1.1.1.1"))


def test_not_more_than_a_few_addresses_of_a_name_are_tried() -> None:
    port = free_port()
    many = [f"127.0.0.{number}" for number in range(10, 30)]

    with WebServer(answer(), host=GOOD_HOST, port=port) as last, pytest.raises(Unreachable):
        get(f"http://hooks.example:{port}/", allowed=LOOPBACK, resolve=leading_to(*many, GOOD_HOST))

    assert last.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "http://localhost:{port}/", "http://inside.example:{port}/",
        "http://0x7f.1:{port}/", "http://hooks.example@127.0.0.1:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::1]:{port}/", "\\\\127.0.0.1:{port}/", "http://127.0.0.1\t:{port}/", "ftp://127.0.0.1:{port}/",
        "file:///etc/passwd",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_reach_the_canary(location: str, status: int, good: WebServer, canary: Canary) -> None:
    names = Names(
        {"hooks.example": [[GOOD_HOST]], "localhost": [["127.0.0.1"]], "inside.example": [[GOOD_HOST, "127.0.0.1"]]}
    )
    good.reply = answer(status, f"Location: {location.format(port=canary.port)}")

    with pytest.raises(NotAllowed):
        get(f"http://hooks.example:{good.port}/", allowed=GOOD, resolve=names, redirects=3)

    assert (good.connections, canary.hits) == (1, 0)


def test_a_redirect_reaches_the_canary_if_that_is_allowed(good: WebServer, canary: Canary) -> None:
    good.reply = answer(302, f"Location: http://127.0.0.1:{canary.port}/")

    found = get(f"http://{GOOD_HOST}:{good.port}/", allowed=LOOPBACK, redirects=1)

    assert (found.status, canary.hits) == (200, 1)


def test_redirects_are_not_followed_unless_asked_for(good: WebServer, canary: Canary) -> None:
    good.reply = answer(302, f"Location: http://127.0.0.1:{canary.port}/")

    found = get(f"http://{GOOD_HOST}:{good.port}/", allowed=LOOPBACK)

    assert (found.status, canary.hits) == (302, 0)


def test_proxies_and_passwords_of_the_environment_are_not_used(
    good: WebServer, canary: Canary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")

    get(f"http://hooks.example:{good.port}/", allowed=GOOD, resolve=leading_to(GOOD_HOST))

    assert (good.connections, canary.hits) == (1, 0)
