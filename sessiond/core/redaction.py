"""What looks like a secret or a phone number in a text, masked.

The second line of defence, for log lines and journals: the first is that nobody writes them there. It may mask too
much: an innocent number of ten digits in a text is lost, a phone number is not kept.

Every pattern is linear: it starts at a boundary and has no nested repetition (a text may be what an attacker sent).
"""

import re
import unicodedata
from typing import Final

__all__ = ["HIDDEN", "hide_secrets", "is_secret_name"]

#: Whatever is kept under these names is a secret.
_SECRET_NAMES: Final = re.compile(
    r"(?:^|_|-)(?:token|secret|password|passwd|authorization|cookie|signature|jwt|phone|msisdn|api_?key)s?$",
    re.IGNORECASE,
)

HIDDEN: Final = "[hidden]"

_PATTERNS: Final = (
    # Signed tokens: the base64url of a JSON object; the signature may be cut off. Also as phoenix.js sends them.
    (re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,2}"), "[token]"),
    (re.compile(r"base64url\.bearer\.phx\.[A-Za-z0-9_=-]+"), "base64url.bearer.phx.[token]"),
    (re.compile(r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+", re.IGNORECASE), r"\1 [token]"),
    # Query values and form fields; also "token%3D" of an encoded target.
    (
        re.compile(
            r"\b((?:access_|refresh_|auth_|verify_)?token|secret|password|signature|api_?key)(=|%3D)"
            r"[^&\s\"'<>]+",
            re.IGNORECASE,
        ),
        rf"\1\2{HIDDEN}",
    ),
    # E.164 with a plus, digits perhaps grouped; the last two digits stay, for support.
    (re.compile(r"(?<![^\W_])(?<!\+)\+[1-9][\d ()./-]{5,16}(\d\d)(?!\d)"), r"[number …\1]"),
    # The same without a plus, as WhatsApp and the USSD gateways write it; not inside words, hashes or decimals,
    # but after an underscore: bots join kind and number (``offer_233241234567``).
    (
        re.compile(r"(?<![^\W_])(?<![.+-])(?:00)?[1-9]\d{7,12}(\d\d)(?![^\W_])(?!-)"),
        r"[number …\1]",
    ),
    # As people type their own country's numbers.
    # (The digit before its look-behinds: the search for it is 10 times as fast.)
    (re.compile(r"0(?<![^\W_]0)(?<![.+-]0)[1-9]\d{5,9}(\d\d)(?![^\W_])(?!-)"), r"[number …\1]"),
)


#: Their own country's numbers again, in groups: ``024 412 3456``, ``(024) 412-3456``. A date has fewer digits.
_GROUPED: Final = re.compile(
    r"0(?<![^\W_]0)(?<![.+-]0)(?!\d-\d\d-\d{4} )[1-9]\d{0,3}\)?(?:[ -]\d{2,4}){2,4}(?![^\W_])(?!-)"
)
_MIN_GROUPED: Final = 9

_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")

#: Hyphens, plus signs and blanks that clipboards carry, as ASCII has them.
_PLAIN: Final = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\uff0d", "-"),
    **dict.fromkeys("\xa0\u2007\u2009\u202f", " "),
    "\uff0b": "+",
}


def hide_secrets(text: str) -> str:
    """Mask everything in *text* that looks like a token or a phone number, in the digits of any script."""
    if text.isascii():
        return _hidden(text)
    plain = _FOREIGN.sub(_plain, text)
    hidden = _hidden(plain)
    return text if hidden == plain else hidden


def _plain(found: re.Match[str]) -> str:
    character = found[0]
    digit = unicodedata.decimal(character, None)
    return _PLAIN.get(character, character) if digit is None else str(digit)


def _hidden(text: str) -> str:
    text = _GROUPED.sub(_hidden_groups, text)
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return text


def _hidden_groups(found: re.Match[str]) -> str:
    digits = [character for character in found[0] if character.isdigit()]
    return found[0] if len(digits) < _MIN_GROUPED else f"[number …{''.join(digits[-2:])}]"


def is_secret_name(name: str) -> bool:
    """Whether what stands under this name is a secret, or a phone number, whatever it looks like."""
    return _SECRET_NAMES.search(name) is not None
