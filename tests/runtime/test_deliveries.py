"""The deliveries of a node: noted, recovered, bounded, drained, and what operators see of them."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.gateways.accounts import Account, AccountSettings
from sessiond.core.gateways.messages import ProviderResponse
from sessiond.core.ids import UserId
from sessiond.core.operations import UnknownTarget
from sessiond.gateways.nalo import Nalo, NaloSettings
from sessiond.stores.memory import MemoryStore
from tests.runtime.delivering import ANN, BOB, account, answered, message, open_office


async def test_nothing_is_lost_by_a_crash(autojump_clock: MockClock) -> None:
    """What was not settled is sent by the next run, in order, before what is new."""
    store = MemoryStore()

    async def hangs() -> ProviderResponse:
        await trio.sleep_forever()
        raise AssertionError

    async with open_office(store=store, script=[hangs]) as office:
        await office.actors.commit(ANN, tuple(message(n) for n in range(5)))
        await wait_all_tasks_blocked()
        assert office.provider.order == ["ann/0"]
        versions = office.actors.versions
    async with open_office(store=store) as office:
        office.actors.versions = versions
        await office.actors.commit(ANN, (message(5),))
        await office.drained()

    assert office.provider.order == [f"ann/{n}" for n in range(6)]


async def test_memory_is_bounded(autojump_clock: MockClock) -> None:
    """Whatever comes in or was left, no more than the limit is in memory; all is sent once, each person's in order."""
    users = [UserId(f"u{number}") for number in range(40)]
    left = {user: [message(n, user) for n in range(3)] for user in users}
    seen = []

    async def takes_a_while() -> ProviderResponse:
        seen.append(len(office.deliveries))
        await trio.sleep(1)
        return answered()

    async with open_office(left=left, limit=32, script=[takes_a_while] * 200) as office:
        for number in range(3, 5):
            for user in users:
                await office.actors.commit(user, (message(number, user),))
            await trio.sleep(2)
        (row,) = office.deliveries.accounts()
        await office.drained()

    assert row.has_more
    assert 24 < max(seen) <= 32
    assert len(office.provider.order) == 200
    for user in users:
        mine = [name for name in office.provider.order if name.startswith(f"{user}/")]
        assert mine == [f"{user}/{n}" for n in range(5)]


async def test_an_account_that_is_stopped_leaves_room_for_others(autojump_clock: MockClock) -> None:
    """Its share of the memory is full, and stays so."""
    left = {ANN: [message(n) for n in range(100)]}
    accounts = (account(), account("bank"))
    async with open_office(*accounts, left=left, limit=32, script=[answered(401)]) as office:
        await trio.sleep(10)
        for number in (1, 2):
            await office.actors.commit(BOB, (message(number, BOB, "bank"),))
        await trio.sleep(10)
        rows = {row.account: row for row in office.deliveries.accounts()}
        order = list(office.provider.order)
        office.deliveries.resume("shop")
        await office.drained()

    assert order[1:] == ["bob/1", "bob/2"]
    assert (rows["shop"].waiting, rows["shop"].has_more) == (16, True)
    assert rows["bank"].waiting == 0
    assert [name for name in office.provider.order if "ann" in name][1:] == [
        f"ann/{n}" for n in range(100)
    ]


async def test_nothing_is_sent_to_somebody_who_was_erased(autojump_clock: MockClock) -> None:
    """What was in memory is forgotten; others' messages are not."""
    async with open_office(script=[answered(503), answered(503)]) as office:
        await office.actors.commit(ANN, (message(1), message(2)))
        await wait_all_tasks_blocked()
        await office.actors.commit(BOB, (message(1, BOB),))
        await wait_all_tasks_blocked()
        office.deliveries.forget(ANN)
        await office.drained()

    assert office.provider.order == ["ann/1", "bob/1", "bob/1"]


async def test_a_drain_makes_no_new_calls_and_lets_those_under_way_end(
    autojump_clock: MockClock,
) -> None:
    """Also their results are taken; the rest stays for the next run."""

    async def takes_long() -> ProviderResponse:
        await trio.sleep(2)
        return answered()

    async with open_office(script=[takes_long]) as office:
        await office.actors.commit(ANN, (message(1), message(2)))
        await wait_all_tasks_blocked()
        office.deliveries.stop()
        await office.actors.commit(BOB, (message(1, BOB),))
        await office.deliveries.wait_idle()
        taken = [item.delivery for _, item in office.actors.settled]
        await trio.sleep(100)
        await office.deliveries.wait_idle()

    assert taken == [message(1).id]
    assert office.provider.order == ["ann/1"]


async def test_operators_see_every_account(autojump_clock: MockClock) -> None:
    """Also those that only answer; calls under way are counted."""

    async def hangs() -> ProviderResponse:
        await trio.sleep_forever()
        raise AssertionError

    line = Account("line", AccountSettings(gateway="nalo"), Nalo(NaloSettings(tokens=("t" * 16,))))
    async with open_office(account(), line, script=[hangs]) as office:
        await office.actors.commit(ANN, (message(1), message(2)))
        await wait_all_tasks_blocked()
        answering, calling = office.deliveries.accounts()

    assert (answering.account, answering.kind, answering.sends) == ("line", "nalo", False)
    assert (calling.account, calling.kind, calling.sends) == ("shop", "post", True)
    assert (calling.waiting, calling.calls, calling.has_more) == (2, 1, False)


@pytest.mark.parametrize("name", ["line", "nobody", ""])
async def test_what_makes_no_calls_cannot_be_resumed(name: str, autojump_clock: MockClock) -> None:
    """Nor what is not there."""
    line = Account("line", AccountSettings(gateway="nalo"), Nalo(NaloSettings(tokens=("t" * 16,))))
    async with open_office(account(), line) as office:
        with pytest.raises(UnknownTarget, match=r"no account '.*' that sends \(there are: shop\)"):
            office.deliveries.resume(name)


@pytest.mark.parametrize("status", [429, 503])
async def test_resuming_ends_every_wait(status: int, autojump_clock: MockClock) -> None:
    """Of the account and of the person who met it: an operator knows that the provider is back. Nothing was stopped."""
    async with open_office(script=[answered(status, retry_after="3000")]) as office:
        await office.actors.commit(ANN, (message(1),))
        await wait_all_tasks_blocked()
        await office.actors.commit(BOB, (message(1, BOB),))
        await wait_all_tasks_blocked()
        office.deliveries.resume("shop")
        await wait_all_tasks_blocked()
        order, now = list(office.provider.order), trio.current_time()

    assert (order[0], sorted(order[1:]), now) == ("ann/1", ["ann/1", "bob/1"], 0)
    assert office.happened("gateway.resumed") == []
