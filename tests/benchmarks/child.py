"""A server under load as a child process: pinned to a core, and its CPU and memory read from /proc."""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs
from attrs import frozen

__all__ = ["Child", "Cores", "Span", "Stopwatch", "allow_many_files", "cores", "pin", "pinned"]

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_REST_SECONDS: Final = 0.2
_ROOT: Final = Path(__file__).parents[2]


@frozen
class Cores:
    """The server has one core to itself; the load, and everything else, another."""

    server: int | None
    load: int | None


def cores() -> Cores:
    """Choose among the cores we may use; with only one, nothing is pinned."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1]) if len(allowed) > 1 else Cores(None, None)


def pin(core: int | None) -> None:
    """Run on *core* only, and all threads and processes begun from now on."""
    if core is not None:
        os.sched_setaffinity(0, {core})


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Run the body on *core* only."""
    before = os.sched_getaffinity(0)
    pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files(wanted: int) -> None:
    """Raise our limit of open files, which children inherit, to *wanted*.

    Raises:
      RuntimeError: the machine's limit is lower.

    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise RuntimeError(f"{wanted} open files are needed and ulimit -Hn is {hard}")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def cpu_seconds(pid: int) -> float:
    """CPU that *pid* has used so far, all threads, user and system; in steps of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _machine_busy_seconds() -> float:
    times = [int(text) for text in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(times) - times[3] - times[4]) / _TICKS  # all but idle and waiting for a disk


@frozen
class Span:
    """What happened between ``Stopwatch`` and ``stop``; seconds of wall and CPU time."""

    wall: float
    server: float
    store: float
    """Of redis-server; 0 without one."""
    others: float
    """Of processes that do not belong to the measurement, as a share of one core: over 0.12 is a disturbed run."""


class Stopwatch:
    """Measures from its making until ``stop``."""

    def __init__(self, server: "Child", store_pid: int | None = None) -> None:
        self._server, self._store_pid = server, store_pid
        self._began = self._read()

    def _read(self) -> tuple[float, float, float, float]:
        store = 0.0 if self._store_pid is None else cpu_seconds(self._store_pid)
        server = cpu_seconds(self._server.pid)
        others = _machine_busy_seconds() - server - store - time.process_time()
        return time.perf_counter(), server, store, others

    def stop(self) -> Span:
        """Read the clocks again."""
        wall, server, store, others = (
            now - then for now, then in zip(self._read(), self._began, strict=True)
        )
        return Span(wall, server, store, max(0.0, others / wall))


class Child:
    """One server process; it answers on ``port`` once constructed."""

    def __init__(self, module: str, options: Any, folder: Path) -> None:
        arguments = json.dumps(options if isinstance(options, dict) else attrs.asdict(options))
        self.folder = folder
        self._log = folder / f"{module.rpartition('.')[2]}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=_ROOT,
            )
        self._said = b""
        try:
            self.port = int(self._hear("ready").split()[1])
        except BaseException:
            self._process.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def memory_kib(self) -> float:
        """Resident memory once all garbage is collected."""
        self._process.send_signal(signal.SIGUSR1)
        self._hear("collected")
        return self.resident_kib()

    def resident_kib(self) -> float:
        """Resident memory as it is."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1024

    def rest(self) -> None:
        """Return when it has nothing left to do: used less than a tick of CPU for a moment."""
        before = -1.0
        while (now := cpu_seconds(self.pid)) != before:
            before = now
            time.sleep(_REST_SECONDS)

    def _hear(self, word: str) -> str:
        """Wait for the line that begins with *word*."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + _START_SECONDS
        while True:
            line, newline, rest = self._said.partition(b"\n")
            if newline:
                self._said = rest
                if line.decode().startswith(word):
                    return line.decode()
                continue
            left = deadline - time.monotonic()
            ready = select.select([self._process.stdout], [], [], max(0.0, left))[0]
            said = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not said:
                raise RuntimeError(
                    f"the server did not say {word!r}:\n{self._log.read_text()[-4000:]}"
                )
            self._said += said

    def kill(self) -> None:
        """SIGKILL: no clean-up of any kind."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Drain it; kill it when that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.kill()
        self.stop()
