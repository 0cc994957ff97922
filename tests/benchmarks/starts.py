"""Session start, and what it is made of: the connection, the start, both together, the way back in, the end.

A connection is a socket whose bearer is known (TCP, HTTP upgrade, token). A start is what its join costs: the actor,
the load, the first durable record, the answer. CPU is counted until the last answer; what was begun before (closed
connections are still left behind) is waited for.
"""

from collections.abc import Callable

from tests.benchmarks.bench import Bench, Figures, users
from tests.benchmarks.child import Child, Stopwatch
from tests.benchmarks.load import Fleet, Link

__all__ = ["measure"]


def measure(bench: Bench) -> Figures:
    """Measure the CPU of each part, with few and with many at a time: commits go in groups."""
    found: Figures = {}
    with bench.sessiond() as child, bench.fleet(child) as fleet:
        fleet.close(fleet.open(users(max(1, bench.sizes.starts // 10), "warm")))
        for at_once in bench.sizes.at_once:
            found |= _Starts(bench, child, fleet, at_once).measure()
    return found


class _Starts:
    def __init__(self, bench: Bench, child: Child, fleet: Fleet, at_once: int) -> None:
        self._bench, self._child, self._fleet = bench, child, fleet
        self._at_once = at_once
        self._count = bench.sizes.starts
        self._found: Figures = {}

    def measure(self) -> Figures:
        fleet, at_once = self._fleet, self._at_once
        requests = self._requests("apart")
        links = self._clock(
            "connection", lambda: fleet.enter(requests, at_once=at_once, joins=False)
        )
        self._clock("start", lambda: fleet.join(links, at_once=at_once))
        self._clock("end", lambda: self._leave(links))
        requests = self._requests("new")
        self._leave(self._clock("both", lambda: fleet.enter(requests, at_once=at_once)))
        self._leave(self._clock("back", lambda: fleet.enter(requests, at_once=at_once)))
        return self._found

    def _requests(self, prefix: str) -> list[tuple[str, bytes]]:
        return self._fleet.requests(users(self._count, f"{prefix}{self._at_once}-"))

    def _leave(self, links: list[Link]) -> list[Link]:
        self._fleet.close(links)
        self._child.rest()
        return []

    def _clock(self, name: str, act: Callable[[], list[Link]]) -> list[Link]:
        self._child.rest()
        watch = Stopwatch(self._child)
        result = act()
        span = watch.stop()
        self._bench.note(span.others, f"{name}, {self._at_once} at a time")
        self._found[f"{name} {self._at_once} cpu"] = span.server / self._count * 1e3
        self._found[f"{name} {self._at_once} rate"] = self._count / span.wall
        return result
