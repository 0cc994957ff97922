"""What operators see of one session."""

import pytest
from trio.testing import MockClock

from sessiond.core.gateways.dials import LastRequest
from sessiond.core.gateways.inputs import DeliverySettled
from sessiond.core.gateways.lines import Line, encode_line
from sessiond.core.gateways.port import WindowClosed
from sessiond.core.ids import partition_of
from sessiond.core.operations import LineDetail, UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.core.session.phases import Phase
from sessiond.runtime.session_details import describe_line
from sessiond.testing.world import open_world
from tests.runtime.gateway_worlds import ANN as AMA
from tests.runtime.gateway_worlds import FALLBACK, accept, greeter, heard, stored, whatsapp
from tests.runtime.test_operations import ANN, NOBODY, app, settled_ann


async def test_a_session_in_memory_is_described(autojump_clock: MockClock) -> None:
    """Data, connections, stream, timers and counts, as the last turn left them."""
    async with open_world(app) as world:
        await settled_ann(world)
        detail = await world.operations.session(ANN)

        assert detail.data == {"a": 1}
        assert detail.row.phase is Phase.ATTACHED
        assert (detail.version, detail.turns, detail.window_ids) == (2, 2, 1)
        assert (detail.stream.head, detail.stream.floor) == (1, 0)
        assert {timer.name for timer in detail.timers} == {"$window", "later"}
        (connection,) = detail.connections
        assert (connection.device, connection.meta) == ("phone", {"app": "1.2"})
        assert detail.snapshot_bytes > 0
        assert detail.can_roll_back


async def test_a_passive_session_is_described_without_waking_it(autojump_clock: MockClock) -> None:
    """From its record; somebody without one is unknown."""
    async with open_world(app) as world:
        await settled_ann(world)
        await world.restart()
        detail = await world.operations.session(ANN)

        assert (detail.data, detail.row.connections, detail.version) == ({"a": 1}, 0, 2)
        assert not world.is_resident("ann")
        with pytest.raises(UnknownTarget):
            await world.operations.session(NOBODY)


async def test_a_record_that_cannot_be_read_is_still_described(autojump_clock: MockClock) -> None:
    """Size and version of what is there; no data."""
    async with open_world(app) as world:
        await settled_ann(world)
        await world.restart()
        commit = UserCommit(
            user=ANN,
            partition=partition_of(ANN),
            commit_id=b"." * 16,
            expected_version=2,
            snapshot=b"nonsense",
        )
        await world.store.commit([commit], world.node.ownership.fences)
        detail = await world.operations.session(ANN)

        assert (detail.data, detail.version, detail.snapshot_bytes) == ({}, 3, 8)


async def test_the_accounts_that_he_wrote_on_are_described(autojump_clock: MockClock) -> None:
    """With what waits on them, and not where he is reached; one that cannot be read is named."""
    shop = whatsapp(fallback_template=FALLBACK)
    async with open_world(greeter(), accounts=(shop,)) as world:
        await accept(world, heard("hi", shop), "shop", "m-1")
        wrote_at = world.clock.now()
        (first, *_) = await stored(world)
        closed = DeliverySettled(first.id, first.body, WindowClosed("131047"), 1)
        await world.ref(AMA).ask(closed, timeout=10)
        detail = await world.operations.session(AMA)

    assert detail.lines == (LineDetail(account="shop", heard_at=wrote_at, held=1),)
    dialled = encode_line(Line(last=LastRequest(session="s1")))
    assert describe_line("line", dialled) == LineDetail(account="line", answers_only=True)
    assert describe_line("shop", b"{").unreadable == "not a line (DecodeError)"
