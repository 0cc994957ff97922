"""The supervisor: starts an actor for each live user, and decides what happens when one crashes.

One-for-one and transient (OTP): only the crashed actor is started again, and only after a crash. The mailbox is the
cell's and survives. Whether and when is decided in restart.py; this module does it.

What is *not* a crash: a handler's failure (the actor handles it); ``Fenced`` (the user belongs to somebody else: his
cell goes); ``StoreUnavailable`` (the world's doing: started again when the store is back, nobody's budget is burnt);
``AccountUnavailable`` (the app's user source is away: tried again after a back-off, as long as something waits).
"""

import heapq
from collections.abc import Awaitable, Callable
from types import UnionType
from typing import Final, NoReturn

import trio

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.errors import AccountUnavailable, Fenced, StoreUnavailable
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock, Entropy
from sessiond.core.session.inputs import Leave
from sessiond.runtime.availability import Availability
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.mailbox import DEFAULT_CAPACITY, Control, Envelope, Mailbox
from sessiond.runtime.registry import Registry
from sessiond.runtime.restart import Breaker, RestartHistory, RestartPolicy

__all__ = ["DEFAULT_RESIDENT_CAP", "Supervisor"]

#: About 320 MB of detached sessions; more users than that are asked to leave, longest silent first.
DEFAULT_RESIDENT_CAP: Final = 100_000

#: At the cap this share is asked to leave at once, because finding them walks over everybody.
_CAP_BATCH_SHARE: Final = 0.01
_CAP_BATCH_MINIMUM: Final = 16

#: Who may be asked to make room.
_MOVABLE: Final = frozenset({Standing.RUNNING, Standing.HIBERNATED})

_STORE_RETRY: Final = Backoff(0.05, 2.0)

#: Less than the 8 s within which a join is answered, so that those who come meanwhile are told by the next try.
_ACCOUNT_RETRY: Final = Backoff(0.5, 5.0)
_DEFAULT_POLICY: Final = RestartPolicy()


async def _at_once(_cell: Cell) -> None:
    await trio.lowlevel.checkpoint()


