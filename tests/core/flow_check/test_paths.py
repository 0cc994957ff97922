"""Keys on every way through a flow (sessiond/core/flow_check/paths.py)."""

from __future__ import annotations

import pytest

from sessiond.core.flow_check.findings import Severity
from tests.core.flow_check.checking import check, codes, said

E, W = Severity.ERROR, Severity.WARNING

REPEATED = {
    "one after the other": (
        """
        async def flow(c):
            await c.ask("a", "?")
            await c.select("a", "?", ["x"])
        """,
        3,
        E,
    ),
    "in a loop": (
        """
        async def flow(c):
            for number in range(3):
                await c.ask("a", "?")
        """,
        3,
        E,
    ),
    "in an endless loop": (
        """
        async def flow(c):
            while True:
                if await c.confirm("a", "?"):
                    break
        """,
        3,
        E,
    ),
    "in a comprehension": (
        """
        async def flow(c):
            return [await c.ask("a", "?") for _ in range(3)]
        """,
        2,
        E,
    ),
    "with a key that does not change": (
        """
        async def flow(c):
            name = await c.ask("name", "?")
            for number in range(3):
                await c.ask(f"{name}-a", "?")
        """,
        4,
        E,
    ),
    "under a constant": (
        """
        KEY = "a"
        async def flow(c):
            await c.run("a", print)
            await c.ask(KEY, "?")
        """,
        4,
        E,
    ),
    "on some way only": (
        """
        async def flow(c):
            if await c.confirm("sure", "?"):
                await c.ask("a", "?")
            await c.ask("a", "?")
        """,
        4,
        W,
    ),
    "after a failure": (
        """
        async def flow(c):
            try:
                await c.run("pay", print)
                await c.ask("a", "?")
            except RunFailed:
                await c.ask("a", "?")
        """,
        6,
        W,
    ),
    "in one expression": (
        """
        async def flow(c):
            return await c.ask("a", "?") or await c.ask("a", "?")
        """,
        2,
        E,
    ),
    "in a function that is called twice": (
        """
        async def address(c, prefix):
            await c.ask(f"{prefix}-street", "?")

        async def flow(c):
            await address(c, "home")
            await address(c, "work")
            await address(c, prefix="home")
        """,
        7,
        E,
    ),
    "in a function of the flow's own": (
        """
        async def flow(c):
            async def size():
                return await c.ask("size", "?")
            await size()
            await size()
        """,
        5,
        E,
    ),
    "in a match": (
        """
        async def flow(c):
            match await c.ask("a", "?"):
                case "x":
                    await c.ask("b", "?")
                case _:
                    await c.ask("b", "?")
            await c.ask("b", "?")
        """,
        7,
        E,
    ),
    "of the loop before": (
        """
        async def flow(c):
            for one in ("x", "y"):
                await c.ask(f"{one}-a", "?")
            else:
                await c.ask("end", "?")
            async def again(prefix):
                for one in ("x", "y"):
                    await c.ask(f"{prefix}-b", "?")
            await again("z")
        """,
        8,
        E,
    ),
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_key_that_is_used_twice_is_found(name: str) -> None:
    """On its line, as an error when there is no way around it."""
    source, line, severity = REPEATED[name]
    (found,) = check(source)

    assert ("repeated-key", line + 2, severity) == (found.code, found.line, found.severity)


DISTINCT = {
    "on two ways": """
        async def flow(c):
            if await c.confirm("sure", "?"):
                await c.ask("a", "?")
            else:
                await c.ask("a", "?")
        """,
    "made of what changes": """
        async def flow(c):
            count = await c.ask("count", "?", parse=int)
            for number in range(count):
                await c.ask(f"a-{number}", "?")
                await c.ask("b-" + str(number), "?")
            number = 0
            while number < count:
                await c.ask(f"c-{number}", "?")
                number += 1
            return [
                await c.ask(f"d-{n}-{m}", "?")
                for n in range(await c.ask("more", "?", parse=int)) if n
                for m in range(3) if await c.confirm(f"e-{n}-{m}", "?")
            ], {await c.ask(f"f-{n}", "?"): await c.ask(f"g-{n}", "?") for n in range(3)}
        """,
    "made of what a loop fills": """
        async def flow(c):
            items = []
            while True:
                items.append(await c.ask(f"item-{len(items)}", "?"))
                if not await c.confirm(f"more-{len(items)}", "?"):
                    break
            cart = {"count": 0}
            for size in ("s", "l"):
                await c.ask(f"count-{cart['count']}", "?")
                await c.ask(f"all-{cart}", "?")
                cart["count"] += 1
            seen = set()
            for _ in range(3):
                seen.add(await c.ask(f"what-{sorted(seen)}", "?"))
        """,
    "made of what belongs to something": """
        async def flow(c):
            order = c.session
            while order.open:
                await c.ask(f"a-{order.number}", "?")
                await c.ask("b-" + str(order.number), "?")
                await c.ask(order.lines[-1], "?")
                order.number += 1
        """,
    "made anew in an expression": """
        async def flow(c):
            while (name := c.id()):
                await c.ask(f"a-{name}", "?")
        """,
    "made of who knows what": """
        import itertools
        COUNT = itertools.count()
        async def flow(c):
            while True:
                await c.ask(f"a-{next(COUNT)}", "?")
                await c.ask(c.id(), "?")
        """,
    "one after a way back": """
        async def flow(c):
            if not await c.confirm("sure", "?"):
                await c.go_back("sure")
                await c.ask("a", "?")
            await c.ask("a", "?")
        """,
    "on ways that end": """
        async def flow(c):
            match await c.ask("a", "?"):
                case "x":
                    await c.ask("b", "?")
                    return
                case "y":
                    await c.ask("b", "?")
                    await c.end()
                case "z":
                    await c.ask("b", "?")
                    raise RuntimeError
            await c.ask("b", "?")
        """,
    "in a loop that ends at once": """
        async def flow(c):
            for number in range(3):
                await c.ask("a", "?")
                break
            while True:
                await c.ask("b", "?")
                return
        """,
    "in functions with keys of their own": """
        async def address(c: Conversation, prefix: str):
            async def street():
                return await c.ask(f"{prefix}-street", "?")
            return await street(), await c.ask(f"{prefix}-town", "?")

        async def flow(c):
            await address(c, "home")
            for place in ("a", "b"):
                await address(c, place)
        """,
    "in a function that calls itself": """
        async def more(c, number):
            if await c.confirm(f"more-{number}", "?"):
                await more(c, number + 1)

        async def flow(c):
            await more(c, 0)
        """,
    "in a function that has no conversation": """
        async def other(d):
            await d.ask("a", "?")

        async def flow(c):
            await c.ask("a", "?")
            await other(print(c))
            await other(*[c])
        """,
    "in a function that is not called": """
        async def flow(c):
            async def size():
                return await c.ask("size", "?")
            await c.ask("size", "?")
        """,
}


@pytest.mark.parametrize("name", DISTINCT)
def test_keys_that_are_different_are_not_found(name: str) -> None:
    """As far as anybody can tell."""
    assert [] == check(DISTINCT[name])


DEAD = {
    "after return": (
        """
        async def flow(c):
            await c.ask("a", "?")
            return
            await c.ask("b", "?")
            await c.ask("c", "?")
        """,
        4,
    ),
    "after the end": (
        """
        async def flow(c):
            await c.end()
            await c.say("Bye")
        """,
        3,
    ),
    "after a loop without a way out": (
        """
        async def flow(c):
            number = 0
            while True:
                number += 1
                await c.ask(f"a-{number}", "?")
            await c.ask("b", "?")
        """,
        6,
    ),
    "after both ways have ended": (
        """
        async def flow(c):
            if c.started_by:
                await c.restart()
            else:
                raise RuntimeError
            if c.started_by:
                await c.ask("b", "?")
        """,
        7,
    ),
    "after a loop goes on": (
        """
        async def flow(c):
            for number in range(3):
                continue
                await c.ask("b", "?")
        """,
        4,
    ),
    "after a function that ends": (
        """
        async def bye(c):
            await c.say("Bye")
            await c.end()

        async def flow(c):
            await bye(c)
            await c.ask("b", "?")
        """,
        7,
    ),
    "after a try without a way out": (
        """
        async def flow(c):
            try:
                await c.run("a", print)
                return
            except RunFailed:
                await c.end()
            await c.ask("b", "?")
        """,
        7,
    ),
}


@pytest.mark.parametrize("name", DEAD)
def test_a_question_that_nobody_comes_to_is_found(name: str) -> None:
    """The first one of each place."""
    source, line = DEAD[name]

    assert [(line, "unreachable")] == said(source)


ALIVE = {
    "after a loop that is left": """
        async def flow(c):
            number = 0
            while True:
                number += 1
                if await c.confirm(f"a-{number}", "?"):
                    break
            await c.ask("b", "?")
        """,
    "after one way has ended": """
        async def flow(c):
            if c.started_by:
                return
            await c.ask("b", "?")
        """,
    "after a way back, where there may be none": """
        async def flow(c):
            await c.ask("a", "?")
            await c.go_back()
            await c.say("There is no way back.")
        """,
    "after a try that may fail": """
        async def flow(c):
            try:
                await c.run("a", print)
                return
            except RunFailed:
                pass
            await c.ask("b", "?")
        """,
    "in what stands after everything": """
        async def flow(c):
            with open("x") as file:
                await c.ask("a", "?")
            match c.platform:
                case "ussd":
                    return
            for _ in "ab":
                pass
            else:
                await c.ask("b", "?")
            assert await c.ask("c", "?")
        """,
}


@pytest.mark.parametrize("name", ALIVE)
def test_a_question_that_somebody_may_come_to_is_not_found(name: str) -> None:
    """Whether anybody does is not asked."""
    assert [] == codes(ALIVE[name])
