"""How long a text is on a phone network: septets of GSM 03.38, or UCS-2 units when a character is not in that alphabet.

3GPP TS 23.038 (formerly GSM 03.38), 6.2.1: the default alphabet has 7 bits a character; those of the extension table
(6.2.1.1) are escaped and count two. A text with any other character is sent in UCS-2 as a whole (6.2.3): 16 bits a
unit, two units beyond the Basic Multilingual Plane. An SMS of 140 octets so has 160 or 70, a USSD string of 160 octets
(3GPP TS 29.002, ``USSD-String``) 182 or 80.
"""

from typing import Final

from attrs import field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.rendering.cutting import cut, fitting_start, utf16_units

__all__ = ["PageLimits", "cut_to_page", "fits", "fitting_end", "is_gsm", "septets", "text_length"]

#: TS 23.038 table 6.2.1, row by row; the escape is no character.
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)

#: Table 6.2.1.1: escape and a second septet.
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")

_GSM: Final = _BASIC | _EXTENSION


@frozen
class PageLimits:
    """What one page may have. Providers say how many characters of the GSM alphabet.

    Raises:
      InvalidInput: a limit is not positive, or that of UCS-2 is more than half of the other.

    """

    septets: int = field()
    """Of a page in the GSM alphabet."""
    units: int = field()
    """Of a page in UCS-2; unless given as many as fit into the octets of the septets, 7 for each 16. At most half of
    the septets, so that part of what fits always fits: every extension character counts two there."""

    @units.default
    def _same_octets(self) -> int:
        return self.septets * 7 // 16

    @units.validator
    def _check(self, _: object, value: int) -> None:
        if not 0 < 2 * value <= self.septets:
            raise InvalidInput(
                "a page has characters, and in UCS-2 at least one and at most half as many"
            )


def is_gsm(text: str) -> bool:
    """Whether every character is of the GSM alphabet."""
    return _GSM.issuperset(text)


def septets(text: str) -> int:
    """Count the septets of a text in the GSM alphabet."""
    return len(text) + sum(map(text.count, _EXTENSION))


def text_length(text: str) -> int:
    """Count what the network counts: septets, or UCS-2 units when the text needs them."""
    return septets(text) if is_gsm(text) else utf16_units(text)


def fits(text: str, limits: PageLimits) -> bool:
    """Whether *text* is at most one page."""
    if is_gsm(text):
        return septets(text) <= limits.septets
    return utf16_units(text) <= limits.units


def fitting_end(text: str, start: int, limits: PageLimits, tail: str = "") -> int:
    """Give where the longest part of *text* from *start* on ends that fits with *tail* behind it.

    It splits no grapheme cluster, unless one is longer than a page by itself; that one is split between code points.

    Raises:
      InvalidInput: not one character fits.

    """
    units = max(limits.units - utf16_units(tail), 0)
    room = limits.septets - septets(tail) if is_gsm(tail) else 0
    # One more than has room: what follows may belong to the last cluster.
    found = _septets_end(text[start : start + room + 1], room) if room > 0 else 0
    if found <= units:
        window = text[start : start + units + 1]
        found = max(found, fitting_start(window, units, utf16_units) if units else 0)
    if not found and start < len(text):
        raise InvalidInput("not one character fits on a page")
    return start + found


def cut_to_page(text: str, limits: PageLimits) -> str:
    """Shorten *text* to one page, with ``...`` where it was cut."""
    if fits(text, limits):
        return text
    if is_gsm(text):
        return cut(text, limits.septets, measure=septets)
    return cut(text, limits.units, measure=utf16_units)


def _septets_end(text: str, room: int) -> int:
    """Give the length of the longest start in the GSM alphabet that has *room*, and splits no cluster.

    Each character of the alphabet is a cluster by itself, unless another one follows that is not of the alphabet: so
    most texts need no look at their clusters *(measured: 9 µs for a page, 200 with it)*.
    """
    used = 0
    for length, character in enumerate(text):
        if character not in _GSM:
            return length if length and _begins_cluster(text, length) else max(length - 1, 0)
        used += 2 if character in _EXTENSION else 1
        if used > room:
            return length
    return len(text)


def _begins_cluster(text: str, at: int) -> bool:
    """Whether what is at *at* is no part of the character before it: a line end in front is a cluster for certain."""
    return fitting_start("\n" + text[at - 1 : at + 1], 2) == 2
