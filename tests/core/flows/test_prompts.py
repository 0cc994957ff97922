"""Prompts and outputs as values."""

from __future__ import annotations

from typing import Any

import pytest

from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import (
    AttachmentKind,
    Choice,
    End,
    Media,
    Message,
    Output,
    Prompt,
    PromptKind,
    Retries,
)


def prompt(error: str = "", *, repeats: bool = True) -> Prompt:
    return Prompt(
        kind=PromptKind.CHOICE,
        key="k",
        screen="c:0:0",
        text="What?",
        choices=(Choice("a", "secret label", 1),),
        error=error,
        repeats=repeats,
    )


def test_an_error_stands_before_its_question() -> None:
    """With a blank line between them, or alone."""
    assert "What?" == prompt().body
    assert "No.\n\nWhat?" == prompt("No.").body
    assert "No." == prompt("No.", repeats=False).body


def test_a_kind_of_media_may_be_a_word() -> None:
    """As in ``c.attachment``; another word is an error on the author's line."""
    word: Any = "document"

    assert AttachmentKind.DOCUMENT is Media(kind=word, url="https://example.com/a.pdf").kind
    assert AttachmentKind.IMAGE is Media(url="https://example.com/a.jpg").kind
    word = "picture"
    with pytest.raises(InvalidInput, match="image, document, audio, video, sticker"):
        Media(kind=word, url="https://example.com/a.jpg")


def test_a_path_of_media_is_absolute() -> None:
    """What it is relative to may be another directory tomorrow."""
    assert "/srv/a.pdf" == Media(path="/srv/a.pdf").path
    with pytest.raises(InvalidInput, match="begins with /"):
        Media(path="a.pdf")


def test_only_an_end_is_terminal() -> None:
    """A screen that asks nothing and ends nothing waits for a function."""
    assert not Output(messages=(Message("x"),)).is_terminal
    assert Output(end=End.RETURNED).is_terminal


def test_nothing_a_person_reads_is_shown_in_logs() -> None:
    """Prompts repeat names, amounts and numbers."""
    shown = repr(Output(messages=(Message("secret word"),), prompt=prompt("secret error")))

    assert "secret" not in shown
    assert "What?" not in shown


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"timeout_seconds": 0.0}, {"first_wait_seconds": float("nan")}],
    ids=str,
)
def test_retries_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    """On the line that asks for them, not when the function has failed."""
    with pytest.raises(InvalidInput):
        Retries(**wrong)  # type: ignore[arg-type]
