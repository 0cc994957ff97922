"""Memory of a session: resident memory beyond that of a server with a quarter as many, per session more.

Before that ``visitors`` came and went: what is bounded is full by then, SQLite's page cache above all. (It takes 3 KiB
of each of the first 3,000 users, and nothing of those who follow; left out, it was counted as memory of sessions.)
Each session has 1 KiB of data, 16 remembered input ids and no unacknowledged frame. *Detached* and *passive* are found
with a server to which only some were attached at a time: what a crowd that was there at once leaves behind is another
figure (``detached after``).
"""

import itertools
import time
import urllib.request
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from tests.benchmarks.bench import Bench, Figures, users
from tests.benchmarks.child import Child
from tests.benchmarks.frames import LoadError, message
from tests.benchmarks.load import Fleet, Link

__all__ = ["Talk", "amounts", "in_batches", "join_all", "lots", "measure", "memory_kib"]

DATA_BYTES: Final = 1024
INPUT_IDS: Final = 16

#: Sessions are made in so many lots: what all of them in flight at once would need is not what they hold.
_LOTS: Final = 20
_PATIENCE: Final = 60.0

T = TypeVar("T")
Talk = Callable[[Fleet, list[Link]], None]

_ids: Final = itertools.count()


def measure(bench: Bench) -> Figures:
    """Find attached, detached and passive, each with a fresh server."""
    return {
        **_attached(bench),
        "detached": in_batches(bench, window_seconds=3600.0, phase="detached"),
        "passive": in_batches(bench, window_seconds=0.2, phase="passive"),
    }


def _attached(bench: Bench) -> Figures:
    few, many = amounts(bench)
    with bench.sessiond() as child, bench.fleet(child) as fleet:
        _visit_all(child, fleet, _visitors(bench), bench, "detached")
        join_all(fleet, few, bench)
        before = memory_kib(child)
        join_all(fleet, many, bench)
        attached = memory_kib(child)
        fleet.close(tuple(fleet.links.values()))
        _wait_for(child, "attached", 0)
        detached = memory_kib(child)
    return {
        "idle": before / 1024,
        "attached": (attached - before) / len(many),
        "detached after": (detached - before) / len(many),
    }


def in_batches(
    bench: Bench, *, window_seconds: float, phase: str, talk: Talk | None = None
) -> float:
    """Find the memory of a user who came, did what *talk* does, and left: KiB beyond that of fewer."""
    few, many = amounts(bench)
    with (
        bench.sessiond(window_seconds=window_seconds) as child,
        bench.fleet(child) as fleet,
    ):
        _visit_all(child, fleet, _visitors(bench) + few, bench, phase, talk)
        before = memory_kib(child)
        _visit_all(child, fleet, many, bench, phase, talk)
        return (memory_kib(child) - before) / len(many)


def memory_kib(child: Child) -> float:
    """Read the memory once nothing is being done any more: a crowd that left is still being written."""
    child.rest()
    return child.memory_kib()


def amounts(bench: Bench) -> tuple[list[str], list[str]]:
    """Those who warm the server up, then those who are counted."""
    few = max(4, bench.sizes.sessions // 4)
    return users(few, "few"), users(bench.sizes.sessions, "many")


def _visitors(bench: Bench) -> list[str]:
    return users(bench.sizes.visitors, "visitor")


def _visit_all(
    child: Child,
    fleet: Fleet,
    everyone: list[str],
    bench: Bench,
    phase: str,
    talk: Talk | None = None,
) -> None:
    """Have *everyone* come, do what *talk* does, leave, and get into *phase*."""
    for lot in lots(everyone, bench):
        links = fleet.open(lot)
        _fill(fleet, links)
        if talk is not None:
            talk(fleet, links)
        fleet.close(links)
        _settle(child, phase)


def join_all(fleet: Fleet, everyone: list[str], bench: Bench) -> list[Link]:
    """Attach *everyone*, each with data and remembered input ids."""
    links: list[Link] = []
    for lot in lots(everyone, bench):
        joined = fleet.open(lot)
        _fill(fleet, joined)
        links += joined
    return links


def lots(everyone: list[T], bench: Bench) -> list[list[T]]:
    """Cut *everyone* into those who come, or do something, at once."""
    size = max(4, bench.sizes.sessions // _LOTS)
    return [everyone[start : start + size] for start in range(0, len(everyone), size)]


def _fill(fleet: Fleet, links: list[Link]) -> None:
    fleet.exchange(links, _fill_frame, INPUT_IDS)


def _fill_frame(link: Link, _left: int) -> bytes:
    return message(link.user, "fill", {"_id": f"input-{next(_ids)}", "bytes": DATA_BYTES})


def _settle(child: Child, phase: str) -> None:
    """Wait until nobody is in a phase before *phase*."""
    _wait_for(child, "attached", 0)
    if phase == "passive":
        _wait_for(child, "detached", 0)


def _wait_for(child: Child, phase: str, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while sessions(child).get(phase, 0) != count:
        if time.monotonic() > deadline:
            raise LoadError(f"sessions did not become {count} {phase}: {sessions(child)}")
        time.sleep(0.05)


def sessions(child: Child) -> dict[str, int]:
    """Ask the server's metrics how many sessions are in each phase."""
    with urllib.request.urlopen(f"http://127.0.0.1:{child.port}/metrics", timeout=10) as answer:
        lines: Iterable[str] = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith("sessiond_sessions{")]
    return {line.split('"')[1]: int(float(line.split()[-1])) for line in found}
