"""Pushes that wait for their reply, over any number of connections. No I/O but an event to wait on."""

import itertools
from collections.abc import Iterator, Mapping

import trio
from attrs import define, field

from sessiond_client.errors import ClientError, PushFailed

__all__ = ["PendingPush", "PendingPushes"]


@define(eq=False)
class PendingPush:
    """A push and, once it is *done*, its answer."""

    event: str
    payload: Mapping[str, object] = field(repr=False)
    push_id: str = field(repr=False)
    ref: str = ""
    done: trio.Event = field(factory=trio.Event, repr=False)
    response: Mapping[str, object] = field(factory=dict, repr=False)
    error: ClientError | None = None

    @property
    def body(self) -> dict[str, object]:
        """The payload with its ``_id``: the server applies one id once and repeats its reply."""
        return {**self.payload, "_id": self.push_id}


class PendingPushes:
    """All pushes without an answer, in the order they were made; each has a ref on the current connection."""

    def __init__(self) -> None:
        self._by_ref: dict[str, PendingPush] = {}
        self._refs = itertools.count(1)

    def __len__(self) -> int:
        return len(self._by_ref)

    def next_ref(self) -> str:
        """Return a ref that was not used before."""
        return str(next(self._refs))

    def add(self, push: PendingPush) -> None:
        """Give *push* a ref."""
        push.ref = self.next_ref()
        self._by_ref[push.ref] = push

    def forget(self, push: PendingPush) -> None:
        """Nobody waits for *push* any more."""
        self._by_ref.pop(push.ref, None)

    def renumbered(self) -> Iterator[PendingPush]:
        """Give all new refs for a new connection and return them in order, to be sent again."""
        pushes = list(self._by_ref.values())
        self._by_ref.clear()
        for push in pushes:
            self.add(push)
        return iter(pushes)

    def answer(self, ref: str | None, payload: Mapping[str, object]) -> bool:
        """Hand a ``phx_reply`` to the push it belongs to; ``False`` when nobody waits for it."""
        push = self._by_ref.pop(ref or "", None)
        if push is None:
            return False
        response = payload.get("response")
        details = response if isinstance(response, Mapping) else {}
        if payload.get("status") == "ok":
            push.response = details
        else:
            push.error = _failure(details, push.push_id)
        push.done.set()
        return True

    def fail_all(self, error: ClientError) -> None:
        """Answer everybody with *error*."""
        for push in self._by_ref.values():
            push.error = error
            push.done.set()
        self._by_ref.clear()


def _failure(details: Mapping[str, object], push_id: str) -> PushFailed:
    wait = details.get("retry_after")
    return PushFailed(
        str(details.get("code") or details.get("reason") or "error"),
        str(details.get("message") or ""),
        retry_after=float(wait) if isinstance(wait, int | float) else None,
        push_id=push_id,
    )
