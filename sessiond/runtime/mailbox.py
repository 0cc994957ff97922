"""A mailbox: the bounded queue of one actor, and the envelopes in it.

One consumer, many producers, all in Trio's thread. Putting never blocks; taking is synchronous; only
``wait`` and ``wait_capacity`` are async, so a cancelled wait can never lose a message.

Not Trio's memory channel, and a list, not a deque *(measured, CPython 3.11, Trio 0.35, per empty one, of which
there may be 100 000: this 128 bytes, a memory channel 1794, a bare deque 760)*. ``pop(0)`` with 255 entries behind
costs 0.04 µs more than a deque's ``popleft``. Put and get cost 0.27 µs, waking the parked consumer 2.9 µs more.
"""

from enum import Enum, auto
from typing import Final

import trio
from attrs import define, field, frozen

from sessiond.core.errors import MailboxFull
from sessiond.core.ports import ReplyTo
from sessiond.core.session.inputs import Input

__all__ = ["DEFAULT_CAPACITY", "Control", "Envelope", "Mailbox", "MailboxStatistics"]

#: design.md 7: a burst that one person's devices and gateways can cause, held while a turn runs.
DEFAULT_CAPACITY: Final = 256


class Control(Enum):
    """What the runtime, not a person, tells an actor; never stored, never answered."""

    TICK = auto()
    """The actor's deadline passed (idle, linger, relaxed flush); the actor knows which."""
    PASSIVATE = auto()
    """Leave memory as soon as nothing is in flight (resident cap, operator)."""
    DRAIN = auto()
    """The node stops: finish the running turn, commit, leave. Accepted inputs stay in the inbox."""
    WAKE = auto()
    """Look again: there may be a backlog in the store, or the store is back."""


@define(eq=False, repr=False, weakref_slot=False)
class Envelope:
    """One item of a mailbox with what the sender said about it. Compared by identity."""

    item: Input | Control
    reply_to: ReplyTo | None = None
    """Who waits for the answer; exactly one of its methods is called, once."""
    expires_at: float | None = None
    """Monotonic seconds: not begun by then, it is dropped and answered ``TIMEOUT``."""
    attempts: int = 0
    """How often an accepted input was begun before, as the store counts (``InboxEntry.attempts``)."""
    recovered: bool = False
    """Left by an earlier run of the node: counted durably (``store.attempt``) before it runs."""
    refusals: tuple[str, ...] = ()
    """What the store said each time it refused its turn for its size."""
    taken: bool = False
    """An actor has taken it out of the mailbox, so its turn may have begun (``ref.ask`` looks)."""

    def is_expired(self, now: float) -> bool:
        """Tell whether its turn may no longer begin; *now* is monotonic."""
        return self.expires_at is not None and now >= self.expires_at


@frozen
class MailboxStatistics:
    """What ``Mailbox.statistics`` answers."""

    depth: int
    capacity: int
    is_parked: bool
    """The consumer waits for something to come."""
    waiting_for_capacity: int
    """Tasks in ``wait_capacity``."""


@define(eq=False, repr=False, weakref_slot=False)
class Mailbox:
    """A bounded queue with one consumer. Not thread-safe: Trio's thread only."""

    capacity: int = DEFAULT_CAPACITY
    _queue: list[Envelope] = field(init=False, factory=list)
    _consumer: trio.lowlevel.Task | None = field(init=False, default=None)
    _is_woken: bool = field(init=False, default=False)
    _room: trio.lowlevel.ParkingLot | None = field(init=False, default=None)

    def __len__(self) -> int:
        return len(self._queue)

    def __bool__(self) -> bool:
        """Tell whether something is in it."""
        return bool(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether ``put`` would refuse."""
        return len(self._queue) >= self.capacity

    def put(self, envelope: Envelope) -> None:
        """Append *envelope*.

        Raises:
          MailboxFull: it holds ``capacity`` envelopes; nothing was changed.

        """
        if len(self._queue) >= self.capacity:
            raise MailboxFull(f"the mailbox holds {self.capacity} messages")
        self._queue.append(envelope)
        self._reschedule()

    def put_always(self, envelope: Envelope) -> None:
        """Append *envelope* even when full.

        For what is bounded elsewhere and must not be refused: Leave, Stop, Fired, Control, refills from the inbox.
        """
        self._queue.append(envelope)
        self._reschedule()

    def put_front(self, envelopes: list[Envelope]) -> None:
        """Put back what was taken, before everything else and in the order given; never refuses."""
        if envelopes:
            self._queue[:0] = envelopes
            self._reschedule()

    def get_nowait(self) -> Envelope | None:
        """Take the oldest envelope, marking it taken; ``None`` when there is none."""
        if not self._queue:
            return None
        envelope = self._queue.pop(0)
        envelope.taken = True
        if self._room is not None:
            self._tell_room()
        return envelope

    def remove(self, envelopes: list[Envelope]) -> None:
        """Take *envelopes* out wherever they are; those that are not in it are ignored."""
        unwanted = {id(envelope) for envelope in envelopes}
        self._queue = [envelope for envelope in self._queue if id(envelope) not in unwanted]
        self._tell_room()

    def snapshot(self) -> tuple[Envelope, ...]:
        """Return what is in it, oldest first, without taking anything."""
        return tuple(self._queue)

    def clear(self) -> list[Envelope]:
        """Take everything, oldest first; the caller answers those who wait."""
        envelopes, self._queue = self._queue, []
        self._tell_room()
        return envelopes

    def wake(self) -> None:
        """Make the consumer's ``wait``, the running or else the next one, return though nothing came."""
        self._is_woken = True
        self._reschedule()

    async def wait(self) -> None:
        """Return when there is something in the mailbox or ``wake`` was called since the last return.

        One task at a time. Always a checkpoint. Takes nothing, so cancelling it loses nothing.
        """
        if self._queue or self._is_woken:
            await trio.lowlevel.checkpoint()
        else:
            if self._consumer is not None:
                raise trio.BusyResourceError("another task waits for this mailbox")
            self._consumer = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        self._is_woken = False

    async def wait_capacity(self) -> None:
        """Return when there is room again: backpressure for sockets. Any number of tasks; always a checkpoint.

        The room may be gone again when the caller puts: he then waits again.
        """
        if not self.is_full:
            await trio.lowlevel.checkpoint()
            return
        while self.is_full:
            if self._room is None:
                self._room = trio.lowlevel.ParkingLot()
            await self._room.park()

    def statistics(self) -> MailboxStatistics:
        """Count what is in it and who waits."""
        return MailboxStatistics(
            depth=len(self._queue),
            capacity=self.capacity,
            is_parked=self._consumer is not None,
            waiting_for_capacity=0 if self._room is None else len(self._room),
        )

    def _reschedule(self) -> None:
        consumer = self._consumer
        if consumer is not None:
            self._consumer = None
            trio.lowlevel.reschedule(consumer)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._consumer = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _tell_room(self) -> None:
        if self._room is not None and not self.is_full:
            self._room.unpark_all()
            self._room = None
