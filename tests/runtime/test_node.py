"""A node as a whole: start, drain, readiness, the resident cap; and cancelled at every step of its life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.codes import CloseCode
from sessiond.core.errors import InvalidInput, Refused, StoreInUse, StoreUnavailable
from sessiond.core.ids import NodeId, Partition, UserId, input_digest, partition_of
from sessiond.core.records import Fence, UserCommit, Verdict
from sessiond.core.session.inputs import HookCall, RollBack
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.drain import DrainSettings
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.node import NodePolicy, NodeRuntime
from sessiond.runtime.restart import RestartPolicy
from sessiond.runtime.services import ActorPolicy
from sessiond.stores.memory import MemoryStore
from sessiond.testing.connections import Connection, Reply
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")
POLICY = NodePolicy(
    session=SessionLimits(), actor=ActorPolicy(), restart=RestartPolicy(), drain=DrainSettings()
)

app = App(timeout=5)


@app.on("add")
async def add(session: Session, payload: dict) -> dict:
    await trio.lowlevel.checkpoint()
    session.data.setdefault("items", []).append(payload["item"])
    session.push("added", payload)
    return {"items": len(session.data["items"])}


@app.on("slow")
async def slow(session: Session, payload: dict) -> None:
    await trio.sleep(payload["seconds"])
    session.data["slow"] = True


@app.on("relaxed", durability="relaxed")
async def relaxed(session: Session, payload: dict) -> None:
    session.data["relaxed"] = True


@app.on("remind")
async def remind(session: Session, payload: dict) -> None:
    session.set_timer("remind", after=payload["after"])


@app.on_timer("remind")
async def reminded(session: Session, payload: object) -> None:
    session.data["reminded"] = session.data.get("reminded", 0) + 1


@app.on_webhook("job")
async def job(session: Session, payload: dict) -> None:
    await trio.lowlevel.checkpoint()
    session.data.setdefault("jobs", []).append(payload["n"])


@app.on_webhook("wait", wait=True)
async def wait(session: Session, payload: dict) -> None:
    session.data["waited"] = True


# Start


async def test_what_was_accepted_before_runs_first(autojump_clock: MockClock) -> None:
    """Left by an earlier run, it is applied before anything newer of the same user, in order, once."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        phone.send("slow", {"seconds": 4})
        for n in range(3):
            await world.webhook("ann", {"n": n}, name="job")
        await world.restart()
        await world.webhook("ann", {"n": 3}, name="job")
        await trio.sleep(1)

        assert await world.data("ann") == {"jobs": [0, 1, 2, 3]}


async def test_a_store_in_use_is_an_error_at_the_start(autojump_clock: MockClock) -> None:
    """Two nodes of different names: the second does not start."""
    store = MemoryStore()
    async with open_world(app, store=store):
        clock = SystemClock()
        second = NodeRuntime(
            NodeId("second"), store, app, POLICY, clock=clock, entropy=SeededEntropy(1)
        )
        with pytest.raises(StoreInUse):
            await second.run()


async def test_a_store_that_is_away_at_the_start_is_waited_for(autojump_clock: MockClock) -> None:
    """Until it comes everybody is refused and nothing is taken; then the node starts by itself."""
    store = FaultyStore(MemoryStore())
    store.go_away("acquire")
    clock = SystemClock()
    node = NodeRuntime(NodeId("n"), store, app, POLICY, clock=clock, entropy=SeededEntropy(1))
    started = trio.Event()

    async def run() -> None:
        await nursery.start(node.run)
        started.set()

    async with trio.open_nursery() as nursery:
        assert node.not_ready() == ["starting"]
        nursery.start_soon(run)
        await trio.sleep(600)
        assert not started.is_set()
        assert node.not_ready() == ["starting", "the store is away"]
        ask = node.directory.locate(ANN).ask(HookCall("wait", {}), timeout=1)
        with pytest.raises(Refused) as refused:
            await ask
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 1.0)
        with pytest.raises(StoreUnavailable):
            await node.intake.accept(ANN, "hook:job", b'{"n":1}', input_digest("hook:job", "1"))
        store.come_back()
        await started.wait()
        assert node.not_ready() == []
        await node.directory.locate(ANN).ask(HookCall("wait", {}), timeout=1)
        await node.intake.accept(ANN, "hook:job", b'{"n":1}', input_digest("hook:job", "1"))
        nursery.cancel_scope.cancel()


