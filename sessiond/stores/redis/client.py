"""Commands out, replies in, and every failure as one of ours; line.py, urls.py and sentinels.py know redis-py too.

redis-py opens connections; its command layer is not used, because it may send a command
again after a connection was lost. *(run)* With its default retries a script was applied twice. Here a command
is sent **once**, with one exception: ``NOSCRIPT`` proves that the script did not run, so it is sent with its text.

Connections are opened in a thread, all else happens in Trio's. A call is not cancelled once it has begun.

Not here: what the commands mean (commits.py and its siblings), when a call is repeated (the caller's business).
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, evolve, frozen
from redis.backoff import NoBackoff
from redis.connection import UnixDomainSocketConnection
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from typing_extensions import override

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.stores.redis.failures import (
    check_replicas,
    explain,
    is_demoted,
    why_distrusted,
    without_arguments,
)
from sessiond.stores.redis.info import parse_info
from sessiond.stores.redis.line import Argument, Lines, in_thread
from sessiond.stores.redis.sentinels import Sentinels
from sessiond.stores.redis.topology import Address, SlotMap, parse_slot_map
from sessiond.stores.redis.urls import parse_target

__all__ = ["Argument", "Call", "RedisClient", "Refusal"]

#: WAIT must answer before the socket's own time-out would close the connection.
_WAIT_SHARE: Final = 0.8

#: Pause before the n-th attempt to reach a server that is away: none, then 50 ms doubling up to 1 s, with jitter.
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.0


@frozen
class Call:
    """One command. *route* is a key (its slot's primary gets the command) or an address."""

    route: str | Address
    args: tuple[Argument, ...]
    script: str | None = None
    """The text behind an EVALSHA, for a server that does not know it."""

    def with_text(self) -> "Call":
        """Return the same call as EVAL, which also makes the script known."""
        assert self.script is not None
        return evolve(self, args=("EVAL", self.script, *self.args[2:]))


@frozen
class Refusal:
    """An error that the server answered; *text* without the arguments it may quote."""

    text: str


@define
class _Away:
    """How long the server has been out of reach."""

    failures: int = 0
    retry_at: float = 0.0


class RedisClient:
    """Sends commands over connections that it keeps, at most one time each.

    There are as many connections (per node in a cluster) as there were calls at the same time. *on_new_primary* is
    called in whichever thread noticed. The password of *url* appears in no error and no repr. When *url* names
    Sentinels they are asked where the primary is, before the first call and after each failure.

    Raises:
      InvalidInput: *url* is not one that we understand.

    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        cluster: bool,
        on_new_primary: Callable[[], None],
    ) -> None:
        target = parse_target(url)
        if cluster and target.sentinels:
            raise InvalidInput("a Redis Cluster has no Sentinels: its URL is one of its nodes")
        options = target.options | {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
            "client_name": "sessiond",
            "redis_connect_func": self._greet,
        }
        self._lines = Lines(options, timeout_seconds=timeout_seconds)
        self._timeout_seconds = timeout_seconds
        self._cluster = cluster
        self._on_new_primary = on_new_primary
        self._lock = threading.Lock()
        self._histories: dict[Address, str] = {}
        self._slots: SlotMap | None = None
        self._away = _Away()
        self._address = target.address
        self._sentinels = (
            Sentinels(target, timeout_seconds=timeout_seconds) if target.sentinels else None
        )
        self._primary: Address | None = None

    @override
    def __repr__(self) -> str:
        return f"<RedisClient {self.place}{' cluster' if self._cluster else ''}>"

    @property
    def place(self) -> str:
        """Where it is, for people."""
        if self._sentinels is None:
            return str(self._address)
        return f"{self._primary} ({self._sentinels})" if self._primary else str(self._sentinels)

    # --------------------------------------------------------------------------------- calls

    async def exchange(self, calls: Sequence[Call], *, replicate: bool = False) -> list[Any]:
        """Send *calls* in one go and return the replies in order; *replicate* waits for one replica.

        Raises:
          StoreUnavailable: a connection failed, a reply did not come in time, a call was refused, or no
            replica confirmed. Nothing is decided: any of the calls may have been applied.

        """
        replies = await self.try_exchange(calls, replicate=replicate)
        for reply in replies:
            if isinstance(reply, Refusal):
                raise StoreUnavailable(f"Redis at {self.place} refused: {reply.text}")
        return replies

    async def try_exchange(self, calls: Sequence[Call], *, replicate: bool = False) -> list[Any]:
        """Do as ``exchange``, with the server's refusals among the replies.

        Raises:
          StoreUnavailable: as ``exchange``, refusals excepted.

        """
        try:
            replies = await self._round(calls, replicate=replicate)
            unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                texts = [calls[n].with_text() for n in unknown]
                again = await self._round(texts, replicate=replicate)
                for n, reply in zip(unknown, again, strict=True):
                    replies[n] = reply
        except RedisError as error:
            explained = explain(error, self.place, self._timeout_seconds)
            self._note_failure()
            raise StoreUnavailable(explained) from error
        if self._away.failures:
            self._away = _Away()
        if not any(isinstance(reply, ResponseError) for reply in replies):
            return replies
        if any(is_demoted(reply) for reply in replies):
            self._leave_demoted()
        return [self._seen(reply) for reply in replies]

    async def connect(self) -> None:
        """Reach every primary once, so that later ones are recognised as new.

        Raises:
          StoreError: the server refuses the user name or password, or we do not trust its certificate.
          StoreUnavailable: it is away.

        """
        try:
            for address in await self.primaries():
                await self._lines.talk({address: ()})
        except AuthenticationError as error:
            raise StoreError(explain(error, self.place, self._timeout_seconds)) from error
        except RedisError as error:
            kind = StoreError if why_distrusted(error) else StoreUnavailable
            raise kind(explain(error, self.place, self._timeout_seconds)) from error

    async def primaries(self) -> tuple[Address, ...]:
        """List the addresses of all servers that take writes."""
        if self._cluster:
            return (await self._slot_map()).primaries()
        return (self._known_primary() or await self._find_primary(),)

    def pause_seconds(self) -> float:
        """Tell how long to wait before the next call: 0 unless the server has been out of reach repeatedly."""
        return max(0.0, self._away.retry_at - time.monotonic())

    def close(self) -> None:
        """Close all connections, those of calls under way as soon as these are done."""
        self._lines.close()
        if self._sentinels is not None:
            self._sentinels.close()

    # --------------------------------------------------------------------------- connections

    async def _round(self, calls: Sequence[Call], *, replicate: bool) -> list[Any]:
        if not self._cluster:
            address = self._known_primary() or await self._find_primary()
            asked = {address: [call.args for call in calls]}
            (replies,) = await self._talk(asked, replicate=replicate)
            return replies
        groups = _grouped(calls, await self._slot_map())
        asked = {address: [calls[n].args for n in numbers] for address, numbers in groups.items()}
        said = await self._talk(asked, replicate=replicate)
        found = {
            n: reply
            for numbers, replies in zip(groups.values(), said, strict=True)
            for n, reply in zip(numbers, replies, strict=True)
        }
        return [found[n] for n in range(len(calls))]

    async def _talk(
        self, asked: Mapping[Address, list[tuple[Argument, ...]]], *, replicate: bool
    ) -> list[list[Any]]:
        if not replicate:
            return await self._lines.talk(asked)
        for commands in asked.values():
            commands.append(("WAIT", 1, int(self._timeout_seconds * _WAIT_SHARE * 1000)))
        said = await self._lines.talk(asked)
        for replies in said:
            check_replicas(replies.pop())
        return said

    def _known_primary(self) -> Address | None:
        return self._address if self._sentinels is None else self._primary

    async def _find_primary(self) -> Address:
        assert self._sentinels is not None
        self._primary = primary = await in_thread(self._sentinels.find_primary)
        return primary

    async def _slot_map(self) -> SlotMap:
        if self._slots is not None:
            return self._slots
        failure: RedisError | None = None
        for address in dict.fromkeys([self._address, *self._histories]):
            try:
                ((reply,),) = await self._lines.talk({address: [("CLUSTER", "SLOTS")]})
                if isinstance(reply, ResponseError):
                    raise reply
            except RedisError as error:
                failure = error
            else:
                self._slots = parse_slot_map(reply, address)
                return self._slots
        raise failure or ClusterDownError("no node is known")

    def _greet(self, connection: Any) -> None:
        """Set up a new connection and look whom it reached."""
        connection.on_connect()
        connection.send_command("INFO")
        try:
            info = parse_info(connection.read_response())
        except ResponseError:
            return  # INFO is forbidden here; fences still hold, they are compared at every write
        if not self._cluster and info.get("role", "master") != "master":
            raise RedisConnectionError("what answers there is no primary, or not any more")
        # The replication id changes at every promotion, also of a process that was the primary before.
        history = f"{info.get('run_id')} {info.get('master_replid')}"
        address = self._known_as(connection)
        with self._lock:
            known, self._histories[address] = self._histories.get(address), history
        if known not in {None, history}:
            self._on_new_primary()

    def _known_as(self, connection: Any) -> Address:
        """Tell whose history *connection* goes on with: wherever Sentinels send us, it is that of one service."""
        if self._sentinels is not None or isinstance(connection, UnixDomainSocketConnection):
            return self._address
        return Address(connection.host, connection.port)

    @property
    def continuity(self) -> str:
        """Names the histories followed so far: another one may lack what the last had acknowledged."""
        with self._lock:
            known = sorted(self._histories.values())
        return hashlib.blake2b(" ".join(known).encode(), digest_size=4).hexdigest()

    # ------------------------------------------------------------------------------ failures

    def _seen(self, reply: Any) -> Any:
        if not isinstance(reply, ResponseError):
            return reply
        if isinstance(reply, MovedError | ClusterDownError | TryAgainError):
            self._forget_slots()
        return Refusal(without_arguments(reply))

    def _leave_demoted(self) -> None:
        """Connect anew next time: after a failover the same name may lead to the new primary."""
        self._note_failure()
        self._lines.drop_idle()

    def _forget_slots(self) -> None:
        if self._cluster and self._slots is not None:
            self._slots = None
            self._on_new_primary()

    def _forget_primary(self) -> None:
        """Ask the Sentinels again. Idle connections are given up: they lead to where it was."""
        if self._sentinels is not None and self._primary is not None:
            self._primary = None
            self._lines.drop_idle()

    def _note_failure(self) -> None:
        self._forget_slots()
        self._forget_primary()
        failures = self._away.failures + 1
        pause = (
            min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 2, 10)) if failures > 1 else 0.0
        )
        jitter = 0.5 + random.random() / 2  # noqa: S311 -- spreads nodes out, guards nothing
        self._away = _Away(failures, time.monotonic() + pause * jitter)


def _grouped(calls: Sequence[Call], slots: SlotMap) -> dict[Address, list[int]]:
    groups: dict[Address, list[int]] = {}
    for n, call in enumerate(calls):
        address = call.route if isinstance(call.route, Address) else slots.primary_of(call.route)
        if address is None:
            raise ClusterDownError("no node serves the slot")
        groups.setdefault(address, []).append(n)
    return groups
