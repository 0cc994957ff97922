"""Checks of deliveries: calls to providers that stay until a commit says that they are done."""

from sessiond.core.gateways.outgoing import delivery_id
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import NO_DELIVERY, Delivery
from sessiond.testing.stores.rig import NOW, USER, StoreRig, neighbours, stranger

__all__ = ["CHECKS"]

PARTITION = partition_of(USER)


def numbered(user: UserId, number: int, due: float = NOW) -> Delivery:
    """Make a delivery as turns do."""
    return Delivery(delivery_id(user, number), due, b"%d" % number)


async def deliveries_stay_until_done(rig: StoreRig) -> None:
    """In the order of their ids, over the users of a partition; done ones are gone, the others are never trimmed."""
    (other,) = neighbours(1)
    first, last = Delivery("d1", NOW + 9, b"first"), Delivery("d3", NOW + 1, b"last")
    between = Delivery("d2", NOW + 5, b"between")
    await rig.apply(deliveries=(last, first))
    await rig.apply(other, deliveries=(between,))
    assert await rig.store.deliveries(PARTITION) == ((USER, first), (other, between), (USER, last))
    assert await rig.store.deliveries(PARTITION, limit=1) == ((USER, first),)

    await rig.apply(version=1, deliveries_done=("d1", "unknown"))
    assert await rig.store.deliveries(PARTITION) == ((other, between), (USER, last))


async def deliveries_of_one_user_are_in_the_order_of_his_turns(rig: StoreRig) -> None:
    """Whatever the clock did between them."""
    for number in range(12):
        await rig.apply(version=number, deliveries=(numbered(USER, number, NOW - number),))
    found = await rig.store.deliveries(PARTITION)
    assert [delivery.body for _, delivery in found] == [b"%d" % number for number in range(12)]


async def deliveries_are_read_page_by_page(rig: StoreRig) -> None:
    """Each page begins above the last row of the one before; an empty one is the end; nothing is told twice."""
    users = [USER, *neighbours(2)]
    for version in range(3):
        for user in users:
            await rig.apply(user, version, deliveries=(numbered(user, version),))
    found, after = list[tuple[UserId, Delivery]](), NO_DELIVERY
    while page := await rig.store.deliveries(PARTITION, after=after, limit=2):
        found += page
        assert len(found) <= 9
        user, last = page[-1]
        after = (last.id, user)

    assert tuple(found) == await rig.store.deliveries(PARTITION)
    assert len(found) == len({(user, delivery.id) for user, delivery in found}) == 9


async def pages_of_deliveries_hold_while_some_are_done(rig: StoreRig) -> None:
    """What is done between two pages moves nothing; the last row of a page may be gone itself."""
    await rig.apply(deliveries=tuple(numbered(USER, number) for number in range(4)))
    _, (_, second) = await rig.store.deliveries(PARTITION, limit=2)
    await rig.apply(version=1, deliveries_done=(second.id,))

    rest = await rig.store.deliveries(PARTITION, after=(second.id, USER))
    assert [delivery.body for _, delivery in rest] == [b"2", b"3"]


async def pages_of_deliveries_tell_users_with_one_id_apart(rig: StoreRig) -> None:
    """The page after one user's delivery begins with the next user's, also when the ids are equal."""
    users = sorted([USER, *neighbours(2)])
    for user in users:
        await rig.apply(user, deliveries=(Delivery("d1", NOW, user.encode()),))

    assert [user for user, _ in await rig.store.deliveries(PARTITION)] == users
    rest = await rig.store.deliveries(PARTITION, after=("d1", users[0]))
    assert [user for user, _ in rest] == users[1:]


async def a_delivery_can_be_put_off(rig: StoreRig) -> None:
    """The same id again replaces it: a failed call is tried later."""
    await rig.apply(deliveries=(Delivery("d1", NOW, b"call"),))
    again = Delivery("d1", NOW + 60, b"call, second try")
    await rig.apply(version=1, deliveries=(again,))
    assert await rig.store.deliveries(PARTITION) == ((USER, again),)


async def deliveries_of_other_partitions_are_not_shown(rig: StoreRig) -> None:
    """A partition's owner sees its own deliveries."""
    far = stranger()
    await rig.apply(far, deliveries=(Delivery("d1", NOW, b"call"),))
    assert await rig.store.deliveries(PARTITION) == ()


async def deliveries_done_is_of_one_user(rig: StoreRig) -> None:
    """Two users may use the same delivery id."""
    (other,) = neighbours(1)
    await rig.apply(deliveries=(Delivery("d1", NOW, b"mine"),))
    await rig.apply(other, deliveries=(Delivery("d1", NOW, b"his"),))
    await rig.apply(version=1, deliveries_done=("d1",))
    assert await rig.store.deliveries(PARTITION) == ((other, Delivery("d1", NOW, b"his")),)


CHECKS = (
    deliveries_stay_until_done,
    deliveries_of_one_user_are_in_the_order_of_his_turns,
    deliveries_are_read_page_by_page,
    pages_of_deliveries_hold_while_some_are_done,
    pages_of_deliveries_tell_users_with_one_id_apart,
    a_delivery_can_be_put_off,
    deliveries_of_other_partitions_are_not_shown,
    deliveries_done_is_of_one_user,
)
