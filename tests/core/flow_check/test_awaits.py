"""Awaits, and what catches them (sessiond/core/flow_check/awaits.py)."""

from __future__ import annotations

import pytest

from tests.core.flow_check.checking import check, codes, said

FORGOTTEN = {
    "alone": 'c.ask("a", "?")',
    "in a name": 'name = c.ask("a", "?")',
    "in a question of its own": 'assert c.confirm("a", "?")',
    "with what is said": 'c.say("Hello")',
    "with the end": "c.end()",
    "as a result": 'return c.ask("a", "?")',
    "in a list": 'print([c.ask("a", "?")])',
}


@pytest.mark.parametrize("name", FORGOTTEN)
def test_a_forgotten_await_is_found(name: str) -> None:
    """On its line."""
    source = f"""
        async def flow(c):
            {FORGOTTEN[name]}
        """

    assert [(2, "forgotten-await")] == said(source)


@pytest.mark.parametrize(
    "line",
    [
        'await c.ask("a", "?")',
        'question = c.ask("a", "?"); await question',
        'name = (await c.ask("a", "?")).title()',
        'await (c.ask("a", "?") if c.platform else c.confirm("b", "?"))',
        "await size(c)",
        "print(c.now(), c.session.get('a'), c.t('x'), c.run_id)",
    ],
)
def test_what_is_awaited_is_not_found(line: str) -> None:
    """Where it is made, by its name, or by a function that returns it."""
    source = f"""
        def size(c):
            return c.select("size", "?", ["S", "L"])

        async def flow(c):
            {line}
        """

    assert [] == codes(source)


FOREIGN = {
    "sleeping": "await trio.sleep(1)",
    "a function of no conversation": "await fetch(1)",
    "a nursery": "async with trio.open_nursery() as nursery:\n                pass",
    "a stream": "async for line in LINES:\n                print(line)",
    "an event": "event = trio.Event()\n            await event.wait()",
    "in a comprehension": "print([line async for line in LINES])",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_await_is_found(name: str) -> None:
    """It says what to do instead."""
    source = f"""
        import trio
        LINES = None
        async def fetch(number): ...

        async def flow(c):
            {FOREIGN[name]}
        """
    (found,) = check(source)

    assert "foreign-await" == found.code
    assert "call it with c.run" in found.message


def test_a_foreign_await_in_a_function_of_the_flow_is_found() -> None:
    """Once, also when it is called twice."""
    source = """
        import trio
        async def size(c, key):
            await trio.sleep(1)
            return await c.ask(key, "?")

        async def flow(c):
            await size(c, "a")
            await size(c, "b")
        """

    assert [(3, "foreign-await")] == said(source)


def test_what_is_given_the_conversation_may_be_awaited() -> None:
    """Functions, methods, what was made with it, and what ``run`` calls."""
    source = """
        import trio
        from contextlib import aclosing

        class Form:
            def __init__(self, c): self.c = c
            async def fill(self): ...

        class Shop:
            async def flow(self, c):
                async def fetch():
                    await trio.sleep(1)
                other = c
                form = Form(other)
                await form.fill()
                await self.size(other)
                await trio.sleep(1) if False else await other.run("a", fetch)
                async with aclosing(self.sizes(other)) as sizes:
                    async for size in sizes:
                        break

            async def sizes(self, c):
                while await c.confirm("more", "?"):
                    yield await c.ask("next", "?")

            async def size(self, c):
                return await c.ask("size", "?")

        flow = Shop().flow
        """

    assert ["foreign-await"] == codes(source)
    assert [] == codes(source.replace("await trio.sleep(1) if False else ", ""))


CAUGHT = {
    "finally": ("finally:\n                print()", "finally-around-question"),
    "bare": ("except:\n                pass", "swallows-eviction"),
    "base": ("except BaseException:\n                raise", "swallows-eviction"),
    "base among others": ("except (ValueError, BaseException) as error:\n                raise",
                          "swallows-eviction"),
    "in groups": ("except* BaseException:\n                pass", "swallows-eviction"),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUGHT)
def test_what_catches_that_a_flow_is_put_away_is_found(name: str) -> None:
    """Around a question; elsewhere it does no harm."""
    clause, code = CAUGHT[name]
    source = f"""
        async def flow(c):
            try:
                await c.ask("a", "?")
            {clause}
        """

    assert [code] == codes(source)
    assert [] == codes(source.replace('await c.ask("a", "?")', "print()"))


def test_catching_what_can_happen_is_right() -> None:
    """``except Exception`` does not catch that a flow is put away."""
    source = """
        async def flow(c):
            try:
                await c.run("a", print)
            except RunFailed:
                await c.say("Later, please.")
            except Exception:
                raise
        """

    assert [] == codes(source)
