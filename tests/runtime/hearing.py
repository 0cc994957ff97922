"""Listening to telemetry within a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sessiond import telemetry

Heard = list[tuple[str, dict[str, float], dict[str, object]]]


@contextmanager
def hearing(*names: str) -> Iterator[Heard]:
    """Collect the events called *names* while the block runs, checking their fields against the table."""
    heard: Heard = []
    detach = telemetry.attach(
        lambda name, measured, about: heard.append((name, dict(measured), dict(about))), names
    )
    was_strict = telemetry.is_strict()
    telemetry.set_strict(True)
    try:
        yield heard
    finally:
        telemetry.set_strict(was_strict)
        detach()
