"""Languages by their tags (BCP 47, RFC 5646): ``fr``, ``pt-BR``, ``zh-Hant-TW``."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from sessiond.core.errors import InvalidInput

__all__ = ["fallbacks", "known_tag", "language_tag"]

#: RFC 5646 4.4.1: room for every tag that is in use.
_MAX_TAG: Final = 35
#: Longer languages are reserved or none: "French" is a mistake.
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8})*")


def language_tag(tag: str) -> str:
    """Write *tag* as it is written: ``FR_ca`` is ``fr-CA``. A locale's encoding (``fr_CA.UTF-8``) is dropped.

    Raises:
      InvalidInput: it is no language tag.

    """
    found = known_tag(tag)
    if not found:
        raise InvalidInput("a language is a tag such as fr or pt-BR")
    return found


def known_tag(tag: object) -> str:
    """Write *tag* as it is written; empty when it is none: what a device says of itself may be anything."""
    if not isinstance(tag, str) or len(tag) > _MAX_TAG:
        return ""
    return _written(tag)


def fallbacks(tag: str) -> Iterator[str]:
    """List a written tag and what it is a kind of: ``zh-Hant-TW``, ``zh-Hant``, ``zh``."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]


@lru_cache(maxsize=256)
def _written(tag: str) -> str:
    tag = tag.partition(".")[0].partition("@")[0].strip()
    if _TAG.fullmatch(tag) is None:
        return ""
    language, *rest = tag.replace("_", "-").split("-")
    return "-".join((language.lower(), *map(_subtag, rest)))


def _subtag(part: str) -> str:
    if len(part) == 2:  # a region
        return part.upper()
    return part.title() if len(part) == 4 and part.isalpha() else part.lower()
