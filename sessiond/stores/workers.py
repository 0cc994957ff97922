"""Long-lived threads for blocking stores, and the way from a Trio task to one of them and back.

Prior art: ``trio.to_thread.run_sync``. *(measured)* one hop costs 50 µs of CPU here and 113 µs there. Hops are shared
where they can be: answers that are there together come back by one wake-up of Trio's loop, and calls of one kind that
wait together (``Gathered``) are one call of the thread. Of sixteen loads at once each takes 19 µs.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Generic, TypeVar, cast

import outcome
import trio
from attrs import define

from sessiond.core.errors import StoreUnavailable

__all__ = ["Gathered", "Workers", "open_workers"]

T = TypeVar("T")
Q = TypeVar("Q")

#: More would keep the first one waiting for longer than it saves the last one.
_MOST_GATHERED: Final = 64


@define(eq=False)
class _Job:
    task: trio.lowlevel.Task
    ticket: list[None]
    """Holds one item; whoever pops it decides: the worker starts the job, or cancellation withdraws it."""

    def claim(self) -> bool:
        try:
            self.ticket.pop()
        except IndexError:
            return False
        return True

    def abort(self, _raise_cancel: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        """Withdraw it if no thread has begun."""
        return trio.lowlevel.Abort.SUCCEEDED if self.claim() else trio.lowlevel.Abort.FAILED


class Workers:
    """Threads that run one blocking call each at a time; see ``open_workers``."""

    def __init__(self, name: str, count: int) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._answers: deque[tuple[trio.lowlevel.Task, outcome.Outcome[Any]]] = deque()
        self._is_woken = False
        # A bell of our own: ``TrioToken.run_sync_soon`` takes 33 µs, this 12 *(measured)*.
        self._bell, self._rope = os.pipe()
        self._is_closed = False
        trio.lowlevel.spawn_system_task(self._listen)
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True)
            for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, work: Callable[[], T]) -> T:
        """Call *work* in a thread and return, or raise, what it did. Raises ``ClosedResourceError`` after the end.

        Cancellation withdraws a call that no thread has begun; one that runs is waited for, and its result
        returned: *work* bounds its own time.
        """

        def begin(job: _Job) -> None:
            def call() -> None:
                if job.claim():
                    self.answer(job, outcome.capture(work))

            self._calls.put(call)

        return cast("T", await self.wait(begin))

    async def wait(self, begin: Callable[[_Job], None]) -> object:
        """Make a job, have *begin* see to it that a thread comes to it, and wait for its answer."""
        if self._is_closed:
            raise trio.ClosedResourceError("the threads have ended")
        job = _Job(trio.lowlevel.current_task(), [None])
        await trio.lowlevel.checkpoint_if_cancelled()
        begin(job)
        return await trio.lowlevel.wait_task_rescheduled(job.abort)

    def call_soon(self, call: Callable[[], None]) -> None:
        """Have a thread call *call*, which must not raise."""
        self._calls.put(call)

    def answer(self, job: _Job, result: outcome.Outcome[Any]) -> None:
        """Let the task of *job* go on with *result*; called in a thread, for a job it has claimed."""
        self._answers.append((job.task, result))
        if not self._is_woken:
            self._is_woken = True
            os.write(self._rope, b".")

    async def _listen(self) -> None:
        with suppress(trio.ClosedResourceError):
            while not self._is_closed:
                await trio.lowlevel.wait_readable(self._bell)
                if not self._is_closed:
                    os.read(self._bell, 64)
                    self._deliver()

    def _deliver(self) -> None:
        self._is_woken = (
            False  # first: an answer that comes from now on wakes us again, or is taken below
        )
        while self._answers:
            task, result = self._answers.popleft()
            trio.lowlevel.reschedule(task, result)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # an idle thread keeps no batch alive

    def close(self) -> None:
        """End the threads once they are idle."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        while not self._calls.empty():  # what a call has queued behind the end: its rest
            if call := self._calls.get():
                call()
        self._deliver()  # what they have answered last
        self._is_closed = True
        trio.lowlevel.notify_closing(self._bell)
        os.close(self._bell)
        os.close(self._rope)


class Gathered(Generic[Q, T]):
    """Calls that a thread makes as one: those that wait when it comes to the first of them, at most 64.

    *work* takes the list of what was asked and returns one answer each, in order. When it raises, it is called for each
    alone: what is wrong with one is nobody else's trouble. ``StoreUnavailable`` is raised to all at once.
    """

    def __init__(self, workers: Workers, work: Callable[[list[Q]], Sequence[T]]) -> None:
        self._workers = workers
        self._work = work
        self._waiting: deque[tuple[_Job, Q]] = deque()
        self._is_called = False

    async def run(self, asked: Q) -> T:
        """Return the answer to *asked*; cancellation does as in ``Workers.run``."""

        def begin(job: _Job) -> None:
            self._waiting.append((job, asked))
            self._call_soon()

        return cast("T", await self._workers.wait(begin))

    def _call_soon(self) -> None:
        # One call for all who wait: each that is queued wakes a thread, which then fights for the interpreter.
        if not self._is_called:
            self._is_called = True
            self._workers.call_soon(self._call)

    def _call(self) -> None:
        self._is_called = False  # first: who comes from now on is taken below, or calls again
        jobs: list[_Job] = []
        asked: list[Q] = []
        with suppress(IndexError):  # the call before, or another thread, has taken the rest
            while len(jobs) < _MOST_GATHERED:
                job, item = self._waiting.popleft()
                if job.claim():
                    jobs.append(job)
                    asked.append(item)
        if self._waiting:
            self._call_soon()
        if not jobs:
            return
        for job, answer in zip(jobs, self._answers(asked), strict=True):
            self._workers.answer(job, answer)

    def _answers(self, asked: list[Q]) -> Sequence[outcome.Outcome[T]]:
        result = outcome.capture(self._work, asked)
        if isinstance(result, outcome.Value):
            return [outcome.Value(answer) for answer in result.value]
        if isinstance(result.error, StoreUnavailable) or len(asked) == 1:
            return [outcome.Error(result.error) for _ in asked]
        return [answer for one in asked for answer in self._answers([one])]


@asynccontextmanager
async def open_workers(name: str, count: int) -> AsyncIterator[Workers]:
    """Start *count* threads; leaving waits for the calls that still run."""
    workers = Workers(name, count)
    try:
        yield workers
    finally:
        workers.close()
