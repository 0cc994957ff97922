"""What the documentation says of conversations: its flows run, and its conversations are had again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio.testing
from attrs import fields

from sessiond import App
from sessiond.core.ids import UserId
from sessiond.gateways.web import read_flow_event
from sessiond.testing.conversations import play
from sessiond.testing.world import open_world
from sessiond_client import Prompt, Shown
from tests.cli.test_dev import Running, start
from tests.docs.pages import DOCS, captioned, fenced
from tests.docs.playing import Played, load, played, replay

PLAYED = list(played())


@pytest.mark.parametrize("one", PLAYED, ids=str)
async def test_a_conversation_that_is_shown_is_had_so(
    one: Played, autojump_clock: trio.testing.MockClock
) -> None:
    """Word for word, blank lines included."""
    assert one.lines == await replay(one)


def test_the_tests_that_are_shown_pass(tmp_path: Path) -> None:
    """The files of the page about tests, copied as they are: app, tests, and the transcript that they compare with."""
    for name in ("shop.py", "test_shop.py", "order.txt"):
        (tmp_path / name).write_text(captioned("howto/flow-tests.md", name))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_the_test_with_a_provider_passes(tmp_path: Path) -> None:
    """The same page's app that sends by WhatsApp, against a provider with four faults."""
    for name in ("ready.py", "test_ready.py"):
        (tmp_path / name).write_text(captioned("howto/flow-tests.md", name))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "trio_mode=true", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "4 passed" in done.stdout, done.stdout + done.stderr


def test_pictures_and_places_are_taken_as_shown() -> None:
    """The flow that asks for a photo, a bill, a place and a friend gets them, and turns a wrong photo down."""
    with play(load("howto/flows.md", "damage.py").app) as phone:
        phone.say("damage")
        assert "A JPEG, please." in phone.attach("image", mime_type="image/png")
        phone.attach("image", id="m-1", mime_type="image/jpeg")
        phone.attach("document", filename="bill.pdf")
        phone.send_location(5.6, -0.2)
        assert "Thank you. We call Kofi." == phone.send_contact("Kofi", "+233244123456")

    assert {"photo": "m-1", "bill": "bill.pdf", "at": [5.6, -0.2]} == phone.result


TUTORIAL = "tutorial-conversation.md"


def test_the_tutorial_is_played_in_the_terminal_as_shown(tmp_path: Path) -> None:
    """``sessiond flow run`` says what the page says; only the run's own id is another each time."""
    (tmp_path / "pizza.py").write_text(captioned(TUTORIAL, "pizza.py"))
    shown = captioned(TUTORIAL, "sessiond flow run pizza:order")
    typed = [line[2:] for line in shown.splitlines() if line.startswith("> ")]
    done = subprocess.run(
        [sys.executable, "-m", "sessiond", "flow", "run", "pizza:order"],
        cwd=tmp_path,
        input="\n".join(typed),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONPATH": str(DOCS.parent)},
    )

    assert _without_ids(shown) == _without_ids(done.stdout)


def _without_ids(text: str) -> str:
    return re.sub(r"[0-9a-f]{16}|2L-[0-9A-F]{4}", "…", text)


def test_the_tutorial_goes_on_after_a_kill(short_tmp_path: Path) -> None:
    """The pasted line, with other words; a SIGKILL before the last; then the client, as the page has it."""
    (short_tmp_path / "pizza.py").write_text(captioned(TUTORIAL, "pizza.py"))
    (short_tmp_path / "talk.py").write_text(captioned(TUTORIAL, "talk.py"))

    def say(running: Running, text: str) -> str:
        line = running.line("Say something over HTTP").replace('"hi"', f'"{text}"')
        return str(json.loads(running.paste(line))["bot_message"])

    running = start(short_tmp_path, "pizza:app")
    with running.process:
        asked = [say(running, text) for text in ("hi", "large", "2")]
        running.process.kill()
    again = start(short_tmp_path, "pizza:app")
    with again.process:
        thanks = say(again, "yes")
        talked = subprocess.run(
            [sys.executable, "talk.py", *_url_and_token(again.welcome)],
            cwd=short_tmp_path,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={"PYTHONPATH": str(DOCS.parent / "clients" / "python")},
        )
        again.process.kill()

    assert [
        "What size?\n\n1. Small\n2. Large",
        "How many?",
        "Order 2 × L?\n\n1. Yes\n2. No",
    ] == asked
    assert thanks.startswith("Thank you! Your reference is 2L-")
    assert "> yes\nThank you! Your reference is 3L-" in talked.stdout


