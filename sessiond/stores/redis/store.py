"""The ``Store`` port on Redis.

Every call is one exchange with Redis (listings and a cluster's ``acquire``: a few), and so many are made at the same
time; leases have a turn and a connection of their own, so that slow commits cannot let a lease lapse. Cancellation
withdraws a call that waits for its turn; one that has begun is waited for, and its result returned.

*(measured, one lane, batches of 64, one CPU core each; a commit is fence, version, 1 KiB snapshot, frame, id, timer)*
22 000 commits/s at 20 µs of ours and 24 µs of Redis; ``appendfsync always`` 17 000/s at 21 + 31; as a cluster (one call
per partition) 16 000/s at 30 + 35. In the same run, five bare writes per user by the plainest script: 8 + 17.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import trio
from typing_extensions import override

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.records import (
    NO_DELIVERY,
    Acquired,
    Arrival,
    DeadLetter,
    Delivery,
    DueTimer,
    Fence,
    Frame,
    InboxEntry,
    Loaded,
    Receipt,
    StoredUser,
    UserCommit,
    Verdict,
)
from sessiond.core.store_rules import MAX_COMMIT_BYTES
from sessiond.stores.redis import commits, inbox, listing, ownership, reads
from sessiond.stores.redis.client import Call, RedisClient
from sessiond.stores.redis.deployment import Deployment
from sessiond.stores.redis.durability import Durability, judge, read_settings
from sessiond.stores.redis.keys import Keys
from sessiond.stores.redis.turns import Gathered, Turns

__all__ = ["RedisStore", "open_redis_store"]

P = ParamSpec("P")
T = TypeVar("T")


class RedisStore:
    """A ``Store``; see ``open_redis_store``.

    *on_primary_changed*, when set, is called in Trio's thread after a connection found another server process than
    before (a failover, or a restart), or a cluster's map of slots had to be read again. Redis may have lost its latest
    writes then.
    Nothing that was lost can be overwritten unnoticed, since fence, version and commit id are compared
    at each write; revalidating the fences only tells sooner. *primary_changes* counts these events.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        durability: Durability,
        max_commit_bytes: int,
        connections: int,
    ) -> None:
        self._deployment = deployment
        self._durability = durability
        self._max_commit_bytes = max_commit_bytes
        self._turns = Turns(connections)
        self._lease_turns = Turns(1)
        self._load = Gathered(self._turns, partial(reads.load, deployment), reads.weigh)
        self._fences: dict[Partition, Fence] = {}
        """What was acquired last; ``renew`` looks whether it still holds."""
        self.primary_changes = 0
        self.on_primary_changed: Callable[[], None] | None = None

    @override
    def __repr__(self) -> str:
        return f"<RedisStore {self._deployment.client.place} {self._durability}>"

    # ------------------------------------------------------------------------------ ownership

    @property
    def continuity(self) -> str:
        return self._deployment.client.continuity

    async def acquire(
        self,
        node: NodeId,
        nonce: str,
        partitions: Sequence[Partition],
        *,
        now: float,
        window_seconds: float,
        lease_seconds: float,
    ) -> tuple[Acquired, ...]:
        due = now + window_seconds
        acquired = await self._hold(ownership.acquire, node, nonce, partitions, due, lease_seconds)
        self._fences.update((one.fence.partition, one.fence) for one in acquired)
        return acquired

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        held = list(self._fences.values())
        await self._hold(ownership.renew, node, nonce, held, lease_seconds)

    async def release(self, node: NodeId, nonce: str) -> None:
        await self._hold(ownership.release, node, nonce)

    # --------------------------------------------------------------------------------- writes

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await self._do(commits.commit, batch, fences, self._max_commit_bytes)

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        return await self._do(inbox.accept, batch, fences)

    async def attempt(self, fence: Fence, key: str) -> int:
        return await self._do(inbox.attempt, fence, key)

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter | None:
        return await self._do(listing.drop_dead_letter, dead_letter_id)

    # ---------------------------------------------------------------------------------- reads

    async def load(self, user: UserId, partition: Partition) -> Loaded | None:
        await self._pause()
        return await self._load.run((user, partition))

    async def frames(self, user: UserId, partition: Partition, after: int) -> tuple[Frame, ...]:
        return await self._do(reads.frames, user, partition, after)

    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:
        return await self._do(reads.reply, user, partition, digest)

    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        return await self._do(inbox.pending, partition, after, limit, user)

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        return await self._do(reads.due, partition, now, limit)

    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        return await self._do(reads.deliveries, partition, after, limit)

    async def journal(
        self, user: UserId, partition: Partition, *, limit: int = 100
    ) -> tuple[bytes, ...]:
        return await self._do(reads.journal, user, partition, limit)

    async def dead_letters(
        self, *, user: UserId | None = None, after: str = "", limit: int = 100
    ) -> tuple[DeadLetter, ...]:
        return await self._do(listing.dead_letters, user, after, limit)

    async def users(self, *, after: str = "", limit: int = 100) -> tuple[StoredUser, ...]:
        return await self._do(listing.users, after, limit)

    async def check(self) -> tuple[str, ...]:
        return await self._do(_check, self._durability)

    # ------------------------------------------------------------------------------- the way

    async def _do(
        self, work: Callable[Concatenate[Deployment, P], Awaitable[T]], *args: P.args, **_: P.kwargs
    ) -> T:
        return await self._through(self._turns, partial(work, self._deployment, *args))

    async def _hold(
        self, work: Callable[Concatenate[Deployment, P], Awaitable[T]], *args: P.args, **_: P.kwargs
    ) -> T:
        return await self._through(self._lease_turns, partial(work, self._deployment, *args))

    async def _through(self, turns: Turns, work: Callable[[], Awaitable[T]]) -> T:
        await self._pause()
        await turns.take()
        try:
            return await work()
        finally:
            turns.give_back()

    async def _pause(self) -> None:
        """Wait out the back-off while the server is away."""
        if pause := self._deployment.client.pause_seconds():
            await trio.sleep(pause)

    def _primary_changed(self) -> None:
        self.primary_changes += 1
        if self.on_primary_changed is not None:
            self.on_primary_changed()


