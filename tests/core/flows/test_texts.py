"""The engine's own sentences."""

from __future__ import annotations

import attrs
import pytest

from sessiond.core.flows.texts import FlowTexts


@pytest.mark.parametrize(
    ("occasion", "sentence"),
    [
        ("unexpected_end", "Unexpected end of flow."),
        ("invalid_choice", "Invalid selection:"),
        ("invalid_answer", "Invalid input"),
    ],
)
def test_sentences_of_the_reference_are_kept(occasion: str, sentence: str) -> None:
    """Users of FlowChat and of the Flow Framework read what they know."""
    assert sentence == getattr(FlowTexts(), occasion)


def test_every_occasion_has_a_sentence() -> None:
    """Nothing empty is ever shown."""
    assert all(attrs.astuple(FlowTexts()))
