"""What happens when nothing happens, on virtual time."""

import pytest
import trio
import trio.testing

from sessiond.core.codes import CloseCode
from sessiond.core.session.inputs import Join, Leave
from tests.edges.websocket.pure import open_pure


async def test_a_silent_client_is_closed(autojump_clock: trio.testing.MockClock) -> None:
    """Sixty seconds without a byte; up to one interval of the watch later."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure()
        await nursery.start(pure.door.run)
        pure.join()
        await trio.sleep(59)
        assert not pure.transport.is_closed
        await trio.sleep(8)

        assert pure.close_code() == CloseCode.HEARTBEAT_TIMEOUT.number
        nursery.cancel_scope.cancel()


async def test_a_heartbeat_keeps_a_client(autojump_clock: trio.testing.MockClock) -> None:
    """Stock clients send one each 30 s and are never closed for silence."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure()
        await nursery.start(pure.door.run)
        for _ in range(20):
            await trio.sleep(30)
            pure.send(None, "1", "phoenix", "heartbeat", {})

        assert not pure.transport.is_closed
        nursery.cancel_scope.cancel()


async def test_a_client_we_do_not_read_is_not_silent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Silence never closes a socket that *we* stopped reading; the clock starts when we read again."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure()
        await nursery.start(pure.door.run)
        pure.transport.pause_reading()
        await trio.sleep(500)
        assert pure.close_code() is None
        pure.transport.resume_reading()
        await trio.sleep(59)
        assert pure.close_code() is None
        await trio.sleep(8)

        assert pure.close_code() == CloseCode.HEARTBEAT_TIMEOUT.number
        nursery.cancel_scope.cancel()


async def test_an_expired_token_closes_the_live_socket(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """4002, after phx_close on the joined topic: a stock client must not come back with it."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure(token="alice@20")
        await nursery.start(pure.door.run)
        pure.join()
        await trio.sleep(19)
        assert not pure.transport.is_closed
        await trio.sleep(7)

        assert pure.close_code() == CloseCode.TOKEN_EXPIRED.number
        assert [frame.event for frame in pure.frames()] == ["phx_close"]
        assert isinstance(pure.actor.mailbox[-1][0], Leave)
        nursery.cancel_scope.cancel()


async def test_a_join_without_an_answer_is_unavailable(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Answered within 8 s and undone: a Leave follows, and a late answer changes nothing."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure()
        await nursery.start(pure.door.run)
        pure.send("1", "1", "user:alice", "phx_join", {})
        await trio.sleep(6)
        assert pure.frames() == []
        await trio.sleep(2)
        (frame,) = pure.frames()
        assert frame.payload["response"]["code"] == "unavailable"
        assert frame.payload["response"]["retry_after"] > 0
        assert [type(item) for item, _ in pure.actor.mailbox] == [Join, Leave]
        pure.work()
        pure.actor.push("news", {})

        assert pure.frames() == []
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answer", ["in time", "gone"])
async def test_nothing_is_left_of_a_settled_join(
    answer: str, autojump_clock: trio.testing.MockClock
) -> None:
    """Answered joins and joins of lost connections are not waited for."""
    async with trio.open_nursery() as nursery:
        pure = await open_pure()
        await nursery.start(pure.door.run)
        pure.send("1", "1", "user:alice", "phx_join", {})
        if answer == "in time":
            pure.work()
        else:
            pure.connection.connection_lost()
        pure.frames()
        await trio.sleep(10)

        assert pure.frames() == []
        assert pure.connection.context.joins == {}
        nursery.cancel_scope.cancel()
