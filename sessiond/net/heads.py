"""The head of a request as h11 read it, decoded once: what the HTTP loop decides by."""

import h11
from attrs import field, frozen

from sessiond.net.messages import Headers, Request

__all__ = ["Head", "decode_head"]


@frozen
class Head:
    """Request line and headers; names in lower case, everything as Latin-1 (RFC 9110, 5.5)."""

    method: str
    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    is_old: bool = False
    """HTTP/1.0."""

    def joined(self, wanted: str) -> str:
        """Return the values of the header *wanted* (lower case) as one list; empty: there is none."""
        return ",".join([value for name, value in self.headers if name == wanted])

    @property
    def wants_upgrade(self) -> bool:
        """Whether it asks for a websocket; HTTP/1.0 cannot: "MUST ignore" (RFC 9110, 7.8)."""
        offers = self.joined("upgrade").lower()
        return not self.is_old and "websocket" in [item.strip() for item in offers.split(",")]

    def request(self, body: bytes, peer: str) -> Request:
        """Make the request with this head, *body*, and the address *peer* at the other end."""
        path, _, query = self.target.partition("?")
        return Request(
            method=self.method,
            target=self.target,
            path=path,
            query=query,
            headers=self.headers,
            body=body,
            peer=peer,
        )


def decode_head(request: h11.Request) -> Head:
    """Decode what h11 has checked."""
    return Head(
        request.method.decode("latin-1"),
        request.target.decode("latin-1"),
        tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in request.headers.raw_items()
        ),
        request.http_version < b"1.1",
    )
