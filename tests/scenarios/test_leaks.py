"""Secrets and what people say, driven through the whole server: none of it comes out where it must not.

Looked at: every log line at debug, /metrics, every error answer, ``sessionctl`` without ``--reveal``, and the settings'
repr. An operator names users by their ids, so ``sessionctl`` shows those; logs never do.
"""

import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from sessiond.config.settings import StoreSettings
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.edges.auth import AuthSettings
from sessiond.edges.http.chat import ChatSettings
from sessiond.edges.http.health import HealthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.observability.logs import LogSettings
from tests.edges.websocket.stand import PATH, handshake
from tests.scenarios.bad_app import app
from tests.scenarios.live import HOOK_SECRET, SECRET, Live, open_live, reply_to, settings_in, token

USER = "233241234567"
STRANGER = "233209876543"
PAYLOAD = "kofi-wants-a-loan"
DATA = "ama-owes-ninety"
FAILING = ("raise", "nonsense", "spoil", "flood", "hang")


async def drive(live: Live) -> list[str]:
    """Have everything fail that can, with words that must not come out; every answer that is an error."""
    client = await live.joined(USER, device="phone", meta={"said": PAYLOAD})
    await reply_to(client, "add", {"n": DATA})
    errors: list[Any] = [
        (await reply_to(client, event, {"text": PAYLOAD})).payload for event in FAILING
    ]
    errors += [
        (await reply_to(client, "no-such-event", {"text": PAYLOAD})).payload,
        (await reply_to(client, "bloat", {"bytes": 300_000, "text": PAYLOAD})).payload,
        (await reply_to(client, "ack", {"offset": PAYLOAD})).payload,
        (await reply_to(client, "token:refresh", {"token": token(STRANGER)})).payload,
        (await reply_to(client, "phx_join", {"resume": PAYLOAD})).payload,
    ]
    body = f'{{"fail":"{PAYLOAD}"}}'.encode()
    errors.append(await live.hook(USER, body, name="count"))
    assert (await live.hook(USER, body, message_id="accepted"))[0] == 202
    errors.append(await live.hook(USER, body, {"webhook-signature": f"v1,{PAYLOAD}"}))
    errors.append(await live.hook(USER, f'{{"{PAYLOAD}'.encode(), message_id="truncated"))
    errors.append(await live.get(f"/{PAYLOAD}?token={token(USER)}"))
    stale = token(USER, exp=1)
    errors.append(await live.send_bytes(handshake(f"{PATH}&token={stale}", "Connection: close")))
    errors.append(await live.send_bytes(f"{PAYLOAD}\r\n\r\n".encode()))
    while not (await live.admin("dead_letters.list"))["rows"]:  # noqa: ASYNC110
        await trio.sleep(0.05)  # an admin socket sets no event
    return [str(error) for error in errors]


async def operators_view(live: Live) -> str:
    """Everything that ``sessionctl`` prints of the user without ``--reveal``."""
    printed = ""
    for words in (
        ["ls"],
        ["--json", "ls"],
        ["show", USER],
        ["--json", "show", USER],
        ["dead-letters", "ls"],
        ["--json", "dead-letters", "ls"],
        ["stats"],
        ["version"],
    ):
        command = [sys.executable, "-c", "from sessiond.cli.sessionctl import main; main()"]
        done = await trio.run_process(
            [*command, "--socket", str(live.admin_socket), *words],
            capture_stdout=True,
            capture_stderr=True,
        )
        printed += done.stdout.decode() + done.stderr.decode()
    return printed


@pytest.mark.parametrize("style", ["json", "console"])
async def test_nothing_leaks(
    style: Any, short_tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No token, secret, payload, data or number in logs, metrics, errors or the operator's view."""
    good = token(USER)
    async with open_live(app, short_tmp_path, log=LogSettings(level="debug", format=style)) as live:
        errors = await drive(live)
        shown = await operators_view(live)
        metrics = (await live.get("/metrics"))[2].decode()
    logged = capfd.readouterr().err

    secrets = [SECRET, HOOK_SECRET, HOOK_SECRET.removeprefix("whsec_"), *good.split(".")[1:]]
    private = [PAYLOAD, DATA]
    numbers = [USER, STRANGER]
    assert "turn.failed" in logged
    assert "bad_app.py" in logged, "an app's author still sees where"
    assert "RuntimeError" in logged, "and what kind"
    assert "dead_letter.added" in logged
    assert "sessiond_" in metrics
    assert USER in shown
    assert {word for word in secrets + private + numbers if word in logged} == set()
    assert {word for word in secrets + private + numbers if word in metrics} == set()
    assert {word for word in secrets + private if word in shown} == set()
    assert {word for word in secrets + private + numbers for one in errors if word in one} == set()
    assert all("Traceback" not in error and ".py" not in error for error in errors)


def test_no_repr_of_settings_shows_a_secret(tmp_path: Path) -> None:
    """Printing the settings, whole or in part, shows no secret."""
    settings = settings_in(
        tmp_path,
        auth=AuthSettings(secret=SECRET),
        webhook=WebhookSettings(secrets=(HOOK_SECRET,), hook_secrets={"pay": (HOOK_SECRET,)}),
        store=StoreSettings(
            url=f"redis://:{PAYLOAD}@h/0", encryption_keys=(f"k:{DATA}",), prefix="p"
        ),
        chat=ChatSettings(tokens=(PAYLOAD + DATA,)),
        session_keys=SessionKeySettings(secret=SECRET),
        health=HealthSettings(metrics_token=PAYLOAD + DATA),
        log=LogSettings(hash_key=SECRET),
    )
    printed = f"{settings!r} {settings}"

    assert "AuthSettings" in printed
    assert {word for word in (SECRET, HOOK_SECRET, PAYLOAD, DATA) if word in printed} == set()
