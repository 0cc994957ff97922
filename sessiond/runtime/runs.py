"""Runs: the functions that flows call with ``c.run``, executed once the turn that asked is durable.

A run is an effect of a released turn; its result is an input of its own (``Settled``). At least once: the record says
that it is pending until the result is committed, and the session's ``$runs`` timer starts it again when this process
did not live to tell. In one process a run that is under way is never started twice.

Functions may be async (Trio) or not (they get a thread). Cancelled with the node: then they run again elsewhere.
"""

import inspect
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import trio

from sessiond import telemetry
from sessiond.core.conversations.shown import encode_shown
from sessiond.core.errors import MailboxFull, Refused
from sessiond.core.flows.engine import encode_result
from sessiond.core.flows.faults import FlowFailed, RunFailed
from sessiond.core.flows.prompts import Message, Output, RunRequest
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock, Entropy, ReplyTo
from sessiond.core.session.effects import StartRun
from sessiond.core.session.inputs import Settled
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.directory import LocalDirectory

__all__ = ["MAX_RESULT", "Runs"]

#: Bytes of a result as JSON: it is part of the user's snapshot.
MAX_RESULT: Final = 64 * 1024

#: Of an exception's text: it is recorded, and shown to nobody but the flow.
_MAX_MESSAGE: Final = 500

#: Functions that are not async and run at the same time, over all users.
_THREADS: Final = 40

_log: Final = logging.getLogger("sessiond.app")

_DELIVERY: Final = Backoff(0.1, 5.0)


class Runs:
    """The runs of one node. ``run`` is its task; ``start`` may be called while it lives."""

    def __init__(self, directory: LocalDirectory, *, clock: Clock, entropy: Entropy) -> None:
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._threads = trio.CapacityLimiter(_THREADS)
        self._nursery: trio.Nursery | None = None
        self._under_way: set[tuple[UserId, str]] = set()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Execute what is started until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def start(self, user: UserId, effect: StartRun, reply_to: ReplyTo | None) -> None:
        """Start a run, unless it is under way. *reply_to* waits for what comes of it, for ``waits_seconds``."""
        key = (user, effect.request.run_id)
        if key in self._under_way or self._nursery is None:
            if reply_to is not None:
                reply_to.ok(_pending(effect))
            return
        self._under_way.add(key)
        self._nursery.start_soon(
            self._execute, user, effect, _Waiting(reply_to, effect, self._clock)
        )

    async def _execute(self, user: UserId, effect: StartRun, waiting: "_Waiting") -> None:
        request = effect.request
        about = {"user": user, "run": request.key}
        began = self._clock.monotonic()
        telemetry.emit("run.start", {}, about)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(waiting.give_up_in_time)
                result = await self._result(request)
                nursery.cancel_scope.cancel()
            seconds = self._clock.monotonic() - began
            outcome = "failure" if isinstance(result, RunFailed) else "success"
            telemetry.emit("run.stop", {"duration": seconds}, {**about, "outcome": outcome})
            await self._tell(user, effect, result, waiting)
        finally:
            self._under_way.discard((user, request.run_id))
            waiting.answer_pending()

    async def _result(self, request: RunRequest) -> bytes | RunFailed:
        """Call the function until it returns, or has failed for good."""
        retries = request.retries
        backoff = Backoff(retries.first_wait_seconds, retries.longest_wait_seconds)
        attempt = 1
        while True:
            try:
                with trio.fail_after(retries.timeout_seconds):
                    value = await self._call(request.function, request.args)
                return _encoded(request, value)
            except RunFailed as error:
                return error  # the function says itself that trying again is of no use
            except FlowFailed as error:
                _log.error("a function that a flow ran failed", exc_info=error)
                return RunFailed(type(error).__name__, error.message)
            except Exception as error:  # noqa: BLE001 -- whatever the app's function raised
                if attempt >= retries.attempts:
                    _log.error("a function that a flow ran failed", exc_info=error)
                    return RunFailed(type(error).__name__, str(error)[:_MAX_MESSAGE])
            await trio.sleep(backoff.wait(attempt, self._entropy.jitter()))
            attempt += 1

    async def _call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        if inspect.iscoroutinefunction(function):
            return await function(*args)
        value = await trio.to_thread.run_sync(
            partial(function, *args), limiter=self._threads, abandon_on_cancel=True
        )
        return await value if inspect.isawaitable(value) else value

    async def _tell(
        self, user: UserId, effect: StartRun, result: bytes | RunFailed, waiting: "_Waiting"
    ) -> None:
        """Hand the result to the actor. It is not ours any more, or the node stops: then the run is another's."""
        attempt = 0
        while True:
            reply_to, seconds = waiting.hand_over()
            settled = Settled(effect.conversation, effect.request.run_id, result, seconds)
            ref = self._directory.locate(user)
            try:
                ref.tell(settled, reply_to)
            except MailboxFull:
                waiting.take_back(reply_to)
                attempt += 1
                await trio.sleep(_DELIVERY.wait(attempt, self._entropy.jitter()))
            except Refused:
                waiting.take_back(reply_to)
                return
            else:
                return


class _Waiting:
    """Whoever waits for what comes of a run, until his time is over: then he is told that it is pending."""

    __slots__ = ("_clock", "_deadline", "_effect", "_reply_to")

    def __init__(self, reply_to: ReplyTo | None, effect: StartRun, clock: Clock) -> None:
        self._reply_to = reply_to
        self._effect = effect
        self._clock = clock
        self._deadline = clock.monotonic() + effect.waits_seconds

    async def give_up_in_time(self) -> None:
        if self._reply_to is not None:
            await trio.sleep(max(0.0, self._deadline - self._clock.monotonic()))
            self.answer_pending()

    def answer_pending(self) -> None:
        reply_to, self._reply_to = self._reply_to, None
        if reply_to is not None:
            reply_to.ok(_pending(self._effect))

    def hand_over(self) -> tuple[ReplyTo | None, float]:
        """Give the reply away, with the seconds that are left."""
        reply_to, self._reply_to = self._reply_to, None
        left = self._deadline - self._clock.monotonic()
        if reply_to is not None and left <= 0:
            reply_to.ok(_pending(self._effect))
            reply_to = None
        return reply_to, left if reply_to is not None else 0.0

    def take_back(self, reply_to: ReplyTo | None) -> None:
        self._reply_to = reply_to


def _pending(effect: StartRun) -> bytes:
    """Say that there is no result yet."""
    output = Output(messages=(Message(effect.waiting_text),), run=effect.request)
    return encode_shown(output, key=effect.conversation, flow=effect.flow)


def _encoded(request: RunRequest, value: object) -> bytes:
    result = encode_result(request, value)
    if len(result) > MAX_RESULT:
        raise RunFailed("ResultTooLarge", f"a result has at most {MAX_RESULT} bytes as JSON")
    return result
