"""Foreign awaits: telling that a flow awaited something else than its conversation, and on which line.

While the runtime hides its current task (runtime/driving.py), what needs one fails inside the flow with an ordinary
error raised by that library; what does not need one, a bare checkpoint, hands its own token to the engine.
"""

from collections.abc import Coroutine
from types import CoroutineType, FrameType
from typing import Any, Final

from sessiond.core.flows.faults import ForeignAwait, raised_at

__all__ = ["foreign_await", "foreign_yield"]

#: Whose errors mean that there was something to await. AttributeError: asyncio's locks, without a loop.
_LIBRARIES: Final = frozenset({"trio", "asyncio", "anyio", "sniffio", "curio"})
_SIGNS: Final = (RuntimeError, AttributeError)
_SENTENCE: Final = (
    "a flow awaits only its conversation; what takes time or waits for others belongs into c.run"
)


def foreign_await(error: BaseException, module: str) -> ForeignAwait | None:
    """Make the error to report when *error* came out of an asynchronous library; else ``None``."""
    traceback = error.__traceback__
    if traceback is None or not isinstance(error, _SIGNS):
        return None
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    name = str(traceback.tb_frame.f_globals.get("__name__", ""))
    if name.partition(".")[0] not in _LIBRARIES:
        return None
    return ForeignAwait(_SENTENCE, where=raised_at(error.__traceback__, module))


def foreign_yield(coroutine: Coroutine[Any, Any, object], module: str) -> ForeignAwait:
    """Make the error to report when *coroutine* has yielded what is not an operation of its conversation."""
    root = module.partition(".")[0]
    where = ""
    awaited: object = coroutine
    while isinstance(awaited, CoroutineType):
        frame: FrameType | None = awaited.cr_frame
        name = "" if frame is None else str(frame.f_globals.get("__name__", ""))
        if frame is not None and (not where or name.partition(".")[0] == root):
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        awaited = awaited.cr_await
    return ForeignAwait(_SENTENCE, where=where)
