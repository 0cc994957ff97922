"""CPU of flows, in a process of its own, without server or store: ``python -m tests.benchmarks.flow_turns JSON``.

Prints one JSON object of figures. Each is a median over turns, of the process's CPU; reading that clock twice is in it
(some 0.7 µs). What is compared is measured in turns, conversation by conversation.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Final

import trio

from sessiond.core.conversations.book import FlowBook
from sessiond.core.conversations.conversations import Conversations
from sessiond.core.conversations.inputs import Said
from sessiond.core.conversations.routing import Route
from sessiond.core.conversations.session_keys import ChannelFacts, SessionKeySettings
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import Opening, restore, start
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.record import decode_record, encode_record
from sessiond.core.ids import UserId
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.driving import Driving
from sessiond.runtime.entropy import SeededEntropy
from tests.benchmarks.child import pin
from tests.benchmarks.order import ANSWERS, order, order_by_hand

__all__ = ["measure"]

_HOST: Final = Host(SystemClock(), SeededEntropy(1), Driving)
_ORDER: Final = Flow(name="order", function=order)
_BOOK: Final = FlowBook(
    {"order": _ORDER},
    [Route(flow="order", takes_everything=True)],
    keys=SessionKeySettings(secret="of-the-benchmark-and-nobody-else"),
)
_RECORDED: Final = 50
_REBUILDS: Final = 4  # as many as there are turns to compare with, about

_clock: Final = time.process_time_ns


async def _many(c: Conversation) -> None:
    for number in range(_RECORDED + 1):
        await c.ask(f"question-{number}", f"Question {number}?", parse=int)


_MANY: Final = Flow(name="many", function=_many)


def _engine(number: int) -> list[int]:
    """The flow alone: an answer in; the next question and the encoded record out."""
    live = start(_ORDER, Opening(id=f"c{number}", user="u"), _HOST)[0]
    times = []
    for text in ANSWERS:
        answer = Answer(text=text)
        before = _clock()
        live.answer(answer)
        encode_record(live.record)
        times.append(_clock() - before)
    return times


def _whole(number: int) -> list[int]:
    """The turn as the actor computes it: which conversation, routing, the flow, what is stored, told and shown."""
    user = UserId(f"user-{number:06}")
    conversations = Conversations(_BOOK, _HOST, user)
    times: list[int] = []
    stored: Mapping[str, bytes] = {}
    for text in ("hi", *ANSWERS):
        facts = ChannelFacts(platform="websocket", gateway="websocket", user_id=user)
        said = Said(facts, Answer(text=text))
        before = _clock()
        taken = conversations.take(said, stored, 1e9)
        _ = taken.shown
        times.append(_clock() - before)
        stored = taken.stored
        assert taken.error is None
    return times[1:]


def _by_hand(_number: int) -> list[int]:
    times, stored = [], b""
    for text in ("hi", *ANSWERS):
        before = _clock()
        stored = order_by_hand(stored, text)[0]
        times.append(_clock() - before)
    return times[1:]


def _rebuild(number: int) -> list[int]:
    """Decode a record of fifty answers, and replay it."""
    live = start(_MANY, Opening(id=f"c{number}", user="u"), _HOST)[0]
    for said in range(_RECORDED):
        live.answer(Answer(text=str(said)))
    record = encode_record(live.record)
    times = []
    for _ in range(_REBUILDS):
        before = _clock()
        restore(_MANY, decode_record(record), _HOST, user="u")
        times.append(_clock() - before)
    return times


async def measure(conversations: int) -> dict[str, float]:
    """Measure *conversations* of each kind, in a Trio task as the server's."""
    kinds: dict[str, Callable[[int], list[int]]] = {
        "engine": _engine,
        "whole": _whole,
        "hand": _by_hand,
        "rebuild": _rebuild,
    }
    found: dict[str, list[int]] = {kind: [] for kind in kinds}
    for kind in kinds.values():
        kind(0)
    gc.collect()
    gc.freeze()
    for number in range(conversations):
        for name, kind in kinds.items():
            found[name] += kind(number)
    middle = {name: median(times) / 1e3 for name, times in found.items()}
    return {
        **middle,
        "rebuild": middle["rebuild"] / 1e3,
        "hand ratio": middle["whole"] / middle["hand"],
    }


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    pin(options["core"])
    print(json.dumps(trio.run(measure, options["conversations"])))
