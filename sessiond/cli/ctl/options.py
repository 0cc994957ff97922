"""What every command of ``sessionctl`` can be told, and the connection they all use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from sessiond.cli.admin_client import AdminCallFailed, AdminConnection, CannotConnect, open_admin
from sessiond.cli.exit_codes import EXIT_OF_FAULT, ExitCode
from sessiond.cli.run import CommandFailed

__all__ = ["Options", "call", "connect"]


@frozen
class Options:
    """From the command line, before or after the command's name."""

    socket: Path | None = None
    json: bool = False


#: Set once, by sessionctl.py, before a command runs.
given = Options()


@asynccontextmanager
async def connect() -> AsyncIterator[AdminConnection]:
    """Connect to the socket that was named; what goes wrong ends the command with its exit code.

    Raises:
      CommandFailed: in place of ``CannotConnect`` and ``AdminCallFailed``.

    """
    from sessiond.cli.state_dir import default_socket

    try:
        async with open_admin(given.socket or default_socket()) as admin:
            yield admin
    except CannotConnect as error:
        raise CommandFailed(ExitCode.CANNOT_CONNECT, f"sessionctl: {error}") from None
    except AdminCallFailed as error:
        code = EXIT_OF_FAULT.get(error.name, ExitCode.SERVER_ERROR)
        raise CommandFailed(code, f"sessionctl: {_explain(error)}") from None


async def call(method: str, **params: object) -> Any:
    """Connect, call one method, close. Parameters that are ``None`` are not sent."""
    async with connect() as admin:
        return await admin.call(
            method, **{name: value for name, value in params.items() if value is not None}
        )


def _explain(error: AdminCallFailed) -> str:
    problems = error.data.get("problems") or []
    text = "; ".join(": ".join(filter(None, (one["path"], one["message"]))) for one in problems)
    retry = error.data.get("retry_after")
    return (text or str(error)) + (f" (try again in {retry:g} s)" if retry else "")
