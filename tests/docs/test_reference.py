"""The reference pages are what the code says."""

import subprocess
import sys

import pytest

from sessiond.core.session.phases import Phase
from sessiond.core.session.transitions import TRANSITIONS
from tests.docs.pages import DOCS


def test_every_generated_page_is_up_to_date() -> None:
    """``python docs/generate.py --check`` finds no difference; run it without --check to mend one."""
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert 0 == done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("phase", list(Phase))
def test_the_picture_shows_every_phase(phase: Phase) -> None:
    """The state diagram has a box for each phase, and each trigger that leads to or from it."""
    picture = (DOCS / "reference" / "phases.svg").read_text()

    assert f">{phase.value}</text>" in picture
    for (before, trigger), after in TRANSITIONS.items():
        if phase in {before, after}:
            assert trigger.value in picture
