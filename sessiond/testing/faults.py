"""A store that fails on demand: any ``Store`` with scripted faults in front of it.

::

    store = FaultyStore(MemoryStore())
    store.fail("commit", times=2)          # two calls raise StoreUnavailable before anything is written
    store.lose_answer("commit")            # one call is applied, and raises StoreUnavailable
    store.hold("commit")                   # calls wait …
    store.let_go("commit")                 # … until they are let go
    store.calls["commit"]                  # how many calls there were

Faults of a method are used up one by one, in the order in which they were scripted.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from typing import TypeVar

import trio

from sessiond.core.errors import InvalidInput, StoreError, StoreUnavailable
from sessiond.core.ids import Digest, NodeId, Partition, UserId
from sessiond.core.ports import Store
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

__all__ = ["FaultyStore"]

_T = TypeVar("_T")

_METHODS = frozenset(name for name in vars(Store) if not name.startswith("_"))


class _When(Enum):
    BEFORE = auto()
    AFTER = auto()


class FaultyStore:
    """*store* with faults. *calls* counts what was called, failed calls too; *waiting* what is held now."""

    def __init__(self, store: Store) -> None:
        self.inner = store
        self.calls: Counter[str] = Counter()
        self.waiting: Counter[str] = Counter()
        self._faults: defaultdict[str, deque[tuple[_When, StoreError]]] = defaultdict(deque)
        self._away: set[str] = set()
        self._held: dict[str, trio.Event] = {}
        self._changed = trio.Event()

    def fail(self, method: str, *, times: int = 1, error: StoreError | None = None) -> None:
        """Let the next *times* calls of *method* raise *error*, before anything is applied."""
        self._script(method, _When.BEFORE, times, error)

    def lose_answer(self, method: str, *, times: int = 1, error: StoreError | None = None) -> None:
        """Let the next *times* calls of *method* be applied and then raise *error* ("answer lost")."""
        self._script(method, _When.AFTER, times, error)

    def go_away(self, *methods: str) -> None:
        """Let every call of *methods* (of all, when none is named) raise ``StoreUnavailable`` until ``come_back``."""
        self._away |= {_checked(method) for method in methods} or _METHODS

    def come_back(self) -> None:
        """End ``go_away``."""
        self._away.clear()

    def hold(self, method: str) -> None:
        """Let calls of *method* wait, before anything is applied, until ``let_go``."""
        self._held.setdefault(_checked(method), trio.Event())

    def let_go(self, method: str) -> None:
        """Let the held calls of *method* go on, and hold no more."""
        if (event := self._held.pop(_checked(method), None)) is not None:
            event.set()

    async def wait_held(self, method: str, count: int = 1) -> None:
        """Return when at least *count* calls of *method* are held."""
        while self.waiting[_checked(method)] < count:
            await self._changed.wait()

    def _script(self, method: str, when: _When, times: int, error: StoreError | None) -> None:
        fault = (when, error or StoreUnavailable("a scripted fault"))
        self._faults[_checked(method)].extend([fault] * times)

    async def _call(self, method: str, call: Callable[[], Awaitable[_T]]) -> _T:
        self.calls[method] += 1
        if (event := self._held.get(method)) is not None:
            await self._wait(method, event)
        if method in self._away:
            await trio.lowlevel.checkpoint()
            raise StoreUnavailable("the store is away")
        when, error = self._faults[method].popleft() if self._faults[method] else (None, None)
        if when is _When.BEFORE and error:
            await trio.lowlevel.checkpoint()
            raise error
        answer = await call()
        if error:
            raise error
        return answer

    async def _wait(self, method: str, event: trio.Event) -> None:
        self.waiting[method] += 1
        self._tell()
        try:
            await event.wait()
        finally:
            self.waiting[method] -= 1
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    # --------------------------------------------------------------------------- the port, passed on

    @property
    def continuity(self) -> str:
        """That of the store inside."""
        return self.inner.continuity

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
        return await self._call(
            "acquire",
            lambda: self.inner.acquire(
                node,
                nonce,
                partitions,
                now=now,
                window_seconds=window_seconds,
                lease_seconds=lease_seconds,
            ),
        )

    async def renew(self, node: NodeId, nonce: str, *, lease_seconds: float) -> None:
        await self._call(
            "renew", lambda: self.inner.renew(node, nonce, lease_seconds=lease_seconds)
        )

    async def release(self, node: NodeId, nonce: str) -> None:
        await self._call("release", lambda: self.inner.release(node, nonce))

    async def load(self, user: UserId, partition: Partition) -> Loaded | None:
        return await self._call("load", lambda: self.inner.load(user, partition))

    async def frames(self, user: UserId, partition: Partition, after: int) -> tuple[Frame, ...]:
        return await self._call("frames", lambda: self.inner.frames(user, partition, after))

    async def reply(self, user: UserId, partition: Partition, digest: Digest) -> bytes | None:
        return await self._call("reply", lambda: self.inner.reply(user, partition, digest))

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        return await self._call("commit", lambda: self.inner.commit(batch, fences))

    async def accept(
        self, batch: Sequence[Arrival], fences: Mapping[Partition, Fence]
    ) -> tuple[Receipt, ...]:
        return await self._call("accept", lambda: self.inner.accept(batch, fences))

    async def pending(
        self,
        partition: Partition,
        *,
        after: int = 0,
        limit: int = 256,
        user: UserId | None = None,
    ) -> tuple[InboxEntry, ...]:
        return await self._call(
            "pending", lambda: self.inner.pending(partition, after=after, limit=limit, user=user)
        )

    async def attempt(self, fence: Fence, key: str) -> int:
        return await self._call("attempt", lambda: self.inner.attempt(fence, key))

    async def due(
        self, partition: Partition, now: float, limit: int
    ) -> tuple[tuple[DueTimer, ...], float | None]:
        return await self._call("due", lambda: self.inner.due(partition, now, limit))

    async def deliveries(
        self, partition: Partition, *, after: tuple[str, UserId] = NO_DELIVERY, limit: int = 256
    ) -> tuple[tuple[UserId, Delivery], ...]:
        return await self._call(
            "deliveries", lambda: self.inner.deliveries(partition, after=after, limit=limit)
        )

    async def journal(
        self, user: UserId, partition: Partition, *, limit: int = 100
    ) -> tuple[bytes, ...]:
        return await self._call("journal", lambda: self.inner.journal(user, partition, limit=limit))

    async def dead_letters(
        self, *, user: UserId | None = None, after: str = "", limit: int = 100
    ) -> tuple[DeadLetter, ...]:
        return await self._call(
            "dead_letters",
            lambda: self.inner.dead_letters(user=user, after=after, limit=limit),
        )

    async def drop_dead_letter(self, dead_letter_id: str) -> DeadLetter | None:
        return await self._call(
            "drop_dead_letter", lambda: self.inner.drop_dead_letter(dead_letter_id)
        )

    async def users(self, *, after: str = "", limit: int = 100) -> tuple[StoredUser, ...]:
        return await self._call("users", lambda: self.inner.users(after=after, limit=limit))

    async def check(self) -> tuple[str, ...]:
        return await self._call("check", self.inner.check)


def _checked(method: str) -> str:
    if method not in _METHODS:
        raise InvalidInput(f"a store has no method {method!r}")
    return method
