"""Failed turns: who is told, what is retried, what becomes a dead letter; and that nothing is half-changed."""

from __future__ import annotations

from collections import Counter

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from sessiond import App, Reject, Session
from sessiond.core.codes import CloseCode
from sessiond.core.ids import UserId, partition_of
from sessiond.core.records import TimerChange, UserCommit
from sessiond.core.session.limits import SessionLimits
from sessiond.stores.memory import MemoryStore
from sessiond.stores.seal import SealedStore, Sealer
from sessiond.testing.faults import FaultyStore
from sessiond.testing.world import World, WorldError, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")


class Troublemaker:
    """An app whose handlers fail as they are told; *ran* counts how often each input ran."""

    def __init__(self) -> None:
        self.ran: Counter[object] = Counter()
        self.fails: Counter[object] = Counter()
        self.on_poison: list[World] = []
        app = self.app = App(timeout=5)

        @app.on("bad")
        async def bad(session: Session, payload: dict) -> object:
            session.data["half"] = "changed"
            session.push("half", {})
            session.set_timer("half", after=1)
            return await self.misbehave(session, payload)

        @app.on("good")
        async def good(session: Session, payload: dict) -> object:
            session.data["good"] = session.data.get("good", 0) + 1
            return session.data

        @app.on_webhook("job")
        async def job(session: Session, payload: dict) -> None:
            name = payload["job"]
            self.ran[name] += 1
            if self.on_poison and name == "poison":
                self.on_poison.pop().crash()
                await trio.sleep(1)
            if self.fails[name]:
                self.fails[name] -= 1
                raise RuntimeError(f"job {name} failed")
            if payload.get("reject"):
                raise Reject("not this one")
            session.data.setdefault("jobs", []).append(name)

        @app.on_timer("alarm")
        async def alarm(session: Session, payload: dict) -> None:
            self.ran["alarm"] += 1
            if self.on_poison:
                self.on_poison.pop().crash()
                await trio.sleep(1)
            if self.fails["alarm"]:
                self.fails["alarm"] -= 1
                raise RuntimeError("alarm failed")
            session.data["alarmed"] = session.data.get("alarmed", 0) + 1

        @app.on("set-alarm")
        async def set_alarm(session: Session, payload: dict) -> None:
            session.set_timer("alarm", after=payload["after"])

    async def misbehave(self, session: Session, payload: dict) -> object:
        match payload["how"]:
            case "raises":
                raise ValueError("secret detail")
            case "hangs":
                await trio.sleep_forever()
            case "hangs in a nursery":
                await self.hang_in_a_nursery()
            case "fails when it is cancelled":
                try:
                    await trio.sleep_forever()
                finally:
                    raise RuntimeError("while cleaning up")
            case "swallows its cancellation":
                with trio.CancelScope(shield=True):
                    await trio.sleep(6)
                return {"late": True}
            case "returns nonsense":
                return object()
            case "floods":
                for _ in range(1001):
                    session.push("flood", {}, durable=False)
            case "pushes a reserved event":
                session.push("phx_close", {})
            case "pushes no object":
                session.push("x", [1])  # type: ignore[arg-type]
            case "unserialisable data":
                session.data["x"] = object()
            case "data of another type":
                session.data = [1]
            case "oversized data":
                session.data["x"] = "x" * 300_000
            case "sets a timer to nowhere":
                session.set_timer("x", after=float("nan"))
            case "rejects":
                raise Reject("no", code="too_early", retry_after=3)
            case unknown:
                raise AssertionError(unknown)
        return None

    async def hang_in_a_nursery(self) -> None:
        async def fail_when_cancelled() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("while cleaning up")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            await trio.sleep_forever()


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("raises", "handler_failed"),
        ("hangs", "timeout"),
        ("hangs in a nursery", "timeout"),
        ("fails when it is cancelled", "handler_failed"),
        ("returns nonsense", "handler_failed"),
        ("floods", "handler_failed"),
        ("pushes a reserved event", "handler_failed"),
        ("pushes no object", "handler_failed"),
        ("unserialisable data", "handler_failed"),
        ("data of another type", "handler_failed"),
        ("oversized data", "too_large"),
        ("sets a timer to nowhere", "handler_failed"),
        ("rejects", "too_early"),
    ],
)
async def test_a_failed_turn_changes_nothing(
    autojump_clock: MockClock, how: str, code: str
) -> None:
    """Whoever waits gets the code; data, pushes and timers are as before; the next message and others are fine."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        phone, other = await world.join("ann"), await world.join("bob")
        answer = phone.send("bad", {"how": how}, input_id="once")
        good = phone.send("good")
        assert await other.push("good") == {"good": 1}
        assert await answer.refusal() == code
        assert await good.get() == {"good": 1}
        # Its id is free: the same message may be sent again, and fails again.
        assert await phone.send("bad", {"how": how}, input_id="once").refusal() == code
        await trio.sleep(5)

        assert phone.pushes == []
        assert await world.data("ann") == {"good": 1}
        assert phone.is_open
        assert world.node.supervisor.running == 2


async def test_an_error_tells_clients_nothing_of_its_cause(autojump_clock: MockClock) -> None:
    """The message of an exception is for the log; a rejection's is for the client."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        phone = await world.join("ann")
        with pytest.raises(WorldError) as failed:
            await phone.push("bad", {"how": "raises"})
        with pytest.raises(WorldError) as rejected:
            await phone.push("bad", {"how": "rejects"})

        assert failed.value.message == "the handler failed; nothing was applied"
        assert (rejected.value.message, rejected.value.retry_after) == ("no", 3)


