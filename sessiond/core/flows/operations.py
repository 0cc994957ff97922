"""What a flow can await. An operation is made by a call of the conversation and handed to the engine by ``await``.

Each knows the line it was made on, so that a mistake is named there: a forgotten ``await``, an answer that cannot be
recorded, a key used twice.
"""

from collections.abc import Callable, Generator
from types import CodeType
from typing import Any, ClassVar, Generic, NoReturn, TypeVar, cast

from typing_extensions import override

from sessiond.core.flows.faults import FORGOTTEN, LEFT, ForgottenAwait, line_of
from sessiond.core.flows.prompts import Media, Retries, RunRequest

__all__ = ["EndFlow", "GoBack", "Operation", "Restart", "Run", "Say"]

T = TypeVar("T")


class Operation(Generic[T]):
    """One thing to await. *kind* and *key* are what the record compares."""

    __slots__ = ("_code", "_handed_over", "_lasti", "key")

    kind: ClassVar[str] = ""
    is_named: ClassVar[bool] = False
    """Whether it has a key of its own and its value is recorded."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self._code: CodeType | None = None
        self._lasti = 0
        self._handed_over = False

    # It is its own iterator: a generator takes 192 bytes more of every waiting flow.

    def __await__(self) -> Generator["Operation[Any]", Any, T]:
        self._handed_over = False
        return cast("Generator[Operation[Any], Any, T]", self)

    def __next__(self) -> "Operation[Any]":
        if self._handed_over:
            raise StopIteration  # an answer of ``None`` comes this way, too
        self._handed_over = True
        return self

    def send(self, value: T) -> NoReturn:
        """Give ``await`` its value."""
        raise StopIteration(value)

    def __bool__(self) -> NoReturn:
        raise self.forgotten()

    def forgotten(self) -> ForgottenAwait:
        """Make the error to report when the engine never got it."""
        return ForgottenAwait(LEFT if self._handed_over else FORGOTTEN, where=self.where)

    def made_at(self, code: CodeType, lasti: int) -> None:
        """Note the line of the flow that made it."""
        self._code = code
        self._lasti = lasti

    @property
    def where(self) -> str:
        """The file and line that made it."""
        return "" if self._code is None else line_of(self._code, self._lasti)

    @property
    def as_type(self) -> Any:
        """The type that its recorded value is decoded as; ``None``: plain JSON."""
        return None


class Say(Operation[None]):
    """Show something and go on. Not recorded: replay discards output."""

    __slots__ = ("media", "text")
    kind = "say"

    def __init__(self, text: str, media: Media | None) -> None:
        super().__init__()
        self.text = text
        self.media = media


class EndFlow(Operation[NoReturn]):
    """End the conversation here."""

    __slots__ = ()
    kind = "end"


class Restart(Operation[NoReturn]):
    """Forget every answer and begin again."""

    __slots__ = ()
    kind = "restart"


class GoBack(Operation[bool]):
    """Forget the answers from an earlier question on, and ask it again."""

    __slots__ = ("to",)
    kind = "go_back"

    def __init__(self, to: str | None) -> None:
        super().__init__()
        self.to = to


class Run(Operation[T]):
    """Call a function outside the flow, once this turn is durable."""

    __slots__ = ("_as_type", "args", "function", "retries")
    kind = "run"
    is_named = True

    def __init__(
        self,
        key: str,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        retries: Retries,
        as_type: Any,
    ) -> None:
        super().__init__(key)
        self.function = function
        self.args = args
        self.retries = retries
        self._as_type = as_type

    @property
    @override
    def as_type(self) -> Any:
        """The type that the result is decoded as."""
        return self._as_type

    def request(self, run_id: str) -> RunRequest:
        """Make what the runtime is asked for."""
        return RunRequest(self.key, run_id, self.function, self.args, self.retries, self._as_type)
