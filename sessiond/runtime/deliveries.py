"""Deliveries: messages for providers, sent once the turn that asked for them is durable.

``note`` learns of each commit's deliveries. They are kept in memory up to a bound, shared evenly by the accounts; what
is beyond it stays in the store, and is read when there is room (delivery_backlog.py). Each account has a sender of its
own (sending.py), so that one that is down, slow or stopped holds up no other.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import trio

from sessiond.core.gateways.accounts import Account
from sessiond.core.gateways.listing import GatewayRow
from sessiond.core.ids import Partition, UserId, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.ports import Clock, Entropy, Store
from sessiond.core.records import Delivery
from sessiond.runtime.availability import Availability
from sessiond.runtime.bell import Bell
from sessiond.runtime.delivery_backlog import DeliveryBacklog, account_of
from sessiond.runtime.directory import Directory
from sessiond.runtime.provider_calls import CallProvider
from sessiond.runtime.sending import Sender
from sessiond.runtime.threads import Threads, WorkerThreads

__all__ = ["Deliveries"]

#: Deliveries in memory: some ten megabytes of messages.
DEFAULT_LIMIT: Final = 10_000

#: Few accounts or many, each may have so many.
_LEAST_SHARE: Final = 16


class Deliveries:
    """The deliveries of one node. ``run`` is its task; ``note`` may be called while it lives.

    *limit*: how many are in memory at once. *threads* read the files that messages show.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        call: CallProvider,
        store: Store,
        directory: Directory,
        *,
        clock: Clock,
        entropy: Entropy,
        availability: Availability,
        threads: Threads | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.threads = threads or WorkerThreads()
        self.directory = directory
        self.call = call
        self.clock = clock
        self.entropy = entropy
        self._accounts = accounts
        self._senders = {
            name: Sender(account, gateway, self)
            for name, account in accounts.items()
            if (gateway := account.calls) is not None
        }
        self._share = max(_LEAST_SHARE, limit // max(1, len(self._senders)))
        self._backlog = DeliveryBacklog(
            store, self._senders, self, availability=availability, entropy=entropy
        )
        self._freed = Bell()

    def __len__(self) -> int:
        """How many are in memory."""
        return sum(len(sender.queue) for sender in self._senders.values())

    def note(self, user: UserId, new: tuple[Delivery, ...], done: tuple[str, ...]) -> None:
        """Note what a commit of *user* has added and removed. Never raises."""
        if done:
            self._backlog.settled(user, done)
            for sender in self._senders.values():
                for one in done:
                    sender.discard(user, one)
            self._backlog.room_made()
        for delivery in new:
            name = account_of(delivery)
            if name not in self._senders:
                self._backlog.count_strange(name)
            elif self._backlog.has_gap(partition_of(user), name) or self._is_full(name):
                self._backlog.leave(user, name, delivery)
            else:
                self._senders[name].put(user, delivery)

    def forget(self, user: UserId) -> None:
        """Note that a commit has removed everything of *user*: nothing more is sent to him."""
        self._backlog.forget(user)
        for sender in self._senders.values():
            sender.queue.forget(user)
        self._backlog.room_made()

    def recover(self, partitions: Sequence[Partition]) -> None:
        """Have what an earlier run left in *partitions* read and sent, before what is new there. Call it first."""
        self._backlog.open(partitions)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Send until cancelled; nothing is lost then, since only commits remove deliveries."""
        async with trio.open_nursery() as nursery:
            for sender in self._senders.values():
                nursery.start_soon(sender.run)
            nursery.start_soon(self._backlog.run)
            task_status.started()

    def stop(self) -> None:
        """Make no more calls: the node drains. What is not sent stays in the store."""
        self._backlog.end()
        for sender in self._senders.values():
            sender.end()

    async def wait_idle(self) -> None:
        """Return when no call is under way and every result was taken by its actor. For one task; a checkpoint."""
        await trio.lowlevel.checkpoint()
        while any(sender.active for sender in self._senders.values()):
            await self._freed.wait()

    # What operators see

    def accounts(self) -> tuple[GatewayRow, ...]:
        """List the accounts by name, also those that are not configured any more and have deliveries left."""
        strange = self._backlog.strange
        names = sorted({*self._accounts, *(name for name, count in strange.items() if count)})
        return tuple(self._row(name) for name in names)

    def resume(self, name: str) -> None:
        """Let an account send at once what waits: it was stopped, is held back, or tries again later.

        Raises:
          UnknownTarget: there is no such account, or it makes no calls.

        """
        sender = self._senders.get(name)
        if sender is None:
            known = ", ".join(sorted(self._senders)) or "none"
            raise UnknownTarget(f"there is no account {name!r} that sends (there are: {known})")
        sender.resume()

    def stop_account(self, name: str, reason: str) -> None:
        """Send nothing more on the account *name* until an operator lets it go on."""
        sender = self._senders.get(name)
        if sender is not None:
            sender.stop(reason)

    def _row(self, name: str) -> GatewayRow:
        account, sender = self._accounts.get(name), self._senders.get(name)
        kind = "" if account is None else account.settings.gateway
        if sender is None:
            return GatewayRow(
                account=name,
                kind=kind,
                waiting=self._backlog.strange[name],
            )
        held = sender.queue.held_until - self.clock.monotonic()
        return GatewayRow(
            account=name,
            kind=kind,
            sends=True,
            waiting=len(sender.queue),
            has_more=self._backlog.has_any(name),
            calls=sender.calls,
            held_until=self.clock.now() + held if held > 0 else None,
            stopped=sender.stopped,
        )

    # The memory (delivery_backlog.Room), and what senders are hosted by (sending.SenderHost)

    def has_room(self, account: str) -> bool:
        """Tell whether a good part of what *account* may have in memory is free."""
        return len(self._senders[account].queue) <= self._share * 3 // 4

    def offer(self, account: str, user: UserId, delivery: Delivery) -> bool:
        """Take a delivery into memory, where it may be already; ``False``: there is no room."""
        if self._is_full(account):
            return False
        self._senders[account].put(user, delivery, replaces=False)
        return True

    def _is_full(self, account: str) -> bool:
        return len(self._senders[account].queue) >= self._share

    def freed(self) -> None:
        """Note that a call has ended, or that its result was taken."""
        self._freed.ring()
        self._backlog.room_made()
