"""One websocket over a real socket, with a client that shares no code with the server."""

import ssl

import pytest
import trio
import trustme
from trio_websocket import ConnectionClosed

from sessiond.core.codes import CloseCode
from sessiond.core.errors import Refused
from sessiond.core.ids import input_digest
from sessiond.core.position import StreamPosition
from sessiond.core.session.inputs import Ack, ClientMessage, Join, Leave
from sessiond.core.token_bucket import RateLimit
from sessiond.core.wire.frames import ServerFrame
from sessiond.edges.websocket import WebsocketLimits, WebsocketSettings
from sessiond.net.transport import TransportLimits
from tests.edges.websocket.stand import Client, Stand, frame, open_stand, receive_close


async def wait_for_leave(stand: Stand, name: str = "alice") -> Leave:
    """Wait until the actor was told that a connection left."""
    while True:
        for item in stand.actor(name).told:
            if isinstance(item, Leave):
                return item
        await trio.lowlevel.checkpoint()


async def close_code(client: Client) -> int:
    """Read to the end; return the code the server closed with."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await client.socket.get_message()
    reason = closed.value.reason
    assert reason is not None
    return reason.code


async def test_a_message_reaches_the_actor_and_its_answer_comes_back() -> None:
    """Join, echo, leave: each answered under its own ref and the join's join_ref."""
    async with open_stand() as stand:
        client = await stand.connect()
        joined = await client.join(join_ref="7")
        assert (joined.join_ref, joined.event) == ("7", "phx_reply")
        assert joined.payload["response"]["user_id"] == "alice"

        echoed = await client.call("echo", {"a": [1, "é"]}, join_ref="7")
        response = {"status": "ok", "response": {"a": [1, "é"]}}
        assert echoed == ServerFrame("7", "2", "user:alice", "phx_reply", response)

        left = await client.call("phx_leave", {}, join_ref="7")
        assert left.payload["status"] == "ok"
        assert (await client.receive())[:4] == ("7", "7", "user:alice", "phx_close")
        await wait_for_leave(stand)


async def test_a_push_reaches_every_connection_of_its_user() -> None:
    """A push carries the join_ref of each connection, no ref, and its offset."""
    async with open_stand() as stand:
        one, two = await stand.joined(), await stand.joined()
        stand.actor().push("news", {"n": 1})

        for client in (one, two):
            assert (await client.receive()) == (
                "1",
                None,
                "user:alice",
                "news",
                {"_offset": 1, "n": 1},
            )


async def test_many_pushes_of_one_turn_arrive_in_order() -> None:
    """What leaves in one round is joined into few writes, and stays in order."""
    async with open_stand() as stand:
        client = await stand.joined()
        await client.send("many", {})
        numbers = [(await client.receive()).payload["number"] for _ in range(20)]

        assert numbers == list(range(20))
        assert (await client.receive()).event == "phx_reply"


async def test_a_heartbeat_is_answered_without_a_join() -> None:
    """The connection answers by itself; no actor is asked."""
    async with open_stand() as stand:
        client = await stand.connect()
        reply = await client.call("heartbeat", {}, join_ref=None, topic="phoenix")

        assert reply == (None, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}})


async def test_a_join_carries_device_meta_and_position() -> None:
    """What the client says about itself reaches the actor checked and typed."""
    async with open_stand() as stand:
        await stand.joined(device="d1", meta={"v": 1}, resume={"epoch": "e", "offset": 4})
        (join,) = stand.actor().told

        assert isinstance(join, Join)
        assert (join.device, join.meta, join.resume) == ("d1", {"v": 1}, StreamPosition("e", 4))


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {"device": 7},
        {"device": "x" * 129},
        {"device": "a\n"},
        {"meta": []},
        {"meta": {"x": "y" * 5000}},
        {"resume": {}},
        {"resume": {"epoch": "e", "offset": -1}},
        {"resume": {"epoch": "e", "offset": True}},
        {"resume": {"epoch": "e" * 65, "offset": 1}},
    ],
)
async def test_a_join_of_the_wrong_shape_is_refused(payload: object) -> None:
    """The error says what is right; the actor is not told."""
    async with open_stand() as stand:
        client = await stand.connect()
        reply = await client.call("phx_join", payload)

        assert reply.payload["response"]["code"] == "bad_request"
        assert stand.actor().told == []


