"""The ``sessionctl`` command: look into a running server and steer it, over its admin socket."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import cyclopts
from cyclopts import Parameter

from sessiond import __version__
from sessiond.cli.ctl import options
from sessiond.cli.run import run_app

__all__ = ["app", "main"]

app = cyclopts.App(
    name="sessionctl",
    help="Look into a running sessiond server and steer it.",
    help_epilogue="Exit codes: 0 done, 1 refused or not found, 2 usage, 3 cannot connect, 4 server error, 5 try again.",
    version=__version__,
    version_flags=["--version"],
    backend="trio",
)
# Named, not imported: --help and completion stay quick. The texts are the docstrings'.
for _name, (_module, _help) in {
    "ls": ("sessions", "List live sessions."),
    "show": ("sessions", "Show one user's session, without waking it."),
    "journal": ("journal", "Tell what happened in a user's conversations, newest first."),
    "end-conversations": (
        "sessions",
        "End a user's conversations and what they remember; nothing is said in them.",
    ),
    "export": (
        "sessions",
        "Hand out everything that is kept of one person, as JSON; the server keeps a record of it.",
    ),
    "stop": (
        "sessions",
        "End a user's session; its end hook runs and its clients do not come back.",
    ),
    "unlink": ("sessions", "Part two users who are linked; the alias begins anew."),
    "kick": ("sessions", "Close a user's connections, or one; the session stays."),
    "send": ("sessions", "Push an event to a user's clients."),
    "release": ("sessions", "Release a user from quarantine."),
    "rollback": ("sessions", "Put a user's previous snapshot back."),
    "watch": ("watch", "Show events as they happen, until Ctrl-C or the server's end."),
    "stats": ("node", "Count sessions, turns, commits."),
    "drain": (
        "node",
        "Stop the server as SIGTERM does: finish, save, release, close. Returns at once.",
    ),
    "version": ("node", "Say which server answers."),
}.items():
    app.command(f"sessiond.cli.ctl.{_module}:{_name.replace('-', '_')}", name=_name, help=_help)

dead_letters = cyclopts.App(name="dead-letters", help="Inputs that were given up.")
for _name, _help in {
    "ls": "List dead letters, oldest first.",
    "retry": "Accept a dead letter's input again.",
    "drop": "Remove a dead letter for good.",
}.items():
    dead_letters.command(f"sessiond.cli.ctl.dead_letters:{_name}", name=_name, help=_help)
app.command(dead_letters)

gateways = cyclopts.App(name="gateways", help="Accounts of gateways, and what waits on them.")
for _name, _help in {
    "ls": "List the accounts, and what waits on them for their providers.",
    "resume": "Let an account send at once what waits: it was stopped, is held back, or tries again later.",
}.items():
    gateways.command(f"sessiond.cli.ctl.gateways:{_name}", name=_name, help=_help)
app.command(gateways)
app.register_install_completion_command()


@gateways.default
async def _gateways() -> None:
    """List the accounts, and what waits on them for their providers."""
    from sessiond.cli.ctl.gateways import ls

    await ls()


@app.meta.default
def _with_options(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
    socket: Annotated[Path | None, Parameter(env_var="SESSIOND_ADMIN_SOCKET")] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> Any:
    """Read the options that every command has, then run the command.

    Parameters
    ----------
    tokens
        The command and its own options.
    socket
        The server's admin socket. Default: sessiond-admin.sock here, or that of sessiond dev.
    json
        Print JSON instead of tables: one document, or one line for each event of watch.

    """
    options.given = options.Options(socket, json)
    return app(tokens, exit_on_error=False, print_error=False, result_action="return_value")


def main() -> NoReturn:
    """Entry point."""
    run_app(app.meta)
