"""Translations from files: gettext's compiled catalogues, ``<folder>/<language>/LC_MESSAGES/<domain>.mo``.

Made by any gettext tool (``msgfmt``, Babel, a translation service). The rest is in core/flows/translations.py.
"""

import os
import struct
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import NoReturn, Self

from typing_extensions import override

from sessiond.core.errors import InvalidInput
from sessiond.core.flows import translations as core
from sessiond.core.flows.languages import known_tag

__all__ = ["CompiledCatalogue", "Translations"]


class _Absent(NullTranslations):
    """What gettext asks last: nobody has the sentence."""

    @override
    def gettext(self, message: str) -> NoReturn:
        raise LookupError(message)

    @override
    def ngettext(self, msgid1: str, msgid2: str, n: int) -> NoReturn:
        raise LookupError(msgid1)


class CompiledCatalogue:
    """One ``.mo`` file.

    Raises:
      InvalidInput: it cannot be read, or is no catalogue.

    """

    __slots__ = ("_words",)

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as opened:
                self._words = GNUTranslations(opened)
        except (OSError, ValueError, struct.error, LookupError) as error:
            why = (
                error.strerror if isinstance(error, OSError) and error.strerror else "no catalogue"
            )
            raise InvalidInput(f"the translations in {file} cannot be read: {why}") from None
        self._words.add_fallback(_Absent())

    def find(self, msgid: str) -> str | None:
        """Give the sentence; ``None``: it is not there."""
        try:
            return self._words.gettext(msgid)
        except LookupError:
            return None

    def find_plural(self, one: str, many: str, count: int) -> str | None:
        """Give the form that *count* takes; ``None``: it is not there."""
        try:
            return self._words.ngettext(one, many, count)
        except LookupError:
            return None


class Translations(core.Translations):
    """The sentences of an app in other languages: from maps, or (``load``) from files."""

    __slots__ = ()

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, domain: str = "messages", default: str = "en"
    ) -> Self:
        """Read every language that *folder* has *domain* in; a folder that is no language is passed over.

        Raises:
          InvalidInput: there is none, or a file cannot be read.

        """
        found: dict[str, core.Catalogue] = {}
        for file in sorted(Path(folder).glob(f"*/LC_MESSAGES/{domain}.mo")):
            tag = known_tag(file.parts[-3])
            if tag:
                found[tag] = CompiledCatalogue(file)
        if not found:
            raise InvalidInput(_nothing(Path(folder), domain))
        return cls(found, default=default)


def _nothing(folder: Path, domain: str) -> str:
    sources = sorted(folder.glob(f"*/LC_MESSAGES/{domain}.po"))
    hint = f"; {sources[0]} is not compiled (msgfmt)" if sources else ""
    return f"there are no translations like {folder}/fr/LC_MESSAGES/{domain}.mo{hint}"