async def test_somebody_elses_topic_is_forbidden_and_closed() -> None:
    """The error is followed by a close of that topic, or stock clients would try for ever."""
    async with open_stand() as stand:
        client = await stand.joined()
        reply = await client.call("phx_join", {}, topic="user:bob", join_ref="9")
        assert reply.payload["response"]["code"] == "forbidden"
        assert (await client.receive())[:4] == ("9", "9", "user:bob", "phx_close")

        assert (await client.call("echo", {})).payload["status"] == "ok"


async def test_unjoined_topics_are_unmatched() -> None:
    """Messages before the join, on unknown topics or of an old join get Phoenix's own error."""
    async with open_stand() as stand:
        client = await stand.connect()
        for event, other in [
            ("echo", {}),
            ("phx_join", {"topic": "topic:room"}),
            ("echo", {"topic": "phoenix"}),
        ]:
            reply = await client.call(event, {}, **other)
            assert reply.payload["response"]["reason"] == "unmatched topic"
        await client.join()
        reply = await client.call("echo", {}, join_ref="0")
        assert reply.payload["response"]["reason"] == "unmatched topic"


async def test_a_second_join_replaces_the_first() -> None:
    """The first gets phx_close with its own join_ref; the actor hears of no leave."""
    async with open_stand() as stand:
        client = await stand.joined()
        await client.send("phx_join", {}, join_ref="5")
        assert (await client.receive())[:4] == ("1", "1", "user:alice", "phx_close")
        assert (await client.receive()).join_ref == "5"
        stand.actor().push("news", {})

        assert (await client.receive()).join_ref == "5"
        assert [type(item) for item in stand.actor().told] == [Join, Join]


async def test_reserved_events_are_refused() -> None:
    """Names of the protocol never reach a handler."""
    async with open_stand() as stand:
        client = await stand.joined()
        for event in ("phx_reply", "token:other", "presence_state"):
            reply = await client.call(event, {})
            assert reply.payload["response"]["code"] == "bad_request"


async def test_acks_are_told_and_answered() -> None:
    """A good ack reaches the actor; a bad one is an error."""
    async with open_stand() as stand:
        client = await stand.joined()
        assert (await client.call("ack", {"offset": 3})).payload["status"] == "ok"
        assert (await client.call("echo", {})).payload["status"] == "ok"
        told = stand.actor().told[1]
        assert isinstance(told, Ack)
        assert told.offset == 3
        wrong: list[object] = [{}, {"offset": -1}, {"offset": "3"}, []]
        for payload in wrong:
            assert (await client.call("ack", payload)).payload["status"] == "error"


async def test_an_input_id_is_stripped_into_a_digest() -> None:
    """Handlers never see ``_id``; one that is none is refused."""
    async with open_stand() as stand:
        client = await stand.joined()
        reply = await client.call("echo", {"_id": "0123456789abcdef", "a": 1})
        assert reply.payload["response"] == {"a": 1}
        message = stand.actor().told[-1]
        assert isinstance(message, ClientMessage)
        assert message.digest == input_digest("client", "0123456789abcdef")
        for bad in (7, "", "x" * 257):
            reply = await client.call("echo", {"_id": bad})
            assert reply.payload["response"]["code"] == "bad_request"


async def test_a_message_without_a_ref_gets_no_answer() -> None:
    """Nothing is sent to somebody who did not ask."""
    async with open_stand() as stand:
        client = await stand.joined()
        await client.send("echo", {"n": 1}, ref=None)

        assert (await client.call("echo", {"n": 2})).payload["response"] == {"n": 2}


