"""What test_simulator.py serves: questions for every rung of the ladder, and what becomes of messages."""

from pathlib import Path

from sessiond import (
    App,
    Attachment,
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
SOURCE = Media(kind=AttachmentKind.DOCUMENT, path=str(Path(__file__)), mime_type="text/plain")
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


async def size_of(sent: Attachment) -> int:
    """Fetch what was sent from its provider."""
    async with app.download(sent) as file:
        return len(await file.read())


@app.flow("paper", starts_on=["paper"])
async def paper(c: Conversation) -> None:
    """Say what was sent, and how large it is."""
    sent = await c.attachment("paper", "Show me.", ["document"])
    size = await c.run("size", size_of, sent)
    await c.say(f"It is {sent.kind.value}, {sent.mime_type}, {size} bytes.")


@app.flow("source", starts_on=["source"])
async def source(c: Conversation) -> None:
    """Show a file of ours."""
    await c.say("This is it.", media=SOURCE)


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
