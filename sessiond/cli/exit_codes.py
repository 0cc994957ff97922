"""Exit codes of ``sessiond`` and ``sessionctl``: stable, for scripts. ``docs/reference/cli.md`` shows this table."""

from enum import IntEnum, unique
from typing import Final

__all__ = ["EXIT_OF_FAULT", "ExitCode"]


@unique
class ExitCode(IntEnum):
    """What a command's end means."""

    OK = 0
    """Done."""
    REFUSED = 1
    """Refused, not found, or (``check``) problems were found. Repeating it changes nothing."""
    USAGE = 2
    """The command line is wrong."""
    CANNOT_CONNECT = 3
    """Nobody listens on the admin socket, or we may not use it, or the connection broke."""
    SERVER_ERROR = 4
    """The server failed at it; its log says why."""
    TRY_AGAIN = 5
    """Nothing was decided in time, or the store or the session is busy: try again."""
    LEASE_LOST = 75
    """``serve``: another process owns the sessions now, or the store was away for longer than the lease."""


#: By the name of the fault (edges/admin/faults.py).
EXIT_OF_FAULT: Final = {
    "unknown_target": ExitCode.REFUSED,
    "refused": ExitCode.REFUSED,
    "invalid_params": ExitCode.USAGE,
    "method_not_found": ExitCode.USAGE,
    "turn_failed": ExitCode.SERVER_ERROR,
    "internal_error": ExitCode.SERVER_ERROR,
    "parse_error": ExitCode.SERVER_ERROR,
    "invalid_request": ExitCode.SERVER_ERROR,
    "timeout": ExitCode.TRY_AGAIN,
    "unavailable": ExitCode.TRY_AGAIN,
    "forbidden": ExitCode.CANNOT_CONNECT,
    "too_many": ExitCode.TRY_AGAIN,
}
