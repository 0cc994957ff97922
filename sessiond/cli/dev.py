"""``sessiond dev``: a server to try things with, and the lines to try them."""

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import trio
from cyclopts import Parameter

if TYPE_CHECKING:
    from sessiond.app import App
    from sessiond.cli.state_dir import DevState
    from sessiond.config import Settings
    from sessiond.server import Bound

__all__ = ["dev"]

_DEMO = "sessiond.demo:app"
_USER = "demo"
_TOKEN_SECONDS = 24 * 3600.0


async def dev(
    target: Annotated[str, Parameter(name="MODULE:APP")] = _DEMO,
    /,
    *,
    port: int | None = None,
    store: str | None = None,
    state_dir: Path | None = None,
    log_level: str | None = None,
) -> int:
    """Serve an app on this machine only, with an embedded store and ready-made secrets.

    Parameters
    ----------
    target
        The app, like shop:app; without it a small demo.
    port
        TCP port; 0: a free one. Default: 4000.
    store
        URL of a store; default: a SQLite file in the state directory.
    state_dir
        Where the database, the secrets and the admin socket are kept. Default: ~/.local/state/sessiond.
    log_level
        debug, info, warning or error.

    """
    from sessiond.cli.load_app import load_app
    from sessiond.cli.serve import read_settings, refuse_errors, refuse_unfit
    from sessiond.cli.state_dir import open_state
    from sessiond.server import serve

    state = open_state(state_dir)
    flags = {
        "dev": True,
        "listen.host": "127.0.0.1",
        "listen.port": port,
        "store.url": store or state.store_url,
        "auth.secret": state.secret,
        "webhook.secrets": [state.hook_secret],
        "session_keys.secret": state.session_key_secret,
        "chat.tokens": [state.chat_token],
        "admin.socket": str(state.socket),
        "node.name": "dev",
        "log.format": "console",
        "log.level": log_level,
        "log.exception_messages": True,
    }
    settings = read_settings((), flags)
    refuse_errors(settings)
    app = load_app(target)
    if app.flows and not settings.gateways:
        settings = read_settings((), {**flags, **_made_up(settings, state)})
    refuse_unfit(app, settings)
    code = 0

    async def run(*, task_status: "trio.TaskStatus[Bound]") -> None:
        nonlocal code
        code = await serve(app, settings, app_name=target, task_status=task_status)

    async with trio.open_nursery() as nursery:
        bound = await nursery.start(run)
        _welcome(bound, settings, state, target, app)
    return code


def _made_up(settings: "Settings", state: "DevState") -> dict[str, object]:
    """Make flags for accounts to try gateways with; their provider is this server, so its port must be known."""
    from sessiond.server.simulated import dev_accounts

    port = settings.listen.port or _free_port(settings.listen.host)
    tables = dev_accounts(state.secret, f"{settings.listen.host}:{port}")
    values = {
        f"gateways.{name}.{key}": value
        for name, table in tables.items()
        for key, value in table.items()
    }
    return {"listen.port": port, **values}


def _free_port(host: str) -> int:
    import socket

    with socket.create_server((host, 0)) as found:
        port: int = found.getsockname()[1]
        return port


def _welcome(
    bound: "Bound", settings: "Settings", state: "DevState", target: str, app: "App"
) -> None:
    """Print where everything is, and one line to paste for each door."""
    from rich.console import Console

    from sessiond.cli.programs import program
    from sessiond.cli.state_dir import state_dir

    address = bound.http[0]
    token, issue = _token(settings), f"{program('sessiond')} token --user ID"
    if state.folder != state_dir():
        issue += f" --state-dir {shlex.quote(str(state.folder))}"
    # Lines to paste must stay lines: no wrapping, no markup, no highlighting of what is in them.
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold green]sessiond[/] serves [bold]{target}[/]   (Ctrl-C stops it)\n")
    for name, value in {
        "websocket": f"ws://{address}/socket/websocket?vsn=2.0.0",
        "http": f"http://{address}  (/healthz, /readyz, /metrics, /hooks/json/<user>, /chat)",
        "simulator": f"http://{address}/simulator  (dial, chat and push in the browser)",
        "store": settings.store.url if settings.store.url == state.store_url else "as given",
        "admin": str(bound.admin),
        "token": f"{token}\n{'':13}(user {_USER!r}, 24 hours; others: {issue})",
    }.items():
        console.print(f"  [dim]{name:<9}[/]  ", end="")
        console.print(value, markup=False)
    lines = _lines(address, token, state, is_demo=target == _DEMO, flow=next(iter(app.flows), ""))
    inside = {
        "Look inside:": f"{program('sessionctl')} --socket {shlex.quote(str(state.socket))} ls"
    }
    for name, line in {**lines, **_dials(address, settings), **inside}.items():
        console.print(f"\n[bold]{name}[/]")
        console.print(f"  {line}", markup=False)
    for warning in bound.warnings:
        console.print(f"\n[yellow]warning:[/] {warning}")
    console.print()


