"""A session's life: windows, resumes, idling, lingering, ending, coming back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from sessiond import App, Reject, Session
from sessiond.core.codes import CloseCode
from sessiond.core.ids import UserId, partition_of
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.phases import Phase
from sessiond.runtime.actor import SessionActor
from sessiond.testing.world import World, open_world
from tests.runtime.hearing import hearing

ANN = UserId("ann")


class Diary:
    """An app that writes down which hook ran when."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.in_hook: dict[str, Callable[[Session], None]] = {}
        app = self.app = App()

        def hook(name: str) -> Callable[[Session], object]:
            async def run(session: Session) -> None:
                self.ran.append(name)
                if name in self.in_hook:
                    self.in_hook[name](session)

            return run

        app.on_start(hook("start"))
        app.on_connect(hook("connect"))
        app.on_disconnect(hook("disconnect"))
        app.on_window_expired(hook("window"))
        app.on_idle(hook("idle"))

        @app.on_end
        async def ended(session: Session, reason: str) -> None:
            self.ran.append(f"end:{reason}")

        @app.on("say")
        async def say(session: Session, payload: dict) -> None:
            session.data["said"] = payload["text"]
            session.push("said", payload)

        @app.on("end")
        async def end(session: Session, payload: dict) -> str:
            session.end("done", erase=payload.get("erase", False))
            return "bye"


def phase(world: World) -> Phase | None:
    cell = world.node.registry.get(ANN)
    if cell is not None and cell.hibernated is not None:
        return cell.hibernated.state.phase
    actor = None if cell is None else cell.actor
    return actor.state.phase if isinstance(actor, SessionActor) else None


async def test_a_life_has_its_hooks_in_order(autojump_clock: MockClock) -> None:
    """Start once, connect, disconnect, window; coming back starts nothing anew."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone = await world.join("ann")
        assert phase(world) is Phase.ATTACHED
        phone.drop()
        await world.settle()
        assert phase(world) is Phase.DETACHED
        await trio.sleep(40)
        assert phase(world) is None
        await world.join("ann")

        assert diary.ran == ["start", "connect", "disconnect", "window", "connect"]


async def test_a_resume_inside_the_window_gets_what_was_missed_once(
    autojump_clock: MockClock,
) -> None:
    """In order, after the join reply and before anything live; the window's hook never runs."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone = await world.join("ann")
        await phone.push("say", {"text": 0})
        phone.drop()
        for n in range(1, 4):
            await world.webhook("ann", {"type": "hooked", "n": n})
        await trio.sleep(20)
        again = world.connect("ann")
        welcome = await again.join(resume=phone)
        await again.push("say", {"text": "live"})
        await trio.sleep(60)

        assert (welcome["recovered"], welcome["offset"]) == (True, 4)
        assert [payload["_offset"] for _, payload in again.pushes] == [2, 3, 4, 5]
        assert "window" not in diary.ran


