"""The ``sessiond`` command: the list of its sub-commands."""

from typing import NoReturn

import cyclopts

from sessiond import __version__
from sessiond.cli.run import run_app

__all__ = ["app", "main"]

app = cyclopts.App(
    name="sessiond",
    help="A session server: one supervised actor per live user.",
    version=__version__,
    backend="trio",
)
# Named, not imported: --help and completion stay quick. The summaries are the docstrings' first lines.
for _name, _help in {
    "dev": "Serve an app on this machine only, with an embedded store and ready-made secrets.",
    "serve": "Serve the app until SIGTERM or Ctrl-C, then drain.",
    "check": "Check settings, app and store without serving.",
    "token": "Print a token that the server will accept.",
    "caller": "Print the user id of a phone number, for sessionctl.",
}.items():
    app.command(f"sessiond.cli.{_name}:{_name}", name=_name, help=_help)

flow = cyclopts.App(name="flow", help="Look at flows before people do.")
for _name, _help in {
    "check": "Find the problems of flows without running them.",
    "run": "Talk to flows in the terminal, without a server.",
}.items():
    flow.command(f"sessiond.cli.flow.{_name}:{_name}", name=_name, help=_help)
app.command(flow)
app.register_install_completion_command()


def main() -> NoReturn:
    """Entry point."""
    run_app(app)
