"""Recording connections: what they show of themselves, and what they remember for a resume."""

from __future__ import annotations

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId, UserId
from sessiond.core.position import StreamPosition
from sessiond.core.session.inputs import Ack, ClientMessage, Input, Join, Leave
from sessiond.testing.connections import Closed, Connection, Pushed, Reply

WELCOME = b'{"epoch":"e","offset":3,"recovered":%b}'


class Posted:
    """A node that only listens."""

    def __init__(self) -> None:
        self.told: list[tuple[Input, Reply | None]] = []

    def tell(self, user: UserId, item: Input, reply: Reply | None) -> None:
        self.told.append((item, reply))

    def connection(self) -> Connection:
        return Connection(self, ConnectionId(1), UserId("ann"), "phone")


async def test_a_connection_says_what_a_door_would() -> None:
    """Join, message, ack, leave; the input id becomes a digest."""
    post = Posted()
    connection = post.connection()
    connection.start_join()
    connection.send("x", {"a": 1}, input_id="i")
    connection.ack()
    connection.drop()
    join, message, ack, leave = [item for item, _ in post.told]

    assert repr(connection) == "Connection(1, user='ann', device='phone')"
    assert isinstance(join, Join)
    assert (join.device, join.resume) == ("phone", None)
    assert isinstance(message, ClientMessage)
    assert (message.event, message.payload, message.digest is None) == ("x", {"a": 1}, False)
    assert (ack, leave) == (Ack(ConnectionId(1), 0), Leave(ConnectionId(1)))


async def test_its_position_follows_what_it_got() -> None:
    """From the welcome, then by each durable push; a recovered one begins where it resumed."""
    post = Posted()
    connection = post.connection()
    connection.start_join().ok(WELCOME % b"false")
    assert connection.position == StreamPosition("e", 3)
    connection.wire.push(b'"x",{"_offset":4}')
    connection.wire.push(b'"y",{}')
    assert connection.position == StreamPosition("e", 4)

    again = post.connection()
    again.start_join(resume=StreamPosition("e", 1)).ok(WELCOME % b"true")
    assert again.position == StreamPosition("e", 1)
    assert connection.got[1:] == [Pushed("x", {"_offset": 4}), Pushed("y", {})]


async def test_a_closed_connection_hears_nothing_more() -> None:
    """It tells that it left, once; a lost node is told nothing."""
    post = Posted()
    connection = post.connection()
    connection.start_join()
    connection.wire.close(CloseCode.KICKED, "bye")
    connection.wire.close(CloseCode.ENDED)
    connection.wire.push(b'"x",{}')
    connection.drop()

    assert connection.got == [Closed(CloseCode.KICKED)]
    assert [type(item) for item, _ in post.told] == [Join, Leave]
    lost = post.connection()
    lost.start_join()
    lost.lose()
    lost.drop()
    assert [type(item) for item, _ in post.told[2:]] == [Join]
