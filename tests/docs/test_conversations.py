"""What the documentation says of conversations: its flows run, and its conversations are had again."""

import pytest
import trio.testing

from tests.docs.playing import Played, played, replay

PLAYED = list(played())


@pytest.mark.parametrize("one", PLAYED, ids=str)
async def test_a_conversation_that_is_shown_is_had_so(
    one: Played, autojump_clock: trio.testing.MockClock
) -> None:
    """Word for word, blank lines included."""
    assert one.lines == await replay(one)
