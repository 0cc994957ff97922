"""What one input did (sessiond/core/conversations/taken.py)."""

import msgspec

from sessiond.core.conversations.taken import Taken
from sessiond.core.flows.prompts import Message, Output


def test_nothing_to_show() -> None:
    """An empty document."""
    assert b"{}" == Taken(stored={}).shown


def test_what_is_shown() -> None:
    """The output, and how the turn went."""
    taken = Taken(
        stored={},
        key="k",
        flow="order",
        output=Output(messages=(Message("Sorry."),)),
        queued=True,
        error=LookupError(),
    )

    assert {
        "conversation": "k",
        "flow": "order",
        "messages": [{"text": "Sorry."}],
        "queued": True,
        "failed": True,
    } == msgspec.json.decode(taken.shown)


def test_nothing_stored_is_in_a_repr() -> None:
    """It holds what people said."""
    assert "Ama" not in repr(Taken(stored={"k": b"Ama"}, journal=(b"Ama",)))
