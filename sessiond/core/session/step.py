"""Step: what one thing that happened to a session leads to."""

from sessiond.core.records import Frame
from sessiond.core.session.effects import Effect
from sessiond.core.session.state import SessionState
from sessiond.core.values import Value

__all__ = ["Step"]


class Step(Value, frozen=True):
    """The state after it, and what is to be done. *frames* are the pushes that were appended to the outbox."""

    state: SessionState
    effects: tuple[Effect, ...] = ()
    frames: tuple[Frame, ...] = ()
