"""Outcome: what a handler asked for, collected while it ran, as one frozen value."""

import re
from collections.abc import Mapping
from typing import Final

from attrs import Attribute, field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.errors import InvalidInput
from sessiond.core.flows.prompts import Message
from sessiond.core.gateways.port import Template
from sessiond.core.ids import ConnectionId
from sessiond.core.linking import LinkRequest
from sessiond.core.values import Value

__all__ = [
    "NOTHING",
    "EndRequest",
    "KickRequest",
    "Outcome",
    "PushRequest",
    "SendRequest",
    "StartRequest",
    "TimerRequest",
]


@frozen
class PushRequest:
    """Push *event* (a JSON string) with *payload* (a JSON object) to *connection*, or to all.

    A durable push is for all: it gets an offset and is kept for those who are away.
    """

    event: bytes
    payload: bytes = field(repr=False)
    durable: bool = True
    connection: ConnectionId | None = None


class TimerRequest(Value, frozen=True):
    """Set the timer *name* to *due* (wall clock), or cancel it (``due=None``)."""

    PRIVATE = frozenset({"payload"})

    name: str
    due: float | None
    payload: bytes = b"null"


@frozen
class KickRequest:
    """Close one connection, or all of them."""

    connection: ConnectionId | None
    code: CloseCode


@frozen
class EndRequest:
    """End the session; *erase* removes the record at once."""

    reason: str
    code: CloseCode = CloseCode.ENDED
    erase: bool = False


def _text(_: object, attribute: "Attribute[str]", value: object) -> None:
    """Refuse what is no text where an app's handler says it; what it says may be a number, and is not repeated."""
    if not isinstance(value, str):
        raise InvalidInput(f"{attribute.name}= is a text, not {type(value).__name__}")


#: Providers keep it and repeat it, one of them in an address.
_REFERENCE: Final = re.compile(r"[A-Za-z0-9_.:-]{0,64}")


def _is_reference(_: object, __: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or _REFERENCE.fullmatch(value) is None:
        raise InvalidInput("a reference is 1 to 64 of A-Z a-z 0-9 _ . : -")


@frozen
class SendRequest:
    """Send messages, or a template, to the user by a provider.

    Raises:
      InvalidInput: something of it is no text; a template without a name or a language.

    """

    via: str = field(validator=_text)
    """The account; empty: the one that he last wrote on."""
    to: str = field(repr=False, validator=_text)
    """Where he is reached at the provider; empty: where he last wrote from."""
    messages: tuple[Message, ...] = field(default=(), repr=False)
    template: Template | None = field(default=None, repr=False)
    reference: str = field(default="", validator=_is_reference)
    """What updates of it name it by; empty: a number of ours."""

    @messages.validator
    def _check_messages(self, _: object, messages: tuple[Message, ...]) -> None:
        for one in messages:
            if not isinstance(one.text, str):
                raise InvalidInput(f"a message is a text, not {type(one.text).__name__}")

    @template.validator
    def _check_template(self, _: object, template: Template | None) -> None:
        if template is None:
            return
        needed: dict[str, object] = {"name": template.name, "language": template.language}
        for key, value in needed.items():
            if not value or not isinstance(value, str):
                raise InvalidInput(f"a template needs a {key}, as the provider has it")
        parameters: Mapping[str, object] = template.parameters
        for key, value in parameters.items():
            if not isinstance(value, str):
                kind = type(value).__name__
                raise InvalidInput(f"parameter {key!r} of a template is a text, not {kind}")


@frozen
class StartRequest:
    """Begin a flow with the user."""

    flow: str = field(validator=_text)
    via: str = field(validator=_text)
    """An account, or ``websocket``; empty: the account that he last wrote on, else ``websocket``."""
    to: str = field(default="", repr=False, validator=_text)
    text: str = field(default="", repr=False, validator=_text)
    """What the flow sees as the words that began it."""


class Outcome(Value, frozen=True, kw_only=True):
    """``None`` and empty fields ask for nothing. *data* and *reply* are encoded JSON."""

    PRIVATE = frozenset({"data", "reply"})

    data: bytes | None = None
    unread: int | None = None
    pushes: tuple[PushRequest, ...] = ()
    timers: tuple[TimerRequest, ...] = ()
    sends: tuple[SendRequest, ...] = ()
    starts: tuple[StartRequest, ...] = ()
    links: tuple[LinkRequest, ...] = ()
    kicks: tuple[KickRequest, ...] = ()
    end: EndRequest | None = None
    reply: bytes | None = None
    relaxed: bool = False
    """The handler said that losing its last second of changes is acceptable; ignored when something must be durable."""


NOTHING: Final = Outcome()