async def test_a_late_success_is_a_success_and_costs_nobody_else(autojump_clock: MockClock) -> None:
    """A handler that shields itself and returns after its deadline is applied; the next is not cancelled."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        phone = await world.join("ann")
        late = phone.send("bad", {"how": "swallows its cancellation"})
        following = phone.send("good")

        assert await late.get() == {"late": True}
        assert (await following.get())["good"] == 1


async def test_a_failed_turn_is_told_to_operators(autojump_clock: MockClock) -> None:
    """The event names kind and class of the error; the node counts it."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        phone = await world.join("ann")
        with hearing("turn.failed") as heard:
            await phone.send("bad", {"how": "raises"}).refusal()
            await phone.send("bad", {"how": "rejects"}).refusal()

        assert [about for _, _, about in heard] == [
            {"user": "ann", "kind": "message", "error": "ValueError"}
        ]
        assert world.node.counters.failed_turns == 1


# Accepted inputs


async def test_accepted_inputs_are_applied_once_and_in_order(autojump_clock: MockClock) -> None:
    """Also when they come faster than they run, and when the platform repeats them."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        for n in range(300):
            await world.webhook("ann", {"job": n}, name="job", input_id=f"w{n}")
            await world.webhook("ann", {"job": n}, name="job", input_id=f"w{n}")
        await trio.sleep(1)

        assert await world.data("ann") == {"jobs": list(range(300))}
        assert await world.store.pending(partition_of(ANN)) == ()


async def test_a_failed_accepted_input_is_retried_after_a_back_off(
    autojump_clock: MockClock,
) -> None:
    """One failure: it runs again a second later, also for a user who was not there before."""
    trouble = Troublemaker()
    trouble.fails["a"] = 1
    async with open_world(trouble.app) as world:
        await world.webhook("ann", {"job": "a"}, name="job")
        await world.webhook("ann", {"job": "b"}, name="job")
        await trio.sleep(0.5)
        assert await world.data("ann") == {"jobs": ["b"]}
        await trio.sleep(1)

        assert trouble.ran["a"] == 2
        assert await world.data("ann") == {"jobs": ["b", "a"]}
        assert await world.dead_letters() == ()


@pytest.mark.parametrize("known", [False, True])
async def test_an_actor_stays_until_the_retry_has_run(
    autojump_clock: MockClock, known: bool
) -> None:
    """An acknowledged input that waits for its retry keeps its user in memory; nobody would tell it again."""
    trouble = Troublemaker()
    trouble.fails["a"] = 1
    async with open_world(trouble.app) as world:
        if known:
            phone = await world.join("ann")
            phone.drop()
            await trio.sleep(29.9)  # the window ends during the back-off
        await world.webhook("ann", {"job": "a"}, name="job")
        await trio.sleep(0.5)
        assert world.is_resident("ann")
        await trio.sleep(1)

        assert await world.data("ann") == {"jobs": ["a"]}


async def test_a_retry_survives_the_end_of_the_session(autojump_clock: MockClock) -> None:
    """An input acknowledged before the end is applied after it: the session begins anew for it."""
    trouble = Troublemaker()
    trouble.fails["a"] = 1
    async with open_world(trouble.app) as world:
        await world.join("ann")
        await world.webhook("ann", {"job": "a"}, name="job")
        await world.settle()
        await world.operations.stop_session(ANN, reason="test", erase=False)
        await trio.sleep(2)

        assert await world.data("ann") == {"jobs": ["a"]}


async def test_the_second_failure_makes_a_dead_letter(autojump_clock: MockClock) -> None:
    """The input is consumed, with its traceback for the app's author; what came after it is not held up."""
    trouble = Troublemaker()
    trouble.fails["a"] = 2
    async with open_world(trouble.app) as world:
        await world.join("ann")
        with hearing("dead_letter.added") as heard:
            await world.webhook("ann", {"job": "a"}, name="job")
            await world.webhook("ann", {"job": "b"}, name="job")
            await trio.sleep(5)
        (letter,) = await world.dead_letters("ann")

        assert (letter.kind, letter.body, letter.attempts) == ("hook:job", b'{"job":"a"}', 2)
        assert "RuntimeError: job a failed" in letter.error
        assert "Traceback" in letter.error
        assert "RuntimeError" == letter.cause
        assert await world.store.pending(partition_of(ANN)) == ()
        assert await world.data("ann") == {"jobs": ["b"]}
        assert len(heard) == 1
        assert world.node.counters.dead_letters == 1


