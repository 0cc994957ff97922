"""A webhook sender that repeats until it is told that its webhook is accepted."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import h11
import trio
from standardwebhooks import Webhook

from tests.scenarios.crash_server import HOOK_SECRET

__all__ = ["Answer", "get", "post_hook", "request", "send_until_accepted"]

Answer = tuple[int, dict[str, str], bytes]


async def get(port: int, path: str) -> Answer:
    """GET *path*: status, headers, body."""
    return await request(port, "GET", path, b"", {})


async def post_hook(port: int, user: str, number: int) -> Answer:
    """Send webhook *number* to *user* once, signed as Standard Webhooks says."""
    body = json.dumps({"n": number}).encode()
    message_id = f"msg-{user}-{number}"
    now = datetime.now(tz=UTC)
    signature = Webhook(HOOK_SECRET).sign(message_id, now, body.decode())
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    return await request(port, "POST", f"/hooks/json/{user}", body, headers)


async def send_until_accepted(port: int, user: str, number: int) -> int:
    """Send webhook *number* to *user* until it is accepted; returns how many tries that took."""
    tries = 0
    while True:
        tries += 1
        with suppress(OSError, trio.BrokenResourceError, trio.TooSlowError), trio.fail_after(8):
            if (await post_hook(port, user, number))[0] == 202:
                return tries
        await trio.sleep(0.02)


async def request(
    port: int, method: str, path: str, body: bytes, headers: dict[str, str]
) -> Answer:
    """Send one request on a connection of its own; status, headers, body.

    Raises ``OSError`` or ``trio.BrokenResourceError`` when the server goes.
    """
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        connection = h11.Connection(h11.CLIENT)
        fields = [("host", "localhost"), ("content-length", str(len(body))), *headers.items()]
        head = h11.Request(method=method, target=path, headers=fields)
        for sent in (head, h11.Data(data=body), h11.EndOfMessage()):
            await stream.send_all(connection.send(sent) or b"")
        answered, received = h11.Response(status_code=500, headers=[]), b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                answered = event
            elif isinstance(event, h11.Data):
                received += event.data
            else:
                data = await stream.receive_some(65536)
                if not data:
                    raise trio.BrokenResourceError("closed without an answer")
                connection.receive_data(data)
    fields_back = {name.decode(): value.decode() for name, value in answered.headers}
    return answered.status_code, fields_back, received
