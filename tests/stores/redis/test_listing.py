"""Listings over 256 partitions are in one order, and each page goes on where the last one ended."""

from itertools import pairwise

from sessiond.core.ids import UserId
from sessiond.core.records import DeadLetter
from sessiond.testing.stores import StoreRig
from sessiond.testing.stores.rig import NOW, USER, neighbours
from tests.redis_server import RedisServer


async def test_users_of_one_crowded_partition_are_listed(rig: StoreRig) -> None:
    """More users in one partition than are read from it in one go, and some elsewhere."""
    crowd = [*neighbours(40), *(UserId(f"else-{n:03}") for n in range(40))]
    await rig.send(*(rig.change(user, snapshot=b"12345") for user in crowd))
    pages = []
    after = ""
    while page := await rig.store.users(after=after, limit=7):
        pages.append(page)
        after = page[-1].user

    listed = [row.user for page in pages for row in page]
    assert listed == sorted(crowd)
    assert {row.snapshot_bytes for page in pages for row in page} == {5}


async def test_second_snapshot_is_measured(rig: StoreRig) -> None:
    """The size listed is that of the current snapshot, whichever slot it is in."""
    for version, size in enumerate((3, 5, 7)):
        await rig.apply(version=version, snapshot=b"x" * size)
        (row,) = await rig.store.users()
        assert (row.version, row.snapshot_bytes) == (version + 1, size)


async def test_user_in_the_index_without_a_record_is_left_out(
    rig: StoreRig, redis_server: RedisServer
) -> None:
    """A user who is deleted while the list is made is not listed, and the page is still full."""
    crowd = neighbours(6)
    await rig.send(*(rig.change(user, snapshot=b"1") for user in crowd))
    with redis_server.client() as client:
        (record,) = client.keys(f"*:u:{crowd[1]}")
        client.delete(record)

    rows = await rig.store.users(limit=3)
    assert [row.user for row in rows] == [crowd[0], *crowd[2:4]]


async def test_dead_letters_of_many_partitions_are_in_order(cluster_rig: StoreRig) -> None:
    """Also filtered by user over several pages, and dropped wherever they are."""
    users = [USER, *(UserId(f"else-{n:03}") for n in range(9))]
    for n, user in enumerate(users):
        letters = tuple(
            DeadLetter(f"{k:03}-{n}", user, "hook:x", b"body", "error", NOW, 2) for k in range(9)
        )
        await cluster_rig.apply(user, dead_letters=letters)

    store = cluster_rig.store
    listed = await store.dead_letters(limit=1000)
    mine = await store.dead_letters(user=USER, after="002-0", limit=4)
    assert len(listed) == 90
    assert all(a.id < b.id for a, b in pairwise(listed))
    assert [letter.id for letter in mine] == ["003-0", "004-0", "005-0", "006-0"]
    assert await store.drop_dead_letter("004-7") == listed[47]
    assert await store.drop_dead_letter("004-7") is None
    assert len(await store.dead_letters(limit=1000)) == 89
