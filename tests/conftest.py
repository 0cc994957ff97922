"""What every test may ask for, and the gate's rule that nothing is skipped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from sessiond import telemetry
from tests.redis_server import RedisServer, RedisServers

# In CI a failure must be the same on the next run; on a laptop new examples are welcome.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
hypothesis.settings.register_profile("laptop", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "laptop")

# An event that is emitted with a wrong name or field fails the test that caused it.
telemetry.set_strict(True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="fail when a test was skipped")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under --no-skips a test that was not really run fails the session."""
    if not session.config.getoption("--no-skips"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    not_run = [kind for kind in ("skipped", "xfailed", "xpassed") if reporter.stats.get(kind)]
    if not_run and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"\nfailed: --no-skips, and there are {' and '.join(not_run)} tests")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def short_tmp_path() -> Iterator[Path]:
    """A directory whose path is short enough for Unix sockets (108 bytes)."""
    folder = Path(tempfile.mkdtemp(prefix="sd-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="sd-redis-"))
    with RedisServer(folder) as server:
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def redis_server(_shared_redis: RedisServer) -> RedisServer:
    """An empty redis-server shared by the session: do not kill, pause or configure it."""
    _shared_redis.flush()
    return _shared_redis


@pytest.fixture(scope="session")
def _shared_redis_cluster() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="sd-redis-"))
    with RedisServer(folder, cluster_enabled="yes") as server:
        server.form_cluster()
        yield server
    shutil.rmtree(folder)


@pytest.fixture
def redis_cluster(_shared_redis_cluster: RedisServer) -> RedisServer:
    """An empty cluster of one server, shared by the session: do not kill, pause or configure it."""
    _shared_redis_cluster.flush()
    return _shared_redis_cluster


@pytest.fixture
def redis_servers() -> Iterator[RedisServers]:
    """A factory of private redis-servers, which the test may kill, pause and configure."""
    folder = Path(tempfile.mkdtemp(prefix="sd-redis-"))
    with RedisServers(folder) as servers:
        yield servers
    shutil.rmtree(folder)
