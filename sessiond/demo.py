"""The demo app that ``sessiond dev`` serves: a small to-do list, an echo, a reminder, and a conversation.

Try it from the lines that ``sessiond dev`` prints, or read it as a first example.
"""

from hashlib import sha256
from typing import Any

from sessiond import App, Conversation, Reject, Session

__all__ = ["HOURS", "app", "order"]

app = App()


@app.on("echo")
async def echo(_session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with what was sent; nothing changes, so nothing is written."""
    return payload


@app.on("todo:add")
async def add(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Add ``{"text": …}`` to the user's list and tell all of the user's connections."""
    text = payload.get("text")
    if not isinstance(text, str) or not text.strip():
        raise Reject("text must be a sentence", code="bad_todo")
    todos: list[str] = session.data.setdefault("todos", [])
    todos.append(text)
    session.push("todo:added", {"text": text, "count": len(todos)})
    return {"count": len(todos)}


@app.on("todo:list")
async def show(session: Session, _payload: dict[str, Any]) -> dict[str, Any]:
    """Answer with the user's list."""
    return {"todos": session.data.get("todos", [])}


@app.on("remind")
async def remind(session: Session, payload: dict[str, Any]) -> dict[str, Any]:
    """Push ``reminder`` in ``{"seconds": …}``, also when the server is restarted in between."""
    session.set_timer("reminder", after=float(payload.get("seconds", 10)), payload=payload)
    return {"due": session.now + float(payload.get("seconds", 10))}


@app.on_timer("reminder")
async def reminder(session: Session, payload: dict[str, Any]) -> None:
    """The reminder's time has come."""
    session.push("reminder", payload)


# A conversation: an async function that awaits nothing but ``c``.


def at_least_one(count: int) -> str | None:
    """Say what is wrong with a number of pizzas; ``None``: nothing."""
    return None if 0 < count <= 20 else "Between 1 and 20, please."


async def reserve(size: str, count: int, key: str) -> str:
    """Stand in for a shop's stock: asked again with the same *key* it gives the same reservation, not a second one."""
    return f"{count}{size}-{sha256(key.encode()).hexdigest()[:6]}".upper()


@app.flow("order", starts_on=["hi", "pizza"], on_expire="Your order was not finished.")
async def order(c: Conversation) -> dict[str, Any] | None:
    """Order pizza. It goes on at the same question after a lost connection, a restart, or the next day."""
    size = await c.select("size", "What size?", {"s": "Small", "l": "Large"})
    count = await c.ask(
        "count", "How many?", parse=int, check=at_least_one, error="A number, please."
    )
    reservation = await c.run("reserve", reserve, size, count, c.run_id)
    if not await c.confirm("ok", f"{count} × {size.upper()} is set aside. Order?"):
        await c.say("Maybe another time.")
        return None
    await c.say(f"Thank you! Your reference is {reservation}.")
    return {"reference": reservation}


HOURS = """We bake every day, from 11 in the morning until 10 at night, and on Fridays and Saturdays until midnight.

Orders of the last half hour can be collected and are not delivered.

We are on Oxford Street in Osu, opposite the bank. Delivery is free within 5 km; beyond, the driver tells the price."""


@app.flow("menu", takes_everything=True, platforms=["ussd"])
async def menu(c: Conversation) -> None:
    """Meet who dials: what is dialled is no word that could start anything."""
    wanted = await c.select("wanted", "Welcome to Pizza!", {"o": "Order", "h": "Opening hours"})
    if wanted == "o":
        await order(c)
    else:
        await c.say(HOURS)
