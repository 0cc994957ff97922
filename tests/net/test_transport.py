"""One contract, two transports: what a connection without a socket may rely on."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
import trio.testing

from sessiond.net.poll import Poller
from sessiond.net.transport import StreamTransport, TransportLimits
from tests.net.links import Recorder

Open = Callable[[Recorder, TransportLimits], AbstractAsyncContextManager[trio.SocketStream]]
QUICK = TransportLimits(
    soft_bytes=20_000, hard_bytes=200_000, write_seconds=0.5, linger_seconds=0.5
)
ROOMY = TransportLimits(write_seconds=60, hard_bytes=100_000_000)


def pair() -> tuple[socket.socket, trio.SocketStream]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    return ours, trio.SocketStream(trio.socket.from_stdlib_socket(theirs))


@asynccontextmanager
async def on_a_poller(link: Recorder, limits: TransportLimits) -> AsyncIterator[trio.SocketStream]:
    ours, theirs = pair()
    async with trio.open_nursery() as nursery, theirs:
        poller = Poller(limits)
        await nursery.start(poller.run)
        poller.adopt(ours, link, b"")
        with trio.fail_after(10):
            yield theirs
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def on_a_stream(link: Recorder, limits: TransportLimits) -> AsyncIterator[trio.SocketStream]:
    ours, theirs = pair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    async with trio.open_nursery() as nursery, theirs:
        nursery.start_soon(StreamTransport(stream, link, limits).run)
        while not link.calls:
            await trio.lowlevel.checkpoint()
        with trio.fail_after(10):
            yield theirs
        nursery.cancel_scope.cancel()


both = pytest.mark.parametrize("open_one", [on_a_poller, on_a_stream])


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await trio.lowlevel.checkpoint()


async def read_to_end(stream: trio.abc.ReceiveStream) -> bytes:
    data = b""
    while piece := await stream.receive_some(65536):
        data += bytes(piece)
    return data


@both
async def test_what_comes_is_told_and_what_is_written_goes_out(open_one: Open) -> None:
    """Bytes pass in both directions in order."""
    link = Recorder(echoes=True)
    async with open_one(link, ROOMY) as peer:
        await peer.send_all(b"one")
        assert bytes(await peer.receive_some()) == b"one"
        for number in range(100):
            link.transport.write(b"%03d" % number)
        data = b""
        while len(data) < 300:
            data += bytes(await peer.receive_some())

        assert data == b"".join(b"%03d" % number for number in range(100))


@both
async def test_more_than_the_kernel_takes_goes_out_in_order(open_one: Open) -> None:
    """A full kernel buffer blocks nobody; the rest follows when the client reads."""
    link = Recorder()
    parts = [bytes([number % 251]) * 3_000 for number in range(400)]
    async with open_one(link, ROOMY) as peer:
        for part in parts:
            link.transport.write(part)
        link.transport.close()

        assert await read_to_end(peer) == b"".join(parts)


@both
async def test_close_sends_what_is_left_and_ends_when_the_peer_does(open_one: Open) -> None:
    """After ``close`` the client gets everything, then the end; nothing is told any more."""
    link = Recorder()
    async with open_one(link, ROOMY) as peer:
        link.transport.write(b"last")
        link.transport.close()
        assert not link.transport.is_reading
        link.transport.write(b"too late")
        assert await read_to_end(peer) == b"last"
        await peer.send_all(b"ignored")
        await peer.aclose()
        await until(lambda: "lost" in link.calls)

        assert link.data == b""
        assert link.calls == ["connected", "lost"]


@both
async def test_a_peer_that_never_closes_is_let_go(open_one: Open) -> None:
    """After the linger time the socket is released whatever the other side does."""
    link = Recorder()
    async with open_one(link, QUICK):
        link.transport.close()
        await until(lambda: "lost" in link.calls)


@both
async def test_the_end_of_the_peer_is_told_once(open_one: Open) -> None:
    """A half-closed peer: ``eof_received``, then ``connection_lost``, each once."""
    link = Recorder()
    async with open_one(link, ROOMY) as peer:
        await peer.send_eof()
        await until(lambda: "eof" in link.calls)
        await peer.aclose()
        await until(lambda: "lost" in link.calls)

        assert link.calls == ["connected", "eof", "lost"]


@both
async def test_nothing_is_told_while_reading_is_paused(open_one: Open) -> None:
    """What the client sends meanwhile waits, and comes after ``resume_reading``."""
    link = Recorder()
    async with open_one(link, ROOMY) as peer:
        link.transport.pause_reading()
        await peer.send_all(b"a")
        await trio.testing.wait_all_tasks_blocked(0.01)
        await peer.send_all(b"b")
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert link.data == b""
        assert not link.transport.is_reading
        link.transport.resume_reading()
        await until(lambda: link.data == b"ab")


@both
async def test_above_the_soft_bound_nothing_more_is_read(open_one: Open) -> None:
    """A client that does not read is not listened to, and heard again when it has caught up."""
    link = Recorder()
    limits = TransportLimits(soft_bytes=20_000, hard_bytes=10_000_000, write_seconds=60)
    async with open_one(link, limits) as peer:
        sent = 0
        while link.transport.is_reading:
            link.transport.write(b"x" * 5_000)
            sent += 5_000
        while sent:
            sent -= len(await peer.receive_some(65536))
        await until(lambda: link.transport.is_reading)
        await peer.send_all(b"again")
        await until(lambda: link.data == b"again")


@both
async def test_beyond_the_hard_bound_a_client_is_too_slow(open_one: Open) -> None:
    """Told once; what a connection still says after discarding gets to a client that reads on."""
    link = Recorder()
    async with open_one(link, QUICK) as peer:
        while "slow" not in link.calls:
            link.transport.write(b"x" * 50_000)
            await trio.lowlevel.checkpoint()
        rest = await read_to_end(peer)

        assert rest.endswith(b"bye")
        assert link.calls.count("slow") == 1


@both
async def test_a_client_that_takes_nothing_for_too_long_is_too_slow(open_one: Open) -> None:
    """Below the bound, but stuck: the write deadline ends it."""
    link = Recorder()
    async with open_one(link, QUICK):
        link.transport.write(b"x" * 150_000)
        await until(lambda: "lost" in link.calls)

        assert link.calls == ["connected", "slow", "lost"]


@both
async def test_abort_ends_at_once(open_one: Open) -> None:
    """Nothing more is sent; ``connection_lost`` follows."""
    link = Recorder()
    async with open_one(link, ROOMY):
        link.transport.abort()
        assert "lost" not in link.calls
        await until(lambda: link.calls == ["connected", "lost"])


@both
async def test_a_bug_of_a_connection_costs_only_that_connection(open_one: Open) -> None:
    """An exception in ``data_received`` ends the connection; the task that drives it lives on."""
    link = Recorder()
    link.fails = True
    async with open_one(link, ROOMY) as peer:
        await peer.send_all(b"x")
        await until(lambda: link.calls == ["connected", "lost"])


@both
async def test_cancellation_tells_every_connection(open_one: Open) -> None:
    """When the server stops, each connection hears that it is lost."""
    link = Recorder()
    async with open_one(link, ROOMY):
        pass

    assert link.calls == ["connected", "lost"]
