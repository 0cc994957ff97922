"""Requests that come through reverse proxies of ours: whose they are stands in ``X-Forwarded-For``.

A proxy appends the address that it was called from, so the list is read from its end, and only as far as our own
proxies have written it: everything before the last address that is none of theirs is what somebody claims. Where a
proxy of ours hands on something that is no address, nobody knows where the request comes from, and no network has it.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Final, TypeVar

from attrs import evolve

from sessiond.edges.http.peers import Network, address_of, parse_network
from sessiond.net.messages import Request

__all__ = ["through_proxies"]

_T = TypeVar("_T")

_HEADER: Final = "x-forwarded-for"

#: Some proxies (Azure's) write the port, too: ``203.0.113.7:51234``, ``[2001:db8::1]:51234``.
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+")


def through_proxies(
    handler: Callable[[Request], Awaitable[_T]], proxies: Iterable[str]
) -> Callable[[Request], Awaitable[_T]]:
    """Have *handler* see who called our *proxies* (addresses and networks) as the peer; without proxies, *handler*.

    Raises:
      InvalidInput: one of *proxies* is no address or network.

    """
    networks = tuple(map(parse_network, proxies))
    if not networks:
        return handler

    async def handle(request: Request) -> _T:
        return await handler(evolve(request, peer=_caller(request, networks)))

    return handle


def _caller(request: Request, proxies: tuple[Network, ...]) -> str:
    """Return the last address that is none of *proxies*; empty when it cannot be known."""
    caller = request.peer
    for before in _claimed(request):
        address = address_of(caller)
        if address is None or not any(address in network for network in proxies):
            return caller
        caller = before if address_of(before) is not None else ""
    return caller


def _claimed(request: Request) -> Iterator[str]:
    """Yield the addresses of the header, or headers, last first."""
    for value in reversed(request.values(_HEADER)):
        for one in reversed(value.split(",")):
            text = one.strip()
            with_port = _WITH_PORT.fullmatch(text)
            yield text if with_port is None else with_port["v6"] or with_port["v4"] or ""
