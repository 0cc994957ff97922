"""The poller itself; the contract of its transports is in test_transport.py."""

import socket

import pytest
import trio

from sessiond.net.poll import Poller
from tests.net.links import Recorder


async def test_a_poller_closes_what_it_adopted_and_says_so() -> None:
    """``on_gone`` is called when the socket is closed: the place is free again."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    gone = trio.Event()
    link = Recorder()
    async with trio.open_nursery() as nursery:
        poller = Poller()
        await nursery.start(poller.run)
        poller.adopt(ours, link, b"early", gone.set)
        assert len(poller) == 1
        assert link.data == b"early"
        theirs.close()
        with trio.fail_after(5):
            await gone.wait()
        assert len(poller) == 0
        assert ours.fileno() == -1
        nursery.cancel_scope.cancel()


async def test_thousand_writes_of_a_round_are_few_system_calls() -> None:
    """Nothing goes out while a task runs; then everything it wrote goes out together, in order."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    link = Recorder()
    async with trio.open_nursery() as nursery:
        poller = Poller()
        await nursery.start(poller.run)
        poller.adopt(ours, link)
        for number in range(1000):
            link.transport.write(b"%03d" % number)
        with pytest.raises(BlockingIOError):
            theirs.recv(65536)
        received, reads = b"", 0
        with trio.fail_after(5):
            while len(received) < 3000:
                await trio.lowlevel.wait_readable(theirs)
                received += theirs.recv(65536)
                reads += 1
        assert received == b"".join(b"%03d" % number for number in range(1000))
        assert reads < 20
        theirs.close()
        nursery.cancel_scope.cancel()
