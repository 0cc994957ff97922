"""Runs: the functions that flows call with ``c.run``, executed once the turn that asked is durable.

A run is an effect of a released turn; its result is an input of its own (``Settled``). At least once: the record says
that it is pending until the result is committed, and the session's ``$runs`` timer starts it again when this process
did not live to tell. In one process a run is never called a second time while its result is on the way: it is under way
until the actor has answered the input that carries it.

Functions may be async (Trio) or not (they get a thread). Cancelled with the node: then they run again elsewhere.
"""

import inspect
import logging
from collections.abc import Mapping
from typing import Any, Final

import trio
from typing_extensions import override

from sessiond import telemetry
from sessiond.core.codes import ErrorCode
from sessiond.core.conversations.shown import encode_shown
from sessiond.core.flows.answers import FileDownload
from sessiond.core.flows.faults import RunFailed
from sessiond.core.flows.prompts import Message, Output, RunRequest
from sessiond.core.ids import UserId
from sessiond.core.ports import Clock, Entropy, ReplyTo
from sessiond.core.session.effects import StartRun
from sessiond.core.session.inputs import Settled
from sessiond.runtime.backoff import Backoff
from sessiond.runtime.directory import Directory
from sessiond.runtime.downloads import noting_downloads
from sessiond.runtime.run_results import encoded, ends_us, recordable
from sessiond.runtime.telling import Taken, tell_until_taken
from sessiond.runtime.threads import Threads

__all__ = ["Runs"]

_log: Final = logging.getLogger("sessiond.app")

_Key = tuple[UserId, str]


