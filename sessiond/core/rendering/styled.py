"""Styled text: spans, in the order of the text. Each gateway writes them with its own marks."""

from collections.abc import Callable, Sequence
from enum import IntFlag
from typing import Final

import msgspec

from sessiond.core.rendering.cutting import Measure, pieces
from sessiond.core.values import Value

__all__ = ["PLAIN", "Span", "Spans", "Style", "plain_text", "split_spans"]


class Style(IntFlag):
    """How a text looks; any number of them together, but nothing goes with code."""

    BOLD = 1
    ITALIC = 2
    STRIKE = 4
    CODE = 8
    BLOCK = 16
    """Code in lines of its own."""


PLAIN: Final = Style(0)


class Span(Value, frozen=True):
    """A part of a text in one style; *url*: where it leads."""

    PRIVATE = frozenset({"text", "url"})

    text: str
    style: Style = PLAIN
    url: str = ""


Spans = Sequence[Span]


def plain_text(spans: Spans) -> str:
    """Give the text without marks: for gateways that have none. A link is ``text (address)``."""
    return "".join(
        f"{span.text} ({span.url})" if span.url not in {"", span.text} else span.text
        for span in spans
    )


def split_spans(
    spans: Spans,
    limit: int,
    write: Callable[[Spans], str],
    *,
    last: int | None = None,
    measure: Measure = len,
) -> list[str]:
    """Split *spans* as ``split_text`` does, and *write* each piece: at most *limit* long, with its marks.

    A style that goes over a break is closed before it and opened again after it.
    """
    whole = write(spans)
    if measure(whole) <= (limit if last is None else min(last, limit)):
        return [whole] if whole and not whole.isspace() else []
    text = "".join(span.text for span in spans)
    room, last_room = limit, limit if last is None else min(last, limit)
    last_limit = last_room
    while True:
        found = [
            write(_part(spans, start, end))
            for start, end in pieces(text, room, last=last_room, measure=measure)
        ]
        over = max((measure(piece) - limit for piece in found[:-1]), default=0)
        last_over = measure(found[-1]) - last_limit if found else 0
        if over <= 0 and last_over <= 0:
            return found
        # The marks took room: again with less. It ends, for one character with its marks fits.
        room = max(room - max(over, 0), 1)
        last_room = max(last_room - max(last_over, 0), 1)


def _part(spans: Spans, start: int, end: int) -> Spans:
    found, begins = [], 0
    for span in spans:
        part = span.text[max(start - begins, 0) : max(end - begins, 0)]
        if part:
            found.append(msgspec.structs.replace(span, text=part))
        begins += len(span.text)
    return found
