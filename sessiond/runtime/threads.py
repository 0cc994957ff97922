"""Threads: where functions of the app that are not async run, so that they hold up nobody.

The threads are few and shared by all users. A function's time begins when it has a thread, so that one user's slow
functions cost others time, but never their attempts. One that was given up leaves its place to the next.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import trio

__all__ = ["InPlace", "Threads", "WorkerThreads"]

#: Functions that run at the same time, over all users.
_THREADS: Final = 40

#: Threads of functions that were given up and have not returned. Beyond this they take the places of others.
_STUCK: Final = 400


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
        self._stuck: set[trio.CancelScope] = set()

    @property
    def places(self) -> int:
        """How many threads there may be now, those of functions that were given up included."""
        return int(self._limiter.total_tokens)

    async def call(
        self, function: Callable[..., Any], args: tuple[Any, ...], seconds: float
    ) -> Any:
        """Call it in a thread; see ``Threads``."""
        token = trio.lowlevel.current_trio_token()
        scope = trio.CancelScope()
        returned: list[bool] = []

        def begin() -> Any:
            with suppress(trio.RunFinishedError):  # then nobody waits
                token.run_sync_soon(_limit, scope, seconds)
            try:
                return function(*args)
            finally:
                with suppress(trio.RunFinishedError):
                    token.run_sync_soon(self._returned, scope, returned)

        with scope:
            return await trio.to_thread.run_sync(
                begin, limiter=self._limiter, abandon_on_cancel=True
            )
        if not returned:
            self._give_up(scope)
        raise trio.TooSlowError

    def _give_up(self, scope: trio.CancelScope) -> None:
        """Make room for another function than the one that is given up, until that one returns."""
        if len(self._stuck) < _STUCK:
            self._stuck.add(scope)
            self._limiter.total_tokens += 1

    def _returned(self, scope: trio.CancelScope, returned: list[bool]) -> None:
        returned.append(True)
        if scope in self._stuck:
            self._stuck.remove(scope)
            self._limiter.total_tokens -= 1


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
