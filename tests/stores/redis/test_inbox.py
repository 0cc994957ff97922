"""The duplicate window of accepted inputs does not grow for ever."""

from sessiond.core.ids import partition_of
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NOW, USER, arrival
from tests.redis_server import RedisServer


async def test_expired_ids_are_cleared_away(rig: StoreRig, redis_server: RedisServer) -> None:
    """Of 192 ids that were kept for a second each, only recent ones are left in Redis."""
    for n in range(192):
        await rig.accept(arrival(f"m{n}", at=NOW + 2 * n, keep_seconds=1.0))

    with redis_server.client() as client:
        window = f"sessiond:{{p{partition_of(USER):03d}}}:d:{USER}"
        assert 0 < client.hlen(window) <= 64


async def test_long_inbox_is_read_page_by_page(rig: StoreRig) -> None:
    """A user's own entries are found by number, not by looking through everybody's."""
    await rig.accept(*(arrival(f"m{n}") for n in range(30)))
    partition = partition_of(USER)

    for user in (None, USER):
        first = await rig.store.pending(partition, limit=12, user=user)
        rest = await rig.store.pending(partition, after=first[-1].seq, user=user)
        assert [entry.body for entry in (*first, *rest)] == [b"m%d" % n for n in range(30)]
