"""How to call the programs that were installed with us, from whatever directory."""

import shlex
import shutil
import sys
from pathlib import Path

__all__ = ["program"]


def program(name: str) -> str:
    """Tell what to type for *name*: the name when the shell finds the same file, else its path."""
    beside = Path(sys.executable).with_name(name)
    if not beside.exists():
        return name
    found = shutil.which(name)
    return name if found and Path(found).samefile(beside) else shlex.quote(str(beside))
