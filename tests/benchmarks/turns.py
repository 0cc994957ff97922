"""Gated turns: each message changes its user's data, and is answered when that is durable."""

from contextlib import ExitStack

from tests.benchmarks.bench import Bench, Figures, give_frames, users
from tests.benchmarks.child import Stopwatch
from tests.benchmarks.echo import DATA
from tests.benchmarks.frames import message

__all__ = ["measure"]


def measure(bench: Bench) -> Figures:
    """Measure both stores at each number of users: as fast as it goes, then at half of that."""
    found: Figures = {}
    for count in bench.sizes.users:
        for store in bench.rotated(["sqlite", "redis"]):
            found |= _one(bench, store, count)
    return found


def _one(bench: Bench, store: str, count: int) -> Figures:
    with ExitStack() as stack:
        redis = stack.enter_context(bench.redis()) if store == "redis" else None
        url = None if redis is None else redis.url
        child = stack.enter_context(bench.sessiond(store=url))
        fleet = stack.enter_context(bench.fleet(child))
        links = fleet.open(users(count))
        give_frames(links, [message(link.user, "count", {"data": DATA}) for link in links])
        fleet.closed_loop(links, bench.sizes.warm_up)
        watch = Stopwatch(child, None if redis is None else redis.pid)
        fast = fleet.closed_loop(links, bench.sizes.seconds)
        span = watch.stop()
        rate = fast.count / fast.seconds
        half = fleet.open_loop(links, rate / 2, bench.sizes.seconds)
    name = f"{store} {count}"
    bench.note(span.others, f"turns {name}")
    found = {
        f"{name} rate": rate,
        f"{name} cpu": span.server / fast.count * 1e6,
        f"{name} p50": half.quantile(0.5) * 1e3,
        f"{name} p99": half.quantile(0.99) * 1e3,
    }
    if redis is not None:
        found[f"{name} store cpu"] = span.store / fast.count * 1e6
    return found
