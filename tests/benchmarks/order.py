"""The conversation that is measured: five questions of the usual kinds, as a flow and written by hand."""

import json
from typing import Any, Final

from sessiond.core.flows.conversation import Conversation

__all__ = ["ANSWERS", "SAME_ANSWER", "order", "order_by_hand"]

ANSWERS: Final = ("Ama", "2", "3", "Accra", "yes")

#: Answers every question; a load of one constant frame goes through the flow again and again.
SAME_ANSWER: Final = "1"

_SIZES: Final = {"s": "Small", "m": "Medium", "l": "Large"}


async def order(c: Conversation) -> None:
    """Ask the five questions."""
    name = await c.ask("name", "Your name?")
    size = await c.select("size", f"What size, {name}?", _SIZES)
    count = await c.ask("count", "How many?", parse=int, check=lambda n: None if n > 0 else "More!")
    town = await c.ask("town", "Where to?", check=lambda t: len(t) < 40)
    if await c.confirm("ok", f"{count} × {size} to {town}?"):
        await c.say("Thank you!")


def order_by_hand(stored: bytes, text: str) -> tuple[bytes, bytes]:
    """Do what the flow does as bots do it by hand: a dict and a case for each question; returns state and reply.

    There is no journal, no routing, no way back, no screen, and of numbers and titles only what is needed here.
    """
    state: dict[str, Any] = json.loads(stored) if stored else {"at": ""}
    said, choices = _STEPS[state["at"]](state, text.strip())
    state["choices"] = choices
    return json.dumps(state).encode(), json.dumps({"text": said, "choices": choices}).encode()


def _begin(state: dict[str, Any], _text: str) -> tuple[str, list[str]]:
    state["at"] = "name"
    return "Your name?", []


def _name(state: dict[str, Any], text: str) -> tuple[str, list[str]]:
    if not text:
        return "Please write something.", []
    state |= {"at": "size", "name": text}
    return f"What size, {text}?", list(_SIZES.values())


def _size(state: dict[str, Any], text: str) -> tuple[str, list[str]]:
    titles = [title.casefold() for title in state["choices"]]
    if text.casefold() in titles:
        picked = titles.index(text.casefold())
    elif text.isdecimal() and 1 <= int(text) <= len(titles):
        picked = int(text) - 1
    else:
        return "Please choose.", list(_SIZES.values())
    state |= {"at": "count", "size": list(_SIZES)[picked]}
    return "How many?", []


def _count(state: dict[str, Any], text: str) -> tuple[str, list[str]]:
    if not text.isdecimal() or int(text) < 1:
        return "More!", []
    state |= {"at": "town", "count": int(text)}
    return "Where to?", []


def _town(state: dict[str, Any], text: str) -> tuple[str, list[str]]:
    if not 0 < len(text) < 40:
        return "Where to?", []
    state |= {"at": "ok", "town": text}
    return f"{state['count']} × {state['size']} to {text}?", ["Yes", "No"]


def _ok(state: dict[str, Any], text: str) -> tuple[str, list[str]]:
    state["at"] = ""
    return ("Thank you!" if text.casefold() in {"1", "yes"} else "Cancelled."), []


_STEPS: Final = {
    "": _begin,
    "name": _name,
    "size": _size,
    "count": _count,
    "town": _town,
    "ok": _ok,
}
