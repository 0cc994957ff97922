"""What can go wrong with a flow, cut by whose doing it was, and where in the flow's code it happened.

``FlowFailed``         the flow author's doing; the turn is rolled back, the record is what it was
    ``ForeignAwait``   it awaited something that is not the conversation
    ``ForgottenAwait`` it asked and did not await
    ``RepeatedKey``    it used one key twice in one run
    ``NotStorable``    an answer or a result has no JSON form, or would come back as something else
    ``FlowLoops``      too many steps in a turn, or too many turns without a person
    ``FlowMismatch``   its code no longer fits the record, and its policy is to fail
    ``FlowGone``       no flow of that name is known
``FlowBusy``, ``FlowEnded``  the caller's doing: an input that the flow is not waiting for
``RecordCorrupt``, ``RecordTooNew``  a stored record that cannot be read
``InvalidAnswer``      raised by an author's ``parse``, ``check`` or ``transform``: its text is shown to the person
``RunFailed``          raised in the flow when what ``c.run`` called has failed for good
``FlowEvicted``        raised by every call of a conversation whose flow was put away

Messages name files, lines, keys and types of the flow's code, never what a person said.
"""

from types import CodeType, TracebackType
from typing import Final, Self

from sessiond.core.errors import (
    AppFailed,
    InvalidInput,
    SessiondError,
    SnapshotCorrupt,
    SnapshotTooNew,
)

__all__ = [
    "FORGOTTEN",
    "LEFT",
    "FlowBusy",
    "FlowEnded",
    "FlowEvicted",
    "FlowFailed",
    "FlowGone",
    "FlowLoops",
    "FlowMismatch",
    "ForeignAwait",
    "ForgottenAwait",
    "InvalidAnswer",
    "NotStorable",
    "RecordCorrupt",
    "RecordTooNew",
    "RepeatedKey",
    "RunFailed",
    "kind_of_failure",
    "line_of",
    "raised_at",
]

FORGOTTEN: Final = (
    "await is missing: what a conversation's methods return is awaited at once, where it is made"
)

LEFT: Final = (
    "an async generator that is left half-way cannot await any more; iterate over it within "
    "`async with contextlib.aclosing(…)`"
)


class FlowFailed(AppFailed):
    """A flow raised, or did what no flow may do; *where* is ``file:line`` of its code, or empty."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message)
        self.message = message
        self.where = where

    def at(self, where: str) -> Self:
        """Make the same error with its line, unless it has one."""
        return self if self.where or not where else type(self)(self.message, where=where)


class ForeignAwait(FlowFailed):
    """A flow awaited something that is not its conversation."""


class ForgottenAwait(FlowFailed):
    """A flow asked and did not await the answer."""


class RepeatedKey(FlowFailed):
    """A flow used one key twice in one run."""


class NotStorable(FlowFailed):
    """A value cannot be recorded so that it comes back as it was."""


class FlowLoops(FlowFailed):
    """A flow took too many steps in one turn, or too many turns without a person."""


class FlowMismatch(FlowFailed):
    """The flow's code no longer asks what the record holds, and its policy is to fail."""


class FlowGone(FlowFailed):
    """No flow of the record's name is known: it was removed, or renamed without ``formerly``."""


class FlowBusy(InvalidInput):
    """The flow waits for a function it runs, not for a person."""


class FlowEnded(InvalidInput):
    """The flow has ended or was put away."""


class RecordCorrupt(SnapshotCorrupt):
    """Not a conversation record, or one of the wrong shape."""


class RecordTooNew(SnapshotTooNew):
    """A record of a newer version than this code reads."""


class InvalidAnswer(InvalidInput):
    """An answer that the author's ``parse``, ``check`` or ``transform`` turns down; *text* is shown to the person."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class RunFailed(SessiondError):
    """What ``c.run`` called has failed, after all attempts; *kind* is the exception's class name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind = kind
        self.message = message


class FlowEvicted(BaseException):
    """The flow was put away; the conversation it talks to is over in this process.

    Not an ``Exception``: an author's ``except Exception`` must not swallow it.
    """


def kind_of_failure(error: Exception) -> str:
    """Name the class of what the flow's code raised, or of the rule it broke."""
    cause = error.__cause__
    return type(error if cause is None or type(error) is not FlowFailed else cause).__name__


def line_of(code: CodeType, lasti: int) -> str:
    """Name the file and line of an instruction. Looked up only when something failed."""
    for index, (line, *_) in enumerate(code.co_positions()):
        if index == lasti // 2 and line is not None:
            return f"{code.co_filename}:{line}"
    return f"{code.co_filename}:{code.co_firstlineno}"


def raised_at(traceback: TracebackType | None, module: str) -> str:
    """Name the last line of *module*'s own package on the way to an error; else the last line of all.

    Library frames below it say what broke, not which line of the flow was wrong.
    """
    root = module.partition(".")[0]
    own = last = ""
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if not name.startswith("sessiond.core.flows."):
            last = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
            if name.partition(".")[0] == root:
                own = last
        traceback = traceback.tb_next
    return own or last
