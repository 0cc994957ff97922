"""Once: what is asked again while it is being answered is answered with the same."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

import trio
from attrs import define, field

__all__ = ["Once"]

T = TypeVar("T")


@define(eq=False)
class _UnderWay(Generic[T]):
    done: trio.Event | None = None
    """Made when somebody waits for it: nearly never."""
    results: list[T] = field(factory=list)


class Once(Generic[T]):
    """Answers under way, by what is asked."""

    __slots__ = ("_under_way",)

    def __init__(self) -> None:
        self._under_way: dict[Hashable, _UnderWay[T]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    async def do(self, key: Hashable, make: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return what *make* returns, and whether it was called for this; or what an earlier call for *key* returns.

        When the earlier one fails or is cancelled, *make* is called after all. Cancelled: whoever waits for this one
        calls his own. Raises what *make* raises.
        """
        while (earlier := self._under_way.get(key)) is not None:
            if earlier.done is None:
                earlier.done = trio.Event()
            await earlier.done.wait()
            if earlier.results:
                return earlier.results[0], False
        mine: _UnderWay[T] = _UnderWay()  # `_UnderWay[T]()` asks typing each time: 4 µs
        self._under_way[key] = mine
        try:
            mine.results.append(await make())
        finally:
            del self._under_way[key]
            if mine.done is not None:
                mine.done.set()
        return mine.results[0], True
