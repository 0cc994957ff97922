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
# Named, not imported: --help and completion stay quick. The texts are the docstrings'; a list shows the first sentence.
for _name, _help in {
    "dev": "Serve an app on this machine only, with an embedded store and ready-made secrets.",
    "serve": """Serve the app until SIGTERM or Ctrl-C, then drain.

Every setting can be given in a TOML file or the environment; these flags override both.""",
    "check": """Check settings, app and store without serving.

All problems are said at once; exit code 1 when there is any. Says where each gateway's provider has to call, but
for a path that the settings give: it may be a secret.""",
    "token": """Print a token that the server will accept.

It is signed with auth.secret or the private key in auth.key_file; where neither is set, with the secret of
`sessiond dev`, whose servers alone accept it.""",
    "openapi": """Print the OpenAPI document of the server's HTTP doors.

A server tells the same at /openapi.json, but for the accounts of gateways, which are for its operator to show.
Doors that are not configured are not in it, nor accounts with a path of their own: that may be a secret.""",
    "caller": """Print the user id of a phone number, for sessionctl and webhooks.

Nothing that is stored holds a number: the id is made from it with session_keys.secret, or, where none is set, with
the secret of `sessiond dev`.""",
}.items():
    app.command(f"sessiond.cli.{_name}:{_name}", name=_name, help=_help)

flow = cyclopts.App(name="flow", help="Look at flows before people do.")
for _name, _help in {
    "check": """Find the problems of flows without running them.

Exit code 1 when there are errors. Says by how long a page of USSD was measured, and whose that is.""",
    "run": """Talk to flows in the terminal, without a server.

What is typed is said; /help lists what else can be done: pictures, places, letting time pass. Functions of c.run
are really called. Nothing is stored. From a script: one input a line; exit code 1 when a flow failed.""",
}.items():
    flow.command(f"sessiond.cli.flow.{_name}:{_name}", name=_name, help=_help)
app.command(flow)
app.register_install_completion_command()


def main() -> NoReturn:
    """Entry point."""
    run_app(app)
