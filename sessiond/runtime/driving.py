"""Driving: while a flow's code runs, Trio does not know that it runs inside a task.

A flow's coroutine is driven by hand (core/flows/driver.py). ``await event.wait()`` or a nursery inside it would enter
the *actor's* task into Trio's structures, and a token that Trio never sees comes back to us: *(tried)* the process
can die of it, even when the foreign await is noticed afterwards. With the current task hidden, whatever needs one
fails at once as a plain ``RuntimeError`` on the flow's own line, and nothing was entered anywhere.

Async generators that a flow iterates over are not Trio's either: without its hooks one that is left, or whose flow is
put away, is closed at once, as any generator is. Trio's would ask it to close itself, which it refuses while it waits.

The only code that touches ``GLOBAL_RUN_CONTEXT``, which is not public: tests/runtime/test_driving.py tries every kind
of foreign await on each Trio release. *(measured: 1.4 µs a turn, of which the hooks are 0.6)*
"""

import sys
from types import TracebackType
from typing import Any

import trio
from trio._core._run import GLOBAL_RUN_CONTEXT

__all__ = ["Driving"]


class Driving:
    """Hides Trio's current task between entering and leaving. One object per use; may be nested; never awaits."""

    __slots__ = ("_hooks", "_task")

    _hooks: tuple[Any, Any]
    _task: trio.lowlevel.Task | None

    def __enter__(self) -> None:
        self._task = getattr(GLOBAL_RUN_CONTEXT, "task", None)
        if self._task is not None:
            del GLOBAL_RUN_CONTEXT.task
            self._hooks = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(None, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            sys.set_asyncgen_hooks(*self._hooks)
            GLOBAL_RUN_CONTEXT.task = self._task
            self._task = None