async def test_words_that_have_no_utf_8_stop_nobody_else(autojump_clock: MockClock) -> None:
    """An exception may say half a character: the dead letter has it escaped, and can be stored."""
    app = App()

    @app.on_webhook("job")
    async def job(session: Session, payload: dict) -> None:
        raise ValueError("it says \ud83d")

    async with open_world(app, store=SealedStore(MemoryStore(), Sealer())) as world:
        await world.webhook("ann", {}, name="job")
        await trio.sleep(5)
        (letter,) = await world.dead_letters("ann")

    assert "ValueError: it says \\ud83d" in letter.error
    assert letter.cause == "ValueError"


async def test_a_rejected_accepted_input_is_not_retried(autojump_clock: MockClock) -> None:
    """The app turned it down on purpose: it is a dead letter at once."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        await world.join("ann")
        await world.webhook("ann", {"job": "a", "reject": True}, name="job")
        await world.webhook("ann", {}, name="nobody-handles-this")
        await trio.sleep(5)

        assert trouble.ran["a"] == 1
        assert [letter.attempts for letter in await world.dead_letters()] == [1, 1]


async def test_a_stranger_whose_only_input_failed_leaves_no_record(
    autojump_clock: MockClock,
) -> None:
    """A dead letter, but no session: the user never had one."""
    trouble = Troublemaker()
    trouble.fails["a"] = 2
    async with open_world(trouble.app) as world:
        await world.webhook("ann", {"job": "a"}, name="job")
        await trio.sleep(5)

        assert len(await world.dead_letters("ann")) == 1
        assert await world.data("ann") is None
        assert not world.is_resident("ann")


async def test_an_input_that_kills_the_node_is_given_up(autojump_clock: MockClock) -> None:
    """Begun in several runs, none of which finished it: it is buried unrun, and what came after it runs."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        await world.join("ann")
        trouble.on_poison = [world] * 10
        await world.webhook("ann", {"job": "poison"}, name="job")
        await world.settle()
        await world.restart()
        await world.settle()
        for _ in range(3):
            await world.restart()
            await world.settle()
        await world.webhook("ann", {"job": "b"}, name="job")
        await trio.sleep(5)
        (letter,) = await world.dead_letters("ann")

        assert trouble.ran["poison"] == 4  # once when it came, three times when it was left
        assert "several runs" in letter.error
        assert await world.data("ann") == {"jobs": ["b"]}


