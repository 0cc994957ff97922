"""Churn: many attached at once, some of whom come and go all the time; memory must not grow.

A third of those who leave are replaced by users nobody has seen before; the others come back, within the window or
after it. Half of the sockets are closed, half reset. Everybody else says something every 30 seconds.
"""

import random
import time
from collections import deque
from itertools import count
from statistics import median
from typing import Final

from tests.benchmarks.bench import Bench, Figures, users
from tests.benchmarks.child import Child, Stopwatch
from tests.benchmarks.frames import message
from tests.benchmarks.load import Fleet, Link

__all__ = ["measure"]

_WINDOW_SECONDS: Final = 5.0
_TICK_SECONDS: Final = 0.1
_TALK_SECONDS: Final = 30.0
#: Until the first memory counts: windows have closed, and caches are as full as they get.
_SETTLE_SHARE: Final = 0.2
_SAMPLES: Final = 100


def measure(bench: Bench) -> Figures:
    """Churn for as long as the sizes say, and compare memory early and late."""
    sizes = bench.sizes
    with (
        bench.sessiond(window_seconds=_WINDOW_SECONDS) as child,
        bench.fleet(child) as fleet,
    ):
        links = fleet.open(users(sizes.churned), at_once=64)
        for link in links:
            link.frame = message(link.user, "count", {})
        attached = child.memory_kib()
        watch = Stopwatch(child)
        samples = _Churn(bench, fleet, links).run(child, sizes.churn_seconds)
        span = watch.stop()
        end = child.memory_kib()
    bench.note(span.others, "churn")
    settled = samples[int(len(samples) * _SETTLE_SHARE) :]
    tenth = max(1, len(settled) // 10)
    return {
        "seconds": span.wall,
        "sessions": float(sizes.churned),
        "changes": sizes.churns_per_second * sizes.churn_seconds,
        "load": span.server / span.wall * 100,
        "attached": attached / 1024,
        "early": median(settled[:tenth]) / 1024,
        "late": median(settled[-tenth:]) / 1024,
        "end": end / 1024,
        "growth": (median(settled[-tenth:]) / median(settled[:tenth]) - 1) * 100,
    }


class _Churn:
    def __init__(self, bench: Bench, fleet: Fleet, links: list[Link]) -> None:
        self._fleet = fleet
        self._per_tick = bench.sizes.churns_per_second * _TICK_SECONDS
        self._random = random.Random(1)
        self._links = links
        self._away: deque[str] = deque()
        self._new = (f"new{number}" for number in count())
        self._owed = 0.0
        self._at = 0

    def run(self, child: Child, seconds: float) -> list[float]:
        """Churn for *seconds*; return memory as it was meanwhile, in KiB."""
        samples: list[float] = []
        began = time.monotonic()
        ticks = max(1, int(seconds / _TICK_SECONDS))
        for tick in range(ticks):
            self._tick()
            if tick % max(1, ticks // _SAMPLES) == 0:
                samples.append(child.resident_kib())
            due = began + (tick + 1) * _TICK_SECONDS
            time.sleep(max(0.0, due - time.monotonic()))
        return samples

    def _tick(self) -> None:
        self._owed += self._per_tick
        leaving, self._owed = int(self._owed), self._owed % 1
        gone = [self._take() for _ in range(leaving)]
        self._fleet.close(gone[::2])
        self._fleet.close(gone[1::2], abruptly=True)
        self._away.extend(link.user for link in gone)
        for link in self._fleet.open([self._comer() for _ in gone]):
            link.frame = message(link.user, "count", {})
            self._links.append(link)
        self._talk()

    def _take(self) -> Link:
        """Take a link out at random."""
        at = self._random.randrange(len(self._links))
        self._links[at], self._links[-1] = self._links[-1], self._links[at]
        return self._links.pop()

    def _comer(self) -> str:
        """Say who comes: somebody new, somebody who just left, or somebody who left long ago."""
        choice = self._random.random()
        if choice < 1 / 3:
            return next(self._new)
        return self._away.pop() if choice < 2 / 3 else self._away.popleft()

    def _talk(self) -> None:
        share = max(1, int(len(self._links) * _TICK_SECONDS / _TALK_SECONDS))
        chosen = [self._links[(self._at + i) % len(self._links)] for i in range(share)]
        self._at += share
        self._fleet.exchange(chosen, lambda link, _left: link.frame, 1)
