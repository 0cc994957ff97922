"""What one admin method is, and what it may do to the connection it was called on."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import field, frozen

from sessiond.core.operations import Node
from sessiond.edges.admin.parameters import Nothing
from sessiond.edges.admin.watch import WatchFilter

__all__ = ["PROTOCOL_VERSION", "Client", "Method", "Run"]

#: Raised when a method or a field changes its meaning or goes away; additions do not raise it.
PROTOCOL_VERSION = 1


class Client(Protocol):
    """The connection a call came on."""

    @property
    def uid(self) -> int | None:
        """Who is at the other end; ``None``: the system does not say."""
        ...

    def start_watch(self, wanted: WatchFilter) -> int:
        """Begin to send events; returns the watch's number. Raises ``Fault`` when there are too many."""
        ...

    def cancel_watch(self, number: int) -> None:
        """End it. Raises ``UnknownTarget``."""
        ...


Run = Callable[[Node, Client, Any], Awaitable[object]]


@frozen(kw_only=True)
class Method:
    """One method; *run* gets an instance of *params* and returns one of *result*, or plain data of that shape."""

    name: str
    doc: str
    params: type[Any] = Nothing
    result: Any = Nothing
    changes: bool = False
    run: Run = field(repr=False)
