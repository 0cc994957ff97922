"""Titles of buttons and list rows: labels that are cut to their room and can still be told apart.

FlowChat's rule (0.10): when one label is cut, or two are the same to somebody who types them, every title of the screen
gets its number in front. One number alone would make people look for the others.
"""

from collections.abc import Sequence

from sessiond.core.flows.answers import matching_form
from sessiond.core.flows.prompts import Choice
from sessiond.core.rendering.cutting import Measure, cut
from sessiond.core.values import Value

__all__ = ["Title", "numbered_lines", "titles_of"]


class Title(Value, frozen=True):
    """What a button or row shows of a choice."""

    PRIVATE = frozenset({"choice", "text", "label"})

    choice: Choice
    text: str
    label: str
    """The whole label, in one line."""
    is_cut: bool
    """Whether *text* shows only a part of it."""


def titles_of(choices: Sequence[Choice], room: int, *, measure: Measure = len) -> list[Title]:
    """Make the titles of one screen, each at most *room* long and no two alike."""
    labels = [_one_line(choice.label) or _one_line(choice.key) for choice in choices]
    forms = {matching_form(label) for label in labels}
    is_ambiguous = (
        len(forms) < len(labels) or "" in forms or any(measure(label) > room for label in labels)
    )
    pairs = zip(choices, labels, strict=True)
    if not is_ambiguous:
        return [Title(choice, label, label, is_cut=False) for choice, label in pairs]
    found = []
    for choice, label in pairs:
        front = f"{choice.number}. "
        shown = cut(label, room - measure(front), measure=measure)
        found.append(Title(choice, (front + shown).rstrip(), label, shown != label))
    return found


def numbered_lines(choices: Sequence[Choice]) -> str:
    """Write the choices as lines to be typed from: ``1. Label``, and what else is to be said of them."""
    return "\n".join(
        f"{choice.number}. {' – '.join(filter(None, (_one_line(choice.label), _one_line(choice.description))))}"
        for choice in choices
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
