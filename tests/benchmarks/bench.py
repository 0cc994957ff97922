"""What every scenario is given: the sizes, and fresh servers pinned to their core."""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from tests.benchmarks.app_server import Options
from tests.benchmarks.child import Child, Cores
from tests.benchmarks.load import PLAIN, Fleet, Link
from tests.benchmarks.sizes import Sizes
from tests.redis_server import RedisServer

__all__ = ["Bench", "Figures", "users"]

Figures = dict[str, float]
"""What one repetition of a scenario found, by the names of report.py's table."""

_serial: Final = itertools.count()


def users(count: int, prefix: str = "u") -> list[str]:
    """Name *count* users."""
    return [f"{prefix}{number}" for number in range(count)]


@frozen
class Bench:
    """One repetition of a run. *repetition* rotates the order in which variants are measured."""

    sizes: Sizes
    cores: Cores
    folder: Path
    """Where stores are; on the disk that is to be measured."""
    repetition: int = 0
    log: list[str] = field(factory=list)
    """What disturbed the run, for the report."""

    @contextmanager
    def sessiond(self, *, store: str | None = None, **options: Any) -> Iterator[Child]:
        """Run a fresh sessiond, on SQLite unless a *store* is given."""
        with self.fresh_folder() as folder:
            chosen = Options(
                store=store or f"sqlite:///{folder}/store.db",
                folder=str(folder),
                core=self.cores.server,
                **options,
            )
            with Child("tests.benchmarks.app_server", chosen, folder) as child:
                yield child

    @contextmanager
    def plain(self) -> Iterator[Child]:
        """Run a fresh trio-websocket echo server."""
        with self.child("plain_server") as child:
            yield child

    @contextmanager
    def redis(self) -> Iterator[RedisServer]:
        """Run a fresh redis-server beside the load, with its log on the disk (``appendfsync everysec``)."""
        with self.fresh_folder() as folder, RedisServer(folder, appendonly="yes") as server:
            yield server

    @contextmanager
    def fleet(self, child: Child, *, is_plain: bool = False) -> Iterator[Fleet]:
        """Make connections to *child* possible; they are closed in the end."""
        fleet = Fleet(child.port, PLAIN) if is_plain else Fleet(child.port)
        try:
            yield fleet
        finally:
            fleet.close_all()

    @contextmanager
    def child(self, module: str) -> Iterator[Child]:
        """Run another server, ``tests.benchmarks.<module>``, on the core of the one that is measured."""
        with self.fresh_folder() as folder:
            options = {"core": self.cores.server, "folder": str(folder)}
            with Child(f"tests.benchmarks.{module}", options, folder) as child:
                yield child

    @contextmanager
    def provider(self) -> Iterator[Child]:
        """Run a provider that takes every call, beside the load."""
        with self.fresh_folder() as folder:
            options = {"core": self.cores.load}
            with Child("tests.benchmarks.provider_server", options, folder) as child:
                yield child

    @contextmanager
    def fresh_folder(self) -> Iterator[Path]:
        """Make a folder that is removed in the end."""
        folder = Path(tempfile.mkdtemp(prefix=f"{next(_serial)}-", dir=self.folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def rotated(self, variants: list[str]) -> list[str]:
        """Put *variants* in this repetition's order, so that none is always the first."""
        at = self.repetition % len(variants)
        return variants[at:] + variants[:at]

    def note(self, others: float, what: str) -> None:
        """Note that *others* used the processor while *what* was measured, if they did."""
        if others > 0.12:
            self.log.append(f"{what}, repetition {self.repetition + 1}: {others:.0%}")


def give_frames(links: list[Link], frames: list[bytes], ok: bytes | None = None) -> None:
    """Have each link send its frame, and expect *ok* in the answer."""
    for link, frame in zip(links, frames, strict=True):
        link.frame = frame
        if ok is not None:
            link.ok = ok
