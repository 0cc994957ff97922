"""``sessiond flow run``: as a process with a script, and in a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3]

SHOP = """
import trio
from sessiond import App, Conversation

app = App()

async def reserve(size):
    await trio.sleep(0)
    return "R-" + size

@app.flow("order", starts_on=["order"])
async def order(c: Conversation):
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask("count", "How many?", parse=int)
    if count == 13:
        raise LookupError
    ref = await c.run("reserve", reserve, size)
    await c.say(f"Your reference is {ref}.")

@app.flow("help", starts_on=["help"])
async def help_me(c: Conversation):
    await c.say(f"You are {c.user_id} on {c.platform}, {c.language}.")
"""

LIST = """
from sessiond import Conversation

async def greet(c: Conversation):
    name = await c.ask("name", "Your name?")
    await c.say(f"Hello, {name}.")
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory with the modules of an app and of a bare flow."""
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "greeting.py").write_text(LIST)
    return tmp_path


def command(folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SESSIOND_")}
    return subprocess.Popen(
        [sys.executable, "-m", "sessiond", "flow", "run", *arguments],
        cwd=folder,
        env=clean | {"PYTHONPATH": str(HERE), "TERM": "dumb"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def script(folder: Path, inputs: str | bytes, *arguments: str) -> tuple[int, str, str]:
    raw = inputs.encode() if isinstance(inputs, str) else inputs
    with command(folder, *arguments) as process:
        out, err = process.communicate(raw, timeout=30)
    return process.returncode, out.decode(), err.decode()


def test_a_script_plays_an_app(shop: Path) -> None:
    """Its routing decides what starts; what comes out is a transcript."""
    code, out, err = script(shop, "what?\norder\n2\n3\nhelp\n", "shop", "--language", "fr")

    assert (0, "") == (code, err)
    assert out.splitlines() == [
        "> what?",
        "  -- nothing is said to that",
        "> order",
        "  What size?",
        "",
        "  1. Small",
        "  2. Large",
        "> 2",
        "  How many?",
        "> 3",
        '  -- reserve("l") = "R-l"',
        "  Your reference is R-l.",
        "  -- the end",
        "> help",
        "  You are you on terminal, fr.",
        "  -- the end",
    ]


def test_one_flow_begins_by_itself(shop: Path) -> None:
    """Of an app, or a function that is a flow; on USSD the characters of each page are counted."""
    _, out, _ = script(shop, "", "shop:order", "--platform", "ussd")
    assert out.endswith("  2. Large\n  -- 29 of 120 characters\n")
    _, out, _ = script(shop, "", "shop:order", "--platform", "ussd", "--gateway", "nsano")
    assert out.endswith("  -- 29 of 140 characters\n")
    code, out, _ = script(shop, "Ama\n", "greeting:greet")

    assert (0, True) == (code, out.endswith("  Hello, Ama.\n  -- the end\n"))


def test_a_dial_opens_an_app_on_ussd(shop: Path) -> None:
    """Without a word: what takes everything would begin; here nothing does."""
    _, out, _ = script(shop, "order\n", "shop", "--platform", "ussd")

    assert out.startswith("  -- nothing is said to that\n> order\n  What size?")


def test_a_flow_that_fails(shop: Path) -> None:
    """Its line is named, the talk goes on, and a script learns of it from the exit code."""
    code, out, err = script(shop, "1\n13\n/remind\n", "shop:order")

    assert (1, "") == (code, err)
    assert "shop.py:16: the flow raised LookupError\n> /remind\n  How many?" in out


def test_what_cannot_be_played(shop: Path) -> None:
    """One line, and the exit code of a refusal."""
    code, out, err = script(shop, "", "shop:nothing")

    assert (1, "") == (code, out)
    assert "no flow called 'nothing'; its app has order, help\n" in err


def test_garbage_from_a_script(shop: Path) -> None:
    """Bytes that are no text, and a megabyte, are answers like any other."""
    inputs = b"\xff\xfe\n" + b"x" * 1_000_000 + b"\n\x1b[31m\n"
    code, out, err = script(shop, inputs, "shop:order")

    assert (0, "") == (code, err)
    assert "Please write at most 4096 characters." in out


def test_an_interrupt_while_a_function_runs(shop: Path) -> None:
    """It ends as any interrupted program does, without a traceback."""
    (shop / "slow.py").write_text(
        "import trio\n"
        "async def nap():\n"
        "    print('asleep', flush=True)\n"
        "    await trio.sleep(60)\n"
        "async def slow(c):\n"
        "    await c.run('nap', nap)\n"
    )
    with command(shop, "slow:slow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"asleep\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert (130, b"", b"") == (process.returncode, out, err)


class Terminal:
    """A terminal in which the command runs."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.fd, inside = pty.openpty()
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SESSIOND_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sessiond", "flow", "run", *arguments],
            cwd=folder,
            env=clean | {"PYTHONPATH": str(HERE), "TERM": "dumb"},
            stdin=inside,
            stdout=inside,
            stderr=inside,
        )
        os.close(inside)
        self._read = ""

    def until(self, text: str) -> str:
        """Read until *text* has come; returns everything up to it."""
        end = time.monotonic() + 30
        while text not in self._read:
            ready, _, _ = select.select([self.fd], [], [], max(0.0, end - time.monotonic()))
            assert ready, self._read
            try:
                more = os.read(self.fd, 4096)
            except OSError:  # the other side is closed
                more = b""
            assert more, self._read
            self._read += more.decode().replace("\r\n", "\n")
        found, _, self._read = self._read.partition(text)
        return found

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until it is noticed: readline misses the one that comes just before it waits for keys."""
        for _ in range(6):
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                continue
            return

    def ended(self) -> int:
        return self.process.wait(30)


@pytest.fixture
def terminal(shop: Path) -> Iterator[Terminal]:
    """A terminal that plays the order."""
    one = Terminal(shop, "shop:order")
    with one.process:
        yield one
        one.process.kill()
        os.close(one.fd)


def test_in_a_terminal(terminal: Terminal) -> None:
    """Screens, a prompt, and nothing that was typed printed a second time."""
    terminal.until("  What size?\n\n  1. Small\n  2. Large\n> ")
    terminal.type("2\n")
    assert "2\n" == terminal.until("  How many?\n> ")
    terminal.type("13\n")
    terminal.until("the flow raised LookupError\n> ")
    terminal.type("/back\n")
    terminal.until("  How many?\n> ")
    terminal.type("/quit\n")

    assert 0 == terminal.ended()


@pytest.mark.parametrize("how", ["ctrl-d", "ctrl-c"])
def test_enough_of_it(terminal: Terminal, how: str) -> None:
    """Either ends it cleanly, with the cursor on a line of its own."""
    terminal.until("> ")
    if how == "ctrl-d":
        terminal.type("\x04")
    else:
        terminal.interrupt()
    terminal.until("\n")

    assert 0 == terminal.ended()
    assert "Traceback" not in terminal._read
