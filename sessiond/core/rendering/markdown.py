r"""Markdown as authors write it in prompts, read into styled spans.

Read: ``**bold**`` and ``__bold__``, ``*italic*`` and ``_italic_``, ``~~struck~~``, ``` `code` ```, fenced blocks,
links, images (their text and address), ``\*`` for a star. The rules of CommonMark 0.31 section 6 say what is a mark:
``5 * 3`` and ``snake_case`` have none.

Not read: everything else that is made of lines. A chat shows lines as they are, and a parser of whole documents does
harm to menus: ``1. Pay``, ``2. Buy``, ``0. Back`` becomes a list that ends with ``3. Back``, ``# More`` a title,
deeper lines code, and what looks like a tag goes away. Numbers, quotes and bullets stay as written; nothing of a text
is lost but marks.

The parser is mistune's inline parser: it is kept up, has no dependencies, can be used without its block parser, and
reads a text without marks in 3.5 µs *(measured; markdown-it-py 27 µs, and it imports ``logging``)*.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import mistune
from mistune.plugins.formatting import strikethrough

from sessiond.core.rendering.styled import PLAIN, Span, Spans, Style

__all__ = ["MAX_MARKDOWN", "read_markdown"]

#: Code points. Longer texts are shown as they are: at worst this many take 53 ms *(measured: ``_*``, 4096 times)*, and
#: it grows quadratically.
MAX_MARKDOWN: Final = 8_192

#: A text without these has no marks: most have none.
_MARKS: Final = re.compile(r"[*_~`\[\\<]")

#: A block between two fences in lines of their own; an opening fence may name a language.
_FENCED: Final = re.compile(r"^```[^\n`]*\n(.*?)\n?^```[ \t]*$", re.MULTILINE | re.DOTALL)

#: Marks do not go over an empty line.
_PARAGRAPHS: Final = re.compile(r"(\n[ \t]*\n\s*)")

_STYLES: Final[Mapping[str, Style]] = {
    "strong": Style.BOLD,
    "emphasis": Style.ITALIC,
    "strikethrough": Style.STRIKE,
}

_RULES: Final = [
    "escape",
    "codespan",
    "emphasis",
    "strikethrough",
    "link",
    "link_close",
    "auto_link",
]


def _parser() -> mistune.InlineParser:
    markdown = mistune.create_markdown(renderer=None, plugins=[strikethrough])
    markdown.inline.rules = _RULES
    return markdown.inline


_INLINE: Final = _parser()


def read_markdown(text: str) -> Spans:
    """Read the marks of *text*. Lines and blanks stay as they are."""
    if len(text) > MAX_MARKDOWN or _MARKS.search(text) is None:
        return (Span(text),) if text else ()
    found: list[Span] = []
    end = 0
    for block in _FENCED.finditer(text):
        found += _paragraphs(text[end : block.start()])
        found.append(Span(block[1], Style.CODE | Style.BLOCK))
        end = block.end()
    found += _paragraphs(text[end:])
    return tuple(_joined(found))


def _paragraphs(text: str) -> Iterator[Span]:
    for part in _PARAGRAPHS.split(text):
        if _MARKS.search(part) is None:
            yield Span(part)
        else:
            yield from _spans(_INLINE(part, {"ref_links": {}}), PLAIN, "")


def _spans(tokens: Iterable[Mapping[str, Any]], style: Style, url: str) -> Iterator[Span]:
    for token in tokens:
        kind = token["type"]
        children: Sequence[Mapping[str, Any]] = token.get("children", ())
        match kind:
            case "strong" | "emphasis" | "strikethrough":
                yield from _spans(children, style | _STYLES[kind], url)
            case "link" | "image":
                leads_to = token["attrs"]["url"]
                named = [span for span in _spans(children, style, leads_to) if span.text]
                yield from named or [Span(leads_to, style, leads_to)]
            case "codespan":
                yield Span(token["raw"], Style.CODE, url)
            case _:
                yield Span(token.get("raw", ""), style, url)


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Join neighbours of one style, leaving out the empty ones."""
    last: Span | None = None
    for span in spans:
        if not span.text:
            continue
        if last is not None and (last.style, last.url) == (span.style, span.url):
            last = Span(last.text + span.text, span.style, span.url)
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last
