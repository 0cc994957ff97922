"""Code blocks of the documentation, so that tests can run what readers are told to type."""

import re
from pathlib import Path

__all__ = ["DOCS", "captioned", "fenced"]

DOCS = Path(__file__).parents[2] / "docs"

_CAPTIONED = re.compile(
    r"^```\{code-block\} \w+\n:caption: (?P<name>[^\n]+)\n\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_FENCED = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```", re.MULTILINE | re.DOTALL)


def captioned(page: str, name: str) -> str:
    """Join the blocks of *page* that carry the file name *name*, in order."""
    text = (DOCS / page).read_text()
    blocks = [found["code"] for found in _CAPTIONED.finditer(text) if found["name"] == name]
    assert blocks, f"{page} shows no {name}"
    return "\n\n".join(blocks)


def fenced(page: str, language: str) -> list[str]:
    """Return the plain blocks of *page* in *language*, in order."""
    text = (DOCS / page).read_text()
    return [found["code"] for found in _FENCED.finditer(text) if found["language"] == language]
