"""Recovery: what an actor does when the store refused a commit.

The refused turn and all computed after it are void: none of their effects left, and their inputs go back to the head
of the mailbox in order.

Fenced: the actor stops, its clients come back elsewhere. Conflict: somebody wrote behind our back; the record is read
again, a new epoch begins, clients come back. Too large: the one turn to blame fails, the rest is computed again.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from sessiond import telemetry
from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.errors import Fenced, Refused
from sessiond.core.gateways.inbox_bodies import GATEWAY_KIND
from sessiond.core.records import Verdict, VerdictStatus
from sessiond.core.session import inputs, machine
from sessiond.core.session.phases import Phase
from sessiond.core.session.state import SessionState
from sessiond.runtime.cell import Cell
from sessiond.runtime.computed import Computed
from sessiond.runtime.gate import Gate, Turn
from sessiond.runtime.mailbox import Envelope
from sessiond.runtime.outlet import Outlet
from sessiond.runtime.services import Services

__all__ = ["Recovering", "recover"]

#: What becomes of an input is less each time: the result of a function has the most, four (``Settled.refusals``).
_MAX_REFUSALS: Final = 4

#: What a person said is the flow's failure the second time; if that does not fit either, it has failed.
_MAX_OF_SAID: Final = 2


class Recovering(Protocol):
    """The actor, as recovery sees it."""

    cell: Cell
    gate: Gate
    outlet: Outlet
    services: Services
    state: SessionState

    async def activate(self) -> None:
        """Read the session from the store (again)."""
        ...

    async def fail(self, envelope: Envelope, error: Exception) -> None:
        """Deal with a failed turn."""
        ...

    def enter(self, computed: Computed, envelope: Envelope | None) -> None:
        """Take a computed turn."""
        ...


async def recover(actor: Recovering) -> None:
    """Undo every turn that was not released, according to the verdict.

    Raises:
      Fenced: the actor has to stop.
      Exception: the session could not be read again; what waits is in the mailbox.

    """
    verdict, turns = actor.gate.fail()
    actor.state = turns[0].before
    envelopes = [turn.envelope for turn in turns if turn.envelope is not None]
    who = {"user": actor.cell.user}
    where = {**who, "partition": actor.cell.partition}
    match verdict.status:
        case VerdictStatus.FENCED:
            telemetry.emit("commit.fenced", {}, where)
            actor.cell.mailbox.put_front(envelopes)
            actor.outlet.close_all(CloseCode.MOVED)
            raise Fenced("another owner has this user's partition")
        case VerdictStatus.TOO_LARGE:
            telemetry.emit("commit.too_large", {"size": _size(verdict)}, who)
            await _too_large(actor, turns, envelopes, verdict.detail or "no size told")
            _close_orphaned_window(actor)
        case _:
            telemetry.emit("commit.conflict", {}, where)
            await _conflict(actor, envelopes)


def _size(verdict: Verdict) -> int:
    """Read the size that stores say in the detail, if they do (``123 bytes; …``)."""
    first, _, _ = verdict.detail.partition(" ")
    return int(first) if first.isdecimal() else 0


async def _too_large(
    actor: Recovering, turns: Sequence[Turn], envelopes: Sequence[Envelope], detail: str
) -> None:
    written = [turn for turn in turns if turn.change is not None]
    if len(written) > 1 and not actor.gate.separately:
        actor.gate.separately = len(written)  # find the one that is to blame
        actor.cell.mailbox.put_front(list(envelopes))
        return
    culprit, change = turns[0].envelope, turns[0].change
    actor.cell.mailbox.put_front([one for one in envelopes if one is not culprit])
    # Failing it again could change nothing: a bug of ours, or a limit set below what doors let in.
    if culprit is None or (change is not None and change.dead_letters):
        raise RuntimeError("the store refuses this record for its size")
    culprit.refusals = (*culprit.refusals, detail)
    if len(culprit.refusals) > _MAX_REFUSALS:
        actor.cell.mailbox.put_front([culprit])
        culprit.refusals = ()
        raise RuntimeError("the store refuses this record for its size, whatever becomes of it")
    if _becomes_less(culprit):
        actor.cell.mailbox.put_front([culprit])
    else:
        message = f"the session would be too large ({detail})"
        await actor.fail(culprit, Refused(ErrorCode.TOO_LARGE, message))


def _becomes_less(envelope: Envelope) -> bool:
    """Tell whether the next turn of an input writes less than the one that was refused."""
    match envelope.item:
        case inputs.Settled():
            return True
        case inputs.Said() | inputs.Incoming():
            return len(envelope.refusals) < _MAX_OF_SAID
        case inputs.Accepted(entry=entry):
            return entry.kind.startswith(GATEWAY_KIND) and len(envelope.refusals) < _MAX_OF_SAID
        case _:
            return False


async def _conflict(actor: Recovering, envelopes: Sequence[Envelope]) -> None:
    actor.gate.lazy = None
    actor.outlet.close_all(CloseCode.RESTARTED)
    # Back first: if the record cannot be read they are told, as everything else that waits.
    actor.cell.mailbox.put_front(list(envelopes))
    await actor.activate()
    if actor.state.phase is not Phase.NEW:
        epoch = actor.services.new_epoch()
        restarted = machine.restart_stream(actor.state, epoch)
        actor.enter(Computed(actor.state, restarted), None)


def _close_orphaned_window(actor: Recovering) -> None:
    """Date the window again if the turn that did was among the void ones: it has no input that would come back."""
    if machine.has_orphaned_window(actor.state):
        now, limits = actor.services.clock.now(), actor.services.limits
        orphaned = machine.open_window(actor.state, now, limits)
        actor.enter(Computed(actor.state, orphaned), None)
