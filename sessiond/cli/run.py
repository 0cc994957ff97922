"""From the command line's words to the process's exit code: one way for both programs.

Errors that sessiond raises on purpose are one line on standard error, without a traceback; anything else is a bug and
keeps its traceback.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

import cyclopts

from sessiond.cli.exit_codes import ExitCode

__all__ = ["CommandFailed", "run_app"]


class CommandFailed(Exception):
    """End the command with *code* after saying *message* (nothing when empty)."""

    def __init__(self, code: ExitCode, message: str = "") -> None:
        super().__init__(message)
        self.code = code


def run_app(app: cyclopts.App) -> NoReturn:
    """Run the command that ``sys.argv`` names, and exit with its code."""
    try:
        result = app(
            sys.argv[1:], exit_on_error=False, print_error=False, result_action="return_value"
        )
        sys.stdout.flush()
    except cyclopts.CycloptsError as error:
        _complain(f"{str(error).strip()}\nTry --help.")
        sys.exit(ExitCode.USAGE)
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells have it
    except BrokenPipeError:
        # ``sessionctl ls | head``: who read has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.OK)
    except Exception as error:
        for code, message in _endings(error):
            if message:
                _complain(message)
            sys.exit(code)
        raise
    except BaseExceptionGroup as group:  # the second signal, out of the server's nurseries
        if all(isinstance(leaf, KeyboardInterrupt) for leaf in _leaves(group)):
            sys.exit(130)
        raise
    sys.exit(int(result) if isinstance(result, int) else ExitCode.OK)


def _endings(error: BaseException) -> Iterator[tuple[ExitCode, str]]:
    """Find what was raised on purpose, also inside a nursery's group; nothing when there is anything else."""
    from sessiond.core.errors import SessiondError

    leaves = list(_leaves(error))
    if all(isinstance(leaf, SessiondError | CommandFailed) for leaf in leaves):
        for leaf in leaves:
            code = leaf.code if isinstance(leaf, CommandFailed) else ExitCode.REFUSED
            yield code, str(leaf)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _complain(message: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(message, file=sys.stderr)
