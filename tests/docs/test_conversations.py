"""What the documentation says of conversations: its flows run, and its conversations are had again."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio.testing

from sessiond.testing.conversations import play
from sessiond.testing.world import open_world
from tests.docs.pages import DOCS, captioned
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
