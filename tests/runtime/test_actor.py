"""The actor's loop: one per user, in order, and nothing leaves before it is durable."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Reject, Session
from sessiond.core.codes import CloseCode
from sessiond.core.errors import ActorGone, AskTimeout, Refused, TurnFailed
from sessiond.core.ids import UserId
from sessiond.core.session.inputs import HookCall, Send, Stop
from sessiond.core.session.limits import SessionLimits
from sessiond.runtime.gate import DEPTH
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.stores.memory import MemoryStore
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import Pushed, Reply, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")


def counting_app(*, running: list[int] | None = None) -> App:
    """An app that counts, says so, and can be slow."""
    app = App(timeout=5)

    @app.on("add")
    async def add(session: Session, payload: dict) -> dict:
        session.data["n"] = session.data.get("n", 0) + payload.get("by", 1)
        session.push("added", {"n": session.data["n"]})
        return {"n": session.data["n"]}

    @app.on("note")
    async def note(session: Session) -> None:
        session.push("noted", {}, durable=False)

    @app.on("echo")
    async def echo(session: Session, payload: dict) -> dict:
        return payload

    @app.on("slow")
    async def slow(session: Session, payload: dict) -> int:
        if running is not None:
            running.append(1)
        await trio.sleep(payload["seconds"])
        if running is not None:
            running.append(-1)
        session.data["slow"] = True
        return 1

    @app.on_webhook("count")
    async def count(session: Session, payload: dict) -> None:
        session.data.setdefault("seen", []).append(payload["n"])

    @app.on_webhook("ask", wait=True, timeout=3)
    async def ask(session: Session, payload: dict) -> dict:
        if "sleep" in payload:
            await trio.sleep(payload["sleep"])
        if payload.get("fail"):
            raise RuntimeError("no")
        if payload.get("reject"):
            raise Reject("not now", retry_after=7)
        session.data["asked"] = session.data.get("asked", 0) + 1
        return {"asked": session.data["asked"]}

    return app


async def test_a_user_has_one_actor_whatever_the_door(autojump_clock: MockClock) -> None:
    """Two connections and a webhook of one user meet in one session; another user has his own."""
    async with open_world(counting_app()) as world:
        phone, laptop = await world.join("ann"), await world.join("ann")
        other = await world.join("bob")
        assert await phone.push("add") == {"n": 1}
        assert await laptop.push("add") == {"n": 2}
        await world.settle()

        assert len(world.node.registry) == 2
        assert (
            phone.pushes
            == laptop.pushes
            == [
                ("added", {"_offset": 1, "n": 1}),
                ("added", {"_offset": 2, "n": 2}),
            ]
        )
        assert other.pushes == []


async def test_a_join_reply_says_where_the_stream_stands(autojump_clock: MockClock) -> None:
    """The reply to a join has every field of design.md 8, and no reason when nothing was refused."""
    async with open_world(counting_app()) as world:
        welcome = await world.connect("ann").join()

        assert welcome.pop("session_id")
        assert welcome.pop("epoch")
        assert welcome == {
            "user_id": "ann",
            "offset": 0,
            "recovered": False,
            "window_seconds": 30.0,
            "heartbeat_seconds": 30.0,
            "unread": 0,
            "conversations": [],
        }


async def test_an_ephemeral_push_has_no_offset(autojump_clock: MockClock) -> None:
    """Only what is kept for those who are away is counted."""
    async with open_world(counting_app()) as world:
        phone = await world.join("ann")
        await phone.push("note")

        assert phone.pushes == [("noted", {})]


async def test_the_reply_comes_after_the_pushes_of_its_turn(autojump_clock: MockClock) -> None:
    """A client that has the answer has everything that led to it."""
    async with open_world(counting_app()) as world:
        phone = await world.join("ann")
        await phone.push("add")

        assert [type(one) for one in phone.got[1:]] == [Pushed, Reply]


async def test_turns_of_one_user_never_overlap(autojump_clock: MockClock) -> None:
    """A handler that awaits has its session for itself; another user's runs meanwhile."""
    running: list[int] = []
    async with open_world(counting_app(running=running)) as world:
        phone, other = await world.join("ann"), await world.join("bob")
        first, second = phone.send("slow", {"seconds": 1}), phone.send("slow", {"seconds": 1})
        quick = other.send("slow", {"seconds": 0.1})
        began = trio.current_time()
        await quick.get()
        assert trio.current_time() - began == pytest.approx(0.1)
        await first.get()
        await second.get()

        assert trio.current_time() - began == pytest.approx(2)
        assert running == [1, 1, -1, -1, 1, -1]


