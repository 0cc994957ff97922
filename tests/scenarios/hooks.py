"""A webhook sender that repeats until it is told that its webhook is accepted."""

import json
from datetime import UTC, datetime

import h11
import trio
from standardwebhooks import Webhook

from tests.scenarios.crash_server import HOOK_SECRET

__all__ = ["post", "send_until_accepted"]


async def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> int:
    """POST *body* and return the status; raises ``OSError`` or ``trio.BrokenResourceError`` when the server goes."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        connection = h11.Connection(h11.CLIENT)
        fields = [("host", "localhost"), ("content-length", str(len(body))), *headers.items()]
        request = h11.Request(method="POST", target=path, headers=fields)
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            await stream.send_all(connection.send(event) or b"")
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await stream.receive_some(65536)
                if not data:
                    raise trio.BrokenResourceError("closed without an answer")
                connection.receive_data(data)
            elif isinstance(event, h11.Response):
                return event.status_code


async def send_until_accepted(port: int, user: str, number: int) -> int:
    """Send webhook *number* to *user* until it is accepted; returns how many tries that took."""
    body = json.dumps({"n": number}).encode()
    message_id = f"msg-{user}-{number}"
    tries = 0
    while True:
        tries += 1
        now = datetime.now(tz=UTC)
        signature = Webhook(HOOK_SECRET).sign(message_id, now, body.decode())
        headers = {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
        }
        try:
            with trio.fail_after(5):
                if await post(port, f"/hooks/json/{user}", body, headers) == 202:
                    return tries
        except (OSError, trio.BrokenResourceError, trio.TooSlowError):
            pass
        await trio.sleep(0.02)
