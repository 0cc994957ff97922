"""An HTTP request and its response, as values: what http1.py reads and writes, and handlers see.

Apart from the h11 loop, so that handlers and their tests need no socket. Both are for whole
messages: the loop reads the body, within its bound, before a handler is called.
"""

from collections.abc import Awaitable, Callable

from attrs import field, frozen

__all__ = ["Handler", "Headers", "Request", "Response"]

#: Name and value in order of appearance; names in lower case, values as Latin-1 (RFC 9110, 5.5).
Headers = tuple[tuple[str, str], ...]


@frozen(kw_only=True)
class Request:
    """One request; its repr shows neither query, headers nor body: each may hold a secret."""

    method: str
    """In upper case."""
    target: str = field(repr=False)
    """The request target as it was sent."""
    path: str
    """The part of the target before ``?``, still percent-encoded."""
    query: str = field(default="", repr=False)
    """The part after ``?``, still percent-encoded."""
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    peer: str = ""
    """The address of the other end of the socket, without the port; empty: not an IP socket."""

    def values(self, name: str) -> list[str]:
        """Return the values of every header *name* (lower case), in order."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str | None:
        """Return the only value of the header *name* (lower case).

        ``None`` also when there are several: who acts on one of two contradicting values can be
        fooled about which one somebody else acted on.
        """
        values = self.values(name)
        return values[0] if len(values) == 1 else None


@frozen
class Response:
    """One response; ``Content-Length``, ``Date`` and ``Connection`` are the loop's business."""

    status: int
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)


Handler = Callable[[Request], Awaitable[Response]]
