"""Styled text as Telegram's HTML ("Formatting options", "HTML style").

Everything that is not a mark of ours is escaped, so that nothing an author or a person wrote is read as one: a text
with a wrong mark would be refused as a whole.
"""

import html
import re
from collections.abc import Iterator
from typing import Final

from sessiond.core.rendering.styled import Span, Spans, Style, plain_text

__all__ = ["marked_up"]

_TAGS: Final = ((Style.BOLD, "b"), (Style.ITALIC, "i"), (Style.STRIKE, "s"))

#: What leads somewhere; other addresses are written out.
_ADDRESS: Final = re.compile(r"https?://[^\s]+|(?:mailto|tg|tel):[^\s]+", re.IGNORECASE)


def marked_up(spans: Spans) -> str:
    """Write *spans* as HTML."""
    return "".join(_written(spans))


def _written(spans: Spans) -> Iterator[str]:
    for span in spans:
        yield _code(span) if span.style & (Style.CODE | Style.BLOCK) else _styled(span)


def _code(span: Span) -> str:
    """Write code, which nothing may be inside of or around."""
    tag = "pre" if span.style & Style.BLOCK else "code"
    return f"<{tag}>{_escaped(plain_text([span]))}</{tag}>"


def _styled(span: Span) -> str:
    is_link = _ADDRESS.fullmatch(span.url) is not None
    found = _escaped(span.text if is_link else plain_text([span]))
    for style, tag in _TAGS:
        if span.style & style:
            found = f"<{tag}>{found}</{tag}>"
    return f'<a href="{html.escape(span.url)}">{found}</a>' if is_link else found


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)
