"""Hibernation: a session that only waits for its client keeps its state, and gives up its task and its actor.

As Erlang's ``hibernate``. Most of what a detached session would take is not its state *(resident, with 1 KiB of data:
parked 8.5 KiB, hibernated 3.2)*. Unlike passivation it is no change of phase and no matter of the store: what comes
next starts an actor that goes on from the state, without a load. An awake session stays parked for its minute: more is
likely to come.

*(An actor's end and another's start take 48 µs, once for each burst of messages.)*
"""

from typing import Protocol

from msgspec.structs import replace

from sessiond.core.session.state import SessionState
from sessiond.runtime.calls import Calls
from sessiond.runtime.cell import Cell, Hibernated, Standing
from sessiond.runtime.gate import Gate

__all__ = ["Hibernating", "hibernate", "wake_up"]


class Hibernating(Protocol):
    """The actor, as hibernation sees it."""

    calls: Calls
    cell: Cell
    gate: Gate
    state: SessionState
    turns_taken: int


def hibernate(actor: Hibernating) -> bool:
    """Leave on the cell what the next actor goes on from; ``False`` while something is unwritten or waits.

    The actor must end without another await: then the supervisor finds the cell as quiet as it was here.
    """
    gate, cell, state, calls = actor.gate, actor.cell, actor.state, actor.calls
    if not gate.is_open or gate.lazy is not None or not cell.is_quiet:
        return False
    if state.outbox:  # the store has the frames
        state = replace(state, outbox=())
    cell.hibernated = Hibernated(
        state, gate.version, calls.account, calls.refusal, actor.turns_taken
    )
    return True


def wake_up(actor: Hibernating) -> bool:
    """Go on from what the actor before this one left; ``False``: it left nothing."""
    cell = actor.cell
    left, cell.hibernated = cell.hibernated, None
    if left is None:
        return False
    actor.state, actor.gate.version = left.state, left.version
    actor.calls.account, actor.calls.refusal = left.account, left.refusal
    actor.turns_taken = left.turns_taken
    cell.actor = actor
    cell.standing = Standing.RUNNING
    return True
