"""Where requests come from (sessiond/edges/http/peers.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.peers import from_loopback, is_within, parse_network
from sessiond.net.messages import Request


def request(peer: str, *headers: str) -> Request:
    pairs = tuple((name, "10.1.2.3") for name in headers)
    return Request(method="GET", target="/", path="/", peer=peer, headers=pairs)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("11.1.2.3", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("198.51.100.9", True),
        ("::ffff:198.51.100.9", True),
        ("198.51.101.9", False),
        ("203.0.113.5", True),
        ("", False),
        ("localhost", False),
    ],
)
def test_a_peer_is_inside_or_outside(peer: str, expected: bool) -> None:
    """Addresses and networks of both families, also of IPv4 as IPv6 writes it; who has no address is outside."""
    texts = (
        "10.0.0.0/8",
        "192.0.2.7",
        "2001:db8::/32",
        "::ffff:198.51.100.0/120",
        "::ffff:203.0.113.5",
    )
    networks = [parse_network(text) for text in texts]

    assert is_within(request(peer), networks) is expected


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "shop.example", "10.0.0.0/33", "1.2.3"])
def test_what_is_no_network_is_an_error(text: str) -> None:
    """A typing mistake is found when the settings are read."""
    with pytest.raises(InvalidInput, match="not an IP address or network"):
        parse_network(text)


def test_the_network_of_an_address_is_suggested() -> None:
    """``10.0.0.1/8`` is copied from an interface; what was meant is one of two things, and not guessed."""
    with pytest.raises(InvalidInput, match=r"'10\.0\.0\.1/8' .*; did you mean 10\.0\.0\.0/8\?$"):
        parse_network("10.0.0.1/8")


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine(peer: str, expected: bool) -> None:
    """Both families' loopback, also through an IPv6 socket; a Unix socket is not loopback."""
    assert from_loopback(request(peer)) is expected


@pytest.mark.parametrize("name", ["forwarded", "x-forwarded-for", "via", "x-real-ip"])
def test_what_a_local_proxy_passes_on_is_not_local(name: str) -> None:
    """Behind a proxy on this machine every peer is loopback; its headers give it away."""
    assert not from_loopback(request("127.0.0.1", name))
