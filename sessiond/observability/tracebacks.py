"""Exceptions as a log may show them: where and what kind, but not what they say (core/causes.py).

Code lines of the frames stay: they are the app's source, not its data.
"""

import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Protocol

from sessiond.core.causes import cause_of, kind_of, words_of

__all__ = ["ExcInfo", "traceback_text"]

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class _Formatter(Protocol):
    def __call__(self, exc_info: ExcInfo) -> str: ...


#: Causes of causes, and members of a group: beyond it a log line helps nobody.
_MAX_EXCEPTIONS: Final = 16

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def traceback_text(*, messages: bool) -> _Formatter:
    """Return what formats an exception, its causes and the members of its group; *messages* shows what they say."""

    def text(exc_info: ExcInfo) -> str:
        return "".join(_chain(exc_info[1], messages, set())).rstrip("\n")

    return text


def _chain(error: BaseException, messages: bool, seen: set[int]) -> Iterator[str]:  # noqa: FBT001
    if id(error) in seen or len(seen) >= _MAX_EXCEPTIONS:
        return
    seen.add(id(error))
    if error.__cause__ is not None:
        yield from _chain(error.__cause__, messages, seen)
        yield _CAUSE
    elif error.__context__ is not None and not error.__suppress_context__:
        yield from _chain(error.__context__, messages, seen)
        yield _CONTEXT
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _chain(member, messages, seen)
            yield "\nis in the group:\n\n"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield _last_line(error, messages=messages)


def _last_line(error: BaseException, *, messages: bool) -> str:
    said = words_of(error) if messages else ""
    return f"{kind_of(error)}: {said}\n" if said else f"{cause_of(error)}\n"
