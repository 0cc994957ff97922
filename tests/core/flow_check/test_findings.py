"""Findings, and the list of their kinds (sessiond/core/flow_check/findings.py)."""

from __future__ import annotations

import re
from pathlib import Path

from sessiond.core.flow_check.findings import RULES, Finding, Severity

CHECK = Path(__file__).parents[3] / "sessiond" / "core" / "flow_check"


def test_a_finding_is_a_line() -> None:
    """As compilers write it; without a line, the file alone."""
    found = Finding("shop.py", 3, "unreachable", "nobody comes here", Severity.WARNING, "order")

    assert "shop.py:3: warning: nobody comes here [unreachable]" == found.describe()
    nowhere = Finding("app", 0, "start-clash", "clash", Severity.ERROR)
    assert "app: error: clash [start-clash]" == nowhere.describe()


def test_every_kind_says_what_is_wrong_and_what_would_be_right() -> None:
    """In sentences."""
    for rule in RULES.values():
        assert rule.wrong.endswith(".")
        assert rule.right.endswith((".", "`."))


def test_every_kind_is_found_by_something() -> None:
    """And nothing is found that is not in the list."""
    source = "".join(file.read_text() for file in CHECK.glob("*.py") if file.stem != "findings")
    quoted = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))

    assert set() == {code for code in RULES if f'"{code}"' not in source}
    assert set() == quoted - RULES.keys()


def test_the_same_is_said_once() -> None:
    """Functions are shared by flows, and the engine's sentences by all of them."""
    one = Finding("a.py", 1, "cut-label", "x", Severity.WARNING, "a")
    texts = "the engine's own sentences (FlowTexts) are missing in fr: yes"

    assert one.identity == Finding("a.py", 1, "cut-label", "x", Severity.WARNING, "b").identity
    assert one.identity != Finding("a.py", 2, "cut-label", "x", Severity.WARNING, "a").identity
    first, second = (
        Finding(file, 1, "missing-translation", texts, Severity.WARNING) for file in ("a", "b")
    )
    assert first.identity == second.identity
