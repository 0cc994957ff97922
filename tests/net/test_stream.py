"""The stream of an accepted socket (sessiond/net/stream.py)."""

import socket
from contextlib import suppress

import pytest
import trio
import trio.testing

from sessiond.net.listen import open_tcp
from sessiond.net.stream import AcceptedStream


def pair() -> tuple[AcceptedStream, AcceptedStream]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return AcceptedStream(left), AcceptedStream(right)


async def make() -> tuple[AcceptedStream, AcceptedStream]:
    return pair()


async def make_clogged() -> tuple[AcceptedStream, AcceptedStream]:
    left, right = socket.socketpair()
    for sock in (left, right):
        sock.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                sock.send(bytes(65536))
    return AcceptedStream(left), AcceptedStream(right)


async def test_it_is_a_trio_stream() -> None:
    """Trio's own conformance tests pass: checkpoints, ends, closing, cancellation, clogged writes."""
    await trio.testing.check_half_closeable_stream(make, None)
    await trio.testing.check_two_way_stream(make, make_clogged)


async def test_a_reset_is_a_broken_stream() -> None:
    """The client vanished: one exception for every reason."""
    listener = open_tcp("127.0.0.1", 0)[0]
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    accepted.setblocking(False)
    stream = AcceptedStream(accepted)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes((1, 0, 0, 0, 0, 0, 0, 0)))
    client.close()
    with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    with trio.fail_after(5), pytest.raises(trio.BrokenResourceError):
        await stream.send_all(b"x")
    await stream.aclose()
    listener.close()


async def test_large_data_arrives_whole() -> None:
    """More than the kernel takes at once is sent in pieces, in order."""
    left, right = pair()
    data = bytes(range(256)) * 16384
    received = bytearray()

    async def send() -> None:
        await left.send_all(data)
        await left.send_eof()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        while piece := await right.receive_some():
            received += piece
    assert received == data
    await left.aclose()
    await right.aclose()


async def test_what_can_be_sent_at_once_is() -> None:
    """The rest is returned: all of it while nobody reads, an error once nobody can."""
    left, right = pair()

    assert left.send_now(b"hello") == b""
    assert await right.receive_some() == b"hello"
    data = bytes(8_000_000)
    rest = left.send_now(data)
    assert 0 < len(rest) < len(data)
    assert left.send_now(rest) == rest
    await right.aclose()
    with pytest.raises(trio.BrokenResourceError):
        left.send_now(rest)
    await left.aclose()


async def test_what_is_accepted_has_the_listeners_options() -> None:
    """Small frames are not held back for others (Nagle), and little waits unsent in the kernel."""
    listener = open_tcp("127.0.0.1", 0)[0]
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            lowat = getattr(socket, "TCP_NOTSENT_LOWAT", None)
            assert lowat is None or accepted.getsockopt(socket.IPPROTO_TCP, lowat) == 16384


class CountingSocket(socket.socket):
    """A real socket that counts how often it is read."""

    reads = 0

    def recv(self, *args: int) -> bytes:
        self.reads += 1
        return super().recv(*args)


async def test_a_drained_socket_is_not_asked_before_something_comes() -> None:
    """A read that got less than it may take has left nothing: the next one waits first, and costs one call."""
    left, right = socket.socketpair()
    sock = CountingSocket(left.family, left.type, fileno=left.detach())
    sock.setblocking(False)
    stream = AcceptedStream(sock)

    async def say_two() -> None:
        await trio.testing.wait_all_tasks_blocked()
        right.send(b"two")

    right.send(b"one")
    assert await stream.receive_some() == b"one"
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(say_two)
            assert await stream.receive_some(3) == b"two"
    assert sock.reads == 2

    right.send(b"three")
    right.close()
    assert [await stream.receive_some(), await stream.receive_some()] == [b"three", b""]
    await stream.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await stream.receive_some()
