"""The states of ChatterKeep's conversation, by the names in its code and by those in its design document.

In sessiond a conversation has no state of its own to be named: it waits at a question. Dashboards, exports and old
tables name states, in either vocabulary, so both are understood here.
"""

from enum import StrEnum
from typing import Final

__all__ = ["State", "state_named", "state_of"]


class State(StrEnum):
    """Named as in the code; *documented* is the other name."""

    START = "start"
    ASK_NAME = "ask_name"
    ASK_SONG = "ask_song"
    DONE = "done"

    @property
    def documented(self) -> str:
        """The name in the design document."""
        return _DOCUMENTED[self]


_DOCUMENTED: Final = {
    State.START: "INITIAL",
    State.ASK_NAME: "AWAITING_NAME",
    State.ASK_SONG: "AWAITING_SONG",
    State.DONE: "COMPLETE",
}
_NAMED: Final = {name.casefold(): state for state, name in _DOCUMENTED.items()}


def state_named(name: str) -> State:
    """Find the state that either vocabulary calls *name*, whatever its letter case.

    Raises:
      ValueError: neither does.

    """
    known = name.strip().casefold()
    return _NAMED[known] if known in _NAMED else State(known)


def state_of(question: str | None, *, has_ended: bool) -> State:
    """Name the state of a conversation that waits at *question*, or has ended."""
    if question is not None:
        return State(question)
    return State.DONE if has_ended else State.START
