"""A turn in the making: what has been computed so far, and what of it has to become durable."""

from collections.abc import Mapping

import msgspec

from sessiond.core.gateways.lines import Line
from sessiond.core.ids import Digest
from sessiond.core.records import Consumed, DeadLetter, Delivery, Frame
from sessiond.core.session.changes import Change
from sessiond.core.session.effects import Effect
from sessiond.core.session.state import SessionState

__all__ = ["Computed", "Refusals", "Signal"]

Signal = tuple[str, Mapping[str, float], Mapping[str, object]]
"""A telemetry event that is emitted when the turn is released."""


Refusals = tuple[str, ...]
"""What the store said each time it refused the turn of an input for its size."""


class Computed(msgspec.Struct):
    """A turn in the making: what the gate will hold."""

    before: SessionState
    state: SessionState
    effects: tuple[Effect, ...] = ()
    frames: tuple[Frame, ...] = ()
    consumed: tuple[Consumed, ...] = ()
    forgotten: tuple[Digest, ...] = ()
    inbox_done: tuple[int, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    journal: tuple[bytes, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    deliveries_done: tuple[str, ...] = ()
    erase: bool = False
    relaxed: bool = False
    signals: list[Signal] = []
    refusals: Refusals = ()
    """Of the turns that were computed of this input before: so much less has to come of it."""
    phone: str = ""
    """Whose phone is answered: an alias, or (empty) the user himself. Each has a line of its own."""
    line: tuple[bytes, Line] | None = None
    """The line that was read or written last, with the bytes that it is in the state: each turn asks for it often."""

    def change(self) -> Change | None:
        """What this turn makes durable; ``None`` when it cannot be anything."""
        if self.state is self.before and not (
            self.inbox_done
            or self.dead_letters
            or self.journal
            or self.deliveries
            or self.deliveries_done
            or self.erase
        ):
            return None
        return Change(
            before=self.before,
            after=self.state,
            frames=self.frames,
            consumed=self.consumed,
            forgotten=self.forgotten,
            inbox_done=self.inbox_done,
            dead_letters=self.dead_letters,
            journal=self.journal,
            deliveries=self.deliveries,
            deliveries_done=self.deliveries_done,
            erase=self.erase,
        )
