"""Phone numbers in one normal form, E.164, and masked for people to read.

Gateways write the same number in several ways (``+233 24 412 3456``, ``233244123456``, ``00233244123456``,
``0244123456``); without one form for all of them, one person would have four sessions.

The numbering plans are libphonenumber's. A number that it calls impossible is still taken when it looks
international: test numbers of telcos and plans younger than the library are such numbers.
"""

import functools
import re
import unicodedata
from typing import Final

import phonenumbers

from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import nearest

__all__ = ["MAX_PHONE_TEXT", "NotAPhoneNumber", "check_region", "e164", "masked_phone"]

#: Fifteen digits (ITU-T E.164), a plus, and room for however people group them.
MAX_PHONE_TEXT: Final = 40

#: Country code and subscriber number: shorter ones are short codes, which mean nothing outside their network.
_MIN_DIGITS, _MAX_DIGITS = 7, 15

_WRITTEN: Final = re.compile(r"[\s(]*(?P<plus>\+?)[\s(]*(?P<rest>\d[\d\s().\-/]*)")


class NotAPhoneNumber(InvalidInput):
    """A text that is no phone number, or that of which region nobody said. It is not repeated."""


def e164(text: str, region: str | None = None) -> str:
    """Bring a phone number into E.164 (``+233244123456``).

    A number without ``+`` or ``00`` is read as an international one, as gateways write it; when it cannot be one, and
    always when it begins with 0, as a number of *region* (``"GH"``, ISO 3166-1).

    Raises:
      NotAPhoneNumber: it is no phone number, or a local one and there is no region. The number is not repeated.

    """
    if len(text) > MAX_PHONE_TEXT:
        raise NotAPhoneNumber("not a phone number")
    return _e164(text, region)


@functools.lru_cache(maxsize=1024)
def _e164(text: str, region: str | None) -> str:
    """Do what ``e164`` says. The inputs of one dial come close together (measured: 37 us a number, 0.1 us again,
    and 94 for one that a gateway reads in its region and the door looks up; 46 with what is remembered below).
    """
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise NotAPhoneNumber("not a phone number")
    digits = "".join(str(unicodedata.digit(c)) for c in written["rest"] if c.isdigit())
    if written["plus"] or digits.startswith("00"):
        return _international(digits.removeprefix("00"))
    if region is not None:
        local = None if _is_valid(_parsed(f"+{digits}")) else _parsed(digits, region)
        if local is not None and (digits.startswith("0") or _is_valid(local)):
            return phonenumbers.format_number(local, phonenumbers.PhoneNumberFormat.E164)
    return _international(digits)


@functools.lru_cache(
    maxsize=1024
)  # what comes out of it comes in again, when the number is looked up
def _international(digits: str) -> str:
    parsed = _parsed(f"+{digits}")
    if parsed is not None and phonenumbers.is_possible_number(parsed):
        return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if digits.startswith("0"):
        raise NotAPhoneNumber("a phone number in local form needs a region")
    if not _MIN_DIGITS <= len(digits) <= _MAX_DIGITS:
        raise NotAPhoneNumber("not a phone number: it has too few or too many digits")
    return f"+{digits}"


@functools.lru_cache(
    maxsize=64
)  # one number is looked at twice, as an international and as a local one
def _parsed(text: str, region: str | None = None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _is_valid(number: phonenumbers.PhoneNumber | None) -> bool:
    return number is not None and phonenumbers.is_valid_number(number)


def check_region(region: str) -> str:
    """Check that *region* is a region whose numbering plan is known (``"GH"``), and return it.

    Raises:
      InvalidInput: it is not; the nearest known one is named.

    """
    known = phonenumbers.SUPPORTED_REGIONS
    if region not in known:
        hint = nearest(region.upper(), sorted(known)) or "; it is two letters, like GH"
        raise InvalidInput(f"unknown region {region!r}{hint}")
    return region


def masked_phone(number: str) -> str:
    """Show that there is a number, and its last two digits, which is enough for support: ``[number …56]``."""
    digits = "".join(filter(str.isdigit, number))
    return f"[number …{digits[-2:]}]" if len(digits) >= _MIN_DIGITS else "[number]"
