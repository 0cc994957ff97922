"""What operators may ask of a running node."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Conversation, Session
from sessiond.core.codes import CloseCode
from sessiond.core.errors import InvalidInput
from sessiond.core.ids import ConnectionId, UserId, partition_of
from sessiond.core.operations import UnknownTarget
from sessiond.core.records import UserCommit
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.phases import Phase
from sessiond.core.session_listing import SessionOrder, SessionQuery
from sessiond.testing.world import World, open_world
from tests.runtime.hearing import hearing

ANN, BOB, NOBODY = UserId("ann"), UserId("bob"), UserId("nobody")

app = App(timeout=5)


@app.on("set")
async def set_(session: Session, payload: dict) -> None:
    session.data.update(payload)
    session.set_timer("later", after=1000)
    session.push("changed", payload)


@app.on("slow")
async def slow(session: Session) -> None:
    await trio.sleep(3)


@app.on("fail")
async def fail(session: Session) -> None:
    raise RuntimeError


@app.on_timer("later")
async def later(session: Session) -> None:
    session.data["later"] = True


@app.on_webhook("job")
async def job(session: Session, payload: dict) -> None:
    if payload.get("broken"):
        raise RuntimeError("broken job")
    session.data.setdefault("jobs", []).append(payload["n"])


async def settled_ann(world: World) -> None:
    phone = world.connect("ann", device="phone")
    await phone.join(meta={"app": "1.2"})
    await phone.push("set", {"a": 1}, input_id="x")


async def test_the_node_says_who_it_is(autojump_clock: MockClock) -> None:
    """Name, versions, store, app, start."""
    async with open_world(app) as world:
        info = world.operations.info()

        assert (info.node, info.store, info.app) == ("world", "memory", "world")
        assert info.started_at == world.clock.now()
        assert world.operations.drain() is False


async def test_stats_count_what_is_and_what_was(autojump_clock: MockClock) -> None:
    """Phases, connections, turns, commits, failures; readiness with it."""
    async with open_world(app) as world:
        await settled_ann(world)
        bob = await world.join("bob")
        await bob.send("fail").refusal()
        bob.drop()
        carol = await world.join("carol")
        carol.send("slow")
        carol.send("slow")
        await world.settle()
        await trio.sleep(1)
        stats = world.operations.stats()

        assert stats.sessions == {Phase.ATTACHED: 2, Phase.DETACHED: 1}
        assert (stats.connections, stats.mailboxes, stats.quarantined) == (2, 1, 0)
        assert (stats.turns, stats.failed_turns, stats.commits) == (7, 1, 5)
        assert (stats.ready, stats.draining, stats.store_available) == (True, False, True)
        assert stats.uptime_seconds == 1


async def test_conversations_of_users_in_memory_are_counted(autojump_clock: MockClock) -> None:
    """Also while an actor hibernates; those of users who are away are the store's."""
    talking = App()

    @talking.flow("order", takes_everything=True)
    async def order(c: Conversation) -> None:
        await c.ask("what", "What?")

    async with open_world(talking) as world:
        for name in ("ann", "bob"):
            phone = await world.join(name)
            await phone.say("hello")
        await world.join("eve")
        assert world.operations.conversations() == 2
        await trio.sleep(60)
        assert world.operations.conversations() == 2

        world.crash()
        await world.restart()
        assert world.operations.conversations() == 0
        await world.join("ann")
        assert world.operations.conversations() == 1


