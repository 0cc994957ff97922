"""What authors' Markdown means (sessiond/core/rendering/markdown.py)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.rendering.markdown import MAX_MARKDOWN, read_markdown
from sessiond.core.rendering.styled import PLAIN, Span, Style, plain_text

BOLD, ITALIC, STRIKE, CODE = Style.BOLD, Style.ITALIC, Style.STRIKE, Style.CODE


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("hello", [("hello", PLAIN)]),
        ("**b** __b__", [("b", BOLD), (" ", PLAIN), ("b", BOLD)]),
        ("*i* _i_", [("i", ITALIC), (" ", PLAIN), ("i", ITALIC)]),
        ("~~s~~", [("s", STRIKE)]),
        ("`c *d*`", [("c *d*", CODE)]),
        ("**a *b* c**", [("a ", BOLD), ("b", BOLD | ITALIC), (" c", BOLD)]),
        ("***q***", [("q", BOLD | ITALIC)]),
        (
            "a\n```py\nx = *1*\n  y\n```\nb",
            [("a\n", PLAIN), ("x = *1*\n  y", CODE | Style.BLOCK), ("\nb", PLAIN)],
        ),
        (r"\*no\*", [("*no*", PLAIN)]),
    ],
)
def test_marks_are_read(text: str, spans: list[tuple[str, Style]]) -> None:
    """Each mark of the list becomes its style; code has no marks in it."""
    assert spans == [(span.text, span.style) for span in read_markdown(text)]


@pytest.mark.parametrize(
    "text",
    [
        "5 * 3 * 2 = 30",
        "snake_case_name",
        "1. Pay\n2. Buy\n\n0. Back\n# More",
        "    deep\n\t* deeper\n> quoted\n---\n- a\n- b",
        "say <name> & <b>more</b> &amp; a < b > c",
        "~5 to ~6, ~one~",
        "**", "*", "_", "`", "[a](", "```", "open **bold",
        "a * b\n\nc * d",
        "C:\\temp \\ x",
    ],
)  # fmt: skip
def test_everything_else_stays_as_it_is(text: str) -> None:
    """Menus keep their numbers and lines, names their underscores, and nothing that looks like a tag goes away."""
    assert (Span(text),) == read_markdown(text)


def test_a_mark_does_not_go_over_an_empty_line() -> None:
    """A lone star of one paragraph never pairs with a lone star of another."""
    assert (Span("*a\n\nb*"),) == read_markdown("*a\n\nb*")


def test_links_have_a_text_and_an_address() -> None:
    """Of images there are the same two; an address that is its own text stands once."""
    assert (Span("our site", PLAIN, "https://a.example"),) == read_markdown(
        "[our site](https://a.example)"
    )
    assert (Span("map", PLAIN, "https://a.example/m"),) == read_markdown(
        "![map](https://a.example/m)"
    )
    assert "our site (https://a.example)" == plain_text(
        read_markdown("[our site](https://a.example)")
    )
    assert "https://a.example" == plain_text(read_markdown("<https://a.example>"))
    assert "https://a.example" == plain_text(read_markdown("[](https://a.example)"))


def test_an_endless_text_is_not_parsed() -> None:
    """Beyond the bound a text is shown as it is: parsing may take quadratic time."""
    text = "**b**" * MAX_MARKDOWN

    assert (Span(text),) == read_markdown(text)


def test_an_empty_text_has_no_spans() -> None:
    """There is nothing to show."""
    assert () == read_markdown("")


@given(st.text(alphabet="ab1 \n*_~`\\<>#.-", max_size=200))
def test_nothing_is_lost_but_marks(text: str) -> None:
    """Every letter and digit is shown, in order, however badly the marks are paired; lines outside code stay."""
    shown = plain_text(read_markdown(text))

    assert [c for c in text if c.isalnum()] == [c for c in shown if c.isalnum()]
    if "`" not in text:
        assert text.count("\n") == shown.count("\n")


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever people wrote into it, reading succeeds."""
    read_markdown(text)
