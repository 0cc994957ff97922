"""What test_simulator.py serves: questions for every rung of the ladder, and what becomes of messages."""

from sessiond import (
    App,
    AttachmentKind,
    Conversation,
    DeliveryState,
    DeliveryUpdate,
    Media,
    Option,
    Session,
)

__all__ = ["app"]

app = App()

PICTURE = Media(kind=AttachmentKind.IMAGE, url="https://example.com/menu.png")
DISHES = {str(n): Option(f"Dish {n}", f"With sauce {n}") for n in range(1, 9)}


@app.flow("meal", starts_on=["hi"])
async def meal(c: Conversation) -> None:
    """Three choices, eight, twelve; a place, and what was chosen."""
    await c.say("*Welcome* <b>to</b> us", media=PICTURE)
    drink = await c.select("drink", "Which **drink**?", ["Water", "Juice", "Beer"], media=PICTURE)
    dish = await c.select("dish", "Which dish?", DISHES)
    table = await c.select("table", "Which table?", [f"Table {n}" for n in range(1, 13)])
    place = await c.location("place", "Where are you?")
    await c.say(f"{drink}, dish {dish}, {table}, at {place.latitude:.1f}.")


@app.flow("paper", starts_on=["paper"])
async def paper(c: Conversation) -> None:
    """Say what was sent."""
    sent = await c.attachment("paper", "Show me.", ["document"])
    await c.say(f"It is {sent.kind.value}, {sent.mime_type}.")


@app.flow("dialled", takes_everything=True, platforms=["ussd"])
async def dialled(c: Conversation) -> None:
    """A page in each alphabet."""
    name = await c.ask("name", "Your name?")
    await c.ask("more", f"Hello {name} 🎉")


@app.on_delivery
async def on_delivery(session: Session, update: DeliveryUpdate) -> None:
    """Say once what each kind of end was."""
    ends = {DeliveryState.READ, DeliveryState.FAILED} - set(session.data.get("told", []))
    if update.state in ends:
        session.data["told"] = [*session.data.get("told", []), update.state]
        session.send(f"One was {update.state}.")