async def test_a_node_that_lost_its_lease_stops(autojump_clock: MockClock) -> None:
    """Its run returns, and it says that it is not ready."""
    store = FaultyStore(MemoryStore())
    clock = SystemClock()
    node = NodeRuntime(NodeId("n"), store, app, POLICY, clock=clock, entropy=SeededEntropy(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(node.run)
        assert node.not_ready() == []
        store.go_away("renew")

    assert node.ownership.lost.is_set()
    assert "the lease is not held" in node.not_ready()


async def test_over_the_resident_cap_the_longest_silent_leave(autojump_clock: MockClock) -> None:
    """Detached users go, attached ones stay."""
    policy = evolve(POLICY, resident_sessions=20)
    async with open_world(app, policy=policy) as world:
        phone = await world.join("attached")
        for n in range(40):
            await world.webhook(f"u{n}", {"n": n}, name="job")
            await world.settle()

        assert len(world.node.registry) <= 22
        assert world.is_resident("attached")
        assert phone.is_open
        assert await world.data("u0") == {"jobs": [0]}


# Drain


async def test_a_drain_finishes_what_runs_and_saves_everything(autojump_clock: MockClock) -> None:
    """The running turn is applied and answered; what waited is not; connections close at the end."""
    async with open_world(app) as world:
        phone, other = await world.join("ann"), await world.join("bob")
        await other.push("relaxed", {})
        running = phone.send("slow", {"seconds": 2})
        waiting = phone.send("add", {"item": 1})
        hook = Reply()
        world.ref("ann").tell(HookCall("wait", {}), hook)
        back = Reply()
        world.ref("ann").tell(RollBack(), back)
        await world.webhook("ann", {"n": 1}, name="job")
        await world.settle()
        with hearing("session.passivated", "node.drained") as heard:
            report = await world.drain()

        assert (report.unsaved, report.sessions, report.connections) == ((), 2, 2)
        assert running.is_answered
        assert not waiting.is_answered
        assert await hook.refusal() == await back.refusal() == "draining"
        assert (phone.closed, other.closed) == (CloseCode.DRAINING, CloseCode.DRAINING)
        assert {about.get("reason") for _, _, about in heard} == {"drain", None}
        assert await world.data("ann") == {"slow": True}
        assert await world.data("bob") == {"relaxed": True}
        await world.restart()
        await trio.sleep(1)
        assert await world.data("ann") == {"slow": True, "jobs": [1]}


async def test_a_draining_node_takes_nothing_new(autojump_clock: MockClock) -> None:
    """Doors are told to come back; timers that fall due wake nobody and fire in the next run."""
    async with open_world(app) as world:
        phone, sleeper = await world.join("ann"), await world.join("bob")
        await sleeper.push("remind", {"after": 100})
        sleeper.drop()
        await trio.sleep(98)
        assert not world.is_resident("bob")
        phone.send("slow", {"seconds": 4})
        await world.settle()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.drain)
            await trio.sleep(1)
            with pytest.raises(Refused) as refused:
                await world.webhook("ann", {"n": 1})
            assert refused.value.code == "draining"
            with pytest.raises(Refused):
                world.connect("carol").start_join()
            assert "draining" in world.node.not_ready()
        assert await world.data("bob") == {}
        await world.restart()
        await trio.sleep(5)

        assert await world.data("bob") == {"reminded": 1}


async def test_a_drain_that_cannot_save_says_whose(autojump_clock: MockClock) -> None:
    """The store is away: at the deadline the node goes, naming the users; nothing acknowledged is lost."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        await phone.push("add", {"item": 1})
        store.go_away("commit", "release")
        unanswered = phone.send("add", {"item": 2})
        await world.settle()
        report = await world.drain()
        assert (report.unsaved, report.is_released) == ((ANN,), False)
        assert await unanswered.refusal() == "gone"
        store.come_back()
        await world.restart()

        assert await world.data("ann") == {"items": [1]}


async def test_an_ended_session_does_not_hold_up_a_drain(autojump_clock: MockClock) -> None:
    """Ending and draining at once is no deadlock."""
    store = FaultyStore(MemoryStore())
    async with open_world(app, store=store) as world:
        phone = await world.join("ann")
        store.hold("commit")
        async with trio.open_nursery() as nursery:

            async def let_go() -> None:
                await trio.sleep(1)
                store.let_go("commit")

            async def stop() -> None:
                await world.operations.stop_session(ANN, reason="test", erase=False)

            nursery.start_soon(stop)
            await store.wait_held("commit")
            nursery.start_soon(let_go)
            report = await world.drain()

        assert report.unsaved == ()
        assert phone.closed is CloseCode.ENDED


# Cancelled at every step


class Client:
    """Sends each input until it is acknowledged, with the same id; knows what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.hooks: list[int] = []
        self.seen: list[int] = []

    async def once(self, world: World) -> None:
        """One run: until everything is acknowledged, or the node is gone."""
        phone: Connection = world.connect("ann")
        await phone.join()
        for item in ("a", "b", "c"):
            if item not in self.acknowledged:
                await phone.push("add", {"item": item}, input_id=item)
                self.acknowledged.append(item)
        for n in (1, 2):
            if n not in self.hooks:
                await world.webhook("ann", {"n": n}, name="job", input_id=str(n))
                self.hooks.append(n)
        await phone.push("remind", {"after": 1})
        self.acknowledged.append("timer")


@pytest.mark.parametrize("store_steps", [0, 3])
async def test_a_node_cancelled_at_any_step_loses_nothing(
    autojump_clock: MockClock, store_steps: int
) -> None:
    """Wherever it is cut off: what was acknowledged is there, and repeated inputs are applied once."""
    cuts = 0
    for steps in range(120):
        client = Client()
        store = _SlowStore(store_steps)
        async with open_world(app, store=store, seed=steps) as world:
            if await _cut_off(world, client, steps):
                cuts += 1
            acknowledged, hooks = list(client.acknowledged), list(client.hooks)
            await world.restart()
            await world.settle()
            data = await world.data("ann") or {}
            assert [i for i in acknowledged if i != "timer"] == [
                i for i in data.get("items", []) if i in acknowledged
            ]
            assert set(hooks) <= set(data.get("jobs", []))
            await client.once(world)
            await trio.sleep(5)

            data = await world.data("ann")
            assert data["items"] == ["a", "b", "c"]
            assert sorted(data["jobs"]) == [1, 2]
            assert data["reminded"] in {1, 2}
            assert await store.pending(partition_of(ANN)) == ()
    assert cuts > 20


async def _cut_off(world: World, client: Client, steps: int) -> bool:
    """Let *client* run for so many steps of the scheduler, then kill the node; ``False``: it was through before."""
    cut = False
    async with trio.open_nursery() as nursery:

        async def run() -> None:
            with suppress(InvalidInput):  # the node died before it was called
                await client.once(world)

        nursery.start_soon(run)
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        cut = "timer" not in client.acknowledged
        world.crash()
        nursery.cancel_scope.cancel()
    return cut


class _SlowStore(FaultyStore):
    """A memory store whose commits are applied some steps before they are answered."""

    def __init__(self, steps: int) -> None:
        super().__init__(MemoryStore())
        self._steps = steps

    async def commit(
        self, batch: Sequence[UserCommit], fences: Mapping[Partition, Fence]
    ) -> tuple[Verdict, ...]:
        verdicts = await super().commit(batch, fences)
        for _ in range(self._steps):
            await trio.lowlevel.checkpoint()
        return verdicts
