"""WhatsApp's marks (sessiond/core/rendering/marks.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.rendering.markdown import read_markdown
from sessiond.core.rendering.marks import marked
from sessiond.core.rendering.styled import Span, Style


@pytest.mark.parametrize(
    ("markdown", "whatsapp"),
    [
        ("**b** _i_ ~~s~~ `c`", "*b* _i_ ~s~ `c`"),
        ("*i* __b__", "_i_ *b*"),
        ("**a *b* c**", "*a _b_ c*"),
        ("_**x** y_", "_*x* y_"),
        ("***q***", "*_q_*"),
        ("(**a**), “**b**”", "(*a*), “*b*”"),
        ("a\n```py\nx = *1*\n```\nb", "a\n```\nx = *1*\n```\nb"),
        (
            "[site](http://a.b) and **[bold](http://c.d)**",
            "site (http://a.b) and *bold (http://c.d)*",
        ),
        ("1. Pay\n2. Buy\n0. Back", "1. Pay\n2. Buy\n0. Back"),
        ("- a\n- **b**\n> quoted", "- a\n- *b*\n> quoted"),
        ("5 * 3 and snake_case", "5 * 3 and snake_case"),
    ],
)
def test_markdown_becomes_whatsapps_marks(markdown: str, whatsapp: str) -> None:
    """Lists, quotes and numbers are WhatsApp's as they stand."""
    assert whatsapp == marked(read_markdown(markdown))


@pytest.mark.parametrize(
    ("markdown", "whatsapp"),
    [
        ("**two\nlines**", "*two*\n*lines*"),
        ("**two  \n  lines**", "*two*  \n  *lines*"),
        ("foo*bar* *a*b", "foobar ab"),
    ],
)
def test_a_mark_that_would_not_work_is_not_written(markdown: str, whatsapp: str) -> None:
    """Marks do not go over lines and do not stand inside words: nobody sees a lone star."""
    assert whatsapp == marked(read_markdown(markdown))


def test_outer_blanks_are_outside_of_the_marks() -> None:
    """A mark touches the word that it marks; blanks alone have none."""
    spans = [Span("a"), Span(" b ", Style.BOLD), Span("c"), Span("  ", Style.STRIKE)]

    assert "a *b* c  " == marked(spans)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["word", " ", "\n", "a b", " x\n y ", "."]),
            st.integers(0, 15).map(Style),
        )
    )
)
def test_marks_are_always_paired_on_their_line(parts: list[tuple[str, Style]]) -> None:
    """Whatever styles meet, every line has each mark an even number of times, and no word is lost."""
    text = marked([Span(words, style) for words, style in parts])

    assert all(line.count(mark) % 2 == 0 for line in text.split("\n") for mark in "*_~`")
    bare = "".join(c for c in text if c not in "*_~`")
    assert "".join(words for words, _ in parts) == bare