async def test_a_store_that_loses_answers_poisons_nothing(autojump_clock: MockClock) -> None:
    """Counting an attempt again and again, for want of an answer, is not beginning the input again and again."""
    trouble = Troublemaker()
    store = FaultyStore(MemoryStore())
    async with open_world(trouble.app, store=store) as world:
        await world.join("ann")
        trouble.on_poison = [world]
        await world.webhook("ann", {"job": "poison"}, name="job")
        await world.settle()
        store.lose_answer("attempt", times=10)
        await world.restart()
        await trio.sleep(60)

        assert await world.data("ann") == {"jobs": ["poison"]}
        assert await world.dead_letters() == ()


async def test_lost_answers_of_earlier_runs_poison_nothing(autojump_clock: MockClock) -> None:
    """A run that counted an attempt many times, for want of an answer, counts as one for the runs after it."""
    trouble = Troublemaker()
    store = FaultyStore(MemoryStore())
    async with open_world(trouble.app, store=store) as world:
        await world.join("ann")
        trouble.on_poison = [world, world]
        await world.webhook("ann", {"job": "poison"}, name="job")
        await world.settle()
        store.lose_answer("attempt", times=10)
        await world.restart()
        await trio.sleep(60)
        await world.restart()
        await trio.sleep(1)

        assert await world.data("ann") == {"jobs": ["poison"]}
        assert await world.dead_letters() == ()


