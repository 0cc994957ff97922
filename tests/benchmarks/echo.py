"""Echo through the actor, against a plain trio-websocket server that sends back what it gets."""

from typing import Final

from tests.benchmarks.bench import Bench, Figures, give_frames, users
from tests.benchmarks.child import Stopwatch
from tests.benchmarks.frames import message

__all__ = ["measure"]

#: 64 letters and digits, as the peers' load generator sends.
DATA: Final = "0123456789abcdef" * 4


def measure(bench: Bench) -> Figures:
    """Measure both servers at each number of connections; the ratio is within this repetition."""
    found: Figures = {}
    for connections in bench.sizes.connections:
        for server in bench.rotated(["sessiond", "plain"]):
            found |= _one(bench, server, connections)
        found[f"ratio {connections}"] = (
            found[f"sessiond {connections} cpu"] / found[f"plain {connections} cpu"]
        )
    return found


def _one(bench: Bench, server: str, connections: int) -> Figures:
    is_plain = server == "plain"
    with (
        bench.plain() if is_plain else bench.sessiond() as child,
        bench.fleet(child, is_plain=is_plain) as fleet,
    ):
        links = fleet.open(users(connections))
        frames = [message(link.user, "echo", {"id": 1, "data": DATA}) for link in links]
        give_frames(links, frames, DATA.encode() if is_plain else None)
        fleet.closed_loop(links, bench.sizes.warm_up)
        watch = Stopwatch(child)
        answers = fleet.closed_loop(links, bench.sizes.seconds)
        span = watch.stop()
    name = f"{server} {connections}"
    bench.note(span.others, f"echo {name}")
    return {
        f"{name} cpu": span.server / answers.count * 1e6,
        f"{name} rate": answers.count / answers.seconds,
        f"{name} p50": answers.quantile(0.5) * 1e3,
        f"{name} p99": answers.quantile(0.99) * 1e3,
    }
