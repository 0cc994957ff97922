"""The topic of a user on one connection, step by step: order and leftovers of joins and leaves."""

from sessiond.core.codes import CloseCode, ErrorCode
from sessiond.core.conversations.inputs import Said
from sessiond.core.ids import input_digest
from sessiond.core.session.inputs import ClientMessage, Join, Leave
from sessiond.gateways.web import FLOW_EVENTS
from tests.edges.websocket.pure import Pure, open_pure


def kinds(pure: Pure) -> list[type]:
    return [type(item) for item in pure.actor.told] + [type(i) for i, _ in pure.actor.mailbox]


async def test_nothing_live_overtakes_the_answer_to_a_join() -> None:
    """A push that comes before the join's answer is not sent: the join replays what counts."""
    pure = await open_pure()
    pure.send("1", "1", "user:alice", "phx_join", {})
    pure.connection.push(b'"early",{}')
    pure.work()
    pure.connection.push(b'"live",{}')

    assert [frame.event for frame in pure.frames()] == ["phx_reply", "live"]


async def test_pushes_between_two_joins_are_dropped() -> None:
    """The first join is over and the second not answered: neither could take them."""
    pure = await open_pure()
    pure.join("1")
    pure.send("2", "9", "user:alice", "phx_join", {})
    pure.connection.push(b'"between",{}')
    pure.work()

    frames = [(frame.join_ref, frame.event) for frame in pure.frames()]
    assert frames == [("1", "phx_close"), ("2", "phx_reply")]


async def test_a_late_answer_to_a_replaced_join_is_dropped() -> None:
    """Two joins in flight: only the second is answered."""
    pure = await open_pure()
    pure.send("1", "1", "user:alice", "phx_join", {})
    pure.send("2", "2", "user:alice", "phx_join", {})
    pure.work()

    replies = [frame for frame in pure.frames() if frame.event == "phx_reply"]
    assert [(frame.join_ref, frame.ref) for frame in replies] == [("2", "2")]
    assert kinds(pure) == [Join, Join]


async def test_messages_while_the_join_is_unanswered_are_unmatched() -> None:
    """They could be run for a join that is refused."""
    pure = await open_pure()
    pure.send("1", "1", "user:alice", "phx_join", {})
    pure.send("1", "2", "user:alice", "echo", {})

    (frame,) = pure.frames()
    assert frame.payload["response"]["reason"] == "unmatched topic"
    assert kinds(pure) == [Join]


async def test_a_refused_join_is_followed_by_no_leave() -> None:
    """The actor never had this connection."""
    pure = await open_pure()
    pure.actor.join_error = "unavailable"
    pure.join()
    pure.connection.connection_lost()

    assert kinds(pure) == [Join]


async def test_a_leave_is_told_once_however_the_end_comes() -> None:
    """phx_leave, then a close, then the loss of the socket: one Leave."""
    pure = await open_pure()
    pure.join()
    pure.send("1", "2", "user:alice", "phx_leave", {})
    pure.connection.close(CloseCode.DRAINING)
    pure.connection.connection_lost()

    assert kinds(pure) == [Join, Leave]


async def test_a_close_while_the_join_is_unanswered_leaves() -> None:
    """The join may still happen; the Leave behind it undoes it."""
    pure = await open_pure()
    pure.send("1", "1", "user:alice", "phx_join", {})
    pure.connection.close(CloseCode.KICKED)
    pure.work()

    assert [frame.event for frame in pure.frames()] == ["phx_close"]
    assert kinds(pure) == [Join, Leave]


async def test_the_leave_of_an_old_join_changes_nothing() -> None:
    """phoenix.js leaves a duplicate channel after the new one has joined."""
    pure = await open_pure()
    pure.join("1")
    pure.join("2")
    pure.send("1", "8", "user:alice", "phx_leave", {})

    assert [(frame.event, frame.ref) for frame in pure.frames()] == [("phx_reply", "8")]
    assert kinds(pure) == [Join, Join]


async def test_a_reply_after_a_rejoin_keeps_its_own_join_ref() -> None:
    """The client's old channel is told what it asked, or drops it; the new one is not confused."""
    pure = await open_pure()
    pure.join("1")
    pure.send("1", "5", "user:alice", "echo", {})
    pure.send("2", "6", "user:alice", "phx_join", {})
    pure.work()

    replies = [(f.join_ref, f.ref) for f in pure.frames() if f.event == "phx_reply"]
    assert replies == [("1", "5"), ("2", "6")]


async def test_after_a_close_nothing_is_sent_or_told() -> None:
    """Pushes, replies and messages of a closed connection vanish."""
    pure = await open_pure()
    pure.join()
    pure.send("1", "2", "user:alice", "echo", {})
    pure.connection.close(CloseCode.DRAINING)
    pure.frames()
    pure.send("1", "3", "user:alice", "echo", {})
    pure.connection.push(b'"late",{}')
    pure.work()

    assert pure.frames() == []
    assert kinds(pure) == [Join, ClientMessage, Leave]


async def test_events_of_conversations_reach_the_actor() -> None:
    """As what was said, without the id, which became the digest; other events are messages as before."""
    pure = await open_pure()
    pure.join()
    pure.send("1", "2", "user:alice", "flow:say", {"text": "menu", "_id": "m-1"})
    pure.send("1", "3", "user:alice", "flow:remind", {})
    pure.send("1", "4", "user:alice", "flow", {})
    pure.work()

    said, reminder, message = pure.actor.told[1:]
    assert isinstance(said, Said)
    assert ("menu", input_digest("client", "m-1")) == (said.answer.text, said.digest)
    assert "alice" == said.facts.user_id
    assert isinstance(reminder, Said)
    assert reminder.reminds
    assert isinstance(message, ClientMessage)


async def test_a_bad_payload_is_answered_and_told_to_nobody() -> None:
    """``bad_request``, and the connection goes on."""
    pure = await open_pure()
    pure.join()
    pure.work()
    pure.frames()
    pure.send("1", "2", "user:alice", "flow:say", {"text": 7})
    pure.send("1", "3", "user:alice", "flow:say", {"_id": 7})

    assert [ErrorCode.BAD_REQUEST] * 2 == [
        frame.payload["response"]["code"] for frame in pure.frames()
    ]
    assert 1 == len(pure.actor.told)


async def test_before_a_join_nothing_is_said() -> None:
    """The topic has to be joined, as for every other event."""
    pure = await open_pure()
    for event in sorted(FLOW_EVENTS):
        pure.send("1", "2", "user:alice", event, {})

    assert ["unmatched topic"] * 3 == [
        frame.payload["response"]["reason"] for frame in pure.frames()
    ]
    assert [] == pure.actor.told
