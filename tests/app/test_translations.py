"""Translations from files (sessiond/app/translations.py)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sessiond.app.translations import Translations
from sessiond.core.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

#: As msgfmt has it: the forms of a plural sentence, and of its msgid, are separated by NUL.
FRENCH = {
    "": "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n > 1);\n",
    "How many?": "Combien ?",
    "{n} piece\0{n} pieces": "{n} pièce\0{n} pièces",
}


def compiled(folder: Path, locale: str, words: dict[str, str], domain: str = "shop") -> None:
    """Write a catalogue in the format of GNU gettext's manual, 10.3."""
    place = folder / locale / "LC_MESSAGES"
    place.mkdir(parents=True)
    pairs = sorted((key.encode(), found.encode()) for key, found in words.items())
    offset = 28 + 16 * len(pairs)
    tables, data = [b"", b""], b""
    for column in (0, 1):
        for pair in pairs:
            tables[column] += struct.pack("<II", len(pair[column]), offset + len(data))
            data += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    (place / f"{domain}.mo").write_bytes(head + tables[0] + tables[1] + data)


def test_compiled_catalogues_are_read(tmp_path: Path) -> None:
    """Each language has its own plural rule; what is not translated is not there."""
    compiled(tmp_path, "fr", FRENCH)
    (tmp_path / "templates" / "LC_MESSAGES").mkdir(parents=True)
    words = Translations.load(tmp_path, domain="shop")

    assert ("fr",) == words.languages
    assert ["Combien ?", "Not yet", "Other"] == [
        words.text("fr-CA", text) for text in ("How many?", "Not yet", "Other")
    ]
    assert ["{n} pièce", "{n} pièces"] == [
        words.plural("fr", "{n} piece", "{n} pieces", n) for n in (0, 2)
    ]
    assert "cows" == words.plural("fr", "cow", "cows", 2)
    assert words.translated("fr", "Not yet") is None


def test_locale_names_are_language_tags(tmp_path: Path) -> None:
    """The files of gettext are called fr_CA."""
    compiled(tmp_path, "fr_CA", FRENCH)

    assert ("fr-CA",) == Translations.load(str(tmp_path), domain="shop").languages


def test_a_folder_without_catalogues_says_what_is_missing(tmp_path: Path) -> None:
    """Where it looked, and whether somebody forgot to compile."""
    with pytest.raises(InvalidInput, match=r"fr/LC_MESSAGES/shop\.mo$"):
        Translations.load(tmp_path, domain="shop")
    place = tmp_path / "de" / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "shop.po").touch()
    with pytest.raises(InvalidInput, match=r"shop\.po is not compiled \(msgfmt\)"):
        Translations.load(tmp_path, domain="shop")


@pytest.mark.parametrize("raw", [b"", b"nonsense" * 10, b"\xde\x12\x04\x95" + b"\xff" * 60])
def test_a_broken_file_is_named(tmp_path: Path, raw: bytes) -> None:
    """With its path, and without a traceback of gettext's."""
    place = tmp_path / "fr" / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "messages.mo").write_bytes(raw)

    with pytest.raises(InvalidInput, match=r"fr/LC_MESSAGES/messages\.mo cannot be read"):
        Translations.load(tmp_path)


def test_maps_are_translations_as_well() -> None:
    """One class for authors."""
    assert "Combien ?" == Translations({"fr": {"How many?": "Combien ?"}}).text("fr", "How many?")
