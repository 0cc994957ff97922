"""Where a long screen is broken into pages.

FlowChat's rule, mended. A page has as much as fits with its options behind it, and breaks there when a blank follows;
else at a line end, else at a blank, else between two characters as people see them.

- A line end counts in the last half of a page only: ``Title`` and a long text gave a page with the title alone
  (fault 9 of the reference).
- A list breaks between choices; inside of one only when that has no room on a page of its own.

Blanks around a break are on neither page. Nothing else is left out.
"""

from collections.abc import Callable
from typing import Final

from sessiond.core.rendering.gsm import PageLimits, fits, fitting_end
from sessiond.core.rendering.screens import Screen

__all__ = ["Tail", "break_pages"]

#: What is behind the text of a page, by whether it is the first, and whether it is the last.
Tail = Callable[[bool, bool], str]

#: How much of a page is looked at for a line end, from its end.
_LAST_PART: Final = 2


def break_pages(screen: Screen, limits: PageLimits, tail: Tail) -> tuple[tuple[int, int], ...]:
    """Say where each page begins and ends in the text of *screen*; a text of blanks has one page without any.

    Raises:
      InvalidInput: the options leave no room for a character.

    """
    text = screen.text
    pages: list[tuple[int, int]] = []
    start, end = _without_blanks(text, 0, len(text))
    # No page has more characters than septets: long texts are not counted again for each page.
    while end - start > limits.septets or not fits(text[start:end] + tail(not pages, True), limits):
        stop = _break(screen, start, limits, tail(not pages, False))
        pages.append(_without_blanks(text, start, stop))
        start, _ = _without_blanks(text, stop, end)
    return (*pages, (start, end))


def _break(screen: Screen, start: int, limits: PageLimits, tail: str) -> int:
    high = fitting_end(screen.text, start, limits, tail)
    # One more: a choice that begins right behind the line end at *high* leaves those before it whole.
    choice = max((begins for begins in screen.choices if begins <= high + 1), default=0)
    return choice if choice > start else _text_break(screen.text, start, high)


def _text_break(text: str, start: int, high: int) -> int:
    """Give the best place to break *text*, from *start* to *high*."""
    if text[high].isspace():
        return high
    line_end = text.rfind("\n", high - (high - start) // _LAST_PART, high)
    if line_end > start:
        return line_end
    blanks = (at for at in range(high - 1, start, -1) if text[at].isspace())
    return next(blanks, high)


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
