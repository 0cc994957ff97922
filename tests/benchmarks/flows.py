"""What a flow costs: CPU of a turn, of rebuilding it, and memory while it waits for its user."""

import json
import subprocess
import sys

from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.dialogue import say
from tests.benchmarks.load import Fleet, Link
from tests.benchmarks.memory import (
    amounts,
    in_batches,
    join_all,
    lots,
    memory_kib,
    visit_all,
    visitors,
)

__all__ = ["measure"]


def measure(bench: Bench) -> Figures:
    """Measure CPU in a process of its own, and memory in a server with attached users."""
    return {
        **_cpu(bench),
        **_attached(bench),
        "passive": in_batches(bench, window_seconds=0.2, phase="passive", talk=_begin),
    }


def _cpu(bench: Bench) -> Figures:
    options = {"core": bench.cores.server, "conversations": bench.sizes.conversations}
    command = [sys.executable, "-m", "tests.benchmarks.flow_turns", json.dumps(options)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(told.stdout)
    return found


def _attached(bench: Bench) -> Figures:
    """Find what a flow adds to its attached user: at its first question, and with four answers recorded."""
    few, many = amounts(bench)
    with bench.sessiond() as child, bench.fleet(child) as fleet:
        visit_all(child, fleet, visitors(bench), bench, "detached")
        _begin(fleet, join_all(fleet, few, bench))
        links = join_all(fleet, many, bench)
        before = memory_kib(child)
        for lot in lots(links, bench):
            _begin(fleet, lot)
        begun = memory_kib(child)
        for lot in lots(links, bench):
            for key in ("size", "count", "town", "ok"):
                say(fleet, lot, f'"key":"{key}"'.encode())
        answered = memory_kib(child)
    return {
        "attached": (begun - before) / len(many),
        "answered": (answered - before) / len(many),
    }


def _begin(fleet: Fleet, links: list[Link]) -> None:
    say(fleet, links, b'"key":"name"')