async def test_a_resume_after_the_window_works_while_missed_pushes_are_kept(
    autojump_clock: MockClock,
) -> None:
    """The user was put away; within two minutes nothing is lost, later the client is told ``expired``."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone = await world.join("ann")
        phone.drop()
        await trio.sleep(40)
        await world.webhook("ann", {"type": "hooked", "n": 1})
        await trio.sleep(70)
        again = world.connect("ann")
        assert (await again.join(resume=phone))["recovered"] is True
        await world.settle()
        assert [event for event, _ in again.pushes] == ["hooked"]

        again.drop()
        await world.settle()
        await world.webhook("ann", {"type": "hooked", "n": 2})
        await trio.sleep(200)
        late = world.connect("ann")
        welcome = await late.join(resume=again)
        assert (welcome["recovered"], welcome["reason"]) == (False, "expired")
        assert late.pushes == []


async def test_a_client_that_missed_nothing_is_recovered_however_late(
    autojump_clock: MockClock,
) -> None:
    """There is nothing that could have been lost."""
    async with open_world(Diary().app) as world:
        phone = await world.join("ann")
        await phone.push("say", {"text": 1})
        phone.drop()
        await trio.sleep(1000)

        assert (await world.connect("ann").join(resume=phone))["recovered"] is True


async def test_the_same_device_replaces_itself(autojump_clock: MockClock) -> None:
    """The newer connection of a device is kept; the older closed with its own code. Not a detach."""
    diary = Diary()
    async with open_world(diary.app) as world:
        old = await world.join("ann", device="phone")
        new = await world.join("ann", device="phone")

        assert (old.closed, new.is_open) == (CloseCode.REPLACED, True)
        assert phase(world) is Phase.ATTACHED
        assert "disconnect" not in diary.ran


async def test_the_window_closes_once_although_the_node_died(autojump_clock: MockClock) -> None:
    """Attached as the node died: the next one dates the window from its own start."""
    diary = Diary()
    async with open_world(diary.app) as world:
        await world.join("ann")
        world.crash()
        await trio.sleep(500)
        await world.restart()
        await trio.sleep(25)
        assert "window" not in diary.ran
        await trio.sleep(25)
        assert diary.ran == ["start", "connect", "window"]
        await world.restart()
        await trio.sleep(100)

        assert diary.ran.count("window") == 1


async def test_a_silent_user_is_closed_and_told_why(autojump_clock: MockClock) -> None:
    """4008 after the idle timeout, the hook before it; heard in time, he stays."""
    diary = Diary()
    async with open_world(diary.app, limits=SessionLimits(idle_seconds=100)) as world:
        phone = await world.join("ann")
        await trio.sleep(90)
        await phone.push("say", {"text": 1})
        await trio.sleep(90)
        assert phone.is_open
        await trio.sleep(20)

        assert phone.closed is CloseCode.IDLE
        assert diary.ran == ["start", "connect", "idle", "disconnect"]


async def test_acknowledgements_are_no_activity(autojump_clock: MockClock) -> None:
    """A client that only acks is silent."""
    async with open_world(Diary().app, limits=SessionLimits(idle_seconds=10)) as world:
        phone = await world.join("ann")
        for _ in range(12):
            await trio.sleep(1)
            phone.ack(0)

        assert phone.closed is CloseCode.IDLE


async def test_an_idle_hook_may_end_the_session(autojump_clock: MockClock) -> None:
    """Silence can be the app's reason to say good-bye for good."""
    diary = Diary()
    diary.in_hook["idle"] = lambda session: session.end("too quiet", erase=True)
    async with open_world(diary.app, limits=SessionLimits(idle_seconds=10)) as world:
        phone = await world.join("ann")
        await trio.sleep(15)

        assert phone.closed is CloseCode.IDLE
        assert diary.ran[-2:] == ["idle", "end:too quiet"]
        assert await world.data("ann") is None


async def test_a_session_without_a_connection_lingers(autojump_clock: MockClock) -> None:
    """Woken by a webhook it stays for a minute after its last input."""
    async with open_world(Diary().app) as world:
        await world.webhook("ann", {"n": 1})
        await trio.sleep(50)
        await world.webhook("ann", {"n": 2})
        await trio.sleep(50)
        assert phase(world) is Phase.AWAKE
        with hearing("session.passivated") as heard:
            await trio.sleep(15)

        assert phase(world) is None
        assert heard[0][2]["reason"] == "linger"


# Turning away


async def test_a_start_hook_may_turn_the_user_away(autojump_clock: MockClock) -> None:
    """A rejection leaves no record; trying to end there is the app's mistake, and leaves none either."""
    diary = Diary()

    def reject(session: Session) -> None:
        raise Reject("members only", code="no_member")

    diary.in_hook["start"] = reject
    async with open_world(diary.app) as world:
        assert await world.connect("ann").start_join().refusal() == "no_member"
        diary.in_hook["start"] = lambda session: session.end()
        assert await world.connect("ann").start_join().refusal() == "handler_failed"
        await world.settle()

        assert await world.data("ann") is None
        assert not world.is_resident("ann")


