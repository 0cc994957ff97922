"""Gated turns: each message changes its user's data, and is answered when that is durable."""

from collections.abc import Callable
from contextlib import ExitStack

from tests.benchmarks.bench import Bench, Figures, give_frames, users
from tests.benchmarks.child import Stopwatch
from tests.benchmarks.echo import DATA
from tests.benchmarks.frames import message
from tests.benchmarks.load import Fleet, Link

__all__ = ["measure", "measure_stores"]

Prepare = Callable[[Fleet, list[Link]], None]


def measure(bench: Bench) -> Figures:
    """Measure turns of a handler that counts."""
    return measure_stores(bench, "turns", _count)


def _count(_fleet: Fleet, links: list[Link]) -> None:
    give_frames(links, [message(link.user, "count", {"data": DATA}) for link in links])


def measure_stores(bench: Bench, scenario: str, prepare: Prepare) -> Figures:
    """Measure both stores at each number of users: as fast as it goes, then at half of that.

    *prepare* gives the links what they send.
    """
    found: Figures = {}
    for count in bench.sizes.users:
        for store in bench.rotated(["sqlite", "redis"]):
            found |= _one(bench, f"{store} {count}", scenario, prepare)
    return found


def _one(bench: Bench, name: str, scenario: str, prepare: Prepare) -> Figures:
    store, count = name.split()
    with ExitStack() as stack:
        redis = stack.enter_context(bench.redis()) if store == "redis" else None
        url = None if redis is None else redis.url
        child = stack.enter_context(bench.sessiond(store=url))
        fleet = stack.enter_context(bench.fleet(child))
        links = fleet.open(users(int(count)))
        prepare(fleet, links)
        fleet.closed_loop(links, bench.sizes.warm_up)
        watch = Stopwatch(child, None if redis is None else redis.pid)
        fast = fleet.closed_loop(links, bench.sizes.seconds)
        span = watch.stop()
        rate = fast.count / fast.seconds
        half = fleet.open_loop(links, rate / 2, bench.sizes.seconds)
    bench.note(span.others, f"{scenario} {name}")
    found = {
        f"{name} rate": rate,
        f"{name} cpu": span.server / fast.count * 1e6,
        f"{name} p50": half.quantile(0.5) * 1e3,
        f"{name} p99": half.quantile(0.99) * 1e3,
    }
    if redis is not None:
        found[f"{name} store cpu"] = span.store / fast.count * 1e6
    return found
