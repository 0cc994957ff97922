"""An order: a menu, an amount, delivery to a place, stock that may be out, and a payment that may fail.

Shown here: choices with descriptions, a location, functions with retries, their failures as part of the conversation,
beginning again, and the words that are said when nobody answers.
"""

from collections.abc import Mapping
from decimal import Decimal

from sessiond import App, Conversation, Option, Retries, RunFailed

app = App()

MENU = {
    "jollof": Option("Jollof rice", "with chicken"),
    "waakye": Option("Waakye", "rice and beans, with egg"),
    "kelewele": Option("Kelewele", "spiced plantain"),
}
PRICES = {"jollof": Decimal(45), "waakye": Decimal(35), "kelewele": Decimal("12.50")}


def reserve(run_id: str, dish: str, count: int) -> str:
    """Put *count* plates aside, once per *run_id*; fails when there are not as many."""
    if count > 20:
        raise RunFailed("SoldOut", "20")
    return f"{dish}-{count}-{run_id[:4]}"


async def pay(run_id: str, amount: Decimal) -> str:
    """Take the money, once per *run_id*; the provider may be away for a moment, so it is tried again."""
    return f"paid {amount} as {run_id[:4]}"


def given_up(answers: Mapping[str, object]) -> str:
    """Say farewell to who has not answered for too long."""
    dish = MENU[str(answers["dish"])].label if "dish" in answers else "order"
    return f"Your {dish} went back to the kitchen. Write order to begin again."


def at_least_one(count: int) -> str | None:
    """Turn down what is no amount."""
    return None if count > 0 else "At least one, please."


@app.flow("order", starts_on=["order", "hungry"], on_expire=given_up)
async def order(c: Conversation) -> dict[str, object] | None:
    """Take an order."""
    dish = await c.select("dish", "What would you like?", MENU)
    count = await c.ask("count", "How many plates?", parse=int, check=at_least_one)
    try:
        await c.run("reserve", reserve, c.run_id, dish, count, retries=Retries(attempts=1))
    except RunFailed as error:
        if await c.confirm("less", f"Sorry, we have {error.message} left. Take fewer?"):
            await c.go_back("count")
        await c.say("Until next time!")
        return None
    where = await c.select("where", "Shall we bring it?", {"bring": "Bring it", "fetch": "I come"})
    place = await c.location("place", "Where are you?") if where == "bring" else None
    total = PRICES[dish] * count
    if not await c.confirm("ok", f"{count} × {MENU[dish].label}: GHS {total}. Pay now?"):
        await c.restart()
    try:
        await c.run("pay", pay, c.run_id, total, retries=Retries(attempts=3))
    except RunFailed:
        await c.say("Your payment did not go through. We keep your order; pay at the door.")
    when = "ready in an hour" if place is None else "on its way in 20 minutes"
    await c.say(f"Thank you! It is {when}.")
    return {"dish": dish, "count": count, "total": str(total)}
