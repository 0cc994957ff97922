"""Styled text (sessiond/core/rendering/styled.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.rendering.styled import PLAIN, Span, Spans, Style, plain_text, split_spans


def in_tags(spans: Spans) -> str:
    """As HTML would have it: a torn tag would be seen."""
    return "".join(
        f"<b>{span.text}</b>" if span.style & Style.BOLD else span.text for span in spans
    )


def test_plain_text_has_no_marks() -> None:
    """A gateway without marks shows the words, and where a link leads."""
    spans = [Span("See "), Span("this", Style.BOLD), Span(" page", PLAIN, "https://a.example")]

    assert "See this page (https://a.example)" == plain_text(spans)


def test_what_fits_is_one_piece() -> None:
    """Most texts are short."""
    assert ["<b>ab</b>"] == split_spans([Span("ab", Style.BOLD)], 9, in_tags)


def test_a_style_is_closed_before_a_break_and_opened_after_it() -> None:
    """No piece has half of a pair of marks, and with its marks each one fits."""
    spans = [Span("one "), Span("two three four five six", Style.BOLD), Span(" seven")]

    assert ["one <b>two three four</b>", "<b>five six</b> seven"] == split_spans(spans, 26, in_tags)


@pytest.mark.parametrize("spans", [[], [Span(" \n")]])
def test_nothing_to_say_is_no_piece(spans: Spans) -> None:
    """Providers refuse empty messages."""
    assert [] == split_spans(spans, 10, in_tags)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "word ", " ", "\n", "x" * 20]), st.booleans())),
    st.integers(8, 60),
    st.integers(8, 60),
)
def test_every_piece_fits_with_its_marks(
    parts: list[tuple[str, bool]], limit: int, last: int
) -> None:
    """Nothing is lost, nothing is too long, every tag that is opened in a piece is closed in it."""
    spans = [Span(text, Style.BOLD if bold else PLAIN) for text, bold in parts]
    found = split_spans(spans, limit, in_tags, last=last)

    assert all(len(piece) <= limit for piece in found)
    assert not found or len(found[-1]) <= last
    assert all(piece.count("<b>") == piece.count("</b>") for piece in found)
    words = "".join(found).replace("<b>", "").replace("</b>", "")
    assert "".join(plain_text(spans).split()) == "".join(words.split())


def test_what_was_said_is_not_in_a_repr() -> None:
    """Spans hold words of persons."""
    assert "secret" not in repr(Span("secret", url="https://secret.example"))
