"""What every actor of a node shares: one frozen value, wired by the composition root."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

from attrs import frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.book import FlowBook
from sessiond.core.errors import Refused
from sessiond.core.gateways.accounts import Account
from sessiond.core.ids import Digest, Partition, UserId
from sessiond.core.ports import Clock, Entropy, ReplyTo, Store
from sessiond.core.records import JOURNAL_LIMIT, Delivery, Fence
from sessiond.core.session.effects import StartRun
from sessiond.core.session.inputs import Input
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.program import Program
from sessiond.core.session.stream import name_epoch
from sessiond.runtime.availability import Availability
from sessiond.runtime.awake import Awake
from sessiond.runtime.cell import Cell
from sessiond.runtime.committer import Ledger
from sessiond.runtime.counters import Counters
from sessiond.runtime.deadlines import Deadlines
from sessiond.runtime.patience import until_decided
from sessiond.runtime.registry import Registry

__all__ = ["ActorPolicy", "Services"]

T = TypeVar("T")


@frozen(kw_only=True)
class ActorPolicy:
    """How actors treat failures; durations in seconds."""

    relaxed_seconds: float = 1.0
    """How long a relaxed change may wait for a write."""
    retry_seconds: float = 1.0
    """Back-off before the one retry of an accepted input or timer whose handler failed."""
    max_attempts: int = 3
    """An input left by an earlier run is begun this often; after that it is dead-lettered without running."""


class _Submit(Protocol):
    def submit(self, ledger: Ledger) -> None: ...


class _Timers(Protocol):
    def note(self, partition: Partition, due: float) -> None: ...

    def settled(self, user: UserId, name: str, generation: int) -> None: ...


class _Runs(Protocol):
    def start(self, user: UserId, effect: StartRun, reply_to: ReplyTo | None) -> None: ...


class _Deliveries(Protocol):
    def note(self, user: UserId, new: tuple[Delivery, ...], done: tuple[str, ...]) -> None: ...

    def forget(self, user: UserId) -> None: ...

    def stop_account(self, name: str, reason: str) -> None: ...


@frozen(kw_only=True)
class Services:
    """The shared parts.

    *refill* puts a user's accepted inputs from the store into his mailbox, *accept* writes one to any user's inbox
    (intake.py); *tell* puts an input that is not kept into any user's mailbox (ref.py).
    """

    store: Store
    committer: _Submit
    program: Program
    book: FlowBook | None
    """The flows of the app; ``None``: it has none."""
    runs: _Runs
    awake: Awake
    registry: Registry
    deadlines: Deadlines
    timers: _Timers
    refill: Callable[[Cell], Awaitable[None]]
    accept: Callable[[UserId, str, bytes, Digest], Awaitable[object]]
    tell: Callable[[UserId, Input, ReplyTo | None], None]
    fences: Mapping[Partition, Fence]
    clock: Clock
    entropy: Entropy
    availability: Availability
    limits: SessionLimits
    policy: ActorPolicy
    counters: Counters
    accounts: Mapping[str, Account] = {}
    """The gateways, by the names of their accounts."""
    deliveries: _Deliveries | None = None
    """What sends messages to providers; ``None``: they stay in the store."""

    @property
    def journal_limit(self) -> int:
        """How many entries of a user's journal are kept; without flows nobody writes any."""
        return JOURNAL_LIMIT if self.book is None else self.book.journal.entries

    def account(self, name: str) -> Account:
        """Find an account.

        Raises:
          Refused: UNKNOWN_EVENT, there is none of this name.

        """
        account = self.accounts.get(name)
        if account is None:
            raise Refused(ErrorCode.UNKNOWN_EVENT, f"there is no account {name!r}")
        return account

    def new_epoch(self) -> str:
        """Name a stream that begins now."""
        return name_epoch(self.entropy.token(8).hex(), self.store.continuity)

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call the store, waiting for it while it is away."""
        return await until_decided(call, self.availability, self.entropy)