async def test_nothing_leaves_before_its_commit(autojump_clock: MockClock) -> None:
    """While the store has not answered, neither push nor reply is seen; then both are."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        phone = await world.join("ann")
        heard = len(phone.got)
        store.hold("commit")
        answer = phone.send("add")
        await store.wait_held("commit")
        await trio.sleep(100)
        assert len(phone.got) == heard
        assert not answer.is_answered

        store.let_go("commit")
        assert await answer.get() == {"n": 1}


async def test_a_turn_that_changes_nothing_waits_for_those_before_it(
    autojump_clock: MockClock,
) -> None:
    """An echo behind an unwritten change does not overtake it."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        phone = await world.join("ann")
        store.hold("commit")
        first, second = phone.send("add"), phone.send("echo", {"x": 1})
        await store.wait_held("commit")
        await world.settle()
        assert not second.is_answered
        store.let_go("commit")
        await second.get()

        assert first.is_answered
        assert phone.got[-1] is second


async def test_up_to_four_turns_are_computed_ahead_of_the_store(autojump_clock: MockClock) -> None:
    """The fifth turn is not begun while four wait for the store; two commits write all of them."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        phone = await world.join("ann")
        before, written = world.node.counters.turns, store.calls["commit"]
        store.hold("commit")
        answers = [phone.send("add") for _ in range(6)]
        await store.wait_held("commit")
        await world.settle()
        assert world.node.counters.turns - before == DEPTH

        store.let_go("commit")
        assert [await answer.get() for answer in answers] == [{"n": n} for n in range(1, 7)]
        assert store.calls["commit"] - written <= 4


async def test_a_commit_whose_answer_was_lost_is_applied_once(autojump_clock: MockClock) -> None:
    """The same commit is sent again, and the store knows it."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        phone = await world.join("ann")
        store.lose_answer("commit", times=3)
        assert await phone.push("add") == {"n": 1}
        await trio.sleep(10)

        assert phone.pushes == [("added", {"_offset": 1, "n": 1})]
        assert await world.data("ann") == {"n": 1}


async def test_a_store_that_is_away_costs_nothing_but_time(autojump_clock: MockClock) -> None:
    """While the store is away nothing is acknowledged; when it is back everything goes on by itself."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        phone = await world.join("ann")
        await world.webhook("ann", {"n": 1}, name="count")
        store.go_away("commit", "load", "accept", "pending")
        answers = [phone.send("add") for _ in range(10)]
        stranger = world.connect("bob").start_join()
        await trio.sleep(300)
        assert not any(answer.is_answered for answer in (*answers, stranger))
        assert "the store is away" in world.node.not_ready()

        store.come_back()
        assert [await answer.get() for answer in answers] == [{"n": n} for n in range(1, 11)]
        await stranger.get()
        assert world.node.not_ready() == []
        assert await world.data("ann") == {"n": 10, "seen": [1]}


# Asking


async def test_an_ask_ends_with_the_answer(autojump_clock: MockClock) -> None:
    """A waiting door gets what the handler returned."""
    async with open_world(counting_app()) as world:
        assert await world.call_webhook("ann", {}, name="ask") == {"asked": 1}
        assert await world.ref("ann").ask(Stop("over"), timeout=1) == b"{}"


async def test_an_ask_of_a_failed_turn_says_so(autojump_clock: MockClock) -> None:
    """An exception is ``TurnFailed``; a rejection keeps its code and its hint."""
    async with open_world(counting_app()) as world:
        with pytest.raises(TurnFailed):
            await world.call_webhook("ann", {"fail": True}, name="ask")
        with pytest.raises(Refused) as refused:
            await world.call_webhook("ann", {"reject": True}, name="ask")

        assert (refused.value.code, refused.value.retry_after) == ("rejected", 7)


async def test_an_ask_that_expires_in_the_mailbox_never_runs(autojump_clock: MockClock) -> None:
    """A deadline that passes before the turn begins: not applied, and never will be."""
    async with open_world(counting_app()) as world:
        phone = await world.join("ann")
        phone.send("slow", {"seconds": 4})
        await world.settle()
        with hearing("turn.dropped") as heard, pytest.raises(AskTimeout) as late:
            await world.call_webhook("ann", {}, name="ask", seconds=1)
        with hearing("turn.dropped") as heard:
            await trio.sleep(10)

        assert late.value.applied is False
        assert [about["kind"] for _, _, about in heard] == ["hook"]
        assert "asked" not in await world.data("ann")


async def test_an_ask_that_expires_during_its_turn_does_not_know(autojump_clock: MockClock) -> None:
    """A deadline that passes while the handler runs leaves it open; here it is applied later."""
    async with open_world(counting_app()) as world:
        with pytest.raises(AskTimeout) as late:
            await world.call_webhook("ann", {"sleep": 2}, name="ask", seconds=1)
        await trio.sleep(2)

        assert late.value.applied is None
        assert await world.data("ann") == {"asked": 1}


async def test_an_ask_of_an_actor_that_goes_is_told(autojump_clock: MockClock) -> None:
    """An actor that stops with the turn unwritten answers ``gone``: the same id may be sent again."""
    store = FaultyStore(MemoryStore())
    async with open_world(counting_app(), store=store) as world:
        outcome: list[Exception] = []

        async def ask() -> None:
            try:
                await world.ref("ann").ask(HookCall("ask", {}), timeout=5)
            except ActorGone as gone:
                outcome.append(gone)

        store.hold("commit")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await store.wait_held("commit")
            world.crash()

        assert len(outcome) == 1


async def test_an_operators_push_wakes_the_session(autojump_clock: MockClock) -> None:
    """``Send`` to a user who is not in memory starts his session and is kept for him."""
    async with open_world(counting_app()) as world:
        told = await world.ref("ann").ask(Send("hello", {"x": 1}), timeout=1)
        assert told == b'{"connections":0,"offset":1}'
        assert await world.data("ann") == {}


@pytest.mark.parametrize(("event", "payload"), [("phx_reply", {}), ("hello", [1])])
async def test_a_push_that_cannot_be_is_refused(
    autojump_clock: MockClock, event: str, payload: object
) -> None:
    """Reserved events and payloads that are no objects never reach a client."""
    async with open_world(counting_app()) as world:
        with pytest.raises(Refused) as refused:
            await world.ref("ann").ask(Send(event, payload), timeout=1)

        assert refused.value.code == "bad_request"
        assert await world.data("ann") is None


# Leaving memory


async def test_asked_to_leave_an_actor_goes_when_it_is_alone(autojump_clock: MockClock) -> None:
    """The resident cap's request is followed without a connection, and ignored with one."""
    async with open_world(counting_app()) as world:
        await world.join("ann")
        cell = world.node.registry.get(ANN)
        assert cell is not None
        cell.is_leaving = True
        cell.mailbox.put(Envelope(Control.PASSIVATE))
        await world.settle()
        assert world.is_resident("ann")
        assert not cell.is_leaving

        await world.webhook("bob", {"n": 1}, name="count")
        await world.settle()
        awake = world.node.registry.get(UserId("bob"))
        assert awake is not None
        awake.mailbox.put(Envelope(Control.PASSIVATE))
        with hearing("session.passivated") as heard:
            await world.settle()
        assert not world.is_resident("bob")
        assert heard == [
            ("session.passivated", {"duration": 0.0}, {"user": "bob", "reason": "cap"})
        ]


