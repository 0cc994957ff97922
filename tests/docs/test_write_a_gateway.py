"""The gateway of the how-to page, installed as a package and served by a real server."""

import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from sessiond.testing.providers import Provider, answer, open_provider
from tests.docs.pages import captioned
from tests.scenarios.hooks import Answer, request

PAGE = "howto/write-a-gateway.md"
SECRET = "what-pigeon-signs-with"
APP = """
from sessiond import App, Conversation

app = App()


@app.flow("greet", starts_on=["hi"])
async def greet(c: Conversation) -> None:
    size = await c.select("size", "What size?", ["Small", "Large"])
    await c.say(f"A {size} one.")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the page, as pip installs it, and what else a server needs."""
    folder = tmp_path_factory.mktemp("pigeon")
    source, site = folder / "source", folder / "site"
    source.mkdir()
    for name in ("sessiond_pigeon.py", "pyproject.toml"):
        (source / name).write_text(captioned(PAGE, name))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, *alone, str(source)], check=True, timeout=120)
    (site / "shop.py").write_text(APP)
    (site / "sessiond.toml").write_text(captioned(PAGE, "sessiond.toml"))
    (site / "pigeon.key").write_text("a-key-of-ours\n")
    return site


def environment(site: Path, **settings: str) -> dict[str, str]:
    named = {f"SESSIOND_{name}": value for name, value in settings.items()}
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **named}


def check(site: Path, **settings: str) -> tuple[int, str]:
    """Run ``sessiond check`` where the package is installed."""
    command = [sys.executable, "-m", "sessiond", "check", "shop:app", "--config"]
    done = subprocess.run(
        [*command, str(site / "sessiond.toml"), "--store", "memory:"],
        cwd=site,
        env=environment(site, **settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def serving(site: Path, folder: Path, provider: Provider) -> Iterator[int]:
    """Run ``sessiond serve`` with the account; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "sessiond", "serve", "shop:app", "--port", str(port)]
    arguments = ["--config", str(site / "sessiond.toml"), "--store", "memory:"]
    process = subprocess.Popen(
        [*command, *arguments, "--admin-socket", str(folder / "admin.sock")],
        cwd=site,
        env=environment(site, GATEWAYS__COOP__URL=provider.url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield port
    finally:
        process.kill()
        process.wait()


async def until_ready(port: int) -> None:
    with trio.fail_after(30):
        while True:
            try:
                if (await request(port, "GET", "/readyz", b"", {}))[0] == 200:
                    return
            except OSError:
                await trio.sleep(0.02)


async def post(port: int, body: dict[str, str], *, secret: str = SECRET) -> Answer:
    raw = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-pigeon-signature": signature}
    return await request(port, "POST", "/gateways/coop", raw, headers)


def test_the_settings_of_the_page_are_accepted(site: Path) -> None:
    """The account is one like all others: its kind was found by the entry point."""
    code, said = check(site)

    assert (0, []) == (code, [line for line in said.splitlines() if line.startswith("error")])


def test_what_is_wrong_with_it_is_said_by_check(site: Path) -> None:
    """What the class refuses, names that it does not have, and what is missing; all at once and without a secret."""
    wrong = {"GATEWAYS__COOP__SECRET": "hunter2", "GATEWAYS__COOP__SENDR": "x"}
    code, said = check(site, **wrong)

    assert 1 == code
    assert (
        "gateways.coop.secret (SESSIOND_GATEWAYS__COOP__SECRET): a secret has at least 16" in said
    )
    assert 'did you mean "SESSIOND_GATEWAYS__COOP__SENDER"?' in said
    assert "hunter2" not in said


def test_a_package_that_is_gone_is_missed(site: Path, tmp_path: Path) -> None:
    """With the kinds that there are."""
    for name in ("shop.py", "sessiond.toml", "pigeon.key"):
        shutil.copy(site / name, tmp_path / name)
    code, said = check(tmp_path)

    assert 1 == code
    assert "gateways.coop.gateway" in said
    assert "there is no kind of gateway of this name (known: africastalking" in said


async def test_it_is_served_like_ours(site: Path, short_tmp_path: Path) -> None:
    """Signed or refused, once however often it is sent, answered by calls in order, with the key in its place."""
    async with open_provider() as provider:
        provider.otherwise = answer(200, {"id": "p1"})
        with serving(site, short_tmp_path, provider) as port:
            await until_ready(port)
            phone = "+233 24 412 3456"
            said = {"event": "message", "phone": phone, "text": "hi", "id": "m1"}
            statuses = [
                (await post(port, said, secret="another secret of somebody"))[0],
                (await post(port, said))[0],
                (await post(port, said))[0],
                (await post(port, said | {"event": "delivered"}))[0],
                (await post(port, said | {"event": "typing"}))[0],
                (await post(port, said | {"phone": "12"}))[0],
            ]
            with trio.fail_after(30):
                await provider.wait_calls(1)
                await post(port, said | {"text": "2", "id": "m2"})
                asked = await provider.wait_calls(2)

    assert [401, 200, 200, 200, 200, 400] == statuses
    assert ["/messages", "/messages"] == [one.target for one in asked]
    assert {"Bearer a-key-of-ours"} == {one.headers["authorization"] for one in asked}
    told = [json.loads(one.body) for one in asked]
    assert ["What size?\n\n1. Small\n2. Large", "A Large one."] == [one["text"] for one in told]
    assert {("+233240000000", "+233244123456")} == {(one["from"], one["to"]) for one in told}
