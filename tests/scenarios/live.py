"""The whole server in this process, on loopback and a SQLite file, with clients for bytes no library would send."""

import json
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import trio
from attrs import define, evolve, field
from standardwebhooks import Webhook
from trio_websocket import ConnectionClosed, WebSocketConnection, connect_websocket_url

from sessiond import App
from sessiond.cli.admin_client import open_admin
from sessiond.config.settings import ListenSettings, Settings, StoreSettings
from sessiond.core.wire.frames import ServerFrame
from sessiond.edges.admin.settings import AdminSettings
from sessiond.edges.auth import AuthSettings
from sessiond.edges.http.webhooks import WebhookSettings
from sessiond.server import Bound, serve
from tests.edges.websocket.stand import PATH, Client, handshake
from tests.scenarios.hooks import Answer, request

__all__ = ["HOOK_SECRET", "SECRET", "Live", "close_code", "open_live", "settings_in", "signed"]

SECRET = "live-test-secret-of-more-than-64-bytes-so-that-hs512-takes-it-too-000"
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings of a server in *folder*; *changes* are whole sections."""
    settings = Settings(
        listen=ListenSettings(port=0),
        auth=AuthSettings(secret=SECRET),
        webhook=WebhookSettings(secrets=(HOOK_SECRET,)),
        store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
        admin=AdminSettings(socket=folder / "admin.sock"),
    )
    return evolve(settings, **changes)


def token(user: str, *, secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Make a token as somebody else's library makes it; *claims* override."""
    everything = {"sub": user, "exp": time.time() + 600} | claims
    everything = {name: value for name, value in everything.items() if value is not None}
    key = None if algorithm == "none" else secret
    return jwt.encode(everything, key, algorithm=algorithm)  # type: ignore[arg-type]


def signed(
    body: bytes, message_id: str, *, secret: str = HOOK_SECRET, age: float = 0.0
) -> dict[str, str]:
    """Give the headers of a webhook signed *age* seconds ago."""
    sent = datetime.fromtimestamp(time.time() - age, tz=UTC)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, sent, body.decode("latin-1")),
    }


async def close_code(client: Client) -> int:
    """Read to the end; return the code the server closed with."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await client.socket.get_message()
    reason = closed.value.reason
    assert reason is not None
    return int(reason.code)


@define(eq=False)
class Live:
    """A server that runs, and what reaches it."""

    folder: Path
    address: str
    admin_socket: Path
    nursery: trio.Nursery
    sockets: list[WebSocketConnection] = field(factory=list)

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def connect(self, user: str, **claims: Any) -> Client:
        """Open a websocket of *user*, not yet joined; *claims* are the token's."""
        url = f"ws://{self.address}{PATH}&token={token(user, **claims)}"
        socket = await connect_websocket_url(self.nursery, url)
        self.sockets.append(socket)
        return Client(socket, f"user:{user}")

    async def joined(self, user: str, **payload: object) -> Client:
        """Open a websocket of *user* and join."""
        client = await self.connect(user)
        reply = await client.call("phx_join", payload)
        assert reply.payload["status"] == "ok", reply
        return client

    @asynccontextmanager
    async def raw(self, user: str) -> AsyncIterator[trio.SocketStream]:
        """A socket past the handshake."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(handshake(f"{PATH}&token={token(user)}"))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += bytes(await stream.receive_some(1))
            assert head.startswith(b"HTTP/1.1 101 "), head
            yield stream

    async def send_bytes(self, data: bytes) -> bytes:
        """Send *data*, and return everything the server says until it closes."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(data)
            received = b""
            while more := await stream.receive_some(65536):
                received += bytes(more)
        return received

    async def hook(
        self,
        user: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        name: str = "json",
        message_id: str = "msg-1",
    ) -> Answer:
        """Post a webhook, signed unless *headers* are given."""
        headers = signed(body, message_id) if headers is None else headers
        return await request(self.port, "POST", f"/hooks/{name}/{user}", body, dict(headers))

    async def get(self, path: str) -> Answer:
        return await request(self.port, "GET", path, b"", {})

    async def admin(self, method: str, **parameters: object) -> Any:
        """Ask the admin socket."""
        async with open_admin(self.admin_socket) as connection:
            return await connection.call(method, **parameters)

    async def shown(self, user: str) -> dict[str, Any]:
        """What the app's ``show`` says of *user*, over a connection of its own."""
        client = await self.joined(user, device="look")
        reply = await client.call("show", {})
        await client.socket.aclose()
        response: dict[str, Any] = reply.payload["response"]
        return response

    async def wait_for_hooks(self, user: str, count: int) -> dict[str, Any]:
        """Wait until *count* accepted webhooks of *user* were applied."""
        client = await self.joined(user, device="look")
        while True:
            response: dict[str, Any] = (await reply_to(client, "show", {})).payload["response"]
            if len(response.get("hooks", [])) >= count:
                await client.socket.aclose()
                return response

    async def phase(self, user: str) -> str:
        """The phase in which operators see *user*."""
        rows = (await self.admin("sessions.list", user_prefix=user))["rows"]
        return str(rows[0]["phase"]) if rows else "not in memory"


async def reply_to(client: Client, event: str, payload: object) -> ServerFrame:
    """Send and wait for the reply, passing over pushes."""
    ref = await client.send(event, payload)
    while True:
        got = await client.receive()
        if got.event == "phx_reply" and got.ref == ref:
            return got


@asynccontextmanager
async def open_live(app: App, folder: Path, **changes: Any) -> AsyncIterator[Live]:
    """Run *app* on a SQLite file in *folder*; *changes* are whole sections of the settings.

    On the way out it is cancelled: as a crash would end it.
    """
    settings = settings_in(folder, **changes)
    async with trio.open_nursery() as nursery:

        async def run(task_status: trio.TaskStatus[Bound]) -> None:
            await serve(app, settings, handle_signals=False, task_status=task_status)

        bound = await nursery.start(run)
        live = Live(folder, bound.http[0], bound.admin, nursery)
        try:
            with trio.fail_after(60):
                yield live
        finally:
            for socket in live.sockets:
                await trio.aclose_forcefully(socket._stream)
            nursery.cancel_scope.cancel()


def stored_snapshot(folder: Path, user: str) -> bytes:
    """Read *user*'s sealed snapshot from the file of a server that has stopped."""
    with closing(sqlite3.connect(folder / "store.db")) as db:
        ((snapshot,),) = db.execute("SELECT snapshot FROM users WHERE user = ?", (user,))
    return bytes(snapshot)


def replace_snapshot(folder: Path, user: str, snapshot: bytes) -> None:
    """Write another snapshot into the file of a server that has stopped."""
    with closing(sqlite3.connect(folder / "store.db")) as db, db:
        db.execute("UPDATE users SET snapshot = ? WHERE user = ?", (snapshot, user))


def code_of(body: bytes) -> str:
    """The code of an HTTP error; the answer has the shape of all errors."""
    document = json.loads(body)
    assert document["reason"] == document["code"]
    assert document["message"]
    return str(document["code"])
