"""Requests and replies over real sockets; time-outs by a clock that the test moves."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
from redis.connection import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.stores.redis.line import Line, Lines
from sessiond.stores.redis.topology import Address
from tests.redis_server import RedisServer

SECONDS = 5.0
SHORT = 0.3
PING = [("PING",)]


@asynccontextmanager
async def connected(*, seconds: float = SECONDS) -> AsyncIterator[tuple[Line, trio.SocketStream]]:
    """A line, and the server's end of it."""
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        connection: Any = Connection(port=port, protocol=2, driver_info=None)  # type: ignore[no-untyped-call]
        await trio.to_thread.run_sync(connection.connect)
        line = Line(connection, timeout_seconds=seconds)
        nursery.start_soon(line.listen)
        async with listener, await listener.accept() as server:
            yield line, server
            line.close()


async def ask(line: Line, commands: Any = PING) -> list[Any]:
    """Do as ``Lines.talk``."""
    await line.send(commands)
    return await line.receive()


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until *condition* holds; bytes take a moment from socket to socket."""
    for _ in range(10_000):
        if condition():
            return
        await trio.lowlevel.checkpoint()
    raise AssertionError("it did not come about")


async def test_replies_come_in_parts_and_in_order() -> None:
    """However they are cut, each is whole; a refusal is one of them."""
    async with connected() as (line, server):
        await line.send([("GET", "a"), ("GET", "b"), ("GET", "c")])
        replies: list[Any] = []

        async def receive() -> None:
            replies.extend(await line.receive())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            for part in (b"$3\r\no", b"ne\r\n-WRONGTYPE no", b" list\r\n*1\r\n:", b"7\r\n"):
                await server.send_all(part)
                await wait_all_tasks_blocked()

        one, refused, last = replies
        assert (one, last) == (b"one", [7])
        assert isinstance(refused, ResponseError)


async def test_more_than_the_sockets_hold(redis_server: RedisServer) -> None:
    """Requests and replies of many megabytes pass, and what comes next is in order."""
    lines = Lines({"protocol": 2, "driver_info": None}, timeout_seconds=SECONDS)
    address = Address("127.0.0.1", redis_server.port)
    large = bytes(range(256)) * 65536
    ((stored, found, pong),) = await lines.talk(
        {address: [("SET", "k", large), ("GET", "k"), ("PING",)]}
    )
    lines.close()

    assert (stored, found == large, pong) == (b"OK", True, b"PONG")


async def test_request_that_has_begun_is_waited_for() -> None:
    """Cancelling it changes nothing: its reply is returned."""
    async with connected() as (line, server):
        replies: list[Any] = []
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                async def call() -> None:
                    replies.extend(await ask(line))

                nursery.start_soon(call)
                await wait_all_tasks_blocked()
                scope.cancel()
                with trio.CancelScope(shield=True):
                    await server.send_all(b"+PONG\r\n")

        assert replies == [b"PONG"]


async def test_each_request_has_its_own_time(mock_clock: MockClock) -> None:
    """Not what is left of the one before it: the second is given up when its own time is over."""
    async with connected() as (line, server):
        async with trio.open_nursery() as nursery:

            async def first() -> None:
                assert await ask(line) == [b"PONG"]

            nursery.start_soon(first)
            await wait_all_tasks_blocked()
            mock_clock.jump(SECONDS - 1)
            await server.send_all(b"+PONG\r\n")
        failures: list[Exception] = []

        async def second() -> None:
            with pytest.raises(RedisTimeoutError) as caught:
                await ask(line)
            failures.append(caught.value)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(second)
            await wait_all_tasks_blocked()
            mock_clock.jump(SECONDS - 1)  # the first one's time is over
            await wait_all_tasks_blocked()
            assert not failures
            mock_clock.jump(1)
        assert failures
        assert not line.is_idle()


async def test_time_counts_from_what_came_last(mock_clock: MockClock) -> None:
    """A long reply may take long, as long as it comes on."""
    async with connected() as (line, server):
        replies: list[Any] = []

        async def call() -> None:
            replies.extend(await ask(line))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            for part in (b"$6\r\n", b"lo", b"ng", b"er", b"\r\n"):
                await wait_all_tasks_blocked()
                mock_clock.jump(SECONDS - 1)
                await wait_all_tasks_blocked()
                await server.send_all(part)
                await wait_all_tasks_blocked()

        assert replies == [b"longer"]


async def test_server_that_takes_nothing_in_is_given_up(mock_clock: MockClock) -> None:
    """A request that is larger than what the sockets hold does not wait for ever."""
    async with connected() as (line, _server), trio.open_nursery() as nursery:

        async def call() -> None:
            with pytest.raises(RedisTimeoutError):
                await line.send([("SET", "k", b"x" * 32_000_000)])

        nursery.start_soon(call)
        await wait_all_tasks_blocked()
        mock_clock.jump(SECONDS)


async def test_server_that_hangs_up_in_between() -> None:
    """A reply that ends in the middle is no reply."""
    async with connected() as (line, server):
        await line.send([("GET", "a")])
        await server.receive_some()
        await server.send_all(b"$3\r\no")
        await server.aclose()
        with pytest.raises(RedisConnectionError, match="closed by server"):
            await line.receive()

        assert not line.is_idle()


@pytest.mark.parametrize("said", [b"+hello\r\n", b"?\r\n"])
async def test_what_nobody_asked_for_ends_it(said: bytes) -> None:
    """What is said to an idle connection would be taken for the next reply; it is not used again."""
    async with connected() as (line, server):
        assert line.is_idle()
        await server.send_all(said)
        await until(lambda: not line.is_idle())
        await wait_all_tasks_blocked()

        assert not line.is_idle()
        with pytest.raises(RedisError):
            await ask(line)


async def test_server_that_sends_us_away() -> None:
    """Too many clients, still loading: the connection is of no use."""
    async with connected() as (line, server):
        await line.send(PING)
        await server.send_all(b"-LOADING Redis is loading the dataset in memory\r\n")
        with pytest.raises(RedisConnectionError, match="loading"):
            await line.receive()


async def test_connections_are_kept_and_closed(redis_server: RedisServer) -> None:
    """One after the other needs one; what is under way when all is closed is closed behind it."""
    lines = Lines({"protocol": 2, "driver_info": None}, timeout_seconds=SECONDS)
    asked = {Address("127.0.0.1", redis_server.port): [("CLIENT", "ID")]}
    ids = [await lines.talk(asked) for _ in range(3)]
    assert ids[0] == ids[1] == ids[2]

    with redis_server.client() as admin:
        blocked = {next(iter(asked)): [("BLPOP", "nothing", 0)]}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lines.talk, blocked)
            await wait_all_tasks_blocked()
            lines.close()
            admin.rpush("nothing", "something")
        await until(lambda: len(admin.client_list(_type="normal")) == 1)


@asynccontextmanager
async def scripted(
    answer: Callable[[int, bytes], bytes], *, seconds: float = SECONDS
) -> AsyncIterator[tuple[Lines, dict[Address, list[tuple[str]]], list[int]]]:
    """Lines to a server that sends what *answer* gives for a connection's number and what came over it.

    Beside them a question, and the number of the connection of each question that came.
    """
    asked: list[int] = []
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        opened: list[trio.SocketStream] = []

        async def serve(stream: trio.SocketStream) -> None:
            opened.append(stream)
            number = len(opened)
            async with stream:
                with suppress(trio.BrokenResourceError):  # so ends a request that is given up
                    async for data in stream:
                        asked.append(number)
                        await stream.send_all(answer(number, bytes(data)))

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        lines = Lines({"protocol": 2, "driver_info": None}, timeout_seconds=seconds)
        yield lines, {Address("127.0.0.1", listener.socket.getsockname()[1]): PING}, asked
        lines.close()
        nursery.cancel_scope.cancel()


async def test_connections_beside_one_that_hangs_are_given_up() -> None:
    """A server that went away without a word answers on none of them: one time-out is enough to know it."""
    gone = False

    def answer(number: int, _data: bytes) -> bytes:
        return b"" if gone and number < 4 else b"+PONG\r\n"

    async with scripted(answer, seconds=SHORT) as (lines, ping, asked):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(lines.talk, ping)
        assert sorted(asked) == [1, 2, 3]
        gone = True
        with pytest.raises(RedisTimeoutError):
            await lines.talk(ping)

        assert await lines.talk(ping) == [[b"PONG"]]
        assert asked[-1] == 4


async def test_half_of_what_nobody_asked_for_ends_it() -> None:
    """Its other half would come before the next reply: another connection is asked."""
    async with scripted(lambda _number, _data: b"+one\r\n+half") as (lines, ping, asked):
        assert [await lines.talk(ping) for _ in range(2)] == [[[b"one"]]] * 2
        assert asked == [1, 2]


async def test_push_before_the_reply_ends_it() -> None:
    """What a proxy hands on of RESP3 is not taken for the reply that is to come."""
    async with connected() as (line, server):
        await line.send(PING)
        await server.send_all(b">2\r\n$10\r\ninvalidate\r\n*0\r\n")
        with pytest.raises(RedisConnectionError, match="nobody asked for"):
            await line.receive()


async def test_others_go_on_while_a_large_reply_is_taken_in() -> None:
    """However much of it is there already: after each part everybody else may run."""
    size = 2_000_000  # the sockets hold it
    async with connected() as (line, server):
        turns = 0

        async def go_on() -> None:
            nonlocal turns
            while True:
                await trio.lowlevel.checkpoint()
                turns += 1

        await line.send([("GET", "large")])
        await server.receive_some()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(go_on)
            nursery.start_soon(server.send_all, b"$%d\r\n%b\r\n" % (size, bytes(size)))
            (reply,) = await line.receive()
            nursery.cancel_scope.cancel()

        assert len(reply) == size
        assert turns > size / 65536


async def test_request_that_was_given_up_does_not_come_later() -> None:
    """What the server had not taken in is dropped: it might come after its repeat, and after what followed that."""
    size = 3_000_000  # more than the server's socket holds, less than both
    async with connected(seconds=SHORT) as (line, server):
        await line.send([("SET", "k", bytes(size))])
        with pytest.raises(RedisTimeoutError):
            await line.receive()
        line.close()
        taken_in = 0
        with pytest.raises(trio.BrokenResourceError):
            while part := await server.receive_some(65536):
                taken_in += len(part)

        assert taken_in < size


async def test_connection_that_cannot_be_opened_costs_no_other(redis_server: RedisServer) -> None:
    """A server that lets nobody else in still serves those whom it has let in."""
    full = threading.Event()
    others_are_idle = threading.Event()

    def greet(_connection: Any) -> None:
        if full.is_set():
            others_are_idle.wait(5)
            raise RedisConnectionError("max number of clients reached")

    options = {"protocol": 2, "driver_info": None, "redis_connect_func": greet}
    lines = Lines(options, timeout_seconds=SECONDS)
    address = Address("127.0.0.1", redis_server.port)
    before = await lines.talk({address: [("CLIENT", "ID")]})
    async with trio.open_nursery() as nursery:
        is_done = trio.Event()

        async def wait_for_something() -> None:
            await lines.talk({address: [("BLPOP", "nothing", 0)]})
            is_done.set()

        nursery.start_soon(wait_for_something)
        await wait_all_tasks_blocked()
        full.set()

        async def one_too_many() -> None:
            with pytest.raises(RedisConnectionError, match="max number"):
                await lines.talk({address: PING})

        nursery.start_soon(one_too_many)
        await wait_all_tasks_blocked()
        with redis_server.client() as admin:
            admin.rpush("nothing", "something")
        await is_done.wait()
        others_are_idle.set()

    assert await lines.talk({address: [("CLIENT", "ID")]}) == before
    lines.close()