async def test_the_window_of_a_user_put_away_early_still_closes(autojump_clock: MockClock) -> None:
    """A detached user who left memory is woken when his window ends."""
    async with open_world(counting_app()) as world:
        phone = await world.join("ann")
        phone.drop()
        await world.settle()
        cell = world.node.registry.get(ANN)
        assert cell is not None
        cell.mailbox.put(Envelope(Control.PASSIVATE))
        await world.settle()
        with hearing("session.window_expired") as heard:
            await trio.sleep(60)

        assert len(heard) == 1
        assert not world.is_resident("ann")


async def test_a_message_during_the_last_write_is_not_lost(autojump_clock: MockClock) -> None:
    """What comes while an actor writes out before it leaves makes it stay."""
    store = FaultyStore(MemoryStore())
    limits = SessionLimits(linger_seconds=5)
    async with open_world(counting_app(), store=store, limits=limits) as world:
        phone = await world.join("ann")
        phone.drop()
        await trio.sleep(29)
        store.hold("commit")
        await store.wait_held("commit")  # the window's turn, after which it would leave
        late = world.connect("ann")
        joined = late.start_join()
        await trio.sleep(1)
        store.let_go("commit")

        await joined.get()
        assert await late.push("add") == {"n": 1}
        assert world.is_resident("ann")


async def test_crashes_of_one_actor_do_not_touch_another(autojump_clock: MockClock) -> None:
    """A bug in the runtime of one user closes his connections and nobody else's; his mailbox survives."""
    async with open_world(counting_app()) as world:
        phone, other = await world.join("ann"), await world.join("bob")
        world.node.registry.get(ANN).actor.state = None  # type: ignore[union-attr]
        answer = phone.send("add")
        assert await other.push("add") == {"n": 1}
        assert phone.closed is CloseCode.RESTARTED
        assert await answer.get() == {"n": 1}  # it waited in the mailbox, which survives

        again = world.connect("ann")
        assert (await again.join(resume=phone))["recovered"] is True
        assert other.is_open
