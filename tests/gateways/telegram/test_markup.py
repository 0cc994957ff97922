"""Styled text as Telegram's HTML (sessiond/gateways/telegram/markup.py)."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.rendering.markdown import read_markdown
from sessiond.core.rendering.styled import Span, plain_text
from sessiond.gateways.telegram.markup import marked_up


@pytest.mark.parametrize(
    ("markdown", "written"),
    [
        ("plain", "plain"),
        ("**b** _i_ ~~s~~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
        ("***q***", "<i><b>q</b></i>"),
        ("5 < 6 & 7 > 6", "5 &lt; 6 &amp; 7 &gt; 6"),
        ("<b>no</b>", "&lt;b&gt;no&lt;/b&gt;"),
        ("```\na<b\n```", "<pre>a&lt;b</pre>"),
        ("[pay](https://a.example/?x=1&y=2)", '<a href="https://a.example/?x=1&amp;y=2">pay</a>'),
        ("[pay](javascript:x)", "pay (javascript:x)"),
        ("[pay](/local)", "pay (/local)"),
    ],
)
def test_marks_are_tags(markdown: str, written: str) -> None:
    """And what is no mark is escaped; an address that leads nowhere is written out."""
    assert written == marked_up(read_markdown(markdown))


def test_a_quote_does_not_end_an_address() -> None:
    """It is escaped there too."""
    assert '<a href="https://a.example/&quot;x">y</a>' == marked_up(
        [Span("y", url='https://a.example/"x')]
    )


@given(st.text(alphabet="ab <>&\"'/`*_~[]()\n:.htps", max_size=60))
def test_the_words_come_out_as_they_went_in(markdown: str) -> None:
    """Whatever is written: without our tags, and unescaped, it is the text; every tag is closed in order."""
    spans = [Span(span.text, span.style) for span in read_markdown(markdown)]
    written = marked_up(spans)

    assert plain_text(spans) == html.unescape(re.sub(r"<[^>]*>", "", written))
    opened: list[str] = []
    for closing, tag in re.findall(r"<(/?)(\w+)[^>]*>", written):
        if closing:
            assert tag == opened.pop()
        else:
            opened.append(tag)
    assert not opened
