"""How long a text is on a phone network: septets of GSM 03.38, or UCS-2 units when a character is not in that alphabet.

3GPP TS 23.038 (formerly GSM 03.38), 6.2.1: the default alphabet has 7 bits a character; those of the extension table
(6.2.1.1) are escaped and count two. A text with any other character is sent in UCS-2 as a whole (6.2.3): 16 bits a
unit, two units beyond the Basic Multilingual Plane. An SMS of 140 octets so has 160 or 70, a USSD string of 160 octets
(3GPP TS 29.002, ``USSD-String``) 182 or 80.
"""

from typing import Final

from attrs import field, frozen

from sessiond.core.errors import InvalidInput
from sessiond.core.rendering.cutting import Measure, cut, fitting_start, utf16_units

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
    return len(text) + sum(character in _EXTENSION for character in text)


def text_length(text: str) -> int:
    """Count what the network counts: septets, or UCS-2 units when the text needs them."""
    return septets(text) if is_gsm(text) else utf16_units(text)


def fits(text: str, limits: PageLimits) -> bool:
    """Whether *text* is at most one page."""
    return text_length(text) <= (limits.septets if is_gsm(text) else limits.units)


def fitting_end(text: str, start: int, limits: PageLimits, tail: str = "") -> int:
    """Give where the longest part of *text* from *start* on ends that fits with *tail* behind it.

    It splits no grapheme cluster, unless one is longer than a page by itself; that one is split between code points.

    Raises:
      InvalidInput: not one character fits.

    """
    # No page has more characters than septets; the rest is to know the cluster at the edge.
    window = text[start : start + 2 * limits.septets]
    found = _fitting(window, limits.units - utf16_units(tail), utf16_units)
    if is_gsm(tail):
        begins_with = _gsm_start(window)
        found = max(found, _fitting(window[:begins_with], limits.septets - septets(tail), septets))
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


def _fitting(text: str, limit: int, measure: Measure) -> int:
    return fitting_start(text, limit, measure) if limit > 0 else 0


def _gsm_start(text: str) -> int:
    """Give the length of the longest start of whole clusters in the GSM alphabet."""
    length = next((n for n, character in enumerate(text) if character not in _GSM), len(text))
    return fitting_start(text, length) if length else 0
