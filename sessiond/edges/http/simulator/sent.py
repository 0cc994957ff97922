"""What the accounts have sent to the stand-ins of their providers, kept for the page to show."""

import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import trio
from attrs import define, field

__all__ = ["Sent"]

#: Messages that are kept for a page that was not looking.
_KEPT: Final = 500

#: A page asks again after so long.
_WAIT_SECONDS: Final = 15.0


@define(eq=False)
class Sent:
    """The calls of all accounts, numbered from 1: one list, so that a page waits for all of them with one request."""

    run: str = field(factory=lambda: secrets.token_hex(8))
    """Of this start of the server: ids that are made with it were not there before."""
    _calls: deque[Mapping[str, Any]] = field(factory=lambda: deque(maxlen=_KEPT))
    _count: int = 0
    _arrived: trio.Event = field(factory=trio.Event)

    @property
    def count(self) -> int:
        """How many there were."""
        return self._count

    @property
    def cursor(self) -> str:
        """What ``after`` is told to give only those that come from now on."""
        return f"{self.run}.{self._count}"

    def add(
        self, account: str, message_id: str, body: Mapping[str, Any], answer: Mapping[str, Any]
    ) -> None:
        """Keep one call with what it was answered, and wake who waits."""
        self._count += 1
        told = {"number": self._count, "account": account, "id": message_id}
        self._calls.append({**told, "body": body, "answer": answer})
        self._arrived.set()
        self._arrived = trio.Event()

    async def after(self, cursor: str) -> list[Mapping[str, Any]]:
        """Give the calls after *cursor*; wait for one while there is none, for some seconds.

        A cursor that was not given is from before the server was started: then all of them are new, and nobody waits.
        """
        run, _, number = cursor.partition(".")
        is_ours = run == self.run and number.isascii() and number.isdigit() and len(number) < 16
        seen = int(number) if is_ours else 0
        if is_ours and seen == self._count:
            with trio.move_on_after(_WAIT_SECONDS):
                await self._arrived.wait()
        return [one for one in self._calls if one["number"] > seen]
