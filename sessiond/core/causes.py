"""What an exception may say where people's data must not be: in logs, and in lists that operators read.

A handler's exception often quotes what a person wrote (``KeyError: 'Ama owes 90'``), and no pattern finds that. So only
its kind is told, unless what it says is ours (core/errors.py: those never hold payloads) or the operating system's.
"""

from typing import Final

from sessiond.core.errors import Refused, SessiondError
from sessiond.core.flows.faults import InvalidAnswer, RunFailed

__all__ = ["cause_of", "kind_of", "words_of"]

#: Ours by class, the app's by what they say.
_APP_SPEAKS: Final = (Refused, InvalidAnswer, RunFailed)


def cause_of(error: BaseException) -> str:
    """Say in one line what happened: the kind, and what it says when that is nobody's data."""
    said = " ".join(_said(error).split())
    return f"{kind_of(error)}: {said}" if said else kind_of(error)


def kind_of(error: BaseException) -> str:
    """Name the class as tracebacks do."""
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def words_of(error: BaseException) -> str:
    """Return all that it says."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 -- a __str__ of an app may do anything
        return ""


def _said(error: BaseException) -> str:
    if isinstance(error, SessiondError) and not isinstance(error, _APP_SPEAKS):
        return words_of(error)
    if isinstance(error, OSError) and error.strerror:
        return f"[Errno {error.errno}] {error.strerror}"
    return ""
