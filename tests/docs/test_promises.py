"""The promises: every test that is said to hold one is there."""

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

ROOT = Path(__file__).parents[2]
NAMED = sorted(
    set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", (DOCS / "promises.md").read_text()))
)


def test_tests_are_named() -> None:
    """Nearly every promise names one; I3 is held by the contract of the stores."""
    assert len(NAMED) > 12


@pytest.mark.parametrize("named", NAMED)
def test_every_named_test_exists(named: str) -> None:
    """A test that is renamed or removed takes its promise along."""
    file, _, name = named.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tests = {node.name for node in tree.body if isinstance(node, functions)}

    assert name in tests if name else any(one.startswith("test_") for one in tests)