async def test_sessions_are_listed_selected_and_paged(autojump_clock: MockClock) -> None:
    """By prefix, phase and connections, in an order, a page at a time."""
    async with open_world(app) as world:
        for n in range(5):
            await world.join(f"user-{n}")
        (await world.join("other")).drop()
        await world.settle()
        everyone = await world.operations.sessions(SessionQuery())
        some = await world.operations.sessions(
            SessionQuery(user_prefix="user-", limit=2, order=SessionOrder.USER, descending=True)
        )
        more = await world.operations.sessions(
            SessionQuery(
                user_prefix="user-",
                limit=2,
                order=SessionOrder.USER,
                descending=True,
                cursor=some.cursor,
            )
        )
        detached = await world.operations.sessions(SessionQuery(phase=Phase.DETACHED))

        assert everyone.matched == 6
        assert [row.user for row in (*some.rows, *more.rows)] == [
            "user-4",
            "user-3",
            "user-2",
            "user-1",
        ]
        assert [row.user for row in detached.rows] == ["other"]
        row = everyone.rows[1]
        assert (row.connections, row.connected_at, row.last_activity) == (
            1,
            world.clock.now(),
            world.clock.now(),
        )


async def test_many_sessions_are_listed_without_holding_others_up(
    autojump_clock: MockClock,
) -> None:
    """More than one helping of rows."""
    async with open_world(app) as world:
        for n in range(600):
            world.connect(f"u{n}").start_join()
        await world.settle()

        assert (await world.operations.sessions(SessionQuery(limit=1))).matched == 600


async def test_a_session_that_is_only_starting_is_described(autojump_clock: MockClock) -> None:
    """An actor that has not loaded, of a user without a record: a row, and nothing else."""
    waiting = App()

    @waiting.load_user
    async def load(user: str) -> object:
        await trio.sleep(5)
        return user

    async with open_world(waiting) as world:
        world.node.supervisor.activate(ANN)
        detail = await world.operations.session(ANN)

        assert (detail.row.phase, detail.version) == (Phase.PASSIVE, 0)


async def test_stopping_ends_the_session(autojump_clock: MockClock) -> None:
    """Committed on return; unknown users are told apart."""
    async with open_world(app) as world:
        await settled_ann(world)
        with hearing("session.ended") as heard:
            await world.operations.stop_session(ANN, reason="abuse", erase=False)
            assert await world.data("ann") == {"a": 1}
            await world.operations.stop_session(ANN, reason="erase", erase=True)
        assert await world.data("ann") is None
        assert [about["reason"] for _, _, about in heard] == ["abuse", "erase"]
        with pytest.raises(UnknownTarget):
            await world.operations.stop_session(NOBODY, reason="x", erase=True)


async def test_kicking_closes_connections(autojump_clock: MockClock) -> None:
    """One, or all of a user; the session goes on with its window."""
    async with open_world(app) as world:
        phone, laptop, other = (
            await world.join("ann"),
            await world.join("ann"),
            await world.join("bob"),
        )
        assert await world.operations.kick_connection(phone.id) == ANN
        assert (phone.closed, laptop.is_open) == (CloseCode.KICKED, True)
        await world.settle()
        assert await world.operations.kick_user(ANN) == 1
        await world.settle()

        assert other.is_open
        assert (await world.operations.session(ANN)).row.phase is Phase.DETACHED
        with pytest.raises(UnknownTarget):
            await world.operations.kick_connection(ConnectionId(10**6))
        with pytest.raises(UnknownTarget):
            await world.operations.kick_user(NOBODY)


async def test_sending_pushes_to_connections(autojump_clock: MockClock) -> None:
    """Durable or not; a reserved event or a payload that is no object is the operator's mistake."""
    async with open_world(app) as world:
        phone = await world.join("ann")
        await world.operations.send(ANN, "news", {"n": 1}, durable=True)
        await world.operations.send(ANN, "news", {"n": 2}, durable=False)
        assert phone.pushes == [("news", {"_offset": 1, "n": 1}), ("news", {"n": 2})]
        for event, payload in (("phx_close", {}), ("news", [1])):
            with pytest.raises(InvalidInput):
                await world.operations.send(ANN, event, payload, durable=True)


async def test_only_the_quarantined_are_released(autojump_clock: MockClock) -> None:
    """Anybody else is an unknown target."""
    async with open_world(app) as world:
        await settled_ann(world)
        with pytest.raises(UnknownTarget):
            await world.operations.release(ANN)


