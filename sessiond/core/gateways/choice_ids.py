"""Ids of buttons and rows: the choice's key, and the screen it was shown on, so that an old button is known as such.

``k|<screen>|<key>``; the number instead of the key, ``n|<screen>|<number>``, when both do not fit or the key would not
come back as it went (Meta refuses outer blanks). Only where there is no room for the screen at all is it left out.
"""

from collections.abc import Iterator
from typing import Final

from sessiond.core.flows.answers import Answer
from sessiond.core.flows.prompts import Choice
from sessiond.core.rendering.cutting import utf8_bytes

__all__ = ["read_choice_id", "write_choice_id"]

_KEY: Final = "k"
_NUMBER: Final = "n"


def write_choice_id(screen: str, choice: Choice, limit: int) -> str:
    """Write the id of *choice* on *screen* in at most *limit* bytes."""
    for form in _forms(screen, choice):
        if utf8_bytes(form) <= limit:
            return form
    return f"{_NUMBER}||{choice.number}"


def _forms(screen: str, choice: Choice) -> Iterator[str]:
    """Write the id in every form that comes back as it went, the best first: that one nearly always has room."""
    key = choice.key
    is_plain = key.isprintable() and key == key.strip() and key != ""
    kept = screen if screen.isprintable() and "|" not in screen else ""
    if is_plain:
        yield f"{_KEY}|{kept}|{key}"
    if kept:
        yield f"{_NUMBER}|{kept}|{choice.number}"
    if is_plain:
        yield f"{_KEY}||{key}"


def read_choice_id(text: str) -> Answer | None:
    """Read the tap that an id of ours stands for; ``None``: the id is somebody else's."""
    parts = text.split("|", 2)
    if len(parts) != 3 or not parts[2]:
        return None
    kind, screen, what = parts
    if kind == _KEY:
        return Answer(choice=what, screen=screen or None)
    if kind == _NUMBER and what.isascii() and what.isdigit():
        return Answer(text=what, screen=screen or None)
    return None
