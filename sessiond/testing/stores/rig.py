"""What a check of the store contract works on: one store, opened by the implementation's own factory."""

import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Final

from msgspec.structs import replace

from sessiond.core.ids import Digest, NodeId, Partition, UserId, partition_of
from sessiond.core.ports import Store
from sessiond.core.records import (
    Acquired,
    Arrival,
    Fence,
    Receipt,
    UserCommit,
    Verdict,
    VerdictStatus,
)

__all__ = [
    "NODE",
    "NOW",
    "USER",
    "Check",
    "OpenStore",
    "StoreRig",
    "arrival",
    "digest",
    "must_raise",
    "neighbours",
    "noise",
    "open_rig",
    "stranger",
]

#: Opens the store. Each call opens *the same* data; each check is given fresh data.
OpenStore = Callable[[], AbstractAsyncContextManager[Store]]

USER: Final = UserId("ann@example.org")
NODE: Final = NodeId("node-a")
NOW: Final = 1_800_000_000.0


class StoreRig:
    """A store under test and the fences that ``NODE`` holds on it.

    *max_commit_bytes* is the size limit that the store was opened with.
    """

    def __init__(self, open_store: OpenStore, *, max_commit_bytes: int) -> None:
        self._open_store = open_store
        self._stack = AsyncExitStack()
        self._store: Store | None = None
        self._commits = 0
        self._runs = 0
        self.max_commit_bytes = max_commit_bytes
        self.fences: dict[Partition, Fence] = {}

    @property
    def store(self) -> Store:
        assert self._store is not None, "the rig is not open"
        return self._store

    async def open(self) -> None:
        self._store = await self._stack.enter_async_context(self._open_store())

    async def close(self) -> None:
        self._store = None
        await self._stack.aclose()

    async def reopen(self) -> None:
        """Close the store and open the same data again; fences stay as they are."""
        await self.close()
        await self.open()

    async def acquire(
        self,
        *partitions: Partition,
        node: NodeId = NODE,
        nonce: str = "",
        now: float = NOW,
        window_seconds: float = 30.0,
        lease_seconds: float = 60.0,
    ) -> tuple[Acquired, ...]:
        """Acquire *partitions* (``USER``'s by default) under a new nonce, and hold their fences."""
        self._runs += 1
        acquired = await self.store.acquire(
            node,
            nonce or f"run-{self._runs}",
            partitions or (partition_of(USER),),
            now=now,
            window_seconds=window_seconds,
            lease_seconds=lease_seconds,
        )
        self.fences |= {item.fence.partition: item.fence for item in acquired}
        return acquired

    def change(self, user: UserId = USER, version: int = 0, **fields: Any) -> UserCommit:
        """Make a commit of *user* upon *version*, with an id of its own."""
        self._commits += 1
        return UserCommit(
            user=user,
            partition=partition_of(user),
            commit_id=self._commits.to_bytes(16),
            expected_version=version,
            **fields,
        )

    async def send(self, *batch: UserCommit) -> tuple[Verdict, ...]:
        """Commit *batch* under the fences held, acquiring what is not held yet."""
        await self._hold(*(commit.partition for commit in batch))
        return await self.store.commit(batch, self.fences)

    async def apply(self, user: UserId = USER, version: int = 0, **fields: Any) -> UserCommit:
        """Commit one change that must be applied, and return it."""
        commit = self.change(user, version, **fields)
        verdicts = await self.send(commit)
        expected = Verdict(VerdictStatus.APPLIED, 0 if commit.delete else version + 1)
        assert verdicts == (expected,), verdicts
        return commit

    async def accept(self, *batch: Arrival) -> tuple[Receipt, ...]:
        """Accept *batch* under the fences held, acquiring what is not held yet."""
        await self._hold(*(arrival.partition for arrival in batch))
        return await self.store.accept(batch, self.fences)

    async def _hold(self, *partitions: Partition) -> None:
        if missing := sorted(set(partitions) - self.fences.keys()):
            await self.acquire(*missing)


Check = Callable[[StoreRig], Awaitable[None]]


@asynccontextmanager
async def open_rig(open_store: OpenStore, *, max_commit_bytes: int) -> AsyncIterator[StoreRig]:
    """Open a rig on *open_store*; closed at the end, whatever the check did."""
    rig = StoreRig(open_store, max_commit_bytes=max_commit_bytes)
    await rig.open()
    try:
        yield rig
    finally:
        await rig.close()


def digest(name: str) -> Digest:
    """Return a digest that stands for the input id *name*."""
    return Digest(hashlib.blake2b(name.encode(), digest_size=16).digest())


def arrival(name: str, user: UserId = USER, **fields: Any) -> Arrival:
    """Make an arrival with the id *name*, which is its body too."""
    plain = Arrival(user, partition_of(user), digest(name), "hook:json", name.encode(), NOW)
    return replace(plain, **fields)


def noise(size: int) -> bytes:
    """Return *size* bytes that no compression makes smaller, the same ones each time."""
    return random.Random(size).randbytes(size)  # noqa: S311 -- nothing here is secret


async def must_raise(
    error: type[Exception], call: Callable[..., Awaitable[object]], *args: object
) -> Exception:
    """Await ``call(*args)``, which must raise *error*, and return what it raised."""
    try:
        await call(*args)
    except error as raised:
        return raised
    raise AssertionError(f"{error.__name__} was not raised")


def neighbours(count: int) -> list[UserId]:
    """Name *count* users, in order, who share ``USER``'s partition (and are not ``USER``)."""
    return [user for user, _ in zip(_users_in(partition_of(USER)), range(count), strict=False)]


def stranger() -> UserId:
    """Name a user of another partition than ``USER``'s."""
    return next(user for user in _candidates() if partition_of(user) != partition_of(USER))


def _users_in(partition: Partition) -> Iterator[UserId]:
    return (user for user in _candidates() if partition_of(user) == partition)


def _candidates() -> Iterator[UserId]:
    return (UserId(f"user-{number:06}") for number in range(1_000_000))