async def test_an_input_cut_short_by_a_crash_runs_again(autojump_clock: MockClock) -> None:
    """One crash is no poison: the next run applies what was left."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        await world.join("ann")
        trouble.on_poison = [world]
        await world.webhook("ann", {"job": "poison"}, name="job")
        await world.settle()
        await world.restart()
        await trio.sleep(1)

        assert await world.data("ann") == {"jobs": ["poison"]}
        assert await world.dead_letters() == ()


# Timers


async def test_a_failed_timer_is_retried_then_buried(autojump_clock: MockClock) -> None:
    """As an accepted input: once more after a back-off, then a dead letter that consumes it."""
    trouble = Troublemaker()
    trouble.fails["alarm"] = 1
    async with open_world(trouble.app) as world:
        phone = await world.join("ann")
        await phone.push("set-alarm", {"after": 10})
        await trio.sleep(15)
        assert await world.data("ann") == {"alarmed": 1}
        assert trouble.ran["alarm"] == 2

        trouble.fails["alarm"] = 2
        await phone.push("set-alarm", {"after": 10})
        await trio.sleep(60)
        (letter,) = await world.dead_letters()
        assert letter.kind == "timer:alarm"
        assert trouble.ran["alarm"] == 4


async def test_a_timer_that_cannot_be_read_is_buried(autojump_clock: MockClock) -> None:
    """At once, with the reason and the stored bytes; the session was never in danger and goes on."""
    trouble = Troublemaker()
    below = MemoryStore()
    async with open_world(trouble.app, store=SealedStore(below, Sealer())) as world:
        phone = await world.join("ann")
        await phone.push("set-alarm", {"after": 100})
        phone.drop()
        await trio.sleep(60)
        assert not world.is_resident("ann")
        loaded = await below.load(UserId("ann"), partition_of(UserId("ann")))
        assert loaded is not None
        damaged = evolve(loaded.timers[0], payload=b"nonsense")
        commit = UserCommit(
            user=UserId("ann"),
            partition=partition_of(UserId("ann")),
            commit_id=b"damage" + b"." * 10,
            expected_version=loaded.version,
            timers=(TimerChange(damaged.name, damaged),),
        )
        await below.commit([commit], world.node.ownership.fences)
        with hearing("supervisor.restarted", "turn.failed") as heard:
            assert await (await world.join("ann")).push("good") == {"good": 1}
            await trio.sleep(200)

        (letter,) = await world.dead_letters()
        assert (letter.kind, letter.body, letter.attempts) == ("timer:alarm", b"nonsense", 1)
        assert "SnapshotCorrupt" in letter.error
        assert [about["error"] for _, _, about in heard] == ["SnapshotCorrupt"]
        assert trouble.ran["alarm"] == 0
        assert world.operations.stats().quarantined == 0
        assert await (await world.join("ann")).push("good") == {"good": 2}


async def test_a_timer_that_kills_the_node_is_given_up(autojump_clock: MockClock) -> None:
    """A timer that was due when the node started counts its attempts too."""
    trouble = Troublemaker()
    async with open_world(trouble.app) as world:
        phone = await world.join("ann")
        await phone.push("set-alarm", {"after": 1})
        trouble.on_poison = [world] * 10
        await trio.sleep(2)
        for _ in range(4):
            await world.restart()
            await trio.sleep(2)
        (letter,) = await world.dead_letters()

        assert letter.kind == "timer:alarm"
        assert trouble.ran["alarm"] == 4
        assert len(trouble.on_poison) == 6


async def test_a_window_hook_that_kills_the_node_still_lets_the_window_close(
    autojump_clock: MockClock,
) -> None:
    """The window closes without the hook in the end; there is no dead letter to retry."""
    ran: list[World] = []
    app = App()

    @app.on_window_expired
    async def expired(session: Session) -> None:
        ran.append(world)
        world.crash()
        await trio.sleep(1)

    async with open_world(app) as world:
        (await world.join("ann")).drop()
        await trio.sleep(31)
        for _ in range(4):
            await world.restart()
            await trio.sleep(2)

        assert len(ran) == 4
        assert await world.dead_letters() == ()
        assert not world.is_resident("ann")


async def test_a_repeat_while_the_store_is_away_waits(autojump_clock: MockClock) -> None:
    """Reading a stored reply has no handler's deadline: it was applied, and saying otherwise would be wrong."""
    trouble = Troublemaker()
    store = FaultyStore(MemoryStore())
    async with open_world(trouble.app, store=store, limits=SessionLimits()) as world:
        phone = await world.join("ann")
        await phone.push("good", input_id="g")
        store.go_away("reply")
        repeat = phone.send("good", input_id="g")
        await trio.sleep(60)
        assert not repeat.is_answered
        store.come_back()

        assert await repeat.get() == {"good": 1}


async def test_hooks_that_report_may_fail(autojump_clock: MockClock) -> None:
    """Disconnect, window, idle and end happen although their hooks raise or hang."""
    app = App(timeout=1)
    ran: list[str] = []

    @app.on_disconnect
    async def disconnected(session: Session) -> None:
        ran.append("disconnect")
        raise RuntimeError

    @app.on_window_expired
    async def expired(session: Session) -> None:
        ran.append("window")
        await trio.sleep_forever()

    @app.on_idle
    async def idle(session: Session) -> None:
        ran.append("idle")
        if len(ran) > 1:
            await trio.sleep_forever()
        raise RuntimeError

    @app.on_end
    async def ended(session: Session, reason: str) -> None:
        ran.append(reason)
        raise RuntimeError

    async with open_world(app, limits=SessionLimits(idle_seconds=100)) as world:
        phone = await world.join("ann")
        await trio.sleep(101)
        assert phone.closed is CloseCode.IDLE
        await trio.sleep(60)
        assert not world.is_resident("ann")
        again = await world.join("ann")
        await world.operations.stop_session(ANN, reason="stopped", erase=False)

        assert again.closed is CloseCode.ENDED
        assert ran == ["idle", "disconnect", "window", "stopped"]
        await trio.sleep(5)
        assert not world.is_resident("ann")
