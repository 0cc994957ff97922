"""Session start: TCP, HTTP upgrade, token, join, and the first commit of the user; then the way back in."""

from tests.benchmarks.bench import Bench, Figures, users
from tests.benchmarks.child import Stopwatch

__all__ = ["measure"]


def measure(bench: Bench) -> Figures:
    """Measure the CPU of a new user's start, and of a known one's return within the window."""
    found: Figures = {}
    count = bench.sizes.starts
    with bench.sessiond() as child, bench.fleet(child) as fleet:
        fleet.close(fleet.open(users(max(1, count // 10), "warm")))
        for name in ("new", "back"):
            requests = fleet.requests(users(count))
            watch = Stopwatch(child)
            links = fleet.enter(requests)
            span = watch.stop()
            bench.note(span.others, f"starts {name}")
            found[f"{name} cpu"] = span.server / count * 1e3
            found[f"{name} rate"] = count / span.wall
            fleet.close(links)
    return found
