"""The only module that knows redis-py: commands out, replies in, and every failure as one of ours.

redis-py gives connections, pools and the protocol; its command layer is not used, because it may send a command
again after a connection was lost. *(run)* With its default retries a script was applied twice. Here a command
is sent **once**, with one exception: ``NOSCRIPT`` proves that the script did not run, so it is sent with its text.

All functions block and belong into a worker thread (workers.py); they are safe to call from several.

Not here: what the commands mean (commits.py and its siblings), when a call is repeated (the caller's business).
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TypeAlias

from attrs import define, evolve, frozen
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool, UnixDomainSocketConnection, parse_url
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from typing_extensions import override

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.stores.redis.topology import Address, SlotMap, parse_slot_map

__all__ = ["Argument", "Call", "RedisClient", "Refusal"]

Argument: TypeAlias = str | bytes | int | float

#: What a URL may say beside the address; redis-py would also take time-outs and retries from there.
_URL_OPTIONS: Final = {"host", "port", "path", "db", "username", "password", "connection_class"}

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
    """Sends commands over pooled connections, at most one time each.

    *connections* bounds the calls at the same time (per node in a cluster). *on_new_primary* is called in the
    thread of whichever call noticed. The password of *url* appears in no error and no repr.

    Raises:
      InvalidInput: *url* is not one that we understand.

    """

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float,
        connections: int,
        cluster: bool,
        on_new_primary: Callable[[], None],
    ) -> None:
        self._options = _parse(url) | {
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
            "client_name": "sessiond",
            "redis_connect_func": self._greet,
            "max_connections": connections,
        }
        self._timeout_seconds = timeout_seconds
        self._cluster = cluster
        self._on_new_primary = on_new_primary
        self._lock = threading.Lock()
        self._pools: dict[Address, ConnectionPool] = {}
        self._run_ids: dict[Address, bytes] = {}
        self._slots: SlotMap | None = None
        self._away = _Away()
        path = self._options.get("path")
        self.address = (
            Address(path, 0)
            if path
            else Address(self._options.get("host", "localhost"), self._options.get("port", 6379))
        )

    @override
    def __repr__(self) -> str:
        return f"<RedisClient {self.address}{' cluster' if self._cluster else ''}>"

    # --------------------------------------------------------------------------------- calls

    def exchange(self, calls: Sequence[Call], *, replicate: bool = False) -> list[Any]:
        """Send *calls* in one go and return the replies in order; *replicate* waits for one replica.

        Raises:
          StoreUnavailable: a connection failed, a reply did not come in time, a call was refused, or no
            replica confirmed. Nothing is decided: any of the calls may have been applied.

        """
        replies = self.try_exchange(calls, replicate=replicate)
        for reply in replies:
            if isinstance(reply, Refusal):
                raise StoreUnavailable(f"Redis at {self.address} refused: {reply.text}")
        return replies

    def try_exchange(self, calls: Sequence[Call], *, replicate: bool = False) -> list[Any]:
        """Do as ``exchange``, with the server's refusals among the replies.

        Raises:
          StoreUnavailable: as ``exchange``, refusals excepted.

        """
        try:
            replies = self._round(calls, replicate=replicate)
            unknown = [n for n, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
            if unknown:
                again = self._round([calls[n].with_text() for n in unknown], replicate=replicate)
                for n, reply in zip(unknown, again, strict=True):
                    replies[n] = reply
        except RedisError as error:
            self._note_failure()
            raise StoreUnavailable(self._explain(error)) from error
        self._away = _Away()
        if any(_is_demoted(reply) for reply in replies):
            self._leave_demoted()
        return [self._seen(reply) for reply in replies]

    def connect(self) -> None:
        """Reach every primary once, so that later ones are recognised as new.

        Raises:
          StoreError: the server refuses the user name or password.
          StoreUnavailable: it is away.

        """
        try:
            for address in self.primaries():
                with _lent(self._pool(address)):
                    pass
        except AuthenticationError as error:
            raise StoreError(self._explain(error)) from error
        except RedisError as error:
            raise StoreUnavailable(self._explain(error)) from error

    def primaries(self) -> tuple[Address, ...]:
        """List the addresses of all servers that take writes."""
        return self._slot_map().primaries() if self._cluster else (self.address,)

    def pause_seconds(self) -> float:
        """Tell how long to wait before the next call: 0 unless the server has been out of reach repeatedly."""
        return max(0.0, self._away.retry_at - time.monotonic())

    def close(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            pool.disconnect()

    # --------------------------------------------------------------------------- connections

    def _round(self, calls: Sequence[Call], *, replicate: bool) -> list[Any]:
        replies: list[Any] = [None] * len(calls)
        with ExitStack() as stack:
            lines = [
                (stack.enter_context(_lent(self._pool(address))), numbers)
                for address, numbers in self._route(calls).items()
            ]
            for line, numbers in lines:
                commands = [calls[n].args for n in numbers]
                if replicate:
                    commands.append(("WAIT", 1, int(self._timeout_seconds * _WAIT_SHARE * 1000)))
                line.send_packed_command(line.pack_commands(commands))
            for line, numbers in lines:
                for n in numbers:
                    replies[n] = _read(line)
                if replicate:
                    _check_replicas(_read(line))
        return replies

    def _route(self, calls: Sequence[Call]) -> dict[Address, list[int]]:
        if not self._cluster:
            return {self.address: list(range(len(calls)))}
        groups: dict[Address, list[int]] = {}
        slots = self._slot_map()
        for n, call in enumerate(calls):
            address = (
                call.route if isinstance(call.route, Address) else slots.primary_of(call.route)
            )
            if address is None:
                raise ClusterDownError("no node serves the slot")
            groups.setdefault(address, []).append(n)
        return groups

    def _slot_map(self) -> SlotMap:
        if self._slots is not None:
            return self._slots
        failure: RedisError | None = None
        for address in dict.fromkeys([self.address, *self._run_ids]):
            try:
                with _lent(self._pool(address)) as line:
                    line.send_command("CLUSTER", "SLOTS")
                    self._slots = parse_slot_map(line.read_response(), address)
            except RedisError as error:
                failure = error
            else:
                return self._slots
        raise failure or ClusterDownError("no node is known")

    def _pool(self, address: Address) -> ConnectionPool:
        with self._lock:
            pool = self._pools.get(address)
            if pool is None:
                where = {"host": address.host, "port": address.port} if address.port else {}
                pool = self._pools[address] = ConnectionPool(**(self._options | where))
            return pool

    def _greet(self, connection: Any) -> None:
        """Set up a new connection and look whom it reached."""
        connection.on_connect()
        connection.send_command("INFO", "server")
        try:
            info: bytes = connection.read_response()
        except ResponseError:
            return  # INFO is forbidden here; fences still hold, they are compared at every write
        run_id = info.partition(b"run_id:")[2].split(b"\r\n", 1)[0]
        port = 0 if isinstance(connection, UnixDomainSocketConnection) else connection.port
        address = Address(connection.host, port) if port else self.address
        with self._lock:
            known, self._run_ids[address] = self._run_ids.get(address), run_id
        if known not in {None, run_id}:
            self._on_new_primary()

    @property
    def continuity(self) -> str:
        """Names the server processes reached so far: another one may lack what the last had acknowledged."""
        with self._lock:
            known = sorted(self._run_ids.values())
        return hashlib.blake2b(b" ".join(known), digest_size=4).hexdigest()

    # ------------------------------------------------------------------------------ failures

    def _seen(self, reply: Any) -> Any:
        if not isinstance(reply, ResponseError):
            return reply
        if isinstance(reply, MovedError | ClusterDownError | TryAgainError):
            self._forget_slots()
        return Refusal(_without_arguments(reply))

    def _leave_demoted(self) -> None:
        """Connect anew next time: after a failover the same name may lead to the new primary."""
        self._note_failure()
        for pool in list(self._pools.values()):
            pool.disconnect(inuse_connections=False)

    def _forget_slots(self) -> None:
        if self._cluster and self._slots is not None:
            self._slots = None
            self._on_new_primary()

    def _note_failure(self) -> None:
        self._forget_slots()
        failures = self._away.failures + 1
        pause = (
            min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(failures - 2, 10)) if failures > 1 else 0.0
        )
        jitter = 0.5 + random.random() / 2  # noqa: S311 -- spreads nodes out, guards nothing
        self._away = _Away(failures, time.monotonic() + pause * jitter)

    def _explain(self, error: RedisError) -> str:
        if isinstance(error, AuthenticationError):
            return f"Redis at {self.address} refused the user name or password"
        if isinstance(error, RedisTimeoutError):
            return f"Redis at {self.address} did not answer within {self._timeout_seconds:g} s"
        if isinstance(error, RedisConnectionError):
            return f"Redis at {self.address} is out of reach: {_without_arguments(error)}"
        return f"Redis at {self.address} failed: {_without_arguments(error)}"


def _parse(url: str) -> dict[str, Any]:
    try:
        options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]
    except ValueError:  # its text may quote the password
        raise InvalidInput(
            "not a Redis URL: redis://, rediss:// or unix://; special characters of a password as %XX"
        ) from None
    unknown = [name for name in options if name not in _URL_OPTIONS and not name.startswith("ssl_")]
    if unknown:
        raise InvalidInput(
            f"the Redis URL has options we do not take from there: {sorted(unknown)}"
        )
    return options


@contextmanager
def _lent(pool: ConnectionPool) -> Iterator[Any]:
    """Lend a connection that is alive as far as can be seen; one with unread replies is closed, never reused."""
    line: Any = pool.get_connection()
    try:
        yield line
    except BaseException:
        line.disconnect()
        raise
    finally:
        pool.release(line)


def _read(line: Any) -> Any:
    try:
        return line.read_response()
    except ResponseError as error:
        return error


def _is_demoted(reply: Any) -> bool:
    """Tell whether the server has become a replica; before Redis 7 a script's error only mentions it."""
    if isinstance(reply, ReadOnlyError | MasterDownError):
        return True
    return isinstance(reply, ResponseError) and "READONLY" in str(reply)


def _check_replicas(reply: Any) -> None:
    if isinstance(reply, ResponseError):
        raise reply
    if int(reply) < 1:
        raise ResponseError("written, but no replica confirmed it in time")


def _without_arguments(error: Exception) -> str:
    """Cut what Redis quotes of a command ("with args beginning with"): it may be a key, a payload, a password."""
    return str(error).partition(", with args")[0][:200]
