"""Which URLs are followed and which addresses are public: the pure half of the wall around outbound requests."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.destinations import (
    NOT_PUBLIC,
    Address,
    Destination,
    Misaddressed,
    destination,
    is_of_the_house,
    is_public,
    may_connect,
    redirected,
    refuse_url,
)

SPECIAL = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32",
    "::/128", "::1/128", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b:1::/48", "100::/64", "2001::/32",
    "2001:2::/48", "2001:10::/28", "2001:20::/28", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8", "4000::/2", "8000::/2",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "172.32.0.0",
          "192.167.255.255", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::8a", "2400:cb00::1",
          "64:ff9b::1.1.1.1"]  # fmt: skip
INSIDE = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "0.0.0.1", "100.100.100.200", "224.0.0.1"]


def disguises(inside: IPv4Address) -> dict[str, IPv6Address]:
    """Every IPv6 address that some machine on the way may take for this IPv4 address."""
    number = int(inside)
    return {
        "mapped": IPv6Address(0xFFFF << 32 | number),
        "compatible": IPv6Address(number),
        "translated": IPv6Address(0xFFFF << 48 | number),
        "6to4": IPv6Address(0x2002 << 112 | number << 80 | 1),
        "NAT64": IPv6Address(0x0064_FF9B << 96 | number),
        "local NAT64": IPv6Address(0x0064_FF9B_0001 << 80 | number),
        "Teredo server": IPv6Address(0x2001_0000 << 96 | number << 64 | 0xF7F7F7F7),
        "Teredo client": IPv6Address(0x2001_0000 << 96 | 0x01010101 << 64 | (number ^ 0xFFFF_FFFF)),
    }


@pytest.mark.parametrize("block", SPECIAL)
def test_no_address_of_a_special_block_is_public(block: str) -> None:
    network = ip_network(block)

    assert not is_public(network[0])
    assert not is_public(network[-1])
    assert not is_public(network[network.num_addresses // 2])


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_on_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("inside", INSIDE)
def test_an_inside_address_is_not_public_in_any_disguise(inside: str) -> None:
    assert [name for name, address in disguises(IPv4Address(inside)).items() if is_public(address)] == []


@given(st.ip_addresses(v=4))
def test_no_inside_address_is_public_in_any_disguise(inside: Address) -> None:
    assert isinstance(inside, IPv4Address)
    public = {name for name, address in disguises(inside).items() if is_public(address)}

    assert public == ({"NAT64"} if is_public(inside) else set())


@given(st.ip_addresses())
def test_what_is_public_is_so_for_the_standard_library_too(address: Address) -> None:
    if is_public(address) and address not in IPv6Network("64:ff9b::/96"):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


def test_a_zone_does_not_make_an_address_public() -> None:
    assert not is_public(ip_address("fe80::1%eth0"))
    assert not is_public(ip_address("::1%1"))


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("radicale.intranet", True),
        ("10.1.2.3", True),
        ("fd00:1::5", True),
        ("10.2.0.0", False),
        ("1.1.1.1", False),
        ("any.example", False),
        ("radicale.intranet.example", False),
    ],
)
def test_a_host_is_of_the_house_when_the_allow_list_names_it_or_its_network(host: str, ours: bool) -> None:
    allowed = (IPv4Network("10.1.0.0/16"), IPv6Network("fd00:1::/32"), "radicale.intranet")

    assert is_of_the_house(host, allowed) is ours
    assert not is_of_the_house(host, ())


def test_the_allow_list_opens_what_it_names_and_nothing_else() -> None:
    allowed = (IPv4Network("10.1.0.0/16"), IPv6Network("fd00:1::/32"), "radicale.intranet")

    assert may_connect("any.example", ip_address("10.1.255.255"), allowed)
    assert may_connect("any.example", ip_address("fd00:1::5"), allowed)
    assert may_connect("radicale.intranet", ip_address("192.168.7.7"), allowed)
    assert may_connect("any.example", ip_address("64:ff9b::10.1.0.1"), allowed)
    assert may_connect("any.example", ip_address("1.1.1.1"), allowed)
    assert not may_connect("any.example", ip_address("10.2.0.0"), allowed)
    assert not may_connect("any.example", ip_address("::ffff:10.1.0.1"), allowed)
    assert not may_connect("x.radicale.intranet", ip_address("192.168.7.7"), allowed)
    assert not may_connect("radicale.intranet.example", ip_address("192.168.7.7"), allowed)


@pytest.mark.parametrize(
    ("url", "parts", "authority"),
    [
        ("https://Hooks.Example", Destination("https", "hooks.example", 443, "/"), "hooks.example"),
        ("HTTPS://hooks.example:443/a?b=c&d[]=%20#e", Destination("https", "hooks.example", 443, "/a?b=c&d[]=%20"),
         "hooks.example"),
        ("http://hooks.example:8080?x", Destination("http", "hooks.example", 8080, "/?x"), "hooks.example:8080"),
        ("http://a_b.xn--bcher-kva.example/", Destination("http", "a_b.xn--bcher-kva.example", 80, "/"),
         "a_b.xn--bcher-kva.example"),
        ("http://1.1.1.1/", Destination("http", "1.1.1.1", 80, "/"), "1.1.1.1"),
        ("https://[2606:4700:0::1111]:8443/", Destination("https", "2606:4700::1111", 8443, "/"),
         "[2606:4700::1111]:8443"),
        ("http://hooks.example//a/../b@c:d", Destination("http", "hooks.example", 80, "//a/../b@c:d"),
         "hooks.example"),
    ],
)  # fmt: skip
def test_a_url_is_taken_apart(url: str, parts: Destination, authority: str) -> None:
    assert destination(url) == parts
    assert destination(url).authority == authority


MALFORMED = [
    "", "hooks.example", "//hooks.example/", "https:hooks.example", "https:/hooks.example", "https://", "https:///a",
    "ftp://hooks.example/", "file:///etc/passwd", "gopher://hooks.example/", "ws://hooks.example/", "javascript:1",
    " https://hooks.example/", "https://hooks.example/ ", "https://hooks.example/\n", "https://hooks.example/a b",
    "https://hooks.example/\r\nX: y", "https://hooks.example\t/", "https://hooks.example\x00/", "https://hooks\\.example/",
    "https://hooks.example/ü", "https://bücher.example/", "https://hooks。example/", "https://hooks.example/\ud800",
    "https://jo@hooks.example/", "https://jo:pw@hooks.example/", "https://@hooks.example/", "https://:@hooks.example/",
    "https://hooks.example:/", "https://hooks.example:0/", "https://hooks.example:65536/", "https://hooks.example:-1/",
    "https://hooks.example:0x50/", "https://hooks.example:80:80/", "https://hooks.example:٨٠/", "https://:80/",
    "https://hooks.example./", "https://.hooks.example/", "https://hooks..example/", "https://-hooks.example/",
    "https://hooks-.example/", "https://hooks%2eexample/",
    f"https://{'a' * 64}.example/", f"https://{'a.' * 127}example/",
    "https://127.1/", "https://0x7f.1/", "https://0177.0.0.1/", "https://2130706433/", "https://0x7f000001/",
    "https://1.2.3.256/", "https://1.2.3.4.5/", "https://a.1/", "https://a.0x/", "https://1.2.3/", "https://1.2.3.4./",
    "https://[::1/", "https://::1/", "https://[]/", "https://[1.1.1.1]/", "https://[fe80::1%25eth0]/",
    "https://[::g]/", "https://[::1]a/", "https://[v1.a]/", "https://a[::1]/",
]  # fmt: skip


@pytest.mark.parametrize("url", MALFORMED, ids=ascii)
def test_what_two_readers_could_read_in_two_ways_is_not_followed(url: str) -> None:
    with pytest.raises(Misaddressed) as refused:
        destination(url)

    assert refuse_url(url) == str(refused.value)
    assert re.fullmatch(r"[A-Z].*\.", str(refused.value))
    assert "hooks" not in str(refused.value)


def test_who_writes_a_password_into_a_url_is_told_so() -> None:
    assert refuse_url("https://jo:pw@hooks.example/") == "A user or password can't be part of it."
    assert refuse_url("https://hooks.example/jo@b") is None


def test_https_can_be_demanded() -> None:
    assert refuse_url("https://hooks.example/", https_only=True) is None
    assert refuse_url("http://hooks.example/", https_only=True) == "It must begin with https://."


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "https://[::1]:8443/", "http://[::ffff:1.1.1.1]/", "http://10.1.2.3"]
)
def test_an_address_that_is_not_public_is_refused_as_soon_as_it_is_typed(url: str) -> None:
    assert refuse_url(url) == NOT_PUBLIC
    assert refuse_url(url, allowed=(IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))) is None


@given(st.text(alphabet="htps:/.@[]%\\#?&=0127xf-_a~\t\n ü。１", max_size=40))
def test_any_text_is_taken_apart_or_refused(tail: str) -> None:
    try:
        found = destination("http://" + tail)
    except Misaddressed:
        return

    assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:]+", found.host)
    assert re.fullmatch(r"/[!-~]*", found.target)
    assert "#" not in found.target
    assert destination(f"{found.scheme}://{found.authority}{found.target}") == found


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/b", "https://hooks.example/b"),
        ("b?c", "https://hooks.example/a/b?c"),
        ("//other.example/b", "https://other.example/b"),
        ("https://other.example:8443", "https://other.example:8443/"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_given(location: str, leads_to: str) -> None:
    assert redirected(destination("https://hooks.example/a/"), location) == destination(leads_to)


@pytest.mark.parametrize(
    "location",
    ["http://hooks.example/", "ftp://hooks.example/", "https://jo@hooks.example/", "https://[", "\\\\b"],
)
def test_a_redirect_to_clear_text_or_nonsense_is_not_followed(location: str) -> None:
    with pytest.raises(Misaddressed):
        redirected(destination("https://hooks.example/a/"), location)


def test_a_redirect_out_of_clear_text_stays_possible_unless_https_is_demanded() -> None:
    plain = destination("http://hooks.example/")

    assert redirected(plain, "http://hooks.example/b").target == "/b"
    with pytest.raises(Misaddressed):
        redirected(plain, "http://hooks.example/b", https_only=True)


def test_path_and_query_are_not_shown() -> None:
    assert "s3cret" not in repr(destination("https://hooks.example/s3cret?s3cret"))
