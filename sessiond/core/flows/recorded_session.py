"""``c.session``: what a flow remembers from one conversation to the next, the same whenever it is rebuilt.

What a flow *reads* is recorded, like the time: when the flow is rebuilt it sees what it saw then, whatever has been
written since. What it *writes* is written once: while a flow is on its way back to where it was, through a restart of
the server or through ``go_back``, its writes are the ones it made before, and are passed over.

So: going back does not take back what was written; beginning again (``c.restart``, changed code) writes again, on top
of what is there; and a write that is added to the code before a question that somebody is waiting at is not made for
that person.

Whatever cannot be stored fails the turn, also when the flow catches the error: rebuilt, it would not meet it.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, overload

import msgspec

from sessiond.core.errors import AppFailed
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.flow_session import DataKey, FlowSession, name_of

__all__ = ["READ", "RecordedSession", "Recorder"]

T = TypeVar("T")
D = TypeVar("D")

#: Kind of the entries that hold what was read: ``[value]``, or ``[]`` when there was none.
READ = "session"
_HAS = "session_has"
_EXISTS = "session_exists"
_NAMES = "session_names"


class Recorder(Protocol):
    """The engine, as the session sees it."""

    @property
    def session(self) -> FlowSession:
        """The session of this turn."""
        ...

    @property
    def is_new(self) -> bool:
        """Whether the flow is where it has never been: what it writes now was not written before."""
        ...

    def fact(
        self, kind: str, make: Callable[[], object], *, key: str = "", as_type: Any = None
    ) -> Any:
        """Give the recorded fact that is next, or make and record one."""
        ...

    def troubled(self, error: FlowFailed) -> FlowFailed:
        """Note that the turn has failed, whatever the flow does with *error*."""
        ...


class RecordedSession:
    """The six verbs of FlowChat's session store, for one flow. *alive* gives the engine, or raises ``FlowEvicted``."""

    __slots__ = ("_alive",)

    def __init__(self, alive: Callable[[], Recorder]) -> None:
        self._alive = alive

    @overload
    def get(self, key: DataKey[T]) -> T | None: ...
    @overload
    def get(self, key: DataKey[T], default: D) -> T | D: ...
    @overload
    def get(self, key: str, default: Any = None) -> Any: ...
    def get(self, key: Any, default: Any = None) -> Any:
        """Read a value, *default* when there is none. ``None``, ``False``, 0 and ``""`` are values.

        Raises:
          FlowFailed: what is stored does not fit the type of the key (any more).
          InvalidInput: the key is no text, empty or too long.

        """
        recorder, name = self._alive(), name_of(key)
        session = recorder.session
        as_type = list[key.kind] if isinstance(key, DataKey) else None

        def read() -> list[msgspec.Raw]:
            raw = None if session.record is None else session.record.values.get(name)
            return [] if raw is None else [msgspec.Raw(raw)]

        try:
            found = recorder.fact(READ, read, key=name, as_type=as_type)
        except (msgspec.MsgspecError, TypeError, ValueError):
            raise recorder.troubled(
                FlowFailed(f"the session's value {name!r} does not fit the type of its key")
            ) from None
        return found[0] if found else default

    def set(self, key: "str | DataKey[T]", value: T) -> T:
        """Store a value and return it; the session's time to live starts anew.

        Raises:
          FlowFailed: it cannot be stored as JSON, does not fit the type of the key, or is too much.
          InvalidInput: the key is no text, empty or too long.

        """
        name_of(key)
        self._write(lambda session: session.set(key, value))
        return value

    def delete(self, key: "str | DataKey[Any]") -> bool:
        """Forget one value: whether there was one."""
        name = name_of(key)
        is_new = self._alive().is_new
        found = name in self
        if found and is_new:
            self._alive().session.delete(name)
        return found

    def clear(self) -> None:
        """Forget all values; the session stays, with its language."""
        self._write(FlowSession.clear)

    def destroy(self) -> None:
        """Take the session away, with everything in it; the next write makes a new one."""
        self._write(FlowSession.destroy)

    def exists(self) -> bool:
        """Whether any value is stored."""
        recorder = self._alive()
        found: bool = recorder.fact(_EXISTS, recorder.session.exists)
        return found

    def names(self) -> tuple[str, ...]:
        """List the keys that have a value, in the order they were first set."""
        recorder = self._alive()
        return tuple(recorder.fact(_NAMES, recorder.session.names))

    def __contains__(self, key: object) -> bool:
        recorder, name = self._alive(), name_of(key)
        session = recorder.session
        found: bool = recorder.fact(_HAS, lambda: name in session, key=name)
        return found

    def _write(self, work: Callable[[FlowSession], object]) -> None:
        recorder = self._alive()
        if not recorder.is_new:
            return
        try:
            work(recorder.session)
        except AppFailed as error:
            raise recorder.troubled(FlowFailed(str(error))) from None
