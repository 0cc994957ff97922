"""The client against a scripted server: real sockets, and each connection follows its script."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

import jwt
import pytest
import trio
import trio_websocket

from sessiond_client import (
    Backoff,
    ClientSettings,
    JoinRefused,
    NotRecovered,
    Position,
    Push,
    PushFailed,
    PushTimeout,
    Stopped,
    open_client,
)

QUICK = ClientSettings(backoff=Backoff(first=0.001, longest=0.01))
JOINED = {"epoch": "e1", "offset": 0, "recovered": False, "session_id": "s1"}


class Peer:
    """The server's side of one connection."""

    def __init__(self, websocket: trio_websocket.WebSocketConnection) -> None:
        self.websocket = websocket
        self.join_ref = ""

    async def read(self) -> list:
        return json.loads(await self.websocket.get_message())  # type: ignore[no-any-return]

    async def write(self, *frame: object) -> None:
        await self.websocket.send_message(json.dumps(frame))

    async def joined(self, reply: Mapping[str, object], status: str = "ok") -> dict:
        """Answer the join and return its payload."""
        join_ref, ref, topic, event, payload = await self.read()
        assert event == "phx_join"
        assert topic == "user:ada"
        self.join_ref = join_ref
        answer = {"status": status, "response": reply}
        await self.write(join_ref, ref, topic, "phx_reply", answer)
        return payload  # type: ignore[no-any-return]

    async def push(self, event: str, payload: Mapping[str, object]) -> None:
        await self.write(self.join_ref, None, "user:ada", event, payload)

    async def reply(self, ref: str, response: Mapping[str, object], status: str = "ok") -> None:
        answer = {"status": status, "response": response}
        await self.write(self.join_ref, ref, "user:ada", "phx_reply", answer)

    async def stay(self) -> None:
        """Read until the client has gone."""
        while True:
            await self.read()


Script = Callable[[Peer], Awaitable[None]]


class Server:
    """Gives each connection the next script; keeps what the handshakes brought."""

    def __init__(self, scripts: list[Script | int]) -> None:
        self.scripts = scripts
        self.url = ""
        self.handshakes: list[tuple[str, dict[bytes, bytes]]] = []

    async def __call__(self, request: trio_websocket.WebSocketRequest) -> None:
        self.handshakes.append((request.path, dict(request.headers)))
        script = self.scripts.pop(0)
        if isinstance(script, int):
            await request.reject(script, extra_headers=[(b"Retry-After", b"0")])
            return
        websocket = await request.accept()
        with suppress(trio_websocket.ConnectionClosed):
            await script(Peer(websocket))


@asynccontextmanager
async def serving(*scripts: Script | int) -> AsyncGenerator[Server, None]:
    server = Server(list(scripts))
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listening: trio_websocket.WebSocketServer = await nursery.start(
                lambda task_status: trio_websocket.serve_websocket(
                    server, "127.0.0.1", 0, None, task_status=task_status
                )
            )
            server.url = f"ws://127.0.0.1:{listening.port}"
            yield server
            nursery.cancel_scope.cancel()


async def test_join_then_push_with_reply() -> None:
    """The token is in the header, never in the address; the reply of the handler is returned."""
    pushed: list[dict] = []

    async def script(peer: Peer) -> None:
        assert await peer.joined(JOINED) == {"device": "laptop"}
        _, ref, topic, event, payload = await peer.read()
        assert (topic, event) == ("user:ada", "deal:update")
        pushed.append(payload)
        await peer.reply(ref, {"seen": True})
        await peer.stay()

    async with (
        serving(script) as server,
        open_client(server.url, "tok", "ada", device="laptop", settings=QUICK) as client,
    ):
        assert await client.push("deal:update", {"id": 7}) == {"seen": True}
        assert client.session["session_id"] == "s1"
        assert client.is_joined

    path, headers = server.handshakes[0]
    assert path == "/socket/websocket?vsn=2.0.0"
    assert headers[b"authorization"] == b"Bearer tok"
    assert pushed[0]["id"] == 7
    assert len(bytes.fromhex(pushed[0]["_id"])) == 16