class Supervisor:
    """Starts, restarts, quarantines. Trio's thread only.

    *start* is an actor's whole life: it returns after the cell left the registry or the actor hibernated, or raises.
    *before_start* waits until
    nothing of an earlier actor of the user is under way (``Committer.wait_decided``).
    """

    def __init__(
        self,
        start: Callable[[Cell], Awaitable[None]],
        registry: Registry,
        policy: RestartPolicy = _DEFAULT_POLICY,
        *,
        clock: Clock,
        entropy: Entropy,
        availability: Availability,
        before_start: Callable[[Cell], Awaitable[None]] = _at_once,
        resident_cap: int = DEFAULT_RESIDENT_CAP,
        mailbox_capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._start = start
        self._before_start = before_start
        self._registry = registry
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._availability = availability
        self._cap = resident_cap
        self._mailbox_capacity = mailbox_capacity
        self._until_scan = 0
        self._breaker = Breaker(policy)
        self._was_systemic = False
        self._nursery: trio.Nursery | None = None
        self._running = 0
        self._none_running = trio.lowlevel.ParkingLot()

    @property
    def running(self) -> int:
        """How many users have a task here: quarantined ones have none."""
        return self._running

    async def run(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> NoReturn:
        """Hold the actors' nursery. Cancelling cancels every actor; cells and mailboxes stay as they are."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None
        raise AssertionError("unreachable")

    def activate(self, user: UserId) -> Cell:
        """Return *user*'s cell, starting his actor if he has none or it hibernates. Never two; never blocks.

        A quarantined user's cell is returned as it is: callers look at ``standing``.
        """
        cell = self._registry.get(user)
        if cell is None:
            cell = Cell(user, Mailbox(self._mailbox_capacity), last_active=self._clock.monotonic())
            self._registry.add(cell)
            self._launch(cell)
            if len(self._registry) > self._cap:
                self._make_room()
            else:
                self._until_scan = 0
        elif cell.standing is Standing.HIBERNATED:
            self._launch(cell)
        return cell

    def release(self, user: UserId) -> bool:
        """End *user*'s quarantine and start his actor with a fresh budget; ``False`` when he is not quarantined."""
        cell = self._registry.get(user)
        if cell is None or cell.standing is not Standing.QUARANTINED:
            return False
        cell.history = None
        cell.last_error = ""
        cell.incarnation += 1
        telemetry.emit("supervisor.released", {}, {"user": user})
        self._launch(cell)
        return True

    def is_systemic(self) -> bool:
        """Tell whether so many users crash at once that the node should say it is not ready."""
        return self._look_at_breaker(self._clock.monotonic())

    async def wait_none_running(self) -> None:
        """Return when no user has a task here (drain). Always a checkpoint."""
        await trio.lowlevel.checkpoint()
        while self._running:
            await self._none_running.park()

    # One actor's life

    def _launch(self, cell: Cell) -> None:
        if self._nursery is None:
            raise RuntimeError("the supervisor is not running")
        self._running += 1
        cell.standing = Standing.STARTING
        self._nursery.start_soon(self._guard, cell, name="session actor")

    async def _guard(self, cell: Cell) -> None:
        """Run *cell*'s actor until it ends, is quarantined or cancelled; nothing it raises gets past here."""
        tries = 0  # since something of the world's was found away
        try:
            while True:
                error = await self._run_once(cell)
                if error is None:
                    if self._is_over(cell):
                        return
                    continue
                cell.rewind()
                if _holds(error, Fenced):
                    self._give_up(cell)
                    return
                if _holds(error, StoreUnavailable | AccountUnavailable):
                    tries += 1
                    if _holds(error, AccountUnavailable) and self._may_go(cell):
                        return
                    await self._outwait(cell, error, tries)
                    continue
                tries = 0
                delay = self._crashed(cell, error)
                if delay is None:
                    self._quarantine(cell)
                    return
                await trio.sleep(delay)
        finally:
            self._running -= 1
            if not self._running:
                self._none_running.unpark_all()

    async def _run_once(self, cell: Cell) -> Exception | None:
        """Run the actor once; return what it raised, but let cancellation and the process's end through."""
        cell.standing = Standing.STARTING
        try:
            if cell.hibernated is None:  # else nothing was under way when its actor ended
                await self._before_start(cell)
            await self._start(cell)
        except Exception as error:  # noqa: BLE001 -- supervising is catching
            return error
        except BaseExceptionGroup as group:
            # The actor failed while it was being cancelled: the failure is the actor's, the rest is not.
            _, rest = group.split(Exception)
            assert rest is not None
            raise rest from None
        return None

    def _is_over(self, cell: Cell) -> bool:
        """Tell whether an actor that ended may stay ended; with messages waiting it is started again.

        No await since the actor made up its mind, so nothing that was told meanwhile is overlooked.
        """
        if cell.hibernated is not None and cell.is_quiet:
            cell.standing = Standing.HIBERNATED
            return True
        return self._registry.get(cell.user) is not cell or self._registry.leave(cell)

    def _may_go(self, cell: Cell) -> bool:
        """Let a user go whose account cannot be loaded, unless something waits that the store will not tell again."""
        idle = [e for e in cell.mailbox.snapshot() if isinstance(e.item, Control | Leave)]
        cell.mailbox.remove(idle)
        if cell.is_draining:
            self._registry.remove(cell)
            _answer_all(cell, ErrorCode.DRAINING, "the server is being stopped")
        elif not self._registry.leave(cell):
            return False
        cell.standing = Standing.STOPPING
        return True

    async def _outwait(self, cell: Cell, error: Exception, tries: int) -> None:
        """Wait until what is away may be back."""
        cell.standing = Standing.BACKING_OFF
        is_store = _holds(error, StoreUnavailable)
        backoff = _STORE_RETRY if is_store else _ACCOUNT_RETRY
        await trio.sleep(backoff.wait(tries, self._entropy.jitter()))
        if is_store:
            await self._availability.wait_available()

    def _give_up(self, cell: Cell) -> None:
        """Drop a user who belongs to somebody else now; whoever waits may repeat his input there."""
        self._registry.remove(cell)
        cell.standing = Standing.STOPPING
        _answer_all(cell, ErrorCode.GONE, "the session moved; send it again")

    def _crashed(self, cell: Cell, error: Exception) -> float | None:
        """Count a crash and return the seconds until the restart; ``None``: no more."""
        now = self._clock.monotonic()
        cell.last_error = type(error).__name__
        cell.history = cell.history or RestartHistory()
        self._breaker.crashed(cell.user, now)
        if self._look_at_breaker(now):
            delay = cell.history.uncounted_delay(self._policy, self._entropy.jitter())
        else:
            counted = cell.history.next_delay(self._policy, now, self._entropy.jitter())
            if counted is None:
                return None
            delay = counted
        cell.standing = Standing.BACKING_OFF
        telemetry.emit(
            "supervisor.restarted",
            {"failures": cell.restarts, "delay": delay},
            {"user": cell.user, "error": cell.last_error},
        )
        return delay

    def _quarantine(self, cell: Cell) -> None:
        """Leave *cell* without an actor: who waits is told, what was accepted stays in the store."""
        cell.standing = Standing.QUARANTINED
        cell.quarantined_at = self._clock.now()
        _answer_all(
            cell,
            ErrorCode.QUARANTINED,
            "this user's session keeps failing; an operator has to look",
        )
        telemetry.emit(
            "supervisor.quarantined",
            {"failures": cell.restarts},
            {"user": cell.user, "error": cell.last_error},
        )

    def _look_at_breaker(self, now: float) -> bool:
        is_systemic = self._breaker.is_systemic(now, len(self._registry))
        if is_systemic is not self._was_systemic:
            self._was_systemic = is_systemic
            telemetry.emit(
                "supervisor.systemic" if is_systemic else "supervisor.recovered",
                {"crashed": self._breaker.crashed_users},
            )
        return is_systemic

    # The resident cap

    def _make_room(self) -> None:
        """Ask those who were silent longest, and have no connection, to leave memory."""
        self._until_scan -= 1
        if self._until_scan > 0:
            return
        excess = len(self._registry) - self._cap
        wanted = max(_CAP_BATCH_MINIMUM, excess, int(self._cap * _CAP_BATCH_SHARE))
        self._until_scan = wanted // 2
        movable = (
            cell
            for cell in self._registry
            if not cell.is_attached and not cell.is_leaving and cell.standing in _MOVABLE
        )
        for cell in heapq.nsmallest(wanted, movable, key=lambda one: one.last_active):
            if self._registry.put_away(cell, "cap"):
                continue
            cell.is_leaving = True
            cell.mailbox.put_always(Envelope(Control.PASSIVATE))


def _holds(error: Exception, kind: type[Exception] | UnionType) -> bool:
    """Tell whether *error* is of *kind*, or a group of nothing else."""
    if isinstance(error, ExceptionGroup):
        return error.split(lambda one: isinstance(one, kind))[1] is None
    return isinstance(error, kind)


def _answer_all(cell: Cell, code: ErrorCode, message: str) -> None:
    for envelope in cell.mailbox.clear():
        if envelope.reply_to is not None:
            envelope.reply_to.error(code, message)