async def test_a_quarantine_says_since_when_and_why(autojump_clock: MockClock) -> None:
    """The class of the last failure and the restarts before it."""
    async with open_world(app) as world:
        commit = UserCommit(
            user=ANN,
            partition=partition_of(ANN),
            commit_id=b"damage" + b"." * 10,
            expected_version=0,
            snapshot=b"nonsense",
        )
        await world.store.commit([commit], world.node.ownership.fences)
        world.node.supervisor.activate(ANN)
        await trio.sleep(30)
        since = world.clock.now()
        detail = await world.operations.session(ANN)

        assert detail.quarantine is not None
        assert detail.quarantine.error == "SnapshotCorrupt"
        assert detail.quarantine.restarts == 4
        assert since - 30 < detail.quarantine.since < since - 20
        rows = (await world.operations.sessions(SessionQuery(quarantined=True))).rows
        assert [row.user for row in rows] == ["ann"]


async def test_rolling_back_a_live_session(autojump_clock: MockClock) -> None:
    """The version says which record it became; without an earlier snapshot there is nothing to roll back to."""
    async with open_world(app) as world:
        await settled_ann(world)
        assert await world.operations.roll_back(ANN) == 3
        assert await world.data("ann") == {}
        await world.join("bob")
        for user in (BOB, NOBODY):
            with pytest.raises(UnknownTarget):
                await world.operations.roll_back(user)


async def test_dead_letters_are_listed_retried_and_dropped(autojump_clock: MockClock) -> None:
    """A retried one runs again as a new input, once; a dropped one is gone."""
    async with open_world(app, limits=SessionLimits(linger_seconds=5)) as world:
        await settled_ann(world)
        for n in range(3):
            await world.webhook("ann", {"n": n, "broken": True}, name="job")
        await trio.sleep(5)
        letters = await world.operations.dead_letters(user=ANN, after="", limit=10)
        assert len(letters) == 3
        page = await world.operations.dead_letters(user=None, after=letters[0].id, limit=1)
        assert page == (letters[1],)

        with hearing("dead_letter.retried", "dead_letter.dropped") as heard:
            assert await world.operations.drop_dead_letter(letters[0].id) == letters[0]
            assert await world.operations.retry_dead_letter(letters[1].id) == letters[1]
        await trio.sleep(5)
        assert [name for name, _, _ in heard] == ["dead_letter.dropped", "dead_letter.retried"]
        left = await world.operations.dead_letters(user=None, after="", limit=10)
        assert len(left) == 2  # the third, and the second one's new failure
        assert left[0] == letters[2]
        for unknown in ("", "zzz", letters[0].id):
            with pytest.raises(UnknownTarget):
                await world.operations.retry_dead_letter(unknown)
            with pytest.raises(UnknownTarget):
                await world.operations.drop_dead_letter(unknown)


async def test_a_dead_timer_can_be_retried(autojump_clock: MockClock) -> None:
    """It runs its timer handler, as the webhook of a dead letter runs its hook."""
    timers = App()
    fails = [True, True]

    @timers.on("set")
    async def set_timer(session: Session) -> None:
        session.set_timer("t", after=1, payload={"n": 7})

    @timers.on_timer("t")
    async def fired(session: Session, payload: dict) -> None:
        if fails:
            fails.pop()
            raise RuntimeError
        session.data["fired"] = payload["n"]

    async with open_world(timers) as world:
        phone = await world.join("ann")
        await phone.push("set")
        await trio.sleep(10)
        (letter,) = await world.dead_letters()
        await world.operations.retry_dead_letter(letter.id)
        await trio.sleep(1)

        assert await world.data("ann") == {"fired": 7}
        assert await world.dead_letters() == ()


async def test_a_node_without_calls_has_no_accounts(autojump_clock: MockClock) -> None:
    """Nothing is listed, and nothing can go on."""
    async with open_world(app) as world:
        assert world.operations.gateways() == ()
        with pytest.raises(UnknownTarget, match="makes no calls"):
            world.operations.resume_gateway("shop")
