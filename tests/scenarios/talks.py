"""Conversations in a world: a shop that takes orders, and people who talk to it and remember what they saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import trio

from sessiond import App
from sessiond.core.flows.conversation import Conversation
from sessiond.testing.connections import Connection, Pushed, Reply
from sessiond.testing.world import World

__all__ = ["Person", "Stock", "body_of", "shop", "texts_of"]


class Stock:
    """What ``c.run`` calls: it notes every call, and reserves once per run id, as a payment provider does."""

    def __init__(self, seconds: float = 2.0) -> None:
        self.seconds = seconds
        self.calls: list[str] = []
        self.reserved: dict[str, tuple[str, int]] = {}
        self.fails: list[Exception] = []
        self.returned = trio.Event()
        """Set in the moment in which the first call returns."""

    async def reserve(self, run_id: str, size: str, count: int) -> str:
        """Reserve, and return the same reference for the same run."""
        self.calls.append(run_id)
        await trio.sleep(self.seconds)
        if self.fails:
            raise self.fails.pop(0)
        assert self.reserved.setdefault(run_id, (size, count)) == (size, count)
        self.returned.set()
        return f"R-{list(self.reserved).index(run_id) + 1}"


def shop(stock: Stock, **options: Any) -> App:
    """An app with the flow ``order``: a choice, a number, a function, a confirmation; *options* are the flow's."""
    app = App()

    @app.flow("order", starts_on=["menu"], **options)
    async def order(c: Conversation) -> None:
        await c.say("Welcome.")
        size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
        count = await c.ask(
            "count", "How many?", parse=int, check=lambda n: n > 0 or "At least one, please."
        )
        reference = await c.run("reserve", stock.reserve, c.run_id, size, count)
        if await c.confirm("ok", f"Order {count} {size}?"):
            await c.say(f"Thank you! Your reference is {reference}.")
        else:
            await c.say("Another time.")

    return app


class Person:
    """One user with one device. *saw* is everything he was shown, in order, each piece once, whatever happened."""

    def __init__(self, world: World, name: str = "ann", device: str = "phone") -> None:
        self.world = world
        self.name = name
        self.device = device
        self.phone: Connection | None = None
        self.last: Connection | None = None
        self.saw: list[str] = []
        self._taken = 0

    async def come(self) -> Connection:
        """Join, resuming where the last connection was."""
        if self.phone is None or not self.phone.is_open:
            self.look()
            self.phone = self.world.connect(self.name, device=self.device)
            self._taken = 0
            await self.phone.join(resume=self.last)
            self.last = self.phone
        return self.phone

    async def say(self, text: str = "", **parts: Any) -> Any:
        """Say something and return what is shown."""
        phone = await self.come()
        shown = await phone.say(text, **parts)
        self.look()
        return shown

    async def push(self, event: str, payload: dict[str, Any]) -> Any:
        """Send any event."""
        phone = await self.come()
        shown = await phone.push(event, payload)
        self.look()
        return shown

    async def wait(self, seconds: float) -> None:
        """Let time pass, and look at what came."""
        await trio.sleep(seconds)
        await self.world.settle()
        self.look()

    def leave(self) -> None:
        """Lose the connection."""
        self.look()
        assert self.phone is not None
        self.phone.drop()

    def look(self) -> None:
        """Take what came since the last look."""
        if self.phone is None:
            return
        fresh = self.phone.got[self._taken :]
        self._taken = len(self.phone.got)
        for one in fresh:
            if (isinstance(one, Reply) and one.failure is None and "messages" in one.payload) or (
                isinstance(one, Pushed) and one.event == "flow:output"
            ):
                self.saw += texts_of(one.payload)


def texts_of(shown: Any) -> list[str]:
    """The sentences of what is shown, and its marks in brackets."""
    texts = [message["text"] for message in shown.get("messages", ())]
    prompt = shown.get("prompt")
    if prompt is not None:
        if prompt.get("error"):
            texts.append(f"! {prompt['error']}")
        texts.append(prompt["text"])
    marks = ("pending", "busy", "queued", "failed", "restarted")
    texts += [f"[{mark}]" for mark in marks if shown.get(mark)]
    if "end" in shown:
        texts.append(f"[{shown['end']}]")
    return texts


def body_of(shown: Any) -> str:
    """The sentences of what is shown, as one text."""
    return "\n".join(texts_of(shown))


async def play(
    person: Person, said: Sequence[str], between: Callable[[], Any] | None = None
) -> None:
    """Say all of it, waiting for functions, and call *between* after each."""
    for text in said:
        await person.say(text)
        await person.wait(20)
        if between is not None:
            await between()
