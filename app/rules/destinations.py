"""Where requests of ours may go: which URLs we follow at all, and which addresses are on the public internet."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin

Address = IPv4Address | IPv6Address
Allowed = tuple[IPv4Network | IPv6Network | str, ...]
"""Networks and names of hosts (lower case) that may be reached although they are not public."""

NOT_PUBLIC = "This host is not on the public internet, and the allow-list does not name it."
_WRITTEN = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")  # RFC 3986 section 2: what a URL is written with
_PARTS = re.compile(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>[^#]*)")
_HOST_PORT = re.compile(r"(?:\[(?P<literal>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_PORTS = {"http": 80, "https": 443}

# The registries of IANA (RFC 6890 and its successors), written out because `is_global` of Python 3.11 changed from one
# patch to the next (CVE-2024-4032). Blocks that are global but serve no web site (AS112, AMT) are refused with their
# neighbours.
_SPECIAL_IPV4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "168.63.129.16/32",  # looks public; every machine at Azure finds the platform behind it
            "169.254.0.0/16",  # link-local, and the metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # IETF protocols
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_GLOBAL_IPV6 = IPv6Network("2000::/3")  # all that was ever given out: nothing mapped, compatible or local is in it
_SPECIAL_IPV6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # IETF protocols, with Teredo (2001::/32), which hides an IPv4 address
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: hides an IPv4 address, and nobody serves anything there (RFC 7526)
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class Misaddressed(ValueError):
    """No request will ever go to this URL. The message is a sentence for its author and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that was taken apart, once: who connects uses these parts and never reads the text again."""

    scheme: str
    """`http` or `https`."""
    host: str
    """A name in lower case, or an address in its shortest form and without brackets."""
    port: int
    target: str = field(repr=False)
    """Path and query: they may hold secrets, so they don't belong in logs."""

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who answers here (RFC 6454): what is meant for one origin is not for another."""
        return self.scheme, self.host, self.port


def destination(url: str, *, https_only: bool = False) -> Destination:
    """Take an absolute URL apart. Raises Misaddressed.

    Stricter than browsers, for where two readers of a URL differ there is a way around a check: no user and password,
    nothing but ASCII, no trailing dot, IPv4 addresses in full decimal form only.
    """
    if not _WRITTEN.fullmatch(url):
        raise Misaddressed("Spaces and letters beyond ASCII are written as %20 and so on, in names of hosts as xn--….")
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _PORTS or (https_only and scheme != "https"):
        raise Misaddressed("It must begin with https://." if https_only else "It must begin with http:// or https://.")
    parts = _PARTS.match(rest)
    if parts is None or "@" in parts["authority"]:
        raise Misaddressed("A user or password can't be part of it.")
    found = _HOST_PORT.fullmatch(parts["authority"].lower())
    if found is None:
        raise Misaddressed("After :// it needs the name of a host, and a number if there is a port.")
    port = int(found["port"] or _PORTS[scheme])
    if not 1 <= port <= 65535:
        raise Misaddressed("Its port is not a number from 1 to 65535.")
    return Destination(scheme, _host(found["literal"], found["name"]), port, (parts["path"] or "/") + parts["query"])


def redirected(here: Destination, location: str, *, https_only: bool = False) -> Destination:
    """Return where a Location header leads to from `here` (RFC 9110 section 10.2.2). Raises Misaddressed.

    From https it never leads back to http.
    """
    try:
        url = urljoin(f"{here.scheme}://{here.authority}{here.target}", location)
        return destination(url, https_only=https_only or here.scheme == "https")
    except ValueError:  # urljoin has its own idea of brackets
        raise Misaddressed("It redirects to something that is not followed, as from https to http.") from None


def refuse_url(url: str, *, allowed: Allowed = (), https_only: bool = False) -> str | None:
    """Say in a sentence why no request will ever go to this URL; None when that takes a look at its name.

    For the moment at which somebody types it in. Where its name leads to is checked at each connection.
    """
    try:
        there = destination(url, https_only=https_only)
    except Misaddressed as why:
        return str(why)
    address = literal_address(there.host)
    return None if address is None or may_connect(there.host, address, allowed) else NOT_PUBLIC


def may_connect(host: str, address: Address, allowed: Allowed) -> bool:
    """Whether a request for this host may go to this address, one of those that its name leads to."""
    meant = _meant(address)
    return any(host == entry if isinstance(entry, str) else meant in entry for entry in allowed) or is_public(address)


def is_of_the_house(host: str, allowed: Allowed) -> bool:
    """Whether the allow-list names this host of a `Destination`, or a network around the address that it spells out."""
    address = literal_address(host)
    return any(host == one if isinstance(one, str) else address is not None and address in one for one in allowed)


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, and not of a block with another purpose or one that hides such."""
    meant = _meant(address)
    if isinstance(meant, IPv4Address):
        return not any(meant in block for block in _SPECIAL_IPV4)
    return meant in _GLOBAL_IPV6 and not any(meant in block for block in _SPECIAL_IPV6)


def literal_address(host: str) -> Address | None:
    """Return the address that a host of a `Destination` spells out; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _meant(address: Address) -> Address:
    """What a NAT64 gateway makes of an address: networks without IPv4 see IPv4's web through one (RFC 6052, 6147)."""
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address


def _host(literal: str | None, name: str | None) -> str:
    try:
        if literal is not None:
            return str(IPv6Address(literal))
        if name is not None and _ENDS_IN_NUMBER.fullmatch(name):  # which resolvers take for an address: 127.1, 0x7f.1
            return str(IPv4Address(name))
    except ValueError:
        raise Misaddressed("Its address is not one: write four decimal numbers, or IPv6 in brackets.") from None
    if name is None or not _NAME.fullmatch(name):
        raise Misaddressed("Its host is not a name.")
    return name
