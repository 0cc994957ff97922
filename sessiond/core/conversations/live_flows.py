"""Live flows: the coroutines of one user's conversations that are in memory, each with the stored bytes it belongs to.

Other bytes (a commit failed, the state was rolled back, another process was the last to write) mean that a coroutine
has seen what never happened: it is put away, and the flow is rebuilt from its record.
"""

from collections.abc import Container

from attrs import frozen

from sessiond.core.flows.engine import LiveFlow
from sessiond.core.flows.faults import FlowFailed
from sessiond.core.flows.record import Record

__all__ = ["LiveFlows"]


@frozen
class _Held:
    key: str
    raw: bytes
    flow: LiveFlow


class LiveFlows:
    """At most one flow per session key. What is replaced or dropped is put away: garbage collectors ask nobody."""

    __slots__ = ("_failures", "_held")

    def __init__(self) -> None:
        # Of one flow a tuple takes 48 bytes, a dict 184; there are seldom more, and never many.
        self._held: tuple[_Held, ...] = ()
        self._failures: tuple[FlowFailed, ...] = ()

    def find(self, key: str, raw: bytes) -> LiveFlow | None:
        """Give the flow of the conversation *key* if it belongs to *raw*; one that does not is dropped."""
        held = self._find(key)
        if held is None:
            return None
        if held.raw == raw and held.flow.is_alive:
            return held.flow
        self.drop(key)
        return None

    def record(self, key: str, raw: bytes) -> Record | None:
        """Give the record of the flow that belongs to *raw*, without decoding it; ``None``: it is not in memory."""
        held = self._find(key)
        return held.flow.record if held is not None and held.raw is raw else None

    def keep(self, key: str, raw: bytes, flow: LiveFlow) -> None:
        """Hold *flow*, which belongs to *raw*."""
        held = self._find(key)
        if held is not None and held.flow is not flow:
            self._put_away(held.flow)
        self._held = (*self._others(key), _Held(key, raw, flow))

    def move(self, key: str, to: str) -> None:
        """The conversation *key* has the key *to* from now on."""
        held = self._find(key)
        if held is not None:
            self.drop(to)
            self._held = (*self._others(key), _Held(to, held.raw, held.flow))

    def drop(self, key: str, flow: LiveFlow | None = None) -> None:
        """Put the flow of *key* away, and *flow*, which may not be held yet."""
        held = self._find(key)
        self._held = self._others(key)
        if held is not None:
            self._put_away(held.flow)
        if flow is not None:
            self._put_away(flow)

    def keep_only(self, keys: Container[str]) -> None:
        """Drop the flows of every conversation that is not among *keys*."""
        for held in self._held:
            if held.key not in keys:
                self.drop(held.key)

    def put_away(self) -> list[FlowFailed]:
        """Drop all. Returns what the flows' code raised while it was put away, now or since the last call."""
        self.keep_only(())
        failures, self._failures = self._failures, ()
        return list(failures)

    def _find(self, key: str) -> _Held | None:
        for held in self._held:
            if held.key == key:
                return held
        return None

    def _others(self, key: str) -> tuple[_Held, ...]:
        return tuple([held for held in self._held if held.key != key])

    def _put_away(self, flow: LiveFlow) -> None:
        failure = flow.put_away()
        if failure is not None:
            self._failures += (failure,)