async def test_the_error_of_a_handler_is_passed_on() -> None:
    """Code, reason and message; nothing else changes."""
    async with open_stand() as stand:
        client = await stand.joined()
        reply = await client.call("fail", {})

        assert reply.payload["response"] == {
            "code": "handler_failed",
            "reason": "handler_failed",
            "message": "the handler failed",
        }


async def test_a_refusing_runtime_is_an_error_reply() -> None:
    """Quarantined, draining: the client is told, with when to come back."""
    async with open_stand() as stand:
        stand.actor().refusal = Refused("quarantined", "keeps failing", retry_after=30)
        client = await stand.connect()
        reply = await client.join()

        assert reply.payload["response"]["code"] == "quarantined"
        assert reply.payload["response"]["retry_after"] == 30


async def test_a_final_refusal_closes_topic_and_socket() -> None:
    """An unknown user's client is told not to come back, in the way stock clients understand."""
    async with open_stand() as stand:
        stand.actor().join_error = "unknown_user"
        client = await stand.connect()
        reply = await client.join(join_ref="3")
        assert reply.payload["response"]["code"] == "unknown_user"
        assert (await client.receive())[:4] == ("3", "3", "user:alice", "phx_close")

        assert await close_code(client) == CloseCode.UNKNOWN_USER.number


async def test_do_not_come_back_closes_the_topic_first() -> None:
    """A kicked client's channel is closed before its socket: it will not join again."""
    async with open_stand() as stand:
        client = await stand.joined()
        await client.send("kick", {})
        assert (await client.receive()).event == "phx_close"
        assert await close_code(client) == CloseCode.KICKED.number
        await wait_for_leave(stand)


async def test_a_lost_connection_leaves_once() -> None:
    """Closed by the client or cut off: the actor hears one Leave."""
    async with open_stand() as stand:
        client = await stand.joined()
        await client.socket.aclose()
        await wait_for_leave(stand)
        while stand.door.connections:
            await trio.lowlevel.checkpoint()

        assert sum(isinstance(item, Leave) for item in stand.actor().told) == 1


async def test_a_half_open_client_leaves() -> None:
    """A client that shuts its sending half without a close frame is gone."""
    async with open_stand() as stand, stand.raw() as stream:
        await stream.send_all(frame(b'["1","1","user:alice","phx_join",{}]'))
        await stream.receive_some(4096)
        await stream.send_eof()
        await wait_for_leave(stand)


async def test_a_leave_gets_in_when_the_mailbox_is_full() -> None:
    """A lost connection is noticed by an actor that has no room for anything else."""
    async with open_stand() as stand:
        client = await stand.joined()
        stand.actor().is_paused = True
        stand.actor().capacity = 1
        stand.actor().do_leaves_always_fit = False
        await client.send("echo", {})
        await client.socket.aclose()
        while stand.door.connections:
            await trio.lowlevel.checkpoint()
        stand.actor().go_on()
        await wait_for_leave(stand)


async def test_a_full_mailbox_holds_the_client_back_and_loses_nothing() -> None:
    """Messages beyond the mailbox wait in the socket, and are answered in order later."""
    async with open_stand() as stand:
        client = await stand.joined()
        actor = stand.actor()
        actor.capacity = 2
        actor.is_paused = True
        for number in range(50):
            await client.send("echo", {"n": number})
        while len(actor.mailbox) < 2:
            await trio.lowlevel.checkpoint()
        actor.go_on()
        answers = [(await client.receive()).payload["response"]["n"] for _ in range(50)]

        assert answers == list(range(50))


async def test_binary_pushes_arrive_as_bytes() -> None:
    """phoenix.js' binary layout: four sizes, four names, the rest is the payload."""
    async with open_stand() as stand:
        client = await stand.joined()
        names = [b"1", b"9", b"user:alice", b"upload"]
        head = bytes([0, *(len(name) for name in names)]) + b"".join(names)
        await client.socket.send_message(head + b"\x00\xff\x80")

        reply = await client.receive()
        assert (reply.ref, reply.payload["response"]) == ("9", {"bytes": 3})
        message = stand.actor().told[-1]
        assert isinstance(message, ClientMessage)
        assert (message.event, message.payload) == ("upload", b"\x00\xff\x80")