class Runs:
    """The runs of one node. ``run`` is its task; ``start`` may be called while it lives."""

    def __init__(
        self, directory: Directory, *, clock: Clock, entropy: Entropy, threads: Threads
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._entropy = entropy
        self._threads = threads
        self._nursery: trio.Nursery | None = None
        self._under_way: set[_Key] = set()

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
        if isinstance(reply_to, _Delivery):  # the result of a run has led to the next one
            reply_to = reply_to.hand_on()
        key = (user, effect.request.run_id)
        waiting = _Waiting(reply_to, effect, self._clock)
        if key in self._under_way or self._nursery is None:
            waiting.answer_pending()
            return
        self._under_way.add(key)
        self._nursery.start_soon(self._execute, user, effect, waiting)

    async def _execute(self, user: UserId, effect: StartRun, waiting: "_Waiting") -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(waiting.give_up_in_time)
                with noting_downloads() as downloads:
                    result = await self._timed_result(user, effect)
                await self._deliver(user, effect, result, waiting, tuple(downloads))
                nursery.cancel_scope.cancel()
        finally:
            self._under_way.discard((user, effect.request.run_id))
            waiting.answer_pending()

    async def _timed_result(self, user: UserId, effect: StartRun) -> bytes | RunFailed:
        about = {"user": user, "flow": effect.flow, "run": effect.request.key}
        began = self._clock.monotonic()
        telemetry.emit("run.start", {}, about)
        result = await self._result(effect.request, about)
        outcome = "failure" if isinstance(result, RunFailed) else "success"
        seconds = self._clock.monotonic() - began
        telemetry.emit("run.stop", {"duration": seconds}, {**about, "outcome": outcome})
        return result

    async def _result(self, request: RunRequest, about: Mapping[str, object]) -> bytes | RunFailed:
        """Call the function until it returns, or has failed for good; the log says *about* what."""
        retries = request.retries
        backoff = Backoff(retries.first_wait_seconds, retries.longest_wait_seconds)
        attempt = 1
        while True:
            try:
                value = await self._call(request)
            except RunFailed as error:
                return recordable(error.kind, error.message)  # it is of no use to try again
            except BaseException as error:
                if ends_us(error):
                    raise
                if attempt >= retries.attempts:
                    kind, fields = type(error).__name__, {"fields": about}
                    _log.error("run %r failed: %s", request.key, kind, exc_info=error, extra=fields)
                    return recordable(kind, error)
            else:
                return encoded(request, value, about)
            await trio.sleep(backoff.wait(attempt, self._entropy.jitter()))
            attempt += 1

    async def _call(self, request: RunRequest) -> Any:
        """Make one attempt, within its time."""
        function, args = request.function, request.args
        seconds = request.retries.timeout_seconds
        if inspect.iscoroutinefunction(function):
            with trio.fail_after(seconds):
                return await function(*args)
        value = await self._threads.call(function, args, seconds)
        if inspect.isawaitable(value):
            with trio.fail_after(seconds):
                return await value
        return value

    async def _deliver(
        self,
        user: UserId,
        effect: StartRun,
        result: bytes | RunFailed,
        waiting: "_Waiting",
        downloads: tuple[FileDownload, ...],
    ) -> None:
        """Hand the result to the actor until it is taken.

        Given up when the user is not ours any more, is in quarantine, or the node stops: his next activation calls the
        function again.
        """

        def prepare() -> tuple[Settled, _Delivery]:
            seconds = waiting.seconds_left()
            digest = effect.digest if seconds else None
            settled = Settled(
                effect.conversation,
                effect.request.run_id,
                result,
                seconds,
                digest,
                effect.phone,
                downloads,
            )
            return settled, _Delivery(waiting)

        await tell_until_taken(self._directory.locate(user), prepare, self._entropy)


class _Waiting:
    """Whoever waits for what comes of a run, until his time is over: then he is told that it is pending.

    Not while the actor has the result: its turn answers him, also when it is late. (Doors have seconds for the turn.)
    """

    __slots__ = ("_clock", "_deadline", "_effect", "_is_held", "_reply_to")

    def __init__(self, reply_to: ReplyTo | None, effect: StartRun, clock: Clock) -> None:
        self._reply_to = reply_to
        self._effect = effect
        self._clock = clock
        self._deadline = clock.monotonic() + effect.waits_seconds
        self._is_held = False

    async def give_up_in_time(self) -> None:
        if self._reply_to is not None:
            await trio.sleep(max(0.0, self._deadline - self._clock.monotonic()))
            if not self._is_held:
                self.answer_pending()

    def hold(self) -> None:
        """The actor was told how long he waits, and answers him."""
        self._is_held = self._reply_to is not None

    def let_go(self) -> None:
        """The actor has turned the result down."""
        self._is_held = False
        self.seconds_left()

    def seconds_left(self) -> float:
        """How much longer he waits; 0: nobody does."""
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            self.answer_pending()
        return left if self._reply_to is not None else 0.0

    def take(self) -> ReplyTo | None:
        """Take the reply away, to answer it or to let it wait for something else."""
        reply_to, self._reply_to = self._reply_to, None
        return reply_to

    def answer_pending(self) -> None:
        reply_to = self.take()
        if reply_to is not None and self._effect.pending:
            reply_to.ok(self._effect.pending)
        elif reply_to is not None:
            output = Output(
                messages=(Message(self._effect.waiting_text),), run=self._effect.request
            )
            shown = encode_shown(output, key=self._effect.conversation, flow=self._effect.flow)
            reply_to.ok(shown)


class _Delivery(Taken):
    """The reply slot of a result; it answers whoever waits."""

    __slots__ = ("_waiting",)

    def __init__(self, waiting: _Waiting) -> None:
        super().__init__()
        self._waiting = waiting

    @override
    async def wait(self) -> str | None:
        # What its turn shows is for whoever waits, and is kept for nobody else: his time stands still.
        self._waiting.hold()
        code = await super().wait()
        if code == ErrorCode.UNAVAILABLE:
            self._waiting.let_go()
        return code

    def hand_on(self) -> ReplyTo | None:
        """The result was taken, and whoever waits goes on waiting, for something else."""
        super().ok(b"")
        return self._waiting.take()

    @override
    def ok(self, payload: bytes) -> None:
        reply_to = self.hand_on()
        if reply_to is not None:
            reply_to.ok(payload)
