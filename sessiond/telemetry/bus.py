"""Who listens to which telemetry event, and telling them.

Attaching is rare and takes a lock; emitting is on the hot path and reads one attribute. Each event has one
emitter, which holds the tuple of its listeners; attaching and detaching replace the tuples.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sessiond.telemetry.event import Event, Measurements, Metadata, TelemetryMisuse
from sessiond.telemetry.events import EVENTS

__all__ = [
    "Detach",
    "Emitter",
    "Listener",
    "attach",
    "emit",
    "emitter",
    "enabled",
    "is_strict",
    "set_strict",
]

Listener = Callable[[str, Measurements, Metadata], None]
"""Called with the event's name, its measurements and its metadata; it must keep neither mapping."""

Detach = Callable[[], None]
"""Ends an attachment; calling it again is harmless."""

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_NO_NUMBERS: Final[Measurements] = MappingProxyType({})
_log: Final = logging.getLogger("sessiond.telemetry")


class Emitter:
    """One event and who listens to it now. Get it from ``emitter``; calling it emits."""

    __slots__ = ("event", "listeners")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.listeners: tuple[Listener, ...] = ()
        """Empty when nobody listens: test it before building dicts. Not for changing."""

    def __call__(
        self, measurements: Measurements = _NO_NUMBERS, metadata: Metadata = _NOTHING
    ) -> None:
        """Tell every listener; never raises but for ``TelemetryMisuse`` in strict mode."""
        listeners = self.listeners
        if not listeners:
            return
        if _bus.strict:
            self.event.check(measurements, metadata)
        for listener in listeners:
            try:
                listener(self.event.name, measurements, metadata)
            except Exception as error:  # noqa: BLE001 -- a listener must not hurt the emitter
                _bus.report(listener, self.event.name, error)


class _Bus:
    """Who is attached; emitters hold the part that concerns them. Changed under a lock, read without one."""

    def __init__(self) -> None:
        self.strict = False
        self.emitters = {name: Emitter(event) for name, event in EVENTS.items()}
        self.attached: dict[object, tuple[Listener, frozenset[str]]] = {}
        self.lock = threading.Lock()

    def attach(self, listener: Listener, names: Iterable[str] | None) -> Detach:
        wanted = frozenset(EVENTS if names is None else names)
        if unknown := wanted - EVENTS.keys():
            raise ValueError(f"unknown telemetry events: {', '.join(sorted(unknown))}")
        key = object()
        with self.lock:
            self.attached[key] = (listener, wanted)
            self.spread(wanted)
        return lambda: self.detach(key)

    def detach(self, key: object) -> None:
        with self.lock:
            gone = self.attached.pop(key, None)
            if gone is not None:
                self.spread(gone[1])

    def spread(self, events: Iterable[str]) -> None:
        """Give the emitters of *events* their listeners, in the order they were attached; call with the lock held."""
        # In strict mode fields are checked although nobody listens.
        checking = (_ignore,) if self.strict else ()
        for name in events:
            self.emitters[name].listeners = (
                *checking,
                *(who for who, names in self.attached.values() if name in names),
            )

    def report(self, listener: Listener, name: str, error: Exception) -> None:
        """Detach *listener* and say so once; the error's message may hold anything, so only its class is told."""
        with self.lock:
            keys = [key for key, (who, _) in self.attached.items() if who is listener]
            for key in keys:
                self.spread(self.attached.pop(key)[1])
        if keys:
            what = getattr(listener, "__qualname__", type(listener).__qualname__)
            _log.error(
                "telemetry listener %s raised %s on %s and was detached",
                what,
                type(error).__name__,
                name,
            )


def _ignore(_name: str, _measurements: Measurements, _metadata: Metadata) -> None:
    """Listen to nothing."""


_bus: Final = _Bus()


def emitter(name: str) -> Emitter:
    """Return the one emitter of event *name*, for modules that emit it often.

    Raises:
      TelemetryMisuse: there is no such event.

    """
    try:
        return _bus.emitters[name]
    except KeyError:
        raise TelemetryMisuse(f"unknown telemetry event {name!r}") from None


def emit(
    name: str, measurements: Measurements = _NO_NUMBERS, metadata: Metadata = _NOTHING
) -> None:
    """Tell whoever listens to event *name*.

    Outside strict mode nothing is checked, and an unknown name is as silent as one without listeners.

    Raises:
      TelemetryMisuse: in strict mode, when the name or the fields are not those of EVENTS.

    """
    one = _bus.emitters.get(name)
    if one is None:
        if _bus.strict:
            raise TelemetryMisuse(f"unknown telemetry event {name!r}")
    elif one.listeners:
        one(measurements, metadata)


def enabled(name: str) -> bool:
    """Tell whether anybody listens to event *name*."""
    one = _bus.emitters.get(name)
    return one is not None and bool(one.listeners)


def attach(listener: Listener, names: Iterable[str] | None = None) -> Detach:
    """Call *listener* for each of *names* (all events when ``None``) until the returned function is called.

    Detaching twice is harmless. The same listener attached twice is called twice.

    Raises:
      ValueError: a name is not in EVENTS.

    """
    return _bus.attach(listener, names)


def set_strict(strict: bool) -> None:  # noqa: FBT001 -- the one argument is what the name asks for
    """Check each emitted event against EVENTS and raise ``TelemetryMisuse``: for tests and ``sessiond dev``."""
    with _bus.lock:
        _bus.strict = strict
        _bus.spread(EVENTS)


def is_strict() -> bool:
    """Tell whether emitted events are checked."""
    return _bus.strict