async def _check(deployment: Deployment, durability: Durability) -> tuple[str, ...]:
    key = deployment.keys.check
    await deployment.write(Call(key, ("SET", key, "1", "PX", 1000)))
    try:
        return judge(await read_settings(deployment.client), durability)
    except StoreUnavailable:
        raise
    except (
        StoreError
    ) as error:  # changed since the store was opened: not ready until it is put right
        raise StoreUnavailable(str(error)) from error


async def _prepare(deployment: Deployment, durability: Durability) -> None:
    await deployment.client.connect()
    judge(await read_settings(deployment.client), durability)


@asynccontextmanager
async def open_redis_store(
    url: str,
    *,
    durability: Durability | str = Durability.PRIMARY,
    cluster: bool = False,
    timeout_seconds: float = 5.0,
    connections: int = 4,
    key_prefix: str = "sessiond",
    max_commit_bytes: int = MAX_COMMIT_BYTES,
) -> AsyncIterator[RedisStore]:
    """Connect to the Redis (6.2 or later) at *url* and hand out a store.

    *url* is ``redis://``, ``rediss://`` (TLS), ``unix://``, or names Sentinels (urls.py); its password appears in no
    error, log or repr.
    *durability*: see durability.py; what falls short of it is said by ``check``, not refused. *cluster*: the server is
    part of a Redis Cluster. *timeout_seconds* bounds each wait for the network; an operation that connects
    first may take twice that. *connections* is the number of operations at the same time; leases have one more.
    *key_prefix* begins every key and must not hold braces.

    Raises:
      InvalidInput: the URL, the level or the prefix is wrong.
      StoreError: user name or password are refused, the server's certificate is not trusted, ``maxmemory-policy`` is
        not ``noeviction``, or the server is too old.
      StoreUnavailable: the server is away.

    """
    level = _parse_durability(durability)
    if not key_prefix or set(key_prefix) & set("{}"):
        raise InvalidInput("the key prefix must not be empty or hold braces")
    token = trio.lowlevel.current_trio_token()
    opened: list[RedisStore] = []

    def announce() -> None:
        for store in opened:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(store._primary_changed)  # noqa: SLF001 -- its own factory

    client = RedisClient(
        url, timeout_seconds=timeout_seconds, cluster=cluster, on_new_primary=announce
    )
    deployment = Deployment(
        client, Keys(key_prefix), in_cluster=cluster, replicate=level is Durability.REPLICA
    )
    store = RedisStore(
        deployment, durability=level, max_commit_bytes=max_commit_bytes, connections=connections
    )
    opened.append(store)
    try:
        await _prepare(deployment, level)
        yield store
    finally:
        client.close()


def _parse_durability(level: str) -> Durability:
    try:
        return Durability(level)
    except ValueError:
        raise InvalidInput(f"durability is one of {', '.join(Durability)}, not {level!r}") from None
