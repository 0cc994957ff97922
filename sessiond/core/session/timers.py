"""Named timers of a session, as values: set, cancel, and tell a current one from a stale one."""

from collections.abc import Iterable, Mapping
from typing import Final

from sessiond.core.records import Timer
from sessiond.core.session.outcome import TimerRequest
from sessiond.core.session.state import SessionState

__all__ = ["Timers", "is_current", "with_timers", "without_timer"]

Timers = Mapping[str, Timer]

_MICROSECONDS: Final = 1_000_000


def is_current(state: SessionState, timer: Timer) -> bool:
    """Tell whether a timer that fired is still set; a stale one has no effect."""
    current = state.timers.get(timer.name)
    return current is not None and current.generation == timer.generation


def with_timers(timers: Timers, requests: Iterable[TimerRequest], now: float) -> Timers:
    """Set timers, each with a new generation; ``due=None`` makes an undated one."""
    changed = dict(timers)
    for request in requests:
        earlier = changed.get(request.name)
        # From the clock, so that a timer set anew after a restart never meets an old one's generation.
        generation = max(int(now * _MICROSECONDS), earlier.generation + 1 if earlier else 0)
        changed[request.name] = Timer(request.name, generation, request.due, request.payload)
    return changed


def without_timer(timers: Timers, name: str) -> Timers:
    """Remove the timer called *name*, if it is set."""
    if name not in timers:
        return timers
    return {key: timer for key, timer in timers.items() if key != name}
