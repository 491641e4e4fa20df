"""Who asks, when proxies stand between: nobody can be whom they like by writing it into a header."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.proxies import Hop, forwarded, host_name, is_in, seen_from_here, x_forwarded

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
PROXY, OTHER_PROXY, CLIENT, LIE = "10.0.0.1", "10.0.0.2", "203.0.113.7", "198.51.100.9"


def asks(peer: str, addresses: str, schemes: str = "", hosts: str = "") -> Hop:
    return seen_from_here(peer, x_forwarded(addresses, schemes, hosts), trusted=TRUSTED)


def test_a_stranger_is_not_believed() -> None:
    assert asks(CLIENT, LIE, "https", "evil.example") == Hop(CLIENT)


def test_a_proxy_is_believed_and_what_the_client_wrote_before_it_is_not() -> None:
    assert asks(PROXY, f"{LIE}, {CLIENT}", "https", "ours.example") == Hop(CLIENT, "https", "ours.example")


def test_several_proxies_are_believed_from_ours_outwards() -> None:
    assert asks(PROXY, f"{LIE}, {CLIENT}, {OTHER_PROXY}", "https").address == CLIENT


@pytest.mark.parametrize("nobody", ["unknown", "_hidden", "", "999.1.1.1", "localhost", "' OR 1=1"])
def test_an_address_that_is_none_ends_the_search_at_who_said_it(nobody: str) -> None:
    assert asks(PROXY, f"{LIE}, {nobody}").address == PROXY


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_way_of_being_written(written: str, meant: str) -> None:
    assert asks(PROXY, written).address == meant
    assert asks(written.partition(":4711")[0].strip("[]"), "").address == meant


def test_a_proxy_that_says_only_the_scheme_is_believed_that() -> None:
    assert asks(PROXY, "", "https") == Hop(PROXY, "https")


@pytest.mark.parametrize(
    ("header", "hops"),
    [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", [Hop("192.0.2.60", "http")]),
        ('For="[2001:db8:cafe::17]:4711"', [Hop("[2001:db8:cafe::17]:4711")]),
        ('for=1.2.3.4, for="_x";host="a,b;c\\"d"', [Hop("1.2.3.4"), Hop("_x", "", 'a,b;c"d')]),
        ("for=192.0.2.43,for=198.51.100.17", [Hop("192.0.2.43"), Hop("198.51.100.17")]),
        ("", []),
        ("for", []),
        ('for="1.2.3.4', []),
        ("for=1.2.3.4 for=5.6.7.8", []),
        (",", []),
    ],
)
def test_forwarded_is_read_as_it_is_written_or_not_at_all(header: str, hops: list[Hop]) -> None:
    assert forwarded(header) == hops


_addresses = st.ip_addresses().map(str)


@given(peer=_addresses, written=st.lists(_addresses | st.text(max_size=20), max_size=6))
def test_who_asks_is_somebody_whom_we_or_a_trusted_proxy_saw(peer: str, written: list[str]) -> None:
    found = seen_from_here(peer, [Hop(one) for one in written], trusted=TRUSTED)

    chain = [peer, *reversed(written)]
    steps = next((n for n, one in enumerate(chain) if not is_in(one, TRUSTED)), len(chain) - 1)
    seen = {str(ip_address(one.partition("%")[0])) for one in chain[: steps + 1] if _is_address(one)}
    assert found.address in {_plain(one) for one in seen}


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def _plain(text: str) -> str:
    return str(getattr(ip_address(text), "ipv4_mapped", None) or ip_address(text))


@given(st.text(max_size=200))
def test_no_header_breaks_the_reading(text: str) -> None:
    forwarded(text)
    x_forwarded(text, text, text)
    seen_from_here(text, [Hop(text)], trusted=TRUSTED)
    host_name(text)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Earshot.Example", "earshot.example"),
        ("earshot.example.:443", "earshot.example"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("a@earshot.example", ""),
        ("earshot.example/", ""),
        ("earshot.example:x", ""),
        ("a, b", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name
