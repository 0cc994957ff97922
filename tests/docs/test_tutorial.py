"""The tutorial's code runs, as a reader would run it."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import captioned, fenced


def test_the_tutorials_app_passes_the_tutorials_test(tmp_path: Path) -> None:
    """The files that the tutorial shows, copied as they are, pass with the command that it shows."""
    (tmp_path / "notes.py").write_text(captioned("tutorial.md", "notes.py"))
    (tmp_path / "test_notes.py").write_text(captioned("tutorial.md", "test_notes.py"))
    (line,) = (
        line
        for block in fenced("tutorial.md", "console")
        for line in block.splitlines()
        if line.startswith("$ pytest")
    )
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(line.removeprefix("$ "))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_tutorials_app_is_accepted_by_check(tmp_path: Path) -> None:
    """``sessiond check notes:app`` finds no problem in it."""
    (tmp_path / "notes.py").write_text(captioned("tutorial.md", "notes.py"))
    done = subprocess.run(
        [sys.executable, "-m", "sessiond", "check", "notes:app", "--store", "memory:"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "SESSIOND_AUTH__SECRET": "a-secret-of-at-least-32-bytes-for-tests"},
    )

    assert 0 == done.returncode, done.stdout + done.stderr


def test_frames_of_the_tutorial_are_frames() -> None:
    """What the reader types are Phoenix frames that the server can read."""
    from sessiond.core.wire.json_v2 import decode_text

    frames = [
        line
        for block in fenced("tutorial.md", "text")
        for line in block.splitlines()
        if line.startswith("[")
    ]

    assert len(frames) >= 4
    for frame in frames:
        assert decode_text(frame.encode()) is not None
