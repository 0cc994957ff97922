"""Drain: the node stops in phases, within a deadline, and says what it could not save.

    stop accepting → actors finish, commit and leave → flush → release the lease → close connections in batches

Draining belongs to the node: sessions know nothing of it. It works through small callables, so that each phase can be
tested alone and the composition root decides what there is to stop. Prior art: Phoenix's ``PoolDrainer``.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import trio
from attrs import field, frozen
from attrs.validators import ge, gt

from sessiond import telemetry
from sessiond.core.codes import CloseCode
from sessiond.core.errors import StoreUnavailable
from sessiond.core.ids import NodeId, UserId
from sessiond.core.ports import Clock, Entropy
from sessiond.runtime.cell import Standing
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.runtime.registry import Registry

__all__ = ["Closable", "Drain", "DrainReport", "DrainSettings"]

#: Users who have an actor.
_ACTING: Final = frozenset(Standing) - {Standing.QUARANTINED, Standing.HIBERNATED}

#: Actors told to drain at once; each then wakes, so other tasks get a turn in between.
_TOLD_AT_ONCE: Final = 500


@frozen(kw_only=True)
class DrainSettings:
    """How long each part of a drain may take; together less than what the process is given (Kubernetes: 30 s)."""

    save_seconds: float = field(default=15.0, validator=ge(0))
    """For running turns and their commits. 0: nothing is waited for; nothing acknowledged is lost all the same."""
    release_seconds: float = field(default=2.0, validator=gt(0))
    """For giving back the lease, so that the next node need not wait until it runs out."""
    close_batch: int = field(default=100, validator=gt(0))
    """Connections closed at once: their clients come back at once, to other nodes."""
    close_pause_seconds: float = field(default=0.1, validator=ge(0))
    """Between two batches, with jitter of half of it either way."""
    close_seconds: float = field(default=8.0, validator=ge(0))
    """For closing all of them in batches; what is left then is closed in one go."""


class Closable(Protocol):
    """A client's connection, as far as a drain is concerned."""

    def close(self, code: CloseCode, message: str = "") -> None:
        """Flush what was sent, then close with *code*."""
        ...


@frozen
class DrainReport:
    """What a drain did."""

    sessions: int
    """Users in memory when it began."""
    connections: int
    """Connections it closed."""
    unsaved: tuple[UserId, ...]
    """Users who still had an actor, and so perhaps something unwritten, at the deadline."""
    is_released: bool
    """Whether the lease was given back; else it runs out."""
    seconds: float


class Drain:
    """One drain of one node.

    *stops* refuse new work, synchronously, in this order. *wait_actors* returns when no actor runs, *flush* when
    nothing is queued or in flight. *connections* lists the open ones at the time it is called.
    """

    def __init__(
        self,
        node: NodeId,
        registry: Registry,
        *,
        stops: Sequence[Callable[[], None]],
        wait_actors: Callable[[], Awaitable[None]],
        flush: Callable[[], Awaitable[None]],
        release: Callable[[], Awaitable[None]],
        connections: Callable[[], Sequence[Closable]],
        clock: Clock,
        entropy: Entropy,
        settings: DrainSettings | None = None,
    ) -> None:
        self._node = node
        self._registry = registry
        self._stops = tuple(stops)
        self._wait_actors = wait_actors
        self._flush = flush
        self._release = release
        self._connections = connections
        self._clock = clock
        self._entropy = entropy
        self._settings = settings or DrainSettings()

    async def run(self) -> DrainReport:
        """Go through the phases once. Cancelled: those that are left do not happen; nothing acknowledged is lost."""
        began = self._clock.monotonic()
        sessions = len(self._registry)
        telemetry.emit("node.draining", {"sessions": sessions}, {"node": self._node})
        for stop in self._stops:
            stop()
        unsaved = await self._save()
        is_released = await self._give_back()
        connections = await self._close()
        seconds = self._clock.monotonic() - began
        telemetry.emit(
            "node.drained",
            {"duration": seconds, "sessions": sessions, "unsaved": len(unsaved)},
            {"node": self._node},
        )
        return DrainReport(sessions, connections, unsaved, is_released, seconds)

    async def _save(self) -> tuple[UserId, ...]:
        """Let actors finish and leave; return the users whose actors did not by the deadline."""
        with trio.move_on_after(self._settings.save_seconds):
            await self._tell_actors()
            await self._wait_actors()
            await self._flush()
            return ()
        return tuple(cell.user for cell in self._registry if cell.standing in _ACTING)

    async def _tell_actors(self) -> None:
        for number, cell in enumerate(self._registry):
            cell.is_draining = True
            if not self._registry.put_away(cell, "drain") and cell.standing in _ACTING:
                cell.mailbox.put_always(Envelope(Control.DRAIN))
            if number % _TOLD_AT_ONCE == _TOLD_AT_ONCE - 1:
                await trio.lowlevel.checkpoint()

    async def _give_back(self) -> bool:
        with trio.move_on_after(self._settings.release_seconds):
            try:
                await self._release()
            except StoreUnavailable:
                return False
            return True
        return False

    async def _close(self) -> int:
        """Close connections a batch at a time, so that their clients do not all come back in one instant."""
        settings = self._settings
        closed = 0
        deadline = self._clock.monotonic() + settings.close_seconds
        waiting = list(self._connections())
        while waiting:
            in_time = self._clock.monotonic() < deadline
            size = settings.close_batch if in_time else len(waiting)
            batch, waiting = waiting[:size], waiting[size:]
            for connection in batch:
                connection.close(CloseCode.DRAINING)
            closed += len(batch)
            if waiting:
                await trio.sleep(settings.close_pause_seconds * (0.5 + self._entropy.jitter()))
        return closed
