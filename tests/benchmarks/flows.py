"""What a flow costs: a turn while it is alive, rebuilding it, and waiting in memory. No store, no server.

Run: ``python -m tests.benchmarks.flows``. Wall-clock medians of one busy process.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

import trio
from msgspec import Raw

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.engine import LiveFlow, Opening, restore, start
from sessiond.core.flows.flow import Flow, Host
from sessiond.core.flows.record import Entry, decode_record, encode_record
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.driving import Driving
from sessiond.runtime.entropy import SeededEntropy

HOST = Host(SystemClock(), SeededEntropy(1), Driving)
ANSWERS = ("Ama", "2", "3", "Accra", "yes")


async def order(c: Conversation) -> None:
    """Ask five questions of the usual kinds."""
    name = await c.ask("name", "Your name?")
    size = await c.select(
        "size", f"What size, {name}?", {"s": "Small", "m": "Medium", "l": "Large"}
    )
    count = await c.ask("count", "How many?", parse=int, check=lambda n: None if n > 0 else "More!")
    town = await c.ask("town", "Where to?", check=lambda t: len(t) < 40)
    if await c.confirm("ok", f"{count} × {size} to {town}?"):
        await c.say("Thank you!")


async def fifty(c: Conversation) -> None:
    """Ask fifty questions."""
    for number in range(60):
        await c.ask(f"question-{number}", f"Question {number}?", parse=int)


ORDER = Flow(name="order", function=order)
FIFTY = Flow(name="fifty", function=fifty)


def begun(number: int = 0) -> LiveFlow:
    """Start the five-question flow."""
    opening = Opening(id=f"c{number}", user="u1", text="hi", platform="ussd", gateway="nalo")
    return start(ORDER, opening, HOST)[0]


def turn_microseconds() -> float:
    """Median of answering one question and encoding the record."""
    times = []
    for _ in range(400):
        live = begun()
        for text in ANSWERS:
            before = time.perf_counter()
            live.answer(Answer(text=text))
            encode_record(live.record)
            times.append(time.perf_counter() - before)
    return median(times) * 1e6


def rebuild_milliseconds() -> float:
    """Median of decoding a record with fifty answers and replaying it."""
    live = start(FIFTY, Opening(id="c", user="u1"), HOST)[0]
    for number in range(50):
        live.answer(Answer(text=str(number)))
    record = encode_record(live.record)

    def rebuild() -> None:
        restore(FIFTY, decode_record(record), HOST, user="u1")

    return _median_seconds(rebuild, 200) * 1e3


def suspended_bytes(count: int = 20_000, answered: int = 0) -> float:
    """Memory of one flow that waits, after *answered* questions; the record counts too."""
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = []
    for number in range(count):
        live = begun(number)
        for text in ANSWERS[:answered]:
            live.answer(Answer(text=text))
        kept.append(live)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(kept)


def entry_bytes(answered: int, count: int = 5_000) -> float:
    """Memory of the recorded answers alone: entries, values and the tuple around them."""
    live = begun()
    for text in ANSWERS[:answered]:
        live.answer(Answer(text=text))
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [
        tuple([Entry(e.kind, e.key, Raw(bytes(memoryview(e.value)))) for e in live.record.entries])
        for _ in range(count)
    ]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / len(kept)


def _median_seconds(work: Callable[[], None], times: int) -> float:
    taken = []
    for _ in range(times):
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return median(taken)


async def main() -> None:
    """Measure inside a Trio run, as the server does."""
    print(f"turn of a live flow            {turn_microseconds():8.1f} µs    (figure: 60)")
    print(f"rebuild with 50 answers        {rebuild_milliseconds():8.2f} ms    (figure: 2)")
    for answered in (0, 4):
        used, answers = suspended_bytes(answered=answered), entry_bytes(answered)
        print(
            f"suspended, {answered} answers            {used - answers:8.0f} bytes (figure: 2048)",
            end=" ",
        )
        print(f"and {answers:.0f} for the answers")


if __name__ == "__main__":
    trio.run(main)
