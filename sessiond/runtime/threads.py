"""Threads: where functions of the app that are not async run, so that they hold up nobody.

The threads are few and shared by all users. A function's time begins when it has a thread, so that one user's slow
functions cost others time, but never their attempts.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import trio

__all__ = ["InPlace", "Threads", "WorkerThreads"]

#: Functions that run at the same time, over all users.
_THREADS: Final = 40


class Threads(Protocol):
    """How a function that is not async is called."""

    async def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float
    ) -> Any:
        """Call ``function(*args)`` and return what it returns.

        Raises:
          trio.TooSlowError: it took longer than *seconds*; it may still be running.
          Exception: what it raised.

        """
        ...


class WorkerThreads:
    """Threads of the process. Cancelled: the function runs on by itself, and nobody hears what it returns."""

    def __init__(self, count: int = _THREADS) -> None:
        self._limiter = trio.CapacityLimiter(count)

    async def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float
    ) -> Any:
        """Call it in a thread; see ``Threads``."""
        token = trio.lowlevel.current_trio_token()
        scope = trio.CancelScope()

        def begin() -> Any:
            with suppress(trio.RunFinishedError):  # then nobody waits
                token.run_sync_soon(_limit, scope, seconds)
            return function(*args)

        with scope:
            return await trio.to_thread.run_sync(
                begin, limiter=self._limiter, abandon_on_cancel=True
            )
        raise trio.TooSlowError


class InPlace:
    """No threads: the function is called at once, and virtual time stands still meanwhile (``sessiond.testing``)."""

    async def call(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        seconds: float,  # noqa: ARG002 -- nothing can end it
    ) -> Any:
        """Call it here; see ``Threads``. It may take any time."""
        await trio.lowlevel.checkpoint()
        return function(*args)


def _limit(scope: trio.CancelScope, seconds: float) -> None:
    scope.deadline = trio.current_time() + seconds
