"""Who really asks, by which scheme and for which host, when proxies stand between."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import zip_longest

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_PAIR = re.compile(r'\s*([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^\s",;]*)\s*([;,]|$)')
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?")
_WITH_PORT = re.compile(r"(\d+\.\d+\.\d+\.\d+):\d+")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy says of the request that it passed on; empty where it says nothing."""

    address: str = ""
    scheme: str = ""
    host: str = ""


def x_forwarded(addresses: str, schemes: str, hosts: str) -> list[Hop]:
    """Read X-Forwarded-For, -Proto and -Host, the nearest proxy last. What has fewer values, as scheme and host do if
    proxies set and do not append, is the nearest one's.
    """
    columns = (reversed(_listed(text)) for text in (addresses, schemes, hosts))
    return [Hop(*row) for row in zip_longest(*columns, fillvalue="")][::-1]


def forwarded(text: str) -> list[Hop]:
    """Read Forwarded (RFC 7239 section 4), the nearest proxy last; nothing of what can't be read."""
    hops, pairs, place = [], dict[str, str](), 0
    while place < len(text):
        found = _PAIR.match(text, place)
        if found is None:
            return []
        name, value, then = found.groups()
        pairs[name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        if then != ";":
            hops.append(Hop(pairs.get("for", ""), pairs.get("proto", ""), pairs.get("host", "")))
            pairs = {}
        place = found.end()
    return hops


def seen_from_here(peer: str, hops: Sequence[Hop], *, trusted: Sequence[Network]) -> Hop:
    """Return who asks: the first address from our side that is no trusted proxy, with the scheme and host that the
    trusted ones say. What stands beyond was said by nobody we know. Linear in the hops.
    """
    who = Hop(_written(peer) or peer)
    for hop in reversed(hops):
        if not is_in(who.address, trusted):
            break
        address = _written(hop.address)
        who = Hop(address or who.address, hop.scheme or who.scheme, hop.host or who.host)
        if address is None:
            break
    return who


def is_in(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address lies in one of the networks. A name lies in none."""
    found = _read(address)
    return found is not None and any(found in network for network in networks)


def host_name(host: str) -> str:
    """Return the name in a Host header (RFC 9110 section 7.2), without port, brackets and the dot of the root, in lower
    case; empty for what is none.
    """
    found = _HOST.fullmatch(host.lower())
    return "" if found is None else (found[1] or found[2].rstrip("."))


def _written(text: str) -> str | None:
    """Return the address in its one way of writing, without port; None for a name, `unknown` and `_hidden`."""
    found = _read(text)
    return None if found is None else str(found)


def _read(text: str) -> Address | None:
    inside = _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text)
    try:
        found = ip_address((inside[1] if inside else text).partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []
