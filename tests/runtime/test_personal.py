"""Everything that is kept of one person: handed out, and removed."""

from __future__ import annotations

import msgspec
import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Session
from sessiond.core.errors import Refused
from sessiond.core.ids import UserId, input_digest, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.core.session.limits import SessionLimits
from sessiond.testing.world import World, open_world

ANN = UserId("ann")
PARTITION = partition_of(ANN)
HOUR = 3600.0


class Shop:
    """An app whose webhooks can be made to fail or to wait, and a user's data of every kind."""

    def __init__(self) -> None:
        self.fails = False
        app = self.app = App()

        @app.on("order")
        async def order(session: Session, payload: dict) -> dict:
            session.data["name"] = payload["name"]
            session.push("ordered", {"name": payload["name"]})
            session.set_timer("ask", after=HOUR, payload={"name": payload["name"]})
            return {"thanks": payload["name"]}

        @app.on_timer("ask")
        async def ask(session: Session, payload: dict) -> None:
            session.push("how was it", payload)

        @app.on_webhook("paid")
        async def paid(session: Session, payload: dict) -> None:
            if self.fails:
                raise ValueError("no")
            session.data["paid"] = payload["n"]

    async def fill(self, world: World) -> None:
        """Give Ann a record, a reply, a frame, a timer, a dead letter, and an input that waits for its retry."""
        phone = await world.join("ann", device="phone")
        await phone.push("order", {"name": "Ann"}, input_id="order-1")
        self.fails = True
        await world.webhook("ann", {"n": 1}, name="paid", input_id="1")
        await trio.sleep(5)
        await world.webhook("ann", {"n": 2}, name="paid", input_id="2")
        await world.settle()
        await (await world.join("bob")).push("order", {"name": "Bob"})


async def is_gone(world: World) -> bool:
    """Tell whether the store has nothing of Ann, not even an id."""
    store = world.store
    loaded = await store.load(ANN, PARTITION)
    pending = await store.pending(PARTITION, user=ANN)
    letters = await store.dead_letters(user=ANN)
    due, _ = await store.due(PARTITION, 1e12, 100)
    frames = await store.frames(ANN, PARTITION, 0)
    reply = await store.reply(ANN, PARTITION, input_digest("order", "order-1"))
    return (loaded, pending, letters, due, frames, reply) == (None, (), (), (), (), None)


async def test_erasing_reaches_every_record(autojump_clock: MockClock) -> None:
    """Record, replies, timers, dead letters, and what was accepted and has not run; others keep theirs."""
    shop = Shop()
    async with open_world(shop.app) as world:
        await shop.fill(world)
        assert len(await world.store.pending(PARTITION, user=ANN)) == 1
        assert len(await world.dead_letters("ann")) == 1
        await world.operations.stop_session(ANN, reason="erase", erase=True)
        assert await is_gone(world)
        shop.fails = False
        await trio.sleep(2 * HOUR)

        assert await is_gone(world)
        assert not world.is_resident("ann")
        assert await world.data("bob") == {"name": "Bob"}
        with pytest.raises(UnknownTarget):
            await world.operations.stop_session(ANN, reason="erase", erase=True)
        # Who comes back is new, also with an input of the same id.
        await world.webhook("ann", {"n": 2}, name="paid", input_id="2")
        await trio.sleep(1)
        assert await world.data("ann") == {"paid": 2}


async def test_what_waits_in_the_store_goes_too(autojump_clock: MockClock) -> None:
    """Inputs that did not fit into the mailbox, and those behind a turn that runs."""
    shop = Shop()
    async with open_world(shop.app) as world:
        await (await world.join("ann")).push("order", {"name": "Ann"})
        shop.fails = True
        for n in range(600):
            await world.node.intake.accept(
                ANN, "hook:paid", b'{"n":1}', input_digest("hook:paid", str(n))
            )
        await world.operations.stop_session(ANN, reason="erase", erase=True)
        shop.fails = False
        await trio.sleep(60)

        assert await is_gone(world)