@pytest.mark.parametrize(
    ("payload", "opcode", "code"),
    [
        (b"not json", 1, CloseCode.BAD_FRAME),
        (b'["1","1","user:alice","x"]', 1, CloseCode.BAD_FRAME),
        (b'[1,"1","user:alice","x",{}]', 1, CloseCode.BAD_FRAME),
        (b'{"topic":"t"}', 1, CloseCode.BAD_FRAME),
        (b"", 1, CloseCode.BAD_FRAME),
        (b'["1","1","t","e",' + b"[" * 9000 + b"]" * 9000 + b"]", 1, CloseCode.BAD_FRAME),
        (b'["1","1","t","e",{"x":"\xff"}]', 1, CloseCode.INVALID_DATA),
        (b"\xff\xfe", 1, CloseCode.INVALID_DATA),
        (b"\x01\x02garbage", 2, CloseCode.UNSUPPORTED_DATA),
        (b"\x00\xff\xff\xff\xff", 2, CloseCode.UNSUPPORTED_DATA),
        (b"x" * 65537, 1, CloseCode.MESSAGE_TOO_BIG),
        (b"x" * 65537, 2, CloseCode.MESSAGE_TOO_BIG),
        (b"", 3, CloseCode.PROTOCOL_ERROR),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_malformed_messages_close_with_their_code(
    payload: bytes, opcode: int, code: CloseCode
) -> None:
    """Malformed, binary garbage, invalid UTF-8, oversized: each has its own close code."""
    async with open_stand() as stand, stand.raw() as stream:
        await stream.send_all(frame(payload, opcode=opcode))

        assert await receive_close(stream) == code.number


async def test_an_unmasked_frame_is_a_protocol_error() -> None:
    """RFC 6455, 5.1: a client masks."""
    async with open_stand() as stand, stand.raw() as stream:
        await stream.send_all(frame(b"[]", masked=False))

        assert await receive_close(stream) == CloseCode.PROTOCOL_ERROR.number


async def test_fragments_are_joined_and_pings_answered_between_them() -> None:
    """A fragmented message counts as one; a ping may come in the middle of it."""
    async with open_stand() as stand, stand.raw() as stream:
        text = b'["1","1","user:alice","phx_join",{}]'
        await stream.send_all(frame(text[:9], fin=False))
        await stream.send_all(frame(b"hi", opcode=9))
        await stream.send_all(frame(text[9:20], opcode=0, fin=False))
        await stream.send_all(frame(text[20:], opcode=0))
        answer = b""
        while b"phx_reply" not in answer:
            answer += bytes(await stream.receive_some(4096))

        assert answer.startswith(b"\x8a\x02hi")


async def test_a_fragmented_flood_is_too_big() -> None:
    """Neither endless small fragments nor fragments beyond the size are collected."""
    async with open_stand() as stand:
        for size, count in [(0, 70), (30_000, 3)]:
            async with stand.raw() as stream:
                await stream.send_all(frame(b"x" * size, fin=False))
                for _ in range(count):
                    await stream.send_all(frame(b"x" * size, opcode=0, fin=False))

                assert await receive_close(stream) == CloseCode.MESSAGE_TOO_BIG.number


async def test_bytes_may_come_one_by_one() -> None:
    """TCP keeps no boundaries: frames are found in any cut."""
    async with open_stand() as stand, stand.raw() as stream:
        join = frame(b'["1","1","user:alice","phx_join",{"meta":{"x":"' + b"y" * 200 + b'"}}]')
        for byte in join + frame(b'["1","2","user:alice","echo",{"n":1}]'):
            await stream.send_all(bytes([byte]))
        answer = b""
        while b'{"n":1}' not in answer:
            answer += bytes(await stream.receive_some(4096))


async def test_a_flooding_client_is_refused_then_closed() -> None:
    """Over its rate a client gets errors with retry_after; going on costs the connection."""
    limits = WebsocketLimits(rate=RateLimit(1, 20), refusals=5)
    async with open_stand(WebsocketSettings(limits=limits)) as stand:
        client = await stand.joined()
        for _ in range(40):
            await client.send("echo", {})
        codes = []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                payload = (await client.receive()).payload
                codes.append(payload["response"].get("code", "ok"))

        assert closed.value.reason is not None
        assert closed.value.reason.code == CloseCode.RATE_LIMITED.number
        assert codes == ["ok"] * 19 + ["rate_limited"] * 5


async def test_a_ping_flood_is_closed() -> None:
    """Frames without a message count too."""
    limits = WebsocketLimits(rate=RateLimit(1, 20), refusals=5)
    async with open_stand(WebsocketSettings(limits=limits)) as stand, stand.raw() as stream:
        await stream.send_all(frame(b"", opcode=9) * 40)

        assert await receive_close(stream) == CloseCode.RATE_LIMITED.number


@pytest.mark.parametrize("uses_poller", [True, False])
async def test_a_client_that_stops_reading_is_a_slow_consumer(*, uses_poller: bool) -> None:
    """Beyond the hard bound the connection is closed and left; others do not notice."""
    limits = TransportLimits(hard_bytes=100_000, soft_bytes=50_000)
    async with open_stand(transport=limits, uses_poller=uses_poller) as stand:
        async with stand.raw() as stream:
            await stream.send_all(frame(b'["1","1","user:alice","phx_join",{}]'))
            while not stand.actor().attached:
                await trio.lowlevel.checkpoint()
            while not any(isinstance(item, Leave) for item in stand.actor().told):
                stand.actor().push("big", {"x": "y" * 50_000})
                await trio.lowlevel.checkpoint()
        assert (await stand.joined("bob")).topic == "user:bob"


async def test_what_a_client_leaves_unread_can_be_seen() -> None:
    """For operators: nothing before there is a socket, and what the kernel does not take afterwards."""
    async with open_stand() as stand, stand.raw() as stream:
        await stream.send_all(frame(b'["1","1","user:alice","phx_join",{}]'))
        while not stand.actor().attached:
            await trio.lowlevel.checkpoint()
        (connection,) = stand.actor().attached.values()
        before = connection.unsent_bytes
        while not connection.unsent_bytes:
            stand.actor().push("big", {"x": "y" * 50_000})
            await trio.lowlevel.checkpoint()

        assert 0 <= before < 1000


async def test_a_token_can_be_renewed() -> None:
    """``token:refresh`` extends the connection; somebody else's token or a bad one does not."""
    async with open_stand() as stand:
        client = await stand.joined("alice@1e12")
        reply = await client.call("token:refresh", {"token": "alice@2e12"})
        assert reply.payload == {"status": "ok", "response": {"expires_at": 2e12}}
        for token, code in [
            ("bob@2e12", "forbidden"),
            ("bad", "unauthorized"),
            ("", "bad_request"),
        ]:
            reply = await client.call("token:refresh", {"token": token})
            assert reply.payload["response"]["code"] == code


async def test_closing_everyone_sends_the_code() -> None:
    """Draining closes in batches; stock clients come back by themselves (no phx_close)."""
    async with open_stand() as stand:
        clients = [await stand.joined(f"user{number}") for number in range(5)]
        await stand.door.close_all(CloseCode.DRAINING, batch=2, pause_seconds=0)
        for client in clients:
            assert await close_code(client) == CloseCode.DRAINING.number


async def test_the_same_over_tls() -> None:
    """A connection without a plain socket keeps a task and behaves the same."""
    authority = trustme.CA()
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    async with open_stand(tls=server_context) as stand:
        client = await stand.joined_over_tls(client_context)
        assert (await client.call("echo", {"n": 1})).payload["response"] == {"n": 1}
        stand.actor().push("news", {})
        assert (await client.receive()).event == "news"
        await client.socket.aclose()
        await wait_for_leave(stand)
