"""A faulty store fails exactly as it was told, and otherwise is the store behind it."""

from contextlib import nullcontext

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.errors import Fenced, InvalidInput, StoreUnavailable
from sessiond.core.ids import partition_of
from sessiond.core.ports import Store
from sessiond.core.records import Verdict, VerdictStatus
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.stores import STORE_CHECKS, Check, StoreRig, open_rig
from sessiond.testing.stores.rig import USER

PARTITION = partition_of(USER)


@pytest.fixture
def faulty() -> FaultyStore:
    return FaultyStore(MemoryStore(max_commit_bytes=64 * 1024))


@pytest.fixture
async def rig(faulty: FaultyStore) -> StoreRig:
    rig = StoreRig(lambda: nullcontext(faulty), max_commit_bytes=64 * 1024)
    await rig.open()
    await rig.acquire()
    return rig


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_without_faults_it_keeps_the_contract(check: Check, faulty: FaultyStore) -> None:
    """Everything is passed on as it is."""
    with trio.fail_after(30):
        async with open_rig(lambda: nullcontext(faulty), max_commit_bytes=64 * 1024) as fresh:
            await check(fresh)


def test_every_method_of_the_port_can_fail() -> None:
    """Each is counted and can be scripted under its own name."""
    methods = {name for name in vars(Store) if not name.startswith("_")}

    assert methods <= set(dir(FaultyStore))


async def test_a_failed_call_changed_nothing(faulty: FaultyStore, rig: StoreRig) -> None:
    """It is counted; the next one, sent again, is applied."""
    faulty.fail("commit", times=2)
    commit = rig.change(snapshot=b"s")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await rig.send(commit)

    assert await faulty.inner.load(USER, PARTITION) is None
    assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)
    assert faulty.calls["commit"] == 3


async def test_a_lost_answer_was_applied(faulty: FaultyStore, rig: StoreRig) -> None:
    """Sent again it is recognised."""
    faulty.lose_answer("commit")
    commit = rig.change(journal=(b"once",))
    with pytest.raises(StoreUnavailable):
        await rig.send(commit)

    assert await faulty.inner.journal(USER, PARTITION) == (b"once",)
    assert await rig.send(commit) == (Verdict(VerdictStatus.APPLIED, 1),)
    assert await faulty.inner.journal(USER, PARTITION) == (b"once",)


async def test_faults_come_in_the_order_of_the_script(faulty: FaultyStore, rig: StoreRig) -> None:
    """Each method has its own script, with errors of one's choice."""
    faulty.fail("load", error=Fenced("scripted"))
    faulty.fail("load")
    with pytest.raises(Fenced):
        await rig.store.load(USER, PARTITION)
    await rig.store.check()
    with pytest.raises(StoreUnavailable):
        await rig.store.load(USER, PARTITION)
    assert await rig.store.load(USER, PARTITION) is None


async def test_it_goes_away_and_comes_back(faulty: FaultyStore, rig: StoreRig) -> None:
    """All methods, or those named."""
    faulty.go_away("commit")
    await rig.store.check()
    with pytest.raises(StoreUnavailable):
        await rig.apply()
    faulty.go_away()
    with pytest.raises(StoreUnavailable):
        await rig.store.check()
    faulty.come_back()
    await rig.apply()


async def test_held_calls_wait_until_they_are_let_go(
    faulty: FaultyStore, rig: StoreRig, autojump_clock: MockClock
) -> None:
    """Nothing is applied while they wait, and a cancelled one never is."""
    faulty.hold("commit")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.apply)
        with trio.fail_after(1):
            await faulty.wait_held("commit")
        await wait_all_tasks_blocked()
        assert await faulty.inner.load(USER, PARTITION) is None
        with trio.move_on_after(1) as scope:
            await rig.send(rig.change(version=1))
        assert scope.cancelled_caught
        assert faulty.waiting["commit"] == 1
        faulty.let_go("commit")

    loaded = await faulty.inner.load(USER, PARTITION)
    assert loaded is not None
    assert loaded.version == 1
    await rig.apply(version=1)


def test_a_typo_in_a_script_is_found(faulty: FaultyStore) -> None:
    """A fault that would never come is an error at once."""
    with pytest.raises(InvalidInput, match="comit"):
        faulty.fail("comit")
