"""Whose a request is that came through reverse proxies (sessiond/edges/http/forwarded.py)."""

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.forwarded import through_proxies
from sessiond.net.messages import Request

PROXIES = ("10.0.0.0/8", "2001:db8::5")


async def caller(peer: str, *forwarded: str, proxies: tuple[str, ...] = PROXIES) -> str:
    async def answer(request: Request) -> str:
        return request.peer

    headers = tuple(("x-forwarded-for", value) for value in forwarded)
    request = Request(method="POST", target="/", path="/", peer=peer, headers=headers)
    return await through_proxies(answer, proxies)(request)


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", (), "203.0.113.7"),
        ("10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("::ffff:10.0.0.1", ("203.0.113.7",), "203.0.113.7"),
        ("2001:db8::5", ("2001:db8::99",), "2001:db8::99"),
        ("10.0.0.1", ("203.0.113.7, 10.0.0.2",), "203.0.113.7"),
        ("10.0.0.1", ("203.0.113.7", "10.0.0.2"), "203.0.113.7"),
        ("10.0.0.1", ("203.0.113.7:51234",), "203.0.113.7"),
        ("10.0.0.1", ("[2001:db8::99]:51234",), "2001:db8::99"),
        ("10.0.0.1", ("10.0.0.9",), "10.0.0.9"),
        ("10.0.0.1", (), "10.0.0.1"),
    ],
)
async def test_our_proxies_say_who_called(
    peer: str, forwarded: tuple[str, ...], expected: str
) -> None:
    """One proxy or a chain of them, in one header or several, with ports or without."""
    assert await caller(peer, *forwarded) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.66", ("10.0.0.1",), "203.0.113.66"),
        ("203.0.113.66", ("192.0.2.1, 10.0.0.1",), "203.0.113.66"),
        ("10.0.0.1", ("192.0.2.1, 203.0.113.66",), "203.0.113.66"),
        ("10.0.0.1", ("192.0.2.1", "203.0.113.66"), "203.0.113.66"),
    ],
)
async def test_what_a_caller_writes_himself_counts_for_nothing(
    peer: str, forwarded: tuple[str, ...], expected: str
) -> None:
    """Behind the last address that is none of our proxies nothing is believed."""
    assert await caller(peer, *forwarded) == expected


@pytest.mark.parametrize("forwarded", ["unknown", "", "203.0.113.7, _hidden", "10.0.0.1.2:80"])
async def test_what_is_no_address_is_nowhere(forwarded: str) -> None:
    """A proxy of ours that hands on nonsense: no network has the request."""
    assert await caller("10.0.0.1", forwarded) == ""


async def test_without_proxies_the_header_means_nothing() -> None:
    """The other end of the connection is who called."""
    assert await caller("10.0.0.1", "203.0.113.7", proxies=()) == "10.0.0.1"


def test_what_is_no_network_is_refused() -> None:
    """When the server is built."""

    async def answer(request: Request) -> str:
        return request.peer

    with pytest.raises(InvalidInput, match="is not an IP address or network"):
        through_proxies(answer, ("proxy.example",))
