"""Turns of conversations over websockets: each says ``1``, and is answered when that is durable.

``1`` answers every question of the flow; after its end it begins the flow again. So of six turns one starts a flow,
five answer a question, the last of which ends it.
"""

from tests.benchmarks.bench import Bench, Figures, give_frames
from tests.benchmarks.frames import message
from tests.benchmarks.load import Fleet, Link
from tests.benchmarks.order import SAME_ANSWER
from tests.benchmarks.turns import measure_stores

__all__ = ["measure", "prepare", "say"]


def measure(bench: Bench) -> Figures:
    """Measure both stores as ``turns`` does."""
    return measure_stores(bench, "dialogue", prepare)


def prepare(fleet: Fleet, links: list[Link]) -> None:
    """Go through the flow once, looking at what is shown; later answers are only known to be answers."""
    ok = links[0].ok
    for shown in ("name", "size", "count", "town", "ok"):
        say(fleet, links, f'"key":"{shown}"'.encode())
    say(fleet, links, b'"end":"returned"')
    give_frames(links, [_frame(link) for link in links], ok)


def say(fleet: Fleet, links: list[Link], shown: bytes) -> None:
    """Have each of *links* say something; *shown* is in every answer."""
    for link in links:
        link.ok = shown
    fleet.exchange(links, lambda link, _left: _frame(link), 1)


def _frame(link: Link) -> bytes:
    return message(link.user, "flow:say", {"text": SAME_ANSWER})
