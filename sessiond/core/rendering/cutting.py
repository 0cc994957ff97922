"""Where a text may be cut: between grapheme clusters, at best after a paragraph, a line or a word.

What counts as a character differs: code points (``len``), UTF-16 units (Telegram), bytes (Instagram, button data).
A *measure* says so; it is additive: the measure of a text is the sum of the measures of its parts.

A break is looked for in the last half of a piece only. Taking any newline made a piece of a title and nothing else
(FlowChat's pages, fault 9 of the reference).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import regex

from sessiond.core.errors import InvalidInput

__all__ = [
    "Measure",
    "code_points",
    "cut",
    "fitting_start",
    "pieces",
    "split_text",
    "utf8_bytes",
    "utf16_units",
]

Measure = Callable[[str], int]

#: UAX #29's extended grapheme cluster: a flag, a family of four or a letter with its accents is one.
_CLUSTER: Final = regex.compile(r"\X")

#: Where a text is best broken; the best first.
_BREAKS: Final = tuple(regex.compile(pattern) for pattern in (r"\n[^\S\n]*+\n", r"\n", r"\s"))

code_points: Final[Measure] = len


def utf16_units(text: str) -> int:
    """Count as Telegram does: characters beyond the Basic Multilingual Plane are two."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf8_bytes(text: str) -> int:
    """Count the bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def fitting_start(text: str, limit: int, measure: Measure = len) -> int:
    """Give the length of the longest start of *text* that measures at most *limit* and splits no grapheme cluster.

    A first cluster that is too long by itself is split between code points; the result is 0 only when not even one of
    these fits.
    """
    if measure(text) <= limit:
        return len(text)
    return _fitting(_clusters(text), limit, measure) or _fitting(text, limit, measure)


def cut(text: str, limit: int, *, ending: str = "...", measure: Measure = len) -> str:
    """Shorten *text* to *limit*, *ending* included; a text that fits stays as it is.

    FlowChat's rule: *limit* less the length of the ending, then the ending. Blanks before the ending are dropped.
    """
    if measure(text) <= limit:
        return text
    room = limit - measure(ending)
    if room <= 0:
        return text[: fitting_start(text, limit, measure)]
    return text[: fitting_start(text, room, measure)].rstrip() + ending


def split_text(
    text: str, limit: int, *, last: int | None = None, measure: Measure = len
) -> list[str]:
    """Split *text* into pieces of at most *limit*, the last one of at most *last*; blanks at the breaks are dropped.

    Nothing else is lost, and no piece is empty: a text of blanks has none.

    Raises:
      InvalidInput: a limit is below 1, or no character fits.

    """
    return [text[start:end] for start, end in pieces(text, limit, last=last, measure=measure)]


def pieces(
    text: str, limit: int, *, last: int | None = None, measure: Measure = len
) -> Sequence[tuple[int, int]]:
    """Say where ``split_text`` splits: the start and the end of each piece."""
    last = limit if last is None else min(last, limit)
    if last < 1:
        raise InvalidInput("a text cannot be split into pieces of no length")
    found = []
    start, end = _without_blanks(text, 0, len(text))
    while start < end:
        rest = text[start:end]
        if measure(rest) <= last:
            found.append((start, end))
            break
        stop = start + _break_in(rest, limit, last, measure)
        found.append(_without_blanks(text, start, stop))
        start, _ = _without_blanks(text, stop, end)
    return found


def _break_in(text: str, limit: int, last: int, measure: Measure) -> int:
    """Give where to break *text*, which is longer than *last* and neither begins nor ends with a blank."""
    high = fitting_start(text, limit, measure)
    if not high:
        raise InvalidInput("a text cannot be split: not even one character fits")
    if high < len(text):
        low = fitting_start(text, limit // 2, measure)
        found = _breaks(text, low, high)
        return found[-1] if found else high
    # It fits, but what remains would be too long for the last piece: as much as can be is left for that.
    low = _beginning_of_end(text, last, measure)
    found = _breaks(text, low, high - 1)
    return found[0] if found else low


def _breaks(text: str, low: int, high: int) -> list[int]:
    """Find the breaks of the best kind that there is between *low* and *high*."""
    for pattern in _BREAKS:
        # Two more characters: a paragraph's second line end may lie behind.
        starts = [one.start() for one in pattern.finditer(text, max(low, 1), high + 2)]
        within = [start for start in starts if start <= high]
        if within:
            return within
    return []


def _beginning_of_end(text: str, limit: int, measure: Measure) -> int:
    """Give where the longest end of *text* that measures at most *limit* begins."""
    for parts in (_clusters(text), text):
        left, begins = measure(text), 0
        for part in parts:
            if left <= limit:
                break
            left -= measure(part)
            begins += len(part)
        if begins < len(text):
            return begins
    raise InvalidInput("a text cannot be split: not even one character fits")


def _clusters(text: str) -> Iterator[str]:
    return (one.group() for one in _CLUSTER.finditer(text))


def _fitting(parts: Iterable[str], limit: int, measure: Measure) -> int:
    measured = length = 0
    for part in parts:
        measured += measure(part)
        if measured > limit:
            break
        length += len(part)
    return length


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