def _token(settings: "Settings") -> str:
    from sessiond.core.ids import UserId
    from sessiond.edges.auth import issue_token, signing_key

    return issue_token(
        signing_key(settings.auth),
        UserId(_USER),
        now=time.time(),
        lifetime_seconds=_TOKEN_SECONDS,
        settings=settings.auth,
    )


def _lines(
    address: str, token: str, state: "DevState", *, is_demo: bool, flow: str
) -> dict[str, str]:
    """Make the line to paste for each door; they need nothing but what is installed, curl and openssl."""
    import base64

    from sessiond.cli.programs import program

    join = f'["1","1","user:{_USER}","phx_join",{{}}]'
    push = f'["1","2","user:{_USER}","todo:add",{{"text":"learn sessiond"}}]'
    url = f"ws://{address}/socket/websocket?vsn=2.0.0&token={token}"
    key = base64.b64decode(state.hook_secret.removeprefix("whsec_")).hex()
    body = '{"type":"order:paid","order":7}'
    title, frames = "join", f"echo {shlex.quote(join)}"
    if is_demo:
        title, frames = "join, push", f"{frames}; sleep 1; echo {shlex.quote(push)}"
    # grep: the client moves the cursor about, which garbles what is longer than a line.
    client = (
        f"{program('websockets')} {shlex.quote(url)} | "
        "grep --line-buffered -oE '(< |Connection|Failed).*'"
    )
    return {
        f"Connect a websocket client: {title} (then type more frames):": (
            f"({frames}; cat) | {client}"
        ),
        **(_talks(address, join, client, state, flow) if flow else {}),
        "Post a signed webhook; it is pushed to that user's sockets:": (
            f"body={shlex.quote(body)}; id=msg_$(date +%s)_$$_$RANDOM; now=$(date +%s); "
            f'curl -i http://{address}/hooks/json/{_USER} -H "content-type: application/json" '
            '-H "webhook-id: $id" -H "webhook-timestamp: $now" '
            '-H "webhook-signature: v1,$(printf %s "$id.$now.$body" | '
            f'openssl dgst -sha256 -mac HMAC -macopt hexkey:{key} -binary | base64 -w0)" -d "$body"'
        ),
    }


def _dials(address: str, settings: "Settings") -> dict[str, str]:
    """Make the line to dial at the account that is made up; tokens of one's own are not shown."""
    from sessiond.config.checks import DEV_SECRET_PREFIX

    nalo = settings.gateways.get("nalo")
    token = "" if nalo is None or nalo.kind.name != "nalo" else next(iter(nalo.own.tokens), "")
    if nalo is None or not token.startswith(DEV_SECRET_PREFIX):
        return {}
    code = nalo.own.service_code
    fields = {"USERID": _USER, "SESSIONID": "s1", "MSISDN": "233244123456"}
    said = json.dumps({**fields, "USERDATA": code, "MSGTYPE": True})
    return {
        f"Dial {code}, as Nalo does (then an answer as USERDATA, with MSGTYPE false):": (
            f"curl -s 'http://{address}/gateways/nalo?token={token}' "
            f"-H 'content-type: application/json' -d {shlex.quote(said)}"
        )
    }


def _talks(address: str, join: str, client: str, state: "DevState", flow: str) -> dict[str, str]:
    """Make the lines to talk to *flow* over the websocket (answers are typed as they are) and over HTTP."""
    start = f'["1","2","user:{_USER}","flow:start",{{"flow":"{flow}"}}]'
    say = f'["1","%s","user:{_USER}","flow:say",{{"text":"%s"}}]\\n'
    return {
        f"Talk to the flow {flow!r} (then type answers, one a line):": (
            f"(echo {shlex.quote(join)}; sleep 1; echo {shlex.quote(start)}; n=2; while read -r said; do "
            f'n=$((n+1)); printf {shlex.quote(say)} $n "$said"; done) | {client}'
        ),
        "Say something over HTTP, as a phone number:": (
            f"curl -s http://{address}/chat -H 'authorization: Bearer {state.chat_token}' "
            "-H 'content-type: application/json' "
            '-d \'{"user_phone":"+233244123456","user_message":"hi"}\''
        ),
    }
