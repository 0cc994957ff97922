"""``sessiond dev``: what it prints works when it is pasted."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

from tests.cli.conftest import run

HERE = Path(__file__).parents[2]


@frozen
class Running:
    process: "subprocess.Popen[str]"
    folder: Path
    welcome: str

    def line(self, title: str) -> str:
        """Give the line to paste under *title*."""
        found = re.search(rf"^{re.escape(title)}.*\n  (.*)$", self.welcome, re.MULTILINE)
        assert found, self.welcome
        return found[1]

    def paste(self, line: str, timeout: float = 30) -> str:
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, timeout=timeout, check=True
        )
        return done.stdout


def start(folder: Path, *arguments: str) -> Running:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SESSIOND_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sessiond", "dev", "--port", "0", *arguments],
        cwd=folder,
        env=clean | {"SESSIOND_STATE_DIR": str(folder / "state"), "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    welcome = ""
    while "Look inside" not in welcome:
        line = process.stdout.readline()
        assert line, welcome
        welcome += line
    return Running(process, folder, welcome + process.stdout.readline())


@pytest.fixture
def running(short_tmp_path: Path) -> Iterator[Running]:
    one = start(short_tmp_path)
    with one.process:
        yield one
        one.process.kill()


def test_each_door_can_be_tried_by_pasting(running: Running) -> None:
    """The webhook is accepted, the websocket joins and pushes, sessionctl sees the user."""
    accepted = running.paste(running.line("Post a signed webhook"))
    websocket = running.line("Connect a websocket client").replace("; cat)", "; sleep 4)")
    frames = running.paste(websocket)
    listing = running.paste(running.line("Look inside"))

    assert " 202 " in accepted.splitlines()[0]
    assert '"recovered"' in frames
    assert '"count":1' in frames.replace(" ", "")
    assert re.search(r"^demo +(attached|detached)", listing, re.MULTILINE)


def test_a_conversation_can_be_had_by_pasting(running: Running) -> None:
    """Answers are typed as they are, and what a function returned is pushed; over HTTP the first question is asked."""
    line = running.line("Talk to the flow 'order'")
    shown = running.paste(f"(sleep 2; for one in 2 3 yes; do echo $one; sleep 1; done) | ({line})")

    assert shown.index("What size?") < shown.index("How many?") < shown.index('"flow:output"')
    assert "Thank you! Your reference is 3L-" in shown
    asked = json.loads(running.paste(running.line("Say something over HTTP")))
    assert asked["bot_message"].startswith("What size?")


def test_a_dial_can_be_made_by_pasting(running: Running) -> None:
    """As its provider makes it, at the account that is made up."""
    dialled = json.loads(running.paste(running.line("Dial *920*44#, as Nalo does")))

    assert dialled["MSG"].startswith("Welcome to Pizza!")
    assert dialled["MSGTYPE"] is True


def test_the_simulator_has_accounts(running: Running) -> None:
    """An app with flows has one of each kind to try, also on a port that was free; what they send comes back here."""
    page = re.search(r"simulator +(http://\S+)", running.welcome)
    assert page
    told = json.loads(running.paste(f"curl -s {page[1]}/setup"))
    dialled = running.paste(
        f"curl -s '{page[1].removesuffix('/simulator')}/gateways/nalo?token={told['accounts'][0]['token']}' "
        "-H 'content-type: application/json' "
        """-d '{"MSISDN": "233244123456", "USERDATA": "*920*44#", "MSGTYPE": true, "SESSIONID": "1"}'"""
    )

    names = [one["name"] for one in told["accounts"]]
    assert ["nalo", "nsano", "africastalking", "http", "whatsapp", "telegram", "twilio"] == names
    assert all(one["answers_here"] for one in told["accounts"] if one["tab"] == "chat")
    assert json.loads(dialled)["MSG"].startswith("Welcome to Pizza!")


def test_an_app_of_ones_own_is_joined_only(short_tmp_path: Path) -> None:
    """The line pushes nothing that only the demo app knows; the client's lines arrive whole, whatever their length."""
    (short_tmp_path / "own.py").write_text("from sessiond import App\n\napp = App()\n")
    running = start(short_tmp_path, "own:app")
    with running.process:
        websocket = running.line("Connect a websocket client").replace("; cat)", "; sleep 4)")
        (reply, *others) = running.paste(websocket).splitlines()
        page = re.search(r"simulator +(http://\S+)", running.welcome)
        assert page
        setup = json.loads(running.paste(f"curl -s {page[1]}/setup"))
        running.process.kill()

    assert "todo:add" not in websocket
    assert "Talk to the flow" not in running.welcome
    assert "Dial " not in running.welcome
    assert [] == setup["accounts"]
    assert json.loads(reply.removeprefix("< "))[4]["status"] == "ok"
    assert all(line.startswith("Connection closed") for line in others)


def test_what_was_acknowledged_is_there_after_a_restart(running: Running) -> None:
    """State lives in the state directory; the printed token still holds, the server drains on SIGTERM."""
    websocket = running.line("Connect a websocket client").replace("; cat)", "; sleep 4)")
    running.paste(websocket)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(20) == 0

    again = start(running.folder)
    with again.process:
        websocket = again.line("Connect a websocket client").replace("; cat)", "; sleep 4)")
        frames = again.paste(websocket)
        again.process.kill()
    assert '"count":2' in frames.replace(" ", "")


def test_two_on_one_port_or_one_state_directory(running: Running) -> None:
    """The second says what is in its way, in one line, and ends."""
    address = re.search(r"http://127\.0\.0\.1:(\d+)", running.welcome)
    assert address
    same_store = run("sessiond.cli", ["dev", "--port", "0"], running.folder)
    other = str(running.folder / "other")
    same_port = run(
        "sessiond.cli", ["dev", "--port", address[1], "--state-dir", other], running.folder
    )

    for done in (same_store, same_port):
        assert done.code == 1
        assert "Traceback" not in done.err
    assert address[1] in same_port.err