async def test_a_connect_hook_may_turn_a_connection_away(autojump_clock: MockClock) -> None:
    """The others stay; a hook that ends the session does so after the welcome."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone = await world.join("ann")

        def reject(session: Session) -> None:
            raise Reject("one is enough")

        diary.in_hook["connect"] = reject
        assert await world.connect("ann").start_join().refusal() == "rejected"
        assert phone.is_open
        diary.in_hook["connect"] = lambda session: session.end("full")
        last = world.connect("ann")
        assert (await last.join())["user_id"] == "ann"

        assert (phone.closed, last.closed) == (CloseCode.ENDED, CloseCode.ENDED)
        assert diary.ran[-1] == "end:full"


@pytest.mark.parametrize(("hook", "wait"), [("disconnect", 1), ("window", 40)])
async def test_a_hook_may_end_the_session(
    autojump_clock: MockClock, hook: str, wait: float
) -> None:
    """When the last connection left, or when nobody came back."""
    diary = Diary()
    diary.in_hook[hook] = lambda session: session.end("gone", erase=True)
    async with open_world(diary.app) as world:
        (await world.join("ann")).drop()
        await trio.sleep(wait)

        assert diary.ran[-1] == "end:gone"
        assert await world.data("ann") is None
        assert not world.is_resident("ann")


# The end


async def test_the_end_closes_after_the_reply(autojump_clock: MockClock) -> None:
    """Whoever asked for it is answered; all connections close; the record stays for the retention time."""
    diary = Diary()
    async with open_world(diary.app, limits=SessionLimits(retention_seconds=300)) as world:
        phone, laptop = await world.join("ann"), await world.join("ann")
        assert await phone.push("end") == "bye"
        await world.settle()
        assert (phone.closed, laptop.closed) == (CloseCode.ENDED, CloseCode.ENDED)
        assert not world.is_resident("ann")
        assert await world.data("ann") == {}
        with hearing("session.ended") as heard:
            await trio.sleep(400)

        assert [about["reason"] for _, _, about in heard] == ["retention"]
        assert await world.data("ann") is None
        assert diary.ran.count("end:done") == 1
        assert not world.is_resident("ann")


async def test_coming_back_in_time_keeps_the_record(autojump_clock: MockClock) -> None:
    """A join after the end cancels the retention; so does a webhook."""
    diary = Diary()
    async with open_world(diary.app, limits=SessionLimits(retention_seconds=100)) as world:
        phone = await world.join("ann")
        await phone.push("say", {"text": "hi"})
        await phone.push("end")
        await trio.sleep(50)
        await world.join("ann")
        await trio.sleep(100)

        assert await world.data("ann") == {"said": "hi"}
        assert diary.ran.count("start") == 1


async def test_erasing_removes_everything_at_once(autojump_clock: MockClock) -> None:
    """Record, frames, ids; who comes back is new."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone = await world.join("ann")
        await phone.push("say", {"text": "hi"}, input_id="a")
        await phone.push("end", {"erase": True})
        await world.settle()
        assert await world.data("ann") is None
        assert await world.store.frames(ANN, partition_of(ANN), 0) == ()
        assert await world.store.users() == ()

        again = world.connect("ann")
        welcome = await again.join(resume=phone)
        assert (welcome["recovered"], welcome["reason"]) == (False, "new")
        assert diary.ran.count("start") == 2


@pytest.mark.parametrize("erase", [False, True])
async def test_what_a_client_sent_before_it_heard_of_the_end_is_refused(
    autojump_clock: MockClock, erase: bool
) -> None:
    """It neither runs on the ended session nor makes a new one; a join that waited behind it begins anew."""
    diary = Diary()
    async with open_world(diary.app) as world:
        phone, laptop = await world.join("ann"), world.connect("ann")
        ending = phone.send("end", {"erase": erase})
        late = phone.send("say", {"text": "too late"})
        joining = laptop.start_join()
        await ending.get()
        assert await late.refusal() == "ended"
        await joining.get()
        await laptop.push("say", {"text": "hello"})

        assert phone.closed is CloseCode.ENDED
        assert laptop.is_open
        assert await world.data("ann") == {"said": "hello"}
        assert diary.ran.count("start") == (2 if erase else 1)


async def test_an_operator_may_end_a_session_of_nobody_in_memory(autojump_clock: MockClock) -> None:
    """It is woken for it, ends with its hook, and goes."""
    diary = Diary()
    async with open_world(diary.app) as world:
        (await world.join("ann")).drop()
        await trio.sleep(60)
        await world.operations.stop_session(ANN, reason="cleaning", erase=True)
        await world.settle()

        assert diary.ran[-1] == "end:cleaning"
        assert await world.data("ann") is None
        assert not world.is_resident("ann")


async def test_without_retention_the_end_erases(autojump_clock: MockClock) -> None:
    """A retention of zero keeps nothing."""
    async with open_world(Diary().app, limits=SessionLimits(retention_seconds=0)) as world:
        phone = await world.join("ann")
        await phone.push("end")
        await world.settle()

        assert await world.data("ann") is None
