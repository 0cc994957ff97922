"""The shape of the code base: who imports whom, how large things are, what is tested.

`make lint` says some of this too; here it is part of a plain pytest run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sessiond

PACKAGE = Path(sessiond.__file__).parent
ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"
)

MAX_LINES = 400  # two thirds of h11's largest module; beyond it a file holds two ideas
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
IMPURE = {"trio", "asyncio", "socket", "ssl", "logging", "random", "secrets", "sqlite3", "redis"}


def test_import_contracts_hold() -> None:
    """Imports point down, and each third-party library has one home."""
    # In a process of its own: the linter's logging configuration disables every logger there is.
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == done.returncode, done.stdout


@pytest.mark.parametrize("package", ["sessiond.core", "sessiond.gateways"])
def test_pure_packages_load_nothing_impure(package: str) -> None:
    """A fresh interpreter that imports every module of a pure package has met no I/O library.

    The top package is stubbed: its public names come from the layers above.
    """
    program = f"""
import importlib, pkgutil, sys, types
sys.modules["sessiond"] = top = types.ModuleType("sessiond")
top.__path__ = [{str(PACKAGE)!r}]
package = importlib.import_module({package!r})
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )

    assert set(done.stdout.split()) & IMPURE == set()


def test_modules_are_named_for_what_they_hold() -> None:
    """No file and no folder has a name that says nothing."""
    assert [str(m) for m in MODULES if NAMELESS & {m.stem, *m.parent.parts}] == []


def test_modules_are_small() -> None:
    """A module that outgrows the budget is split by idea."""
    sizes = {str(module): (PACKAGE / module).read_text().count("\n") for module in MODULES}

    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}


# Modules without a test module of their own, and why.  A module is covered by the test module of its
# name (tests/<path>/test_<name>.py or test_<name>_*.py) or by that of the package it is in.
NO_TEST_MODULE = {
    "__main__.py": "two lines; the command line tests start it",
    "core/gateways/port.py": "Protocols without bodies and plain values; every gateway's tests use them",
    "core/operations.py": "a Protocol and plain values; runtime/operations and the admin door use all of them",
    "core/ports.py": "Protocols without bodies; tests/contracts holds the stores to them",
    "edges/admin/method.py": "a Protocol and one plain class; test_methods and test_discovery use them",
    "edges/auth/settings.py": "plain values; test_keys and test_tokens use every one",
    "edges/websocket/limits.py": "plain values; test_connection, test_framing and test_watch reach every bound",
    "net/poll_transport.py": "one of the transports that test_transport holds to one contract; test_poll drives it",
    "server/node.py": "the composition root; every test in tests/scenarios runs it",
    "testing/strategies.py": "what the property tests of tests/core are made of",
    "edges/admin/results.py": "plain values; test_methods sees all of them on the wire",
}


def modules_testing(module: Path) -> list[Path]:
    """The test modules that are about *module*."""
    folder = ROOT / "tests" / module.parent
    found = [*folder.glob(f"test_{module.stem}.py"), *folder.glob(f"test_{module.stem}_*.py")]
    if module.parent.parts:
        found += folder.parent.glob(f"test_{module.parent.name}.py")
    return found


def test_each_module_has_its_tests() -> None:
    """Whoever changes a module finds its tests under its name."""
    untested = {str(module) for module in MODULES if not modules_testing(module)}

    assert sorted(untested - NO_TEST_MODULE.keys()) == []


def test_each_exception_is_needed() -> None:
    """The list of modules without tests names no module that is gone or has tests by now."""
    assert {name for name in NO_TEST_MODULE if Path(name) not in MODULES} == set()
    assert {name for name in NO_TEST_MODULE if modules_testing(Path(name))} == set()
