"""How to call the programs that were installed with us, from whatever directory and terminal."""

import shlex
import sys
from pathlib import Path

__all__ = ["program"]


def program(name: str) -> str:
    """Tell what to type for *name*: its path beside our Python, which also works where no environment is activated."""
    beside = Path(sys.executable).with_name(name)
    return shlex.quote(str(beside)) if beside.exists() else name