async def test_what_comes_after_the_erasure_is_taken(autojump_clock: MockClock) -> None:
    """It begins a session anew; nothing is lost that was accepted later."""
    shop = Shop()
    async with open_world(shop.app) as world:
        await shop.fill(world)
        await world.operations.stop_session(ANN, reason="erase", erase=True)
        shop.fails = False
        for n in range(3, 6):
            await world.webhook("ann", {"n": n}, name="paid")
        await trio.sleep(1)

        assert await world.data("ann") == {"paid": 5}


async def test_who_left_only_dead_letters_can_be_erased(autojump_clock: MockClock) -> None:
    """There is no record; what is left goes."""
    shop = Shop()
    async with open_world(shop.app, limits=SessionLimits(retention_seconds=0)) as world:
        await shop.fill(world)
        await trio.sleep(5)
        await world.operations.stop_session(ANN, reason="over", erase=False)
        assert await world.data("ann") is None
        assert await world.dead_letters("ann") != ()
        await world.operations.stop_session(ANN, reason="erase", erase=True)

        assert await is_gone(world)


async def test_a_quarantined_user_can_be_erased(autojump_clock: MockClock) -> None:
    """Also when his record cannot be read; he starts anew."""
    shop = Shop()
    async with open_world(shop.app) as world:
        await shop.fill(world)
        fences = dict(world.node.ownership.fences)
        world.crash()
        loaded = await world.store.load(ANN, PARTITION)
        assert loaded is not None
        damage = UserCommit(
            user=ANN,
            partition=PARTITION,
            commit_id=b"damage" + b"." * 10,
            expected_version=loaded.version,
            snapshot=b"nonsense",
        )
        await world.store.commit([damage], fences)
        await world.restart()
        await trio.sleep(60)
        with pytest.raises(Refused):
            world.connect("ann").start_join()
        await world.operations.stop_session(ANN, reason="erase", erase=True)
        assert await is_gone(world)
        shop.fails = False

        assert await (await world.join("ann")).push("order", {"name": "A"}) == {"thanks": "A"}


async def test_everything_kept_is_handed_out(autojump_clock: MockClock) -> None:
    """The record, what the app answered and pushed, timers, what waits and what was given up; nobody else's."""
    shop = Shop()
    async with open_world(shop.app) as world:
        await shop.fill(world)
        export = await world.operations.export(ANN)

    assert export.user == "ann"
    assert export.record is not None
    assert export.record["data"] == {"name": "Ann"}
    assert export.record["devices"] == {"phone": {"cursor": 0, "left_at": None}}
    assert [(one["event"], one["payload"]) for one in export.pushes] == [
        ("ordered", {"_offset": 1, "name": "Ann"})
    ]
    assert [one["reply"] for one in export.inputs] == [{"thanks": "Ann"}]
    assert [(one["name"], one["payload"]) for one in export.timers if one["payload"]] == [
        ("ask", {"name": "Ann"})
    ]
    assert [(one["kind"], one["body"]) for one in export.inbox] == [("hook:paid", {"n": 2})]
    (letter,) = export.dead_letters
    assert (letter["kind"], letter["body"]) == ("hook:paid", {"n": 1})
    assert "ValueError" in str(letter["error"])
    assert (export.deliveries, export.journal) == ((), ())
    assert b"Bob" not in msgspec.json.encode(vars_of(export))


def vars_of(export: object) -> dict[str, object]:
    return {name: getattr(export, name) for name in ("record", "pushes", "inputs", "dead_letters")}


async def test_who_is_unknown_has_nothing_to_hand_out(autojump_clock: MockClock) -> None:
    """An operator's typo is told apart."""
    async with open_world(Shop().app) as world:
        with pytest.raises(UnknownTarget):
            await world.operations.export(ANN)
