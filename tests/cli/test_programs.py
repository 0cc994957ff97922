"""How to call our programs."""

import shlex
import sys
from pathlib import Path

import pytest

from sessiond.cli.programs import program


def test_a_program_of_ours_is_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the shell would find it: another terminal, where the line is pasted, may not."""
    here = Path(sys.executable).parent
    monkeypatch.setenv("PATH", str(here))
    assert program("sessionctl") == shlex.quote(str(here / "sessionctl"))


def test_a_program_that_is_not_beside_us_is_its_name() -> None:
    """There is nothing better to say."""
    assert program("no-such-program") == "no-such-program"
