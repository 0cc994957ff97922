"""Where a request comes from, and whether that place may send it."""

import ipaddress
from collections.abc import Iterable
from typing import Final

from sessiond.core.errors import InvalidInput
from sessiond.net.messages import Request

__all__ = ["Network", "address_of", "from_loopback", "is_within", "parse_network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

#: In front of an IPv4 address that is written as IPv6: ``::ffff:203.0.113.7`` (RFC 4291, 2.5.5.2).
_MAPPED_BITS: Final = 96

#: What reverse proxies add: behind one on this machine every peer is loopback.
_FORWARDING: Final = frozenset({"forwarded", "via", "x-forwarded-for", "x-real-ip"})


def parse_network(text: str) -> Network:
    """Read an address or a network such as ``10.0.0.0/8``; one of IPv4 that is written as IPv6 is IPv4.

    Raises:
      InvalidInput: it is neither, or an address with bits outside its network.

    """
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not an IP address or network{_nearest(text)}") from None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def _nearest(text: str) -> str:
    """Say which network an address with bits outside of it is in: people copy ``203.0.113.7/24`` from an interface."""
    try:
        return f"; did you mean {ipaddress.ip_network(text, strict=False)}?"
    except ValueError:
        return ""


def is_within(request: Request, networks: Iterable[Network]) -> bool:
    """Whether *request* comes from one of *networks*; never, when it is not known where from."""
    address = address_of(request.peer)
    return address is not None and any(address in network for network in networks)


def from_loopback(request: Request) -> bool:
    """Whether *request* was made on this machine, and not merely passed on by a proxy on it."""
    address = address_of(request.peer)
    is_forwarded = any(name in _FORWARDING for name, _ in request.headers)
    return address is not None and address.is_loopback and not is_forwarded


def address_of(text: str) -> Address | None:
    """Parse an address, or find that it is none; an IPv4 one that came through an IPv6 socket is IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
