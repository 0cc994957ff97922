"""Transcripts of played conversations (sessiond/testing/conversations/transcript.py)."""

from pathlib import Path

import pytest

from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.faults import FlowFailed, RunFailed
from sessiond.core.flows.prompts import AttachmentKind, Media, Output
from sessiond.testing.conversations import assert_transcript, play
from sessiond.testing.conversations.line import Shown
from sessiond.testing.conversations.transcript import UPDATE, Transcript

TRANSCRIPT = """\
> shop
  What?

  1. Tea
  2. Tea and cake
> no idea
  Invalid selection:

  What?

  1. Tea
  2. Tea and cake
> [Tea and cake]
  -- price("cake", <object>) = 3.5
  -- pay() failed: OSError: away
  3.5, please.
  https://x/cake.jpg

  With cake.
  -- document m-1
  -- the end: {"price":3.5}
> (contact: "Kofi" ["1"])
  What?

  1. Tea
  2. Tea and cake
> one
> two
  Invalid selection:

  What?

  1. Tea
  2. Tea and cake
  -- 1 days 2 hours later
  -- the end
"""


async def shop(c: Conversation) -> dict[str, float]:
    item = await c.select("item", "What?", {"tea": "Tea", "cake": "Tea and cake"})
    price = await c.run("price", _price, item, object())
    try:
        await c.run("pay", _pay)
    except RunFailed:
        await c.say(f"{price}, please.", media=Media(url="https://x/cake.jpg"))
        await c.say("With cake.", media=Media(kind=AttachmentKind.DOCUMENT, id="m-1"))
    return {"price": price}


def _price(_item: str, _till: object) -> float:
    return 3.5


def _pay() -> None:
    raise OSError("away")


def test_everything_that_can_happen() -> None:
    """What was said, tapped and sent, what was shown and called, failures, time and ends."""
    with play(shop, platform="websocket") as phone:
        phone.say("shop")
        phone.say("no idea")
        phone.tap("Tea and cake")
        phone.send_contact("Kofi", "1")
        phone.say("one\ntwo")
        phone.advance(days=1, hours=2)

    expected = TRANSCRIPT.removesuffix("  -- the end\n")
    assert expected == phone.transcript


def test_a_failure_is_in_it() -> None:
    """By its kind: the line is in the error, and changes with every edit."""

    async def broken(_c: Conversation) -> None:
        raise LookupError

    with play(broken, raises=False) as phone:
        phone.say("broken")

    assert phone.transcript.endswith(
        "  Sorry, something went wrong. Please try again.\n  -- failed: FlowFailed\n"
    )


def test_an_author_reads_what_was_raised() -> None:
    """With the line of code; words that the failure has already are not said twice."""
    transcript = Transcript(names_lines=True)
    for cause in (LookupError("no such size"), None, LookupError("order.py:3")):
        failed = FlowFailed("the flow raised LookupError", where="order.py:3")
        failed.__cause__ = cause
        transcript.happened(Shown(Output(), error=failed))

    assert [
        "  -- failed: order.py:3: the flow raised LookupError: no such size",
        "  -- failed: order.py:3: the flow raised LookupError",
        "  -- failed: order.py:3: the flow raised LookupError",
    ] == transcript.text.splitlines()


def test_golden_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written on demand, then compared; a difference is shown line by line."""
    monkeypatch.delenv(UPDATE, raising=False)
    file = tmp_path / "golden" / "shop.txt"
    with play(shop) as phone:
        phone.say("shop")
        with pytest.raises(AssertionError, match=f"there is no transcript .*{UPDATE}=1"):
            assert_transcript(phone, file)
        monkeypatch.setenv(UPDATE, "1")
        assert_transcript(phone, file)
        monkeypatch.delenv(UPDATE)
        assert_transcript(phone, str(file))
        assert phone.transcript == file.read_text()
        phone.tap("Tea")
        with pytest.raises(AssertionError, match=r"(?m)^\+> \[Tea\]$"):
            assert_transcript(phone, file)
