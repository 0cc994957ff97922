"""The committer: turns of all users become durable in group commits.

Each actor keeps a *ledger* of what its turns changed and have not made durable. Submitting it is cheap and says "there
is something"; when its lane forms the next batch the ledger hands over **one** merged commit of everything pending at
that moment. A user has one lane and a lane one batch in flight, so a user has at most one commit in flight.

Not here: queueing, batching and the retry rule (group.py), what a verdict means for the session (actor.py).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, NoReturn, Protocol

import trio

from sessiond import telemetry
from sessiond.core.ids import Partition, UserId
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import Fence, UserCommit, Verdict, VerdictStatus
from sessiond.runtime.availability import Availability
from sessiond.runtime.group import GroupWriter

__all__ = ["Committer", "Ledger"]

#: A batch costs some 300 µs however small it is, and more lanes make smaller ones: at 4000 turns/s on Redis the median
#: is 4.6 ms with four lanes, 3.2 with two, 1.8 with one *(measured)*.
DEFAULT_LANES: Final = 1

#: With 1000 users at full load a turn costs 10 % less than in batches of 64 *(measured, SQLite and Redis)*; more would
#: keep Redis, which does nothing else meanwhile, from answering for over 5 ms. Batches this large form only under load.
DEFAULT_BATCH: Final = 256

_stop: Final = telemetry.emitter("commit.stop")


class Ledger(Protocol):
    """One actor's undurable changes. Nothing here blocks; what raises is a crash of that actor (``on_crash``)."""

    @property
    def user(self) -> UserId:
        """Whose changes these are."""
        ...

    @property
    def partition(self) -> Partition:
        """The user's partition, which chooses the lane."""
        ...

    def take(self) -> UserCommit | None:
        """Merge everything pending now into one commit, which is then in flight; ``None``: nothing is pending."""
        ...

    def decided(self, verdict: Verdict) -> None:
        """Learn what became of the commit taken last. Called exactly once per ``take`` that gave a commit."""
        ...

    def has_pending(self) -> bool:
        """Tell whether there is more to commit."""
        ...


def _reraise(_ledger: Ledger, error: Exception) -> None:
    raise error


class Committer:
    """Commits ledgers in groups through *store*.

    A partition that *fences* does not hold (any more) is answered ``FENCED`` without asking the store.
    *on_crash* is told when a ledger raises, so that one user's bug cannot stop the lane; by default it stops the node.
    """

    def __init__(
        self,
        store: Store,
        fences: Mapping[Partition, Fence],
        *,
        clock: Clock,
        entropy: Entropy,
        availability: Availability | None = None,
        lanes: int = DEFAULT_LANES,
        batch: int = DEFAULT_BATCH,
        on_crash: Callable[[Ledger, Exception], None] = _reraise,
    ) -> None:
        self.availability = availability or Availability(clock)
        self._writer: GroupWriter[Ledger, UserCommit, Verdict] = GroupWriter(
            _CommitJob(store, fences, clock, on_crash),
            self.availability,
            lanes=lanes,
            batch=batch,
            entropy=entropy,
        )

    def submit(self, ledger: Ledger) -> None:
        """Say that *ledger* has something to commit. O(1), any number of times; it is queued at most once."""
        self._writer.submit(ledger)

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Commit until cancelled; batches in flight then are not decided and their ledgers not told.

        Raises what the store raises, ``StoreUnavailable`` excepted (that is retried for ever).
        """
        await self._writer.run(task_status=task_status)

    async def wait_decided(self, user: UserId, partition: Partition) -> None:
        """Return when no commit of *user*, from whichever ledger, is queued or in flight.

        A new actor waits for this before it loads: the last one's commit may still be under way.
        """
        await self._writer.wait_decided(partition, user)

    async def wait_idle(self) -> None:
        """Return when nothing is queued or in flight (drain: "flush")."""
        await self._writer.wait_idle()

    def backlog(self) -> int:
        """Count the ledgers that are queued or in flight."""
        return self._writer.backlog()


class _CommitJob:
    """How a group writer commits ledgers."""

    def __init__(
        self,
        store: Store,
        fences: Mapping[Partition, Fence],
        clock: Clock,
        on_crash: Callable[[Ledger, Exception], None],
    ) -> None:
        self._store = store
        self._fences = fences
        self._clock = clock
        self._on_crash = on_crash

    def partition(self, queued: Ledger) -> Partition:
        return queued.partition

    def key(self, queued: Ledger) -> Hashable:
        return queued.user

    def take(self, queued: Ledger) -> UserCommit | None:
        try:
            return queued.take()
        except Exception as error:  # noqa: BLE001 -- one ledger's bug is not its neighbours'
            self._on_crash(queued, error)
            return None

    async def write(self, batch: Sequence[UserCommit], lane: int) -> Sequence[Verdict]:
        start = self._clock.monotonic()
        fences = self._fences
        ours = [commit for commit in batch if commit.partition in fences]
        held = {commit.partition: fences[commit.partition] for commit in ours}
        verdicts: Sequence[Verdict] = await self._store.commit(ours, held) if ours else ()
        if len(ours) < len(batch):
            mine, answered = {commit.user for commit in ours}, iter(verdicts)
            fenced = Verdict(VerdictStatus.FENCED, detail="this node does not own the partition")
            verdicts = [next(answered) if commit.user in mine else fenced for commit in batch]
        if _stop.listeners:
            seconds = self._clock.monotonic() - start
            _stop({"duration": seconds, "users": len(batch)}, {"lane": lane})
        return verdicts

    def decided(self, queued: Ledger, result: Verdict, repeated: bool) -> bool:  # noqa: ARG002, FBT001 -- GroupJob
        try:
            queued.decided(result)
            return queued.has_pending()
        except Exception as error:  # noqa: BLE001 -- as in take
            self._on_crash(queued, error)
            return False
