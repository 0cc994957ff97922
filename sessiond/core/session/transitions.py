"""Session transitions: which phase follows which event.

Two rules. Every change of phase is a row in TRANSITIONS; nothing outside this module may assign a phase.
This module does not know what a transition *does* (machine.py) or how long a phase may last (limits.py).
The state diagram in ``docs/reference/phases.md`` is generated from the table, and a test compares the two.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sessiond.core.errors import SessiondError
from sessiond.core.session.phases import Phase

__all__ = ["TRANSITIONS", "IllegalTransition", "Trigger", "next_phase"]


class Trigger(StrEnum):
    """What moves a session from phase to phase."""

    JOINED = "joined"
    """A connection joined."""
    LEFT = "left"
    """A connection left and others remain."""
    LAST_LEFT = "last left"
    """The last connection left."""
    RECEIVED = "received"
    """An input came that needs no connection: webhook, timer, send."""
    WINDOW_EXPIRED = "window expired"
    """Nobody came back within the reconnection window."""
    LINGER_EXPIRED = "linger expired"
    """Nothing came for a while, and nobody is connected."""
    ENDED = "ended"
    """The app or an operator ended the session."""


class IllegalTransition(SessiondError):
    """The table has no row for this; nothing was changed."""


TRANSITIONS: Final[Mapping[tuple[Phase, Trigger], Phase]] = MappingProxyType(
    {
        (Phase.NEW, Trigger.JOINED): Phase.ATTACHED,
        (Phase.NEW, Trigger.RECEIVED): Phase.AWAKE,
        (Phase.NEW, Trigger.ENDED): Phase.ENDED,
        (Phase.ATTACHED, Trigger.JOINED): Phase.ATTACHED,
        (Phase.ATTACHED, Trigger.LEFT): Phase.ATTACHED,
        (Phase.ATTACHED, Trigger.LAST_LEFT): Phase.DETACHED,
        (Phase.ATTACHED, Trigger.RECEIVED): Phase.ATTACHED,
        (Phase.ATTACHED, Trigger.ENDED): Phase.ENDED,
        (Phase.DETACHED, Trigger.JOINED): Phase.ATTACHED,
        (Phase.DETACHED, Trigger.RECEIVED): Phase.DETACHED,
        (Phase.DETACHED, Trigger.WINDOW_EXPIRED): Phase.PASSIVE,
        (Phase.DETACHED, Trigger.ENDED): Phase.ENDED,
        (Phase.AWAKE, Trigger.JOINED): Phase.ATTACHED,
        (Phase.AWAKE, Trigger.RECEIVED): Phase.AWAKE,
        (Phase.AWAKE, Trigger.LINGER_EXPIRED): Phase.PASSIVE,
        (Phase.AWAKE, Trigger.ENDED): Phase.ENDED,
        (Phase.PASSIVE, Trigger.JOINED): Phase.ATTACHED,
        (Phase.PASSIVE, Trigger.RECEIVED): Phase.AWAKE,
        (Phase.PASSIVE, Trigger.ENDED): Phase.ENDED,
    }
)


def next_phase(phase: Phase, trigger: Trigger) -> Phase:
    """Look up the phase that follows *phase* on *trigger*.

    Raises:
      IllegalTransition: the table has no such row.

    """
    try:
        return TRANSITIONS[phase, trigger]
    except KeyError:
        raise IllegalTransition(f"a session that is {phase} cannot take {trigger!r}") from None
