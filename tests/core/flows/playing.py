"""Flows played without a server: a fixed world, and short words for starting, answering and rebuilding."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.engine import LiveFlow, Opening, restore, start
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.record import decode_record, encode_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessiond.core.flows.prompts import Output


class CountingWorld:
    """A clock and an entropy that never say the same thing twice."""

    def __init__(self) -> None:
        self._ticks = itertools.count(1)

    def monotonic(self) -> float:
        return float(next(self._ticks))

    def now(self) -> float:
        return 1_700_000_000.0 + next(self._ticks)

    def token(self, size: int) -> bytes:
        return next(self._ticks).to_bytes(size, "big")

    def jitter(self) -> float:
        return next(self._ticks) / 1_000_000


def host() -> Host:
    """Make a world."""
    world = CountingWorld()
    return Host(world, world)


def make(function: Callable[..., Any], **options: Any) -> Flow:
    """Make a flow of the name that all records of these tests have."""
    return Flow(name="test", function=function, **options)


def begin(flow: Flow | Callable[..., Any], text: str = "hi") -> tuple[LiveFlow, Output]:
    """Start a flow."""
    flow = flow if isinstance(flow, Flow) else make(flow)
    opening = Opening(id="c1", user="u1", text=text, platform="ussd", gateway="nalo")
    return start(flow, opening, host())


def said(text: str) -> Answer:
    """Make a typed answer."""
    return Answer(text=text)


def play(flow: Flow | Callable[..., Any], *texts: str) -> tuple[LiveFlow, Output]:
    """Start a flow and give it typed answers; returns it with its last output."""
    live, output = begin(flow)
    for text in texts:
        output = live.answer(said(text))
    return live, output


def rebuild(live: LiveFlow, flow: Flow | Callable[..., Any]) -> tuple[LiveFlow, Output | None]:
    """Put *live* away, and build it again from the bytes of its record."""
    raw = encode_record(live.record)
    live.put_away()
    flow = flow if isinstance(flow, Flow) else make(flow)
    return restore(flow, decode_record(raw), host(), user="u1")


def body(output: Output | None) -> str:
    """What the prompt of *output* shows."""
    assert output is not None
    assert output.prompt is not None
    return output.prompt.body


def messages(output: Output | None) -> list[str]:
    """What was said."""
    assert output is not None
    return [message.text for message in output.messages]


def line_after(marker: str, path: str) -> int:
    """The number of the line of *path* that holds ``# <marker>``."""
    with open(path, encoding="utf-8") as source:  # noqa: PTH123
        lines = source.read().splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.endswith(f"# {marker}"))
