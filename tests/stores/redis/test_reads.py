"""Reading is bounded by what is asked for."""

from sessiond.core.ids import partition_of
from sessiond.core.records import Delivery, Frame, StreamMark
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NOW, USER, neighbours
from tests.redis_server import RedisServer


async def test_only_missed_frames_leave_redis(rig: StoreRig, redis_server: RedisServer) -> None:
    """A client that missed one frame of many costs one frame."""
    frames = tuple(Frame(n, NOW, b"m" * 1000) for n in range(1, 201))
    await rig.apply(stream=StreamMark("e", head=200), frames=frames)
    await rig.store.frames(USER, partition_of(USER), 0)
    with redis_server.client() as client:
        before = client.info("stats")["total_net_output_bytes"]
        found = await rig.store.frames(USER, partition_of(USER), 199)
        after = client.info("stats")["total_net_output_bytes"]

    assert found == frames[199:]
    assert after - before < 20_000  # the two INFO replies are in it


async def test_deliveries_of_several_users_are_in_the_order_of_their_ids(rig: StoreRig) -> None:
    """Ids with separators in them are what they were."""
    one, two = neighbours(2)
    await rig.apply(one, deliveries=(Delivery("b:1", NOW + 2, b"2"), Delivery("a", NOW, b"0")))
    await rig.apply(two, deliveries=(Delivery("c", NOW + 1.5, b"x:y"),))

    found = await rig.store.deliveries(partition_of(USER))
    assert found == (
        (one, Delivery("a", NOW, b"0")),
        (one, Delivery("b:1", NOW + 2, b"2")),
        (two, Delivery("c", NOW + 1.5, b"x:y")),
    )
    assert await rig.store.deliveries(partition_of(USER), limit=1) == found[:1]
