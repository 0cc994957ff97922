"""Language tags (sessiond/core/flows/languages.py)."""

from __future__ import annotations

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.languages import fallbacks, known_tag, language_tag


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("fr", "fr"),
        ("FR_ca", "fr-CA"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("pt_BR.UTF-8", "pt-BR"),
        ("de_DE@euro", "de-DE"),
        ("es-419", "es-419"),
        ("de-1996", "de-1996"),
    ],
)
def test_a_language_has_one_tag(said: str, tag: str) -> None:
    """However a platform writes it; locale names are understood too."""
    assert tag == language_tag(said)
    assert tag == language_tag(tag)


@pytest.mark.parametrize("said", ["", "x", "fr;q=0.8", "../etc", "f" * 50, "١٢", "en fr", None, 7])
def test_what_is_no_language_is_said_or_ignored(said: Any) -> None:
    """An author is told; what a device says of itself counts as nothing."""
    assert "" == known_tag(said)
    with pytest.raises(InvalidInput, match="pt-BR"):
        language_tag(said)


def test_a_language_falls_back_to_what_it_is_a_kind_of() -> None:
    """The most exact one first."""
    assert ["zh-Hant-TW", "zh-Hant", "zh"] == list(fallbacks("zh-Hant-TW"))
    assert [] == list(fallbacks(""))
