"""An app's flows, and what starts them (sessiond/core/flow_check/app.py)."""

from __future__ import annotations

from typing import Any

import pytest

from sessiond.core.conversations.routing import Route
from sessiond.core.flow_check.app import Checked, check_flows
from sessiond.core.flows.flow import Flow
from tests.core.flow_check.checking import FILE, PAGE, check, codes, module

TWO = """
    from sessiond.core.flows.flow import Flow

    async def one(c):
        await c.ask("a", "?")
        await c.ask("a", "?")

    async def two(c):
        await c.say("Hello")
        return
        await c.say("Bye")

    a = Flow(name="a", function=one)
    b = Flow(name="b", function=two)
    """


def test_a_good_flow_has_no_findings() -> None:
    """The one of the design."""
    source = """
        def reserve_stock(size, count): ...

        async def flow(c: Conversation) -> None:
            size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
            count = await c.ask(
                "count", "How many?", parse=int,
                check=lambda n: None if n > 0 else "At least one, please.")
            ref = await c.run("reserve", reserve_stock, size, count)
            if await c.confirm("ok", f"Order {count} × {size}?"):
                await c.say(f"Thank you! Your reference is {ref}.")
        """

    assert [] == check(source, platforms=["ussd", "whatsapp"])


def test_every_flow_is_checked_or_the_named_one() -> None:
    """In the order of their lines."""
    text, names = module(TWO)
    flows = {"a": names["a"], "b": names["b"]}
    checked = Checked(flows, [Route(flow=name, words=(name,)) for name in flows], page=PAGE)

    assert ["a", "b"] == [one.flow for one in check_flows(checked, {FILE: text}.get)]
    assert ["b"] == [one.flow for one in check_flows(checked, {FILE: text}.get, only="b")]


def test_two_flows_that_start_alike_clash() -> None:
    """The server would refuse to start; the line is that of the later flow."""
    routes = [Route(flow="a", words=("hi",)), Route(flow="b", words=("HI",))]
    clash = next(one for one in check(TWO, routes=routes) if one.code == "start-clash")

    assert (FILE, 9) == (clash.file, clash.line)
    assert 'the word "hi" starts both "a" and "b"' == clash.message
    apart = [Route(flow="a", words=("hi",)), Route(flow="b", words=("hi",), platforms=("ussd",))]
    assert "start-clash" not in codes(TWO, routes=apart)


def test_a_pattern_that_cannot_be_used_is_found() -> None:
    """As the server would say it."""
    routes = [Route(flow="a", words=("hi",)), Route(flow="b", patterns=("(",))]

    assert "start-clash" in codes(TWO, routes=routes)


def test_a_flow_that_nothing_starts_is_found() -> None:
    """A word, a pattern or everything: each starts it."""
    first = Route(flow="a", words=("a",))
    for second in (
        Route(flow="b", words=("x",)),
        Route(flow="b", patterns=("x.*",)),
        Route(flow="b", takes_everything=True),
    ):
        routes = [first, second]
        assert "never-started" not in codes(TWO, routes=routes)

    assert ["b"] == [one.flow for one in check(TWO, routes=[first]) if one.code == "never-started"]


@pytest.mark.parametrize(
    "line", ['await c.select("a", "?", {})', 'await c.select("a", "?", options=[])']
)
def test_nothing_to_choose_from_is_found(line: str) -> None:
    """It would fail when it is asked."""
    assert ["no-choices"] == codes(f"async def flow(c):\n    {line}\n")
    filled = line.replace("{}", '{"x": "X"}').replace("[]", '["x"]')
    assert [] == codes(f"async def flow(c):\n    {filled}\n")


@pytest.mark.parametrize("function", [print, len, lambda: None])
def test_a_flow_without_source_is_said(function: Any) -> None:
    """Nothing is known of it, and nothing fails."""
    found = check_flows(
        Checked({"a": Flow(name="a", function=function)}, page=PAGE), lambda _: None
    )

    assert ["no-source"] == [one.code for one in found]


def test_a_list_of_steps_without_source_is_said() -> None:
    """It may have been made at a prompt."""
    _, names = module(
        """
        from sessiond import Step, StepType, flow_of_steps
        steps = flow_of_steps("steps", [Step("a", StepType.TEXT, "?")], print)
        """
    )
    flows = {"steps": names["steps"]}

    assert ["no-source"] == [
        one.code for one in check_flows(Checked(flows, page=PAGE), lambda _: None)
    ]


def test_without_an_app_nothing_is_said_of_how_a_flow_starts() -> None:
    """Nobody knows."""
    text, names = module(TWO)

    found = check_flows(Checked({"b": names["b"]}, page=PAGE), {FILE: text}.get)
    assert ["unreachable"] == [one.code for one in found]


def test_helpers_of_other_modules_are_looked_into() -> None:
    """Findings are where they are written."""
    text, names = module("async def size(c):\n    c.say('?')\n", "other.py")
    assert "size" in names
    import sys
    import types

    other = types.ModuleType("other_shop")
    vars(other).update(names)
    sys.modules["other_shop"] = other
    try:
        source = """
            import other_shop
            async def flow(c):
                await other_shop.size(c)
            """
        (found,) = check(source, others={"other.py": text})
    finally:
        del sys.modules["other_shop"]

    assert ("other.py", 3, "forgotten-await") == (found.file, found.line, found.code)
