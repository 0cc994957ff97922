"""What sessiond's own source says, for tests that compare a table with the code behind it."""

import ast
from pathlib import Path

import sessiond

__all__ = ["said_outside"]

_ROOT = Path(sessiond.__file__).parent


def said_outside(*tables: str) -> frozenset[str]:
    """Collect the string constants of every module but *tables* (paths below ``sessiond/``)."""
    return frozenset(
        node.value
        for path in _ROOT.rglob("*.py")
        if path.relative_to(_ROOT).as_posix() not in tables
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
