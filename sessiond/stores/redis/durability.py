"""Whether Redis is set up to keep what it acknowledges.

========  =================================================  ============================================
level     asks Redis for                                     survives
========  =================================================  ============================================
primary   ``appendonly yes``                                 a crash of the Redis process (*)
fsync     also ``appendfsync always``                        also a crash of its machine
replica   ``appendonly yes``, and WAIT 1 after each write    also the loss of the machine
========  =================================================  ============================================

(*) With ``everysec``, while its disk is slow, Redis answers up to two seconds before it writes; these may go with it.
Managed servers often forbid CONFIG: then INFO tells what it can, and the rest is a warning.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from attrs import frozen

from sessiond.core.errors import StoreError
from sessiond.stores.redis.client import Call, RedisClient, Refusal
from sessiond.stores.redis.info import parse_info
from sessiond.stores.redis.topology import Address

__all__ = ["Durability", "ServerSettings", "judge", "read_settings"]

#: GETEX, ZRANGE … BYLEX and the exclusive ranges we use came with 6.2.
_OLDEST: Final = (6, 2)

_NAMES: Final = ("maxmemory-policy", "appendonly", "appendfsync")


class Durability(StrEnum):
    """What must have happened before a write counts."""

    PRIMARY = "primary"
    FSYNC = "fsync"
    REPLICA = "replica"


@frozen
class ServerSettings:
    """What one server says about itself; ``None``: it does not say."""

    address: Address
    version: str | None = None
    policy: str | None = None
    appendonly: bool | None = None
    appendfsync: str | None = None
    replicas: int | None = None


async def read_settings(client: RedisClient) -> tuple[ServerSettings, ...]:
    """Ask every primary; blocks.

    Raises:
      StoreUnavailable: one is away.

    """
    return tuple([await _ask(client, address) for address in await client.primaries()])


async def _ask(client: RedisClient, address: Address) -> ServerSettings:
    info, *configured = await client.try_exchange(
        [Call(address, ("INFO",)), *(Call(address, ("CONFIG", "GET", name)) for name in _NAMES)]
    )
    said = {} if isinstance(info, Refusal) else parse_info(info)
    for name, reply in zip(_NAMES, configured, strict=True):
        if not isinstance(reply, Refusal) and reply:
            said[name] = reply[1].decode()
    appendonly = said.get("appendonly") or {"1": "yes", "0": "no"}.get(said.get("aof_enabled", ""))
    replicas = said.get("connected_slaves")
    return ServerSettings(
        address,
        version=said.get("redis_version"),
        policy=said.get("maxmemory-policy") or said.get("maxmemory_policy"),
        appendonly=None if appendonly is None else appendonly == "yes",
        appendfsync=said.get("appendfsync"),
        replicas=None if replicas is None else int(replicas),
    )


def judge(servers: Iterable[ServerSettings], wanted: Durability) -> tuple[str, ...]:
    """Say in what *servers* fall short of *wanted*.

    Raises:
      StoreError: a server would throw data away to make room, or is older than 6.2.

    """
    warnings: list[str] = []
    for server in servers:
        _refuse(server)
        warnings += (f"Redis at {server.address}: {text}" for text in _shortfalls(server, wanted))
    return tuple(warnings)


def _refuse(server: ServerSettings) -> None:
    if server.policy not in {None, "noeviction"}:
        raise StoreError(
            f"Redis at {server.address} has maxmemory-policy {server.policy}: it would throw sessions away; "
            "set it to noeviction"
        )
    if server.version is not None:
        numbers = tuple(int(part) for part in server.version.split(".")[:2] if part.isdecimal())
        if numbers < _OLDEST:
            raise StoreError(
                f"Redis at {server.address} is version {server.version}; 6.2 is needed"
            )


def _shortfalls(server: ServerSettings, wanted: Durability) -> Iterable[str]:
    level = f'durability "{wanted}"'
    if server.policy is None:
        yield "whether maxmemory-policy is noeviction could not be verified"
    if server.appendonly is None:
        yield f"{level} could not be verified: neither CONFIG nor INFO tells about appendonly"
    elif not server.appendonly:
        yield f"{level} wants appendonly yes: without it a restart loses everything since the last dump"
    if wanted is Durability.FSYNC:
        if server.appendfsync is None:
            yield f"{level} could not be verified: CONFIG does not tell appendfsync"
        elif server.appendfsync != "always":
            yield f"{level} wants appendfsync always: it is {server.appendfsync}, a power cut loses up to a second"
    if wanted is Durability.REPLICA and server.replicas == 0:
        yield f"{level} wants a replica: none is connected, so nothing can be committed"
