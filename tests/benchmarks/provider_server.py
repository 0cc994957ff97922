"""A provider's API that takes every call: ``python -m tests.benchmarks.provider_server JSON``.

Calls are answered as WhatsApp answers them, ``GET /`` with how many there were.
"""

import json
import sys
from contextlib import suppress
from typing import Final

import trio

from tests.benchmarks.child import pin

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class _Provider:
    def __init__(self) -> None:
        self._calls = 0

    async def serve(self, stream: trio.SocketStream) -> None:
        data = b""
        with suppress(trio.BrokenResourceError):
            while more := await stream.receive_some(65536):
                data += more
                head, end, rest = data.partition(b"\r\n\r\n")
                size = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                if end and len(rest) >= int(size or 0):
                    data = rest[int(size or 0) :]
                    await stream.send_all(self._answer(head))

    def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            body = b"%d" % self._calls
        else:
            self._calls += 1
            body = (
                b'{"messaging_product":"whatsapp","contacts":[{"input":"233","wa_id":"233"}],'
                b'"messages":[{"id":"wamid.%d"}]}' % self._calls
            )
        return _HEAD % len(body) + body


async def main() -> None:
    """Serve until killed."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, _Provider().serve, 0)
        print("ready", listeners[0].socket.getsockname()[1], flush=True)


if __name__ == "__main__":
    pin(json.loads(sys.argv[1])["core"])
    trio.run(main)
