"""Step: what one thing that happened to a session leads to."""

from attrs import define

from sessiond.core.records import Frame
from sessiond.core.session.effects import Effect
from sessiond.core.session.state import SessionState

__all__ = ["Step"]


@define
class Step:
    """The state after it, and what is to be done. *frames* are the pushes that were appended to the outbox."""

    state: SessionState
    effects: tuple[Effect, ...] = ()
    frames: tuple[Frame, ...] = ()
