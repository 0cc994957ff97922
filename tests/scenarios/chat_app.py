"""Flows for the chat door that are slow, raise, or say nothing."""

import trio

from sessiond import App, Conversation, RoutingSettings

app = App(routing=RoutingSettings(reset_words={}, greetings={}))

#: Longer than the door waits in these tests.
SLOW_SECONDS = 1.0


async def book(seconds: float) -> str:
    """Take a while, as somebody else's server does."""
    await trio.sleep(seconds)
    return "B-7"


@app.flow("order", starts_on=["order"])
async def order(c: Conversation) -> None:
    """Call a function that is slower than the door is patient, then ask what nobody is there to see."""
    seconds = await c.ask("seconds", "How long may it take?", parse=float)
    await c.say("Booking.")
    booked = await c.run("book", book, seconds)
    await c.confirm("ok", f"Take {booked}?")
    await c.say(f"{booked} is yours.")


@app.flow("silent", starts_on=["silent"])
async def silent(c: Conversation) -> None:
    """Call a slow function and say nothing before the question that follows."""
    await c.run("book", book, SLOW_SECONDS)
    name = await c.ask("name", "Your name?")
    await c.say(f"Hello {name}.")


@app.flow("raise", starts_on=["raise"])
async def broken(c: Conversation) -> None:
    """Raise at every answer but one."""
    answer = await c.ask("answer", "Say yes.")
    if answer != "yes":
        raise RuntimeError(f"secret-of-the-author {answer}")
    await c.say("Thank you.")


@app.flow("size", starts_on=["size"])
async def size(c: Conversation) -> None:
    """Ask for one of two."""
    chosen = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    await c.say(f"Size {chosen}.")
