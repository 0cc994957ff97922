"""Patterns that cannot hang the server (sessiond/core/conversations/patterns.py)."""

import pytest

from sessiond.core.conversations.patterns import MAX_PATTERN, MAX_TEXT, compile_pattern
from sessiond.core.errors import InvalidInput

ACCEPTED = [
    (r"order (\d+)", "Order 12"),
    (r"(?P<amount>\d+(\.\d{1,2})?) (?P<currency>USD|ZWG|XAU|CAD)", "100.50 usd"),
    (r"send (.+) to (.+)", "send money to Ann"),
    (r"\*170(\*\d{1,4}){0,1}#", "*170*1#"),
    (r"help|aide|ayuda|msaada", "AIDE"),
    (r"[a-z]+", "hello"),
    (r"(?:ha)+", "hahaha"),
    (r"track[ -]?[A-Z]{2}\d{6,9}", "track AB1234567"),
    (r"\w+?\b.*+", "two words"),
]

REFUSED = [
    r"(a+)+b",
    r"(a|a)*b",
    r"(a|aa)+",
    r"(\w+ ?)+",
    r".*.*.*x",
    r"(.*)(.*)(.*)",
    r"((a?){40}){2}",
    r"(a{0,20}){20}b",
    r"(x+x+)+y",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
]


@pytest.mark.parametrize(("source", "text"), ACCEPTED, ids=[source for source, _ in ACCEPTED])
def test_usual_patterns_are_accepted(source: str, text: str) -> None:
    """Whatever start words need: numbers, alternatives, names of groups, letter case ignored."""
    assert compile_pattern(source).fullmatch(text)


@pytest.mark.parametrize("source", REFUSED)
def test_patterns_that_could_hang_are_refused(source: str) -> None:
    """The classics of catastrophic backtracking, exponential and polynomial; the message says what is allowed."""
    with pytest.raises(InvalidInput, match=r"too many ways.*at most two unbounded"):
        compile_pattern(source)


@pytest.mark.parametrize("source", [r"(a)\1", r"(?=a)b", r"(?<!a)b", r"(a)?(?(1)b|c)"])
def test_what_cannot_be_counted_is_refused(source: str) -> None:
    """References back, conditions on them, and looking around."""
    with pytest.raises(InvalidInput, match="not supported"):
        compile_pattern(source)


@pytest.mark.parametrize("source", ["(", "a{2,1}", "[", "*", "(?P<a>x)(?P<a>y)"])
def test_what_is_no_pattern_is_refused(source: str) -> None:
    """Named, with what the parser says."""
    with pytest.raises(InvalidInput, match="no regular expression"):
        compile_pattern(source)


@pytest.mark.parametrize("source", ["", "a" * (MAX_PATTERN + 1)])
def test_patterns_are_bounded(source: str) -> None:
    """At most 200 characters, and at least one."""
    with pytest.raises(InvalidInput, match="1 to 200 characters"):
        compile_pattern(source)


@pytest.mark.parametrize("source", [source for source, _ in ACCEPTED])
@pytest.mark.parametrize("letter", ["a", " ", "1", "h", "ha", "send a to "])
def test_accepted_patterns_end(source: str, letter: str) -> None:
    """On texts made to be matched nearly, they come to an answer."""
    text = (letter * MAX_TEXT)[: MAX_TEXT - 1] + "\0"

    assert compile_pattern(source).fullmatch(text) is None or ".*+" in source or "(.+)" in source
