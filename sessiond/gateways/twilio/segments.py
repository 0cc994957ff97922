"""Segments: what an SMS is sent and paid in ("Messages resource", ``num_segments``; 3GPP TS 23.040, 9.2.3.24.1).

160 septets of the GSM alphabet, or 70 units of UCS-2, are one. Of a longer text each has 153 or 67, for a header says
where it belongs; no character is cut in two.
"""

from collections.abc import Iterator
from typing import Final

from attrs import frozen

from sessiond.core.rendering.cutting import Measure, split_text, utf16_units
from sessiond.core.rendering.gsm import is_gsm, septets

__all__ = ["segments", "split_sms"]


@frozen
class _Alphabet:
    alone: int
    joined: int
    """Of each segment, when there are several."""
    measure: Measure

    def room(self, text: str, count: int) -> int:
        """Give what fits into *count* segments; characters of two leave a place empty at the end of each."""
        if count == 1:
            return self.alone
        has_wide = self.measure(text) > len(text)
        return (self.joined - has_wide) * count


_GSM: Final = _Alphabet(160, 153, septets)
_UCS2: Final = _Alphabet(70, 67, utf16_units)


def segments(text: str) -> int:
    """Count the segments of *text*; an empty text is one."""
    alphabet = _alphabet(text)
    if alphabet.measure(text) <= alphabet.alone:
        return 1
    count, left = 1, alphabet.joined
    for size in map(alphabet.measure, text):
        if size > left:
            count, left = count + 1, alphabet.joined
        left -= size
    return count


def split_sms(text: str, count: int, limit: int) -> Iterator[str]:
    """Split *text* into messages of at most *count* segments and *limit* units, at best after a paragraph or a line."""
    alphabet = _alphabet(text)
    room = min(alphabet.room(text, count), limit)
    yield from split_text(text, room, measure=alphabet.measure)


def _alphabet(text: str) -> _Alphabet:
    return _GSM if is_gsm(text) else _UCS2
