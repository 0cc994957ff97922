"""Telemetry events: what the server says about itself, and who listens.

Whoever does something emits a named event with *measurements* (numbers with a unit) and *metadata* (what it
was about); logs, metrics and traces are listeners (Elixir's ``:telemetry``, Phoenix's logger). So the runtime
imports no logging or metrics library, and EVENTS (events.py) *is* the documentation: ``docs/reference/telemetry.md``
is generated from it.

Rules. Metadata never holds payloads, tokens or phone numbers. ``user`` is a personal datum: listeners must not
print it in clear (logs show a keyed hash, metrics have no such label). A listener is called in the emitting
task or thread, must not block, and can never hurt the emitter: one that raises is detached and reported once.

On a hot path hold an emitter and build the dicts only when somebody listens::

    _turn_stop = telemetry.emitter("turn.stop")
    ...
    if _turn_stop.listeners:
        _turn_stop({"duration": duration}, {"user": user, "kind": "message"})
"""

from sessiond.telemetry.bus import (
    Detach,
    Emitter,
    Listener,
    attach,
    emit,
    emitter,
    enabled,
    is_strict,
    set_strict,
)
from sessiond.telemetry.event import Event, Measurements, Metadata, TelemetryMisuse
from sessiond.telemetry.events import EVENTS

__all__ = [
    "EVENTS",
    "Detach",
    "Emitter",
    "Event",
    "Listener",
    "Measurements",
    "Metadata",
    "TelemetryMisuse",
    "attach",
    "emit",
    "emitter",
    "enabled",
    "is_strict",
    "set_strict",
]
