"""Readiness told to logs and metrics: orchestrators ask ``/readyz``, operators read when it changed and why."""

from collections.abc import Callable, Sequence
from typing import Final

import trio

from sessiond import telemetry

__all__ = ["watch_readiness"]

#: Shorter spells of not being ready are not worth a line.
_LOOK_SECONDS: Final = 1.0


async def watch_readiness(not_ready: Callable[[], Sequence[str]], node: str) -> None:
    """Emit ``node.ready`` or ``node.not_ready`` now, and whenever the reasons that *not_ready* gives change.

    Runs until cancelled, which is when the node is told to stop: ``node.draining`` says so then.
    """
    told: str | None = None
    while True:
        reasons = ", ".join(not_ready())
        if reasons != told:
            told = reasons
            if reasons:
                telemetry.emit("node.not_ready", {}, {"node": node, "reason": reasons})
            else:
                telemetry.emit("node.ready", {}, {"node": node})
        await trio.sleep(_LOOK_SECONDS)
