"""The benchmarks: ``python -m tests.benchmarks [--quick | --full] [--only echo,memory] [--against-peers FOLDER]``.

Each scenario gets fresh servers on one core, with the load on another. The results go to ``docs/benchmarks.md`` and
``tests/benchmarks/results/latest.json``.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve

from tests.benchmarks import (
    chats,
    churn,
    dialogue,
    dials,
    echo,
    flows,
    hooks,
    memory,
    repeats,
    starts,
    turns,
)
from tests.benchmarks.bench import Bench, Figures
from tests.benchmarks.child import allow_many_files, cores, pinned
from tests.benchmarks.peers import measure_peers
from tests.benchmarks.report import environment, load_results, render, save, today
from tests.benchmarks.sizes import FULL, QUICK, Sizes

SCENARIOS: Final[dict[str, Callable[[Bench], Figures]]] = {
    "echo": echo.measure,
    "connect": starts.measure,
    "memory": memory.measure,
    "turns": turns.measure,
    "flows": flows.measure,
    "dialogue": dialogue.measure,
    "hooks": hooks.measure,
    "chats": chats.measure,
    "dials": dials.measure,
    "repeats": repeats.measure,
    "churn": churn.measure,
}

#: Long by itself: repeating it says nothing new.
_ONCE: Final = frozenset({"churn", "repeats"})

#: Sockets, and what else a process has open.
_SPARE_FILES: Final = 500


def run(names: Sequence[str], sizes: Sizes, folder: Path) -> dict[str, dict[str, Any]]:
    """Measure the scenarios *names*, all of them in each repetition; stores are made in *folder*."""
    most = max(sizes.sessions * 5 // 4, sizes.starts, sizes.churned)
    allow_many_files(most + _SPARE_FILES)
    found: dict[str, dict[str, Any]] = {
        name: {"repetitions": [], "disturbed": []} for name in names
    }
    chosen = cores()
    with pinned(chosen.load):
        for repetition in range(sizes.repetitions):
            for name in names:
                if repetition and name in _ONCE:
                    continue
                bench = Bench(sizes, chosen, folder, repetition)
                print(
                    f"{name}, repetition {repetition + 1} of {sizes.repetitions}", file=sys.stderr
                )
                found[name]["repetitions"].append(SCENARIOS[name](bench))
                found[name]["disturbed"] += bench.log
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the command line asks for, and write it down."""
    options = _parse(arguments)
    sizes = _sizes(options)
    about = {
        "command": " ".join(("python -m tests.benchmarks", *_public(sys.argv[1:]))),
        "date": today(),
        "environment": environment(),
    }
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="sd-bench-", dir=options.folder) as folder:
        for name, found in run(options.only, sizes, Path(folder)).items():
            measured[name] = {**found, **about}
    if options.against_peers is not None:
        measured["peers"] = {"tables": measure_peers(options.against_peers, sizes), **about}
    if options.dry_run:
        print(render(measured))
    else:
        save(load_results() | measured)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few minutes (the default)")
    size.add_argument("--full", action="store_true", help="the promised figures: an hour")
    parser.add_argument(
        "--only", type=_names, default=list(SCENARIOS), help=f"some of {','.join(SCENARIOS)}"
    )
    parser.add_argument("--repetitions", type=int, help="instead of what the size says")
    parser.add_argument("--churn-seconds", type=float, help="instead of what the size says")
    parser.add_argument("--folder", type=Path, help="where stores are made: the disk to measure")
    parser.add_argument("--against-peers", type=Path, help="a set-up copy of the peers' folder")
    parser.add_argument("--dry-run", action="store_true", help="print, do not write")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no scenario {unknown[0]}; there are: {', '.join(SCENARIOS)}"
        )
    return names


def _public(arguments: Sequence[str]) -> list[str]:
    """Leave out where things are on this machine."""
    return [Path(one).name if one.startswith("/") else one for one in arguments]


def _sizes(options: argparse.Namespace) -> Sizes:
    sizes = FULL if options.full else QUICK
    if options.repetitions is not None:
        sizes = evolve(sizes, repetitions=options.repetitions)
    if options.churn_seconds is not None:
        sizes = evolve(sizes, churn_seconds=options.churn_seconds)
    return sizes


if __name__ == "__main__":
    main()
