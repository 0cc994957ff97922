"""Credex's offer, as a list of steps: an amount, a member's handle, and a button that confirms.

Shown here: the Flow Framework's steps as they were (messages shaped like WhatsApp's, validators that raise
``ValueError``, transformers, the step ``confirm``), and what comes after the last one.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sessiond import App, Conversation, RunFailed, Step, StepType, flow_of_steps

CURRENCIES = ("USD", "ZWG", "XAU", "CAD")

_CODE = "|".join(CURRENCIES)
_NUMBER = r"\d{1,12}(?:\.\d{1,4})?"
#: USD 100 | 100 USD | 100 (USD) | 100
_AMOUNT = re.compile(
    rf"(?P<before>{_CODE})\s+(?P<n1>{_NUMBER})"
    rf"|(?P<n2>{_NUMBER})\s+(?P<after>{_CODE})"
    rf"|(?P<n3>{_NUMBER})\s*\((?P<inside>{_CODE})\)"
    rf"|(?P<n4>{_NUMBER})",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"[A-Za-z0-9_]+")
_FORMS = "Please write an amount like 100, USD 100, 100 USD or 100 (USD). Currencies: " + ", ".join(
    CURRENCIES
)


def read_amount(text: str) -> tuple[Decimal, str]:
    """Read an amount and its currency, ``USD`` when none is named.

    Raises:
      ValueError: it has another form, or is not above 0.

    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(_FORMS)
    parts = found.groupdict()
    number = Decimal(next(parts[name] for name in ("n1", "n2", "n3", "n4") if parts[name]))
    if number <= 0:
        raise ValueError("The amount must be more than 0.")
    code = parts["before"] or parts["after"] or parts["inside"] or "USD"
    return number, code.upper()


def is_amount(text: str) -> bool:
    """Validate the amount."""
    read_amount(text)
    return True


def amount(text: str) -> dict[str, str]:
    """Make the amount as it is stored: JSON has no decimal numbers."""
    number, code = read_amount(text)
    return {"amount": str(number), "denom": code}


def is_handle(text: str) -> bool:
    """Validate a member's handle: letters, digits and ``_``."""
    if not _HANDLE.fullmatch(text.strip()):
        raise ValueError("A handle has letters, digits and _ only.")
    return True


def handle(text: str) -> str:
    """Write a handle as it is looked up."""
    return text.strip().lower()


def prompt(text: str) -> dict[str, Any]:
    """Make a text message as WhatsApp has it."""
    return {"type": "text", "text": {"body": text}}


def confirmation(data: Mapping[str, Any]) -> dict[str, Any]:
    """Show what is offered to whom, with one button."""
    offered = data["amount"]
    body = f"Offer {offered['amount']} {offered['denom']} to {data['handle']}?"
    button = {"type": "reply", "reply": {"id": "confirm_action", "title": "Confirm offer"}}
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": {"text": body}, "action": {"buttons": [button]}},
    }


STEPS = [
    Step("amount", StepType.TEXT, prompt("What amount do you offer?"), is_amount, amount),
    Step("handle", StepType.TEXT, prompt("Enter the handle of the receiver."), is_handle, handle),
    Step("confirm", StepType.BUTTON, confirmation),
]


async def make_offer(run_id: str, to: str, offered: dict[str, str]) -> str:
    """Hand the offer to the ledger, once per *run_id*; returns its number there."""
    return f"{to}-{offered['amount']}{offered['denom']}-{run_id[:4]}"


async def complete(c: Conversation, data: dict[str, Any]) -> dict[str, str] | None:
    """Make the offer."""
    try:
        number = await c.run("offer", make_offer, c.run_id, data["handle"], data["amount"])
    except RunFailed:
        await c.say("The ledger did not take your offer. Please try again later.")
        return None
    await c.say(f"Your offer is made. Its number is {number}.")
    return {"offer": number}


app = App()
app.add_flow(flow_of_steps("offer", STEPS, complete), starts_on=["offer"])
