"""Flows in memory, by the bytes they belong to (sessiond/core/conversations/live_flows.py)."""

import pytest

from sessiond.core.conversations.live_flows import LiveFlows
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import LiveFlow
from tests.core.flows.playing import begin


class Closings:
    """Makes flows and hears which of them were closed."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def make(self, name: str) -> LiveFlow:
        async def flow(c: Conversation) -> None:
            try:
                await c.ask("x", "X?")
            finally:
                self.names.append(name)
                if name == "unclean":
                    raise LookupError

        return begin(flow)[0]


def test_a_flow_is_found_by_its_bytes() -> None:
    """Equal bytes are enough to go on; only the very same ones save reading the record."""
    closings = Closings()
    live, flow = LiveFlows(), closings.make("one")
    live.keep("k", b"12", flow)
    equal = bytes(bytearray(b"12"))

    assert live.find("k", equal) is flow
    assert live.find("other", b"12") is None
    assert live.record("k", equal) is None
    assert [] == closings.names


def test_other_bytes_put_a_flow_away() -> None:
    """It has seen what never happened."""
    closings = Closings()
    live = LiveFlows()
    live.keep("k", b"1", closings.make("one"))

    assert live.find("k", b"2") is None
    assert live.find("k", b"1") is None
    assert ["one"] == closings.names


def test_a_dead_flow_is_not_found() -> None:
    """Whoever held it has put it away."""
    live, flow = LiveFlows(), Closings().make("one")
    live.keep("k", b"1", flow)
    flow.put_away()

    assert live.find("k", b"1") is None


def test_what_is_replaced_is_put_away() -> None:
    """Keeping the same flow again, with its new bytes, is no replacement."""
    closings = Closings()
    live, two = LiveFlows(), closings.make("two")
    live.keep("k", b"1", closings.make("one"))
    live.keep("k", b"2", two)
    live.keep("k", b"3", two)

    assert ["one"] == closings.names
    assert live.find("k", b"3") is two


def test_the_record_of_a_flow_in_memory() -> None:
    """It need not be decoded."""
    raw = b"1"
    live, flow = LiveFlows(), Closings().make("one")
    live.keep("k", raw, flow)

    assert live.record("k", raw) is flow.record


@pytest.mark.parametrize("held", [False, True])
def test_dropping(held: bool) -> None:
    """Both the flow that is held and the one at hand, which may be the same."""
    closings = Closings()
    live, flow = LiveFlows(), closings.make("at hand")
    live.keep("k", b"1", flow if held else closings.make("held"))
    live.drop("k", flow)

    assert (["at hand"] if held else ["held", "at hand"]) == closings.names


def test_only_what_is_stored_stays() -> None:
    """The others were never stored, or are over."""
    closings = Closings()
    live = LiveFlows()
    for name in ("a", "b", "c"):
        live.keep(name, b"1", closings.make(name))
    live.keep_only({"b": b""})

    assert ["a", "c"] == closings.names


def test_what_was_raised_meanwhile() -> None:
    """It is handed out once, with the line."""
    closings = Closings()
    live = LiveFlows()
    live.keep("k", b"1", closings.make("unclean"))
    live.drop("k")
    live.keep("k", b"1", closings.make("unclean"))

    assert ["test_live_flows.py" in str(error) for error in live.put_away()] == [True, True]
    assert [] == live.put_away()


def test_a_conversation_that_has_another_key() -> None:
    """Its flow is found under the new one alone; what was there is put away."""
    closings = Closings()
    live, flow = LiveFlows(), closings.make("one")
    live.keep("old", b"1", flow)
    live.keep("new", b"2", closings.make("two"))
    live.move("old", "new")
    live.move("none", "other")

    assert live.find("new", b"1") is flow
    assert live.find("old", b"1") is None
    assert ["two"] == closings.names
