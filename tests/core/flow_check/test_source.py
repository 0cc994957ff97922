"""Source files, and functions in them (sessiond/core/flow_check/source.py)."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from sessiond.core.flow_check.source import SourceFiles, plain_function
from tests.core.flow_check.checking import FILE, codes, module

SOURCE = """
    import functools

    def around(function):
        @functools.wraps(function)
        async def inner(c):
            return await function(c)
        return inner

    async def plain(c): ...

    @around
    @around
    async def decorated(c): ...

    class Shop:
        async def method(self, c): ...

    def made():
        word = "x"
        async def plain(c):
            print(word)
        return plain

    async def of_two(word, c): ...
    """


def test_functions_are_found_where_they_are_written() -> None:
    """Decorated, of a class, in a function, or partly called; also where two have the same name."""
    text, names = module(SOURCE)
    files = SourceFiles({FILE: text}.get)

    def line(function: Any) -> int:
        found = files.function(function)
        assert found is not None
        return found.node.lineno - 2

    assert 9 == line(names["plain"])
    assert 13 == line(names["decorated"])
    assert 16 == line(names["Shop"]().method)
    assert 20 == line(names["made"]())
    assert 24 == line(functools.partial(names["of_two"], "x"))


def test_the_names_around_a_function_are_known() -> None:
    """Of its module and of its closure; the first parameter of a method is taken."""
    text, names = module(SOURCE)
    files = SourceFiles({FILE: text}.get)
    made, method = files.function(names["made"]()), files.function(names["Shop"]().method)

    assert made is not None
    assert method is not None
    assert "x" == made.globals["word"]
    assert (["c"], True) == (method.parameters, method.skips_self)


def test_each_file_is_read_once() -> None:
    """However many flows are in it."""
    reads: list[str] = []

    def read(path: str) -> str:
        reads.append(path)
        return "x = 1"

    files = SourceFiles(read)

    assert files.file("a.py") is files.file("a.py")
    assert ["a.py"] == reads


@pytest.mark.parametrize("text", [None, "def (:", "x = '\0'"])
def test_what_cannot_be_read_is_not_there(text: str | None) -> None:
    """It is not an error: a flow may come from anywhere."""
    assert SourceFiles(lambda _: text).file("a.py") is None


def test_names_that_are_not_there_yet_are_not_known() -> None:
    """A closure may be asked about before it is complete."""
    text, names = module(
        """
        def made():
            async def flow(c):
                print(word)
            yield flow
            word = "x"
        """
    )
    found = SourceFiles({FILE: text}.get).function(next(names["made"]()))

    assert found is not None
    assert "word" not in found.globals


def test_a_function_of_changed_source_is_not_found() -> None:
    """The file on the disk is newer than what runs."""
    _, names = module(SOURCE)

    assert SourceFiles(lambda _: "x = 1").function(names["plain"]) is None


@pytest.mark.parametrize("thing", [print, 7, None, len, SourceFiles])
def test_what_is_no_function_of_a_file_is_not_found(thing: object) -> None:
    """Builtins, classes, numbers."""
    assert plain_function(thing) is None
    assert SourceFiles(lambda _: "").function(thing) is None


ALLOWED = """
    async def flow(c):
        await c.ask("a", "?")
        await c.ask("a", "?"){}
    """


@pytest.mark.parametrize(
    ("comment", "found"),
    [
        ("  # flow: allow repeated-key", []),
        ("  # flow: allow unreachable, repeated-key", []),
        ("  #flow:allow repeated-key", []),
        ("  # flow: allow unreachable", ["repeated-key"]),
        ("  # flow: allow", ["repeated-key"]),
        ("  # flow: allow repeated-keys", ["repeated-key", "unknown-allow"]),
        ("  # flow allow repeated-key", ["repeated-key"]),
    ],
)
def test_a_comment_allows_what_it_names(comment: str, found: list[str]) -> None:
    """On its line; a code that does not exist is said."""
    assert found == codes(ALLOWED.format(comment))


def test_a_comment_of_its_own_line_is_for_the_next_one() -> None:
    """Long lines have no room for it."""
    source = """
        async def flow(c):
            await c.ask("a", "?")
            # flow: allow repeated-key
            await c.ask("a", "?")
            await c.ask("a", "?")
        """

    assert ["repeated-key"] == codes(source)
    assert ["repeated-key"] == codes(
        source.replace("# flow", "x = '# flow").replace("key\n", "key'\n")
    )[:1]
