"""What a flow costs: CPU of a turn, of rebuilding it, and memory while it waits for its user."""

import json
import subprocess
import sys
from typing import Final

from sessiond.runtime.awake import DEFAULT_AWAKE
from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.dialogue import prepare, say
from tests.benchmarks.load import Fleet, Link
from tests.benchmarks.memory import Talk, amounts, in_batches, join_all, lots, memory_kib

__all__ = ["measure"]

#: The figure that is promised speaks of so many.
_PROMISED: Final = 20_000


def measure(bench: Bench) -> Figures:
    """Measure CPU in a process of its own, and memory in a server with attached users."""
    plain = _server_kib(bench, lambda fleet, links: None)
    attached = (_server_kib(bench, _begin) - plain) / bench.sizes.sessions
    asleep = (_server_kib(bench, _begin, awake_dialogues=1) - plain) / bench.sizes.sessions
    return {
        **_cpu(bench),
        "attached": attached,
        "asleep": asleep,
        # Computed: one process opens no more than 20,000 files here, and each user is one.
        "mean": asleep + (attached - asleep) * DEFAULT_AWAKE / _PROMISED,
        "answered": (_server_kib(bench, _answer_four) - plain) / bench.sizes.sessions,
        "passive": in_batches(bench, window_seconds=0.2, phase="passive", talk=_begin),
    }


def _cpu(bench: Bench) -> Figures:
    options = {"core": bench.cores.server, "conversations": bench.sizes.conversations}
    command = [sys.executable, "-m", "tests.benchmarks.flow_turns", json.dumps(options)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    found: Figures = json.loads(told.stdout)
    return found


def _server_kib(bench: Bench, talk: Talk, *, awake_dialogues: int = DEFAULT_AWAKE) -> float:
    """Memory of a server to which all users are attached, each after *talk*.

    What was freed before and is used again would hide what they need: so servers are compared in the end, not one with
    what it was before.
    """
    few, many = amounts(bench)
    with bench.sessiond(awake_dialogues=awake_dialogues) as child, bench.fleet(child) as fleet:
        _fill_caches(fleet, join_all(fleet, few, bench), bench.sizes.cached_turns)
        for lot in lots(many, bench):
            talk(fleet, join_all(fleet, lot, bench))
        return memory_kib(child)


def _fill_caches(fleet: Fleet, links: list[Link], turns: int) -> None:
    """Fill what is bounded, such as SQLite's page cache, with so many *turns*."""
    prepare(fleet, links)
    fleet.exchange(links, lambda link, _left: link.frame, 6 * (1 + turns // 6 // len(links)))


def _answer_four(fleet: Fleet, links: list[Link]) -> None:
    _begin(fleet, links)
    for key in ("size", "count", "town", "ok"):
        say(fleet, links, f'"key":"{key}"'.encode())


def _begin(fleet: Fleet, links: list[Link]) -> None:
    say(fleet, links, b'"key":"name"')
