"""What the application gets from ``async for event in client``."""

from collections.abc import Mapping

from attrs import field, frozen

from sessiond_client.cursor import Position

__all__ = ["Event", "NotRecovered", "Push"]


@frozen
class Push:
    """The server pushed *event*; durable ones have a *position* and come exactly once."""

    event: str
    payload: Mapping[str, object] = field(repr=False)
    position: Position | None = None


@frozen
class NotRecovered:
    """Pushes were missed for good: fetch the state anew.

    *reason* is one of ``new``, ``epoch``, ``gap``, ``expired``, ``overflow``, ``ahead``; the stream goes on
    after *position*.
    """

    reason: str
    position: Position


Event = Push | NotRecovered
