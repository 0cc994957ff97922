"""A stand-in for the provider that an account calls: it accepts every message, and tells the page of it."""

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import trio
from attrs import define, field

from sessiond.core.errors import InvalidInput
from sessiond.edges.http.json_bodies import parse_json

__all__ = ["Provider"]

#: Messages that are kept for a page that was not looking.
_KEPT: Final = 200

#: A page asks again after so long.
_WAIT_SECONDS: Final = 15.0


@define(eq=False)
class Provider:
    """The messages that one account has sent, numbered from 1."""

    _messages: deque[Mapping[str, Any]] = field(factory=lambda: deque(maxlen=_KEPT))
    _count: int = 0
    _arrived: trio.Event = field(factory=trio.Event)

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    def accept(self, body: bytes) -> bytes:
        """Take one call, and answer as the Cloud API does.

        Raises:
          InvalidInput: it is no JSON object.

        """
        told = parse_json(body)
        if not isinstance(told, dict):
            raise InvalidInput("a message is a JSON object")
        self._count += 1
        message_id = f"wamid.simulator.{self._count}"
        self._messages.append({"number": self._count, "id": message_id, "body": told})
        self._arrived.set()
        self._arrived = trio.Event()
        to = str(told.get("to") or told.get("recipient") or "")
        answer: dict[str, Any] = {"messaging_product": "whatsapp", "messages": [{"id": message_id}]}
        if told.get("type"):
            answer["contacts"] = [{"input": to, "wa_id": to}]
        return msgspec.json.encode(answer)

    async def after(self, number: int) -> list[Mapping[str, Any]]:
        """Give the messages after *number*; wait for one while there is none, for some seconds.

        A number that was not given yet is from before the server was started: then all of them are new.
        """
        number = number if number <= self._count else 0
        if number == self._count:
            with trio.move_on_after(_WAIT_SECONDS):
                await self._arrived.wait()
        return [one for one in self._messages if one["number"] > number]
