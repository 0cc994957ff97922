"""The benchmark works: each scenario runs in a tiny size. What it measures is nobody's business here."""

from pathlib import Path

import pytest

from tests.benchmarks.__main__ import SCENARIOS, run
from tests.benchmarks.report import SECTIONS, environment, render, today
from tests.benchmarks.sizes import TINY


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_measures_everything_its_table_shows(name: str, short_tmp_path: Path) -> None:
    """A tiny run of each scenario ends, and gives every line of its table a figure."""
    found = run([name], TINY, short_tmp_path)
    about = {"command": "make bench", "date": today(), "environment": environment()}
    table = render({name: {**found[name], **about}})
    for row in SECTIONS[name][1]:
        start, _, end = row.label.partition("{n}")
        lines = [line for line in table.splitlines() if line.startswith("| ")]
        assert any(start in line and end in line for line in lines), row
