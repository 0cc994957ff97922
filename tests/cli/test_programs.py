"""How to call our programs."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from sessiond.cli.programs import program


def test_a_program_in_the_path_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """And another directory's program of that name is not taken for ours."""
    here = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{here}{os.pathsep}/usr/bin")
    assert program("sessionctl") == "sessionctl"

    monkeypatch.setenv("PATH", "/nowhere")
    assert program("sessionctl") == shlex.quote(str(here / "sessionctl"))


def test_a_program_that_is_not_beside_us_is_its_name() -> None:
    """There is nothing better to say."""
    assert program("no-such-program") == "no-such-program"