async def test_an_error_reply_is_raised() -> None:
    """With code, message and when to try again."""

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        _, ref, *_ = await peer.read()
        details = {"code": "overloaded", "message": "full", "retry_after": 3}
        await peer.reply(ref, details, "error")
        await peer.stay()

    async with (
        serving(script) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        with pytest.raises(PushFailed) as caught:
            await client.push("x")

    assert (caught.value.code, caught.value.message, caught.value.retry_after) == (
        "overloaded",
        "full",
        3.0,
    )


async def test_a_push_without_an_answer_is_repeated_under_the_same_id() -> None:
    """The connection is lost between push and reply: the next one carries the same ``_id``."""
    ids: list[str] = []

    async def lose(peer: Peer) -> None:
        await peer.joined(JOINED)
        ids.append((await peer.read())[4]["_id"])
        await peer.websocket.aclose(4200, "draining")

    async def answer(peer: Peer) -> None:
        await peer.joined({**JOINED, "recovered": True})
        _, ref, _, _, payload = await peer.read()
        ids.append(payload["_id"])
        await peer.reply(ref, {"n": 1})
        await peer.stay()

    async with (
        serving(lose, answer) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        assert await client.push("x") == {"n": 1}

    assert len(ids) == 2
    assert ids[0] == ids[1]


async def test_a_conversation_is_talked_to() -> None:
    """Text, taps, starts and reminders are pushes with an id; what is shown comes back as a value."""
    said: list[tuple[str, dict]] = []

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        while True:
            _, ref, _, event, payload = await peer.read()
            assert len(bytes.fromhex(payload.pop("_id"))) == 16
            said.append((event, payload))
            prompt = {"kind": "text", "key": "name", "screen": "c:0:1", "text": "Your name?"}
            await peer.reply(ref, {"flow": "order", "messages": [], "prompt": prompt})

    async with (
        serving(script) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        shown = await client.start_flow("order")
        await client.start_flow("order", language="fr")
        assert shown.prompt is not None
        await client.say("2", language="fr-CA")
        await client.say(choice="l", screen=shown.prompt.screen)
        await client.say(location={"latitude": 5.6, "longitude": -0.2})
        assert await client.remind() == shown

    assert said == [
        ("flow:start", {"flow": "order"}),
        ("flow:start", {"flow": "order", "language": "fr"}),
        ("flow:say", {"text": "2", "language": "fr-CA"}),
        ("flow:say", {"choice": "l", "screen": "c:0:1"}),
        ("flow:say", {"location": {"latitude": 5.6, "longitude": -0.2}}),
        ("flow:remind", {}),
    ]


async def test_resume_after_a_lost_connection_yields_everything_once() -> None:
    """The client names what it has, and what is replayed a second time is dropped."""
    resumes: list[object] = []

    async def first(peer: Peer) -> None:
        await peer.joined(JOINED)
        for offset in (1, 2):
            await peer.push("tick", {"n": offset, "_offset": offset})
        await peer.websocket.aclose(4100, "slow_consumer")

    async def second(peer: Peer) -> None:
        payload = await peer.joined({**JOINED, "recovered": True, "offset": 4})
        resumes.append(payload["resume"])
        for offset in (2, 3, 4):
            await peer.push("tick", {"n": offset, "_offset": offset})
        await peer.push("note", {})
        await peer.stay()

    seen: list[object] = []
    async with (
        serving(first, second) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        async for event in client:
            assert isinstance(event, Push)
            if event.event == "note":
                break
            seen.append((event.payload, event.position))

    assert resumes == [{"epoch": "e1", "offset": 2}]
    assert seen == [({"n": n}, Position("e1", n)) for n in (1, 2, 3, 4)]


async def test_what_was_lost_is_said() -> None:
    """``recovered: false`` reaches the application with its reason, before anything new."""

    async def first(peer: Peer) -> None:
        assert (await peer.joined({**JOINED, "epoch": "e2", "offset": 7, "reason": "epoch"}))[
            "resume"
        ] == {"epoch": "e1", "offset": 5}
        await peer.push("tick", {"_offset": 8})
        await peer.stay()

    async with (
        serving(first) as server,
        open_client(server.url, "tok", "ada", resume=Position("e1", 5), settings=QUICK) as client,
    ):
        events = [await anext(client), await anext(client)]

    assert events == [
        NotRecovered("epoch", Position("e2", 7)),
        Push("tick", {}, Position("e2", 8)),
    ]


async def test_processed_pushes_are_acknowledged_together() -> None:
    """One ack for 32 pushes, sent when the application asks for the next one; the rest when it leaves."""
    acks: list[int] = []
    acked, left = trio.Event(), trio.Event()

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        for offset in range(1, 36):
            await peer.push("tick", {"_offset": offset})
        for said in (acked, left):
            _, _, _, event, payload = await peer.read()
            assert event == "ack"
            acks.append(payload["offset"])
            said.set()
        await peer.stay()

    async with serving(script) as server:
        async with open_client(server.url, "tok", "ada", settings=QUICK) as client:
            for _ in range(33):
                await anext(client)
            await acked.wait()
            await anext(client)
            await anext(client)
            assert client.position == Position("e1", 34)
        await left.wait()

    assert acks == [32, 34]


async def test_the_server_can_tell_the_client_not_to_come_back() -> None:
    """4000-4099: what was sent is still read, then iterating and pushing raise."""

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        await peer.push("bye", {"_offset": 1})
        await peer.push("phx_close", {})
        await peer.websocket.aclose(4005, "kicked")

    async with (
        serving(script) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        assert await anext(client) == Push("bye", {}, Position("e1", 1))
        with pytest.raises(Stopped, match="4005 kicked"):
            await anext(client)
        with pytest.raises(Stopped, match="kicked"):
            await client.push("x")

    assert len(server.handshakes) == 1


async def test_a_refused_join_is_final() -> None:
    """An unknown user stays unknown: no second attempt, and the reason is raised as it is."""

    async def script(peer: Peer) -> None:
        await peer.joined({"code": "unknown_user", "message": "who?"}, "error")
        await peer.stay()

    async with serving(script) as server:
        with pytest.raises(JoinRefused, match="unknown_user") as caught:
            async with open_client(server.url, "tok", "ada", settings=QUICK):
                pass

    assert caught.value.message == "who?"
    assert len(server.handshakes) == 1


async def test_a_join_that_may_succeed_later_is_repeated() -> None:
    """``unavailable`` is the world's doing."""

    async def refuse(peer: Peer) -> None:
        await peer.joined({"code": "unavailable"}, "error")
        await peer.stay()

    async def accept(peer: Peer) -> None:
        await peer.joined(JOINED)
        await peer.stay()

    async with (
        serving(refuse, accept) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        assert client.is_joined


async def test_a_draining_server_is_asked_again() -> None:
    """503 to the handshake is not final; 403 is."""

    async def accept(peer: Peer) -> None:
        await peer.joined(JOINED)
        await peer.websocket.aclose(4200, "draining")

    async with (
        serving(503, accept, 403) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        with pytest.raises(Stopped, match="403"):
            await anext(client)

    assert len(server.handshakes) == 3


async def test_an_expired_token_is_replaced_once() -> None:
    """A source of tokens is asked again; a second refusal in a row is final."""
    tokens = iter(["old", "new", "newer", "newest"])

    async def source() -> str:
        return next(tokens)

    async def expire(peer: Peer) -> None:
        await peer.joined({**JOINED, "recovered": True})
        await peer.websocket.aclose(4002, "token_expired")

    async with (
        serving(expire, expire, 401, 401) as server,
        open_client(server.url, source, "ada", settings=QUICK) as client,
    ):
        with pytest.raises(Stopped):
            await anext(client)

    shown = [headers[b"authorization"] for _, headers in server.handshakes]
    assert shown == [b"Bearer old", b"Bearer new", b"Bearer newer"]


async def test_a_token_is_refreshed_on_the_open_connection() -> None:
    """Before it expires the new one is shown to the server."""
    refreshed = trio.Event()
    tokens = iter([jwt.encode({"exp": 1}, "k" * 32, algorithm="HS256"), "opaque"])

    async def source() -> str:
        return next(tokens)

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        _, _, topic, event, payload = await peer.read()
        assert (topic, event, payload) == ("user:ada", "token:refresh", {"token": "opaque"})
        refreshed.set()
        await peer.stay()

    async with serving(script) as server, open_client(server.url, source, "ada", settings=QUICK):
        await refreshed.wait()


async def test_heartbeats_keep_the_connection_and_find_a_dead_one() -> None:
    """They go to topic ``phoenix``; one without an answer ends the connection."""
    again = trio.Event()

    async def silent(peer: Peer) -> None:
        await peer.joined({**JOINED, "heartbeat_seconds": 0.02})
        _, ref, topic, event, _ = await peer.read()
        assert (topic, event) == ("phoenix", "heartbeat")
        await peer.write(None, ref, "phoenix", "phx_reply", {"status": "ok", "response": {}})
        await peer.stay()

    async def accept(peer: Peer) -> None:
        await peer.joined({**JOINED, "recovered": True})
        again.set()
        await peer.stay()

    async with (
        serving(silent, accept) as server,
        open_client(server.url, "tok", "ada", settings=QUICK),
    ):
        await again.wait()


async def test_a_push_gives_up_in_time() -> None:
    """The error has the id to ask again with."""

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        await peer.stay()

    async with (
        serving(script) as server,
        open_client(server.url, "tok", "ada", settings=QUICK) as client,
    ):
        with pytest.raises(PushTimeout) as caught:
            await client.push("x", push_id="mine", timeout=0.01)

    assert caught.value.push_id == "mine"


async def test_the_callers_exception_leaves_as_it_was_raised() -> None:
    """No exception group around it, and the connection is closed with 1000."""
    closed: list[int] = []
    handled = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.joined(JOINED)
        with pytest.raises(trio_websocket.ConnectionClosed) as gone:
            await peer.stay()
        assert gone.value.reason is not None
        closed.append(gone.value.reason.code)
        handled.set()

    async with serving(script) as server:
        with pytest.raises(KeyError):
            async with open_client(server.url, "tok", "ada", settings=QUICK):
                raise KeyError
        await handled.wait()

    assert closed == [1000]
