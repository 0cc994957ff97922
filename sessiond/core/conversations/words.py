"""Words that mean something before any flow is asked, compared as people type them.

The lists are data: settings replace them. They come from the bots that sessiond learnt from, without what did harm
there: ``y``, ``yes``, ``n``, ``no``, ``retry`` and single letters are answers, and were taken for commands.
"""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["GREETINGS", "MAX_WORD", "RESET_WORDS", "normal_word"]

#: Characters of a text that is looked at as a word; a longer one is prose.
MAX_WORD: Final = 256

#: By language (ISO 639-1).
GREETINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": ("hi", "hello", "hey", "start"),
        "es": ("hola",),
        "fr": ("bonjour", "salut"),
        "sn": ("mhoro",),
        "sw": ("habari", "jambo"),
        "zu": ("sawubona",),
    }
)

RESET_WORDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "en": ("menu", "home", "cancel", "reset"),
        "es": ("menú", "inicio", "cancelar"),
        "fr": ("accueil", "annuler"),
    }
)

#: Said around a word, not part of it. ``*`` and ``#`` are not among them: on a phone they are typed on purpose.
_AROUND: Final = " .,;:!?¡¿…\"'“”‘’"


def normal_word(text: str) -> str:
    """Bring a word into the form in which two of them are compared; empty when it is longer than 256 characters.

    Letter case, width, invisible marks, runs of blanks and punctuation around it do not count: ``¡Hola!`` is ``hola``.
    """
    if len(text) > MAX_WORD:
        return ""
    if not text.isascii():  # (measured: 0.5 µs for an ASCII word, 1.5 on the long way)
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
        text = unicodedata.normalize("NFKC", text)
    joined = " ".join(text.casefold().split())
    return joined.strip(_AROUND) or joined