def _url_and_token(welcome: str) -> tuple[str, str]:
    found = re.search(r"(ws://[\d.:]+)/socket\S*&token=([^\s']+)", welcome)
    assert found, welcome
    return found[1], found[2]


def test_frames_of_the_tutorial_are_read() -> None:
    """What a reader types is what the server understands."""
    frames = [
        json.loads(line)
        for block in fenced(TUTORIAL, "text")
        for line in block.splitlines()
        if line.startswith("[")
    ]

    assert 4 == len(frames)
    for _, _, _, event, payload in frames:
        assert "demo" == read_flow_event(event, payload, UserId("demo"), None).facts.user_id


def test_the_protocol_names_every_field() -> None:
    """The tables of the document that clients get have its fields and no others; the example is one."""
    page = (DOCS / "protocol.md").read_text()
    _, shown, prompt = re.split(r"^\| field (?:of `prompt` )?\|.*\n", page, flags=re.MULTILINE)
    (example,) = (block for block in fenced("protocol.md", "json") if '"flow"' in block)
    assert Shown.read(json.loads(example)).text == "Welcome!\n\nWhat size?\n\n1. Small\n2. Large"

    for table, names in ((shown, fields(Shown)), (prompt, fields(Prompt))):
        rows = table.split("\n\n", maxsplit=1)[0]
        assert set(re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)) == {one.name for one in names}


async def test_an_app_without_flows_says_so(autojump_clock: trio.testing.MockClock) -> None:
    """Every event of conversations is an unknown one there; a flow that is not there is a bad request."""
    async with open_world(App()) as world:
        phone = await world.join("ada")
        refusals = [
            await phone.send(event, payload).refusal()
            for event, payload in (("flow:say", {"text": "hi"}), ("flow:start", {"flow": "x"}))
        ]
    async with open_world(load(TUTORIAL, "pizza.py").app) as world:
        phone = await world.join("ada")
        refusals.append(await phone.send("flow:start", {"flow": "x"}).refusal())

    assert ["unknown_event", "unknown_event", "bad_request"] == refusals


#: Wrong on purpose.
FAULTY = {("howto/check-flows.md", "shop.py")}


@pytest.mark.parametrize(
    ("page", "name"),
    sorted({(one.page, name) for one in PLAYED for name in (one.name, one.then) if name} - FAULTY),
)
def test_flows_that_are_shown_have_no_errors(page: str, name: str, tmp_path: Path) -> None:
    """``sessiond flow check`` finds none in them."""
    (tmp_path / name).write_text(captioned(page, name))
    done = subprocess.run(
        [sys.executable, "-m", "sessiond", "flow", "check", name.removesuffix(".py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PYTHONPATH": str(DOCS.parent), "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert 0 == done.returncode, done.stdout + done.stderr


async def test_a_handler_reads_the_journal_as_shown(autojump_clock: trio.testing.MockClock) -> None:
    """It finds the order that was finished, and not the one that was cancelled."""
    async with open_world(load("howto/flow-journal.md", "history.py").app) as world:
        phone = await world.join("ada")
        for text in ("hi", "tea", "hi", "cancel"):
            await phone.say(text)
        history = await phone.push("history")

    assert [world.clock.now()] == [round(at) for at in history["orders"]]
    assert history["more"] is None
