"""Supervision: who is started again, when, and who is left alone; nobody else notices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import Fenced, StoreUnavailable
from sessiond.core.ids import Digest, UserId
from sessiond.core.records import InboxEntry
from sessiond.core.session.inputs import Accepted, HookCall, Input, Send
from sessiond.runtime.availability import Availability
from sessiond.runtime.cell import Cell, Standing
from sessiond.runtime.clock import SystemClock
from sessiond.runtime.entropy import SeededEntropy
from sessiond.runtime.mailbox import Control, Envelope
from sessiond.runtime.registry import Registry
from sessiond.runtime.supervisor import Supervisor
from tests.runtime.answers import Answer
from tests.runtime.hearing import hearing

ANN, BOB = UserId("ann"), UserId("bob")


class Troupe:
    """Actors that do what their messages say: an exception is raised, "leave" leaves, the rest is noted."""

    def __init__(self, cap: int = 100_000) -> None:
        clock = SystemClock()
        self.registry = Registry()
        self.availability = Availability(clock)
        self.starts: defaultdict[UserId, list[float]] = defaultdict(list)
        self.seen: defaultdict[UserId, list[object]] = defaultdict(list)
        self.on_start: Callable[[Cell], None] = lambda cell: None
        self.prepared: list[UserId] = []
        self.supervisor = Supervisor(
            self.act,
            self.registry,
            clock=clock,
            entropy=SeededEntropy(1),
            availability=self.availability,
            before_start=self.prepare,
            resident_cap=cap,
        )

    async def prepare(self, cell: Cell) -> None:
        self.prepared.append(cell.user)
        await trio.lowlevel.checkpoint()

    async def act(self, cell: Cell) -> None:
        self.starts[cell.user].append(trio.current_time())
        self.on_start(cell)
        cell.standing = Standing.RUNNING
        while True:
            envelope = cell.mailbox.get_nowait()
            if envelope is None:
                await cell.mailbox.wait()
                continue
            order = envelope.item.payload if isinstance(envelope.item, Send) else envelope.item
            if isinstance(order, BaseException):
                raise order
            if order in {"leave", Control.PASSIVATE} and self.registry.leave(cell):
                return
            if order == "return":
                return
            self.seen[cell.user].append(order)

    def order(self, user: UserId, order: object) -> Cell:
        cell = self.supervisor.activate(user)
        cell.mailbox.put(Envelope(Send("order", order)))
        return cell


@asynccontextmanager
async def playing(cap: int = 100_000) -> AsyncIterator[Troupe]:
    troupe = Troupe(cap)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: troupe.supervisor.run(task_status=task_status))
        yield troupe
        nursery.cancel_scope.cancel()


def crash(number: int = 1) -> RuntimeError:
    return RuntimeError(f"crash {number}")


async def test_activation_is_single_flight() -> None:
    """Many who need a user at once start one actor, after the last one's commits are decided."""
    async with playing() as troupe:
        cells = {id(troupe.supervisor.activate(ANN)) for _ in range(10)}
        await wait_all_tasks_blocked()

        assert len(cells) == 1
        assert len(troupe.starts[ANN]) == 1
        assert [ANN] == troupe.prepared
        assert troupe.supervisor.running == 1


async def test_a_crash_leaves_all_others_untouched(autojump_clock: MockClock) -> None:
    """One actor crashes again and again until it is quarantined; the other hears every message, once, in order."""
    async with playing() as troupe:
        other = troupe.order(BOB, 0)
        for number in range(1, 10):
            if troupe.supervisor.activate(ANN).standing is not Standing.QUARANTINED:
                troupe.order(ANN, crash(number))
            troupe.order(BOB, number)
            await trio.sleep(1)

        assert troupe.supervisor.activate(ANN).standing is Standing.QUARANTINED
        assert list(range(10)) == troupe.seen[BOB]
        assert len(troupe.starts[BOB]) == 1
        assert troupe.supervisor.activate(BOB) is other


async def test_the_mailbox_survives_a_crash(autojump_clock: MockClock) -> None:
    """What came before and during the back-off is taken by the next incarnation, in order."""
    async with playing() as troupe:
        cell = troupe.order(ANN, crash())
        troupe.order(ANN, "before")
        await wait_all_tasks_blocked()
        assert cell.standing is Standing.BACKING_OFF
        troupe.order(ANN, "during")
        await trio.sleep(1)

        assert ["before", "during"] == troupe.seen[ANN]
        assert (cell.incarnation, cell.restarts, cell.last_error) == (1, 1, "RuntimeError")


async def test_restarts_back_off_and_then_stop(autojump_clock: MockClock) -> None:
    """Three restarts, each waiting longer, then quarantine; each is told to operators."""
    async with playing() as troupe:

        def fail(_cell: Cell) -> None:
            raise crash()

        troupe.on_start = fail
        with hearing("supervisor.restarted", "supervisor.quarantined") as heard:
            cell = troupe.supervisor.activate(ANN)
            await trio.sleep(60)
        starts = troupe.starts[ANN]
        waits = [later - sooner for sooner, later in pairwise(starts)]

        assert cell.standing is Standing.QUARANTINED
        assert len(waits) == 3
        assert 0.05 <= waits[0] <= 0.1 <= waits[1] <= 0.2 <= waits[2] <= 0.4
        assert ["supervisor.restarted"] * 3 + ["supervisor.quarantined"] == [h[0] for h in heard]
        assert troupe.supervisor.running == 0


def accepted(seq: int) -> Input:
    return Accepted(InboxEntry(seq, ANN, Digest(bytes(16)), "hook:x", b"{}", 0.0))


async def quarantined(troupe: Troupe) -> Cell:
    def fail(_cell: Cell) -> None:
        raise crash()

    troupe.on_start = fail
    cell = troupe.supervisor.activate(ANN)
    await trio.sleep(60)
    troupe.on_start = lambda _cell: None
    return cell


async def test_quarantine_answers_who_waits_and_keeps_what_was_accepted(
    autojump_clock: MockClock,
) -> None:
    """Askers get `quarantined` at once; accepted inputs leave the mailbox and are marked as left in the store."""
    async with playing() as troupe:
        answer = Answer()
        cell = troupe.supervisor.activate(ANN)
        cell.told_seq = 4
        cell.mailbox.put(Envelope(HookCall("h", {}), answer))
        cell.mailbox.put(Envelope(accepted(4)))
        assert await quarantined(troupe) is cell

        assert [ErrorCode.QUARANTINED] == answer.said
        assert not cell.mailbox
        assert cell.backlog
        assert cell.told_seq == 0


async def test_a_released_user_begins_again(autojump_clock: MockClock) -> None:
    """An operator's release starts the actor with a full budget; releasing somebody else does nothing."""
    async with playing() as troupe:
        cell = await quarantined(troupe)
        with hearing("supervisor.released") as heard:
            assert not troupe.supervisor.release(BOB)
            assert troupe.supervisor.release(ANN)
            assert not troupe.supervisor.release(ANN)
        troupe.order(ANN, "hello")
        await wait_all_tasks_blocked()

        assert (Standing.RUNNING, 0) == (cell.standing, cell.restarts)
        assert ["hello"] == troupe.seen[ANN]
        assert [("supervisor.released", {}, {"user": ANN})] == heard


async def test_an_actor_that_leaves_is_not_started_again() -> None:
    """Transient: a normal end is an end; the next message starts a new cell."""
    async with playing() as troupe:
        cell = troupe.order(ANN, "leave")
        await wait_all_tasks_blocked()
        assert troupe.registry.get(ANN) is None
        again = troupe.order(ANN, "hello")
        await wait_all_tasks_blocked()

        assert again is not cell
        assert ["hello"] == troupe.seen[ANN]


async def test_an_actor_that_ends_with_messages_waiting_starts_again() -> None:
    """Whatever made it return, a message in the mailbox is not lost."""
    async with playing() as troupe:
        cell = troupe.order(ANN, "return")
        troupe.order(ANN, "hello")
        await wait_all_tasks_blocked()

        assert ["hello"] == troupe.seen[ANN]
        assert troupe.registry.get(ANN) is cell
        assert cell.restarts == 0


@pytest.mark.parametrize("wrap", [False, True])
async def test_a_fenced_user_is_given_up(wrap: bool) -> None:
    """He belongs to another owner now: no restart, no crash counted, whoever waits may repeat."""
    async with playing() as troupe:
        answer = Answer()
        error: Exception = Fenced("theirs")
        cell = troupe.order(ANN, ExceptionGroup("turn", [error]) if wrap else error)
        cell.mailbox.put(Envelope(HookCall("h", {}), answer))
        await wait_all_tasks_blocked()

        assert [ErrorCode.GONE] == answer.said
        assert troupe.registry.get(ANN) is None
        assert cell.restarts == 0


async def test_a_store_that_is_away_burns_no_budget(autojump_clock: MockClock) -> None:
    """However often loading fails while it is away: started again when it is back, nothing counted."""
    async with playing() as troupe:
        troupe.availability.away("lane", StoreUnavailable("away"))
        tries = iter(range(20))

        def fail(_cell: Cell) -> None:
            if next(tries, None) is not None:
                raise StoreUnavailable("away")

        troupe.on_start = fail
        cell = troupe.order(ANN, "hello")
        await trio.sleep(3600)
        assert len(troupe.starts[ANN]) == 1
        troupe.availability.back("lane")
        await trio.sleep(60)

        assert ["hello"] == troupe.seen[ANN]
        assert cell.restarts == 0


async def test_everybody_crashing_is_nobodys_fault(autojump_clock: MockClock) -> None:
    """A systemic failure makes the node not ready and quarantines nobody beyond the first few."""
    users = [UserId(f"u{number}") for number in range(30)]
    async with playing() as troupe:

        def fail(_cell: Cell) -> None:
            raise crash()

        troupe.on_start = fail
        with hearing("supervisor.systemic", "supervisor.recovered") as heard:
            for user in users:
                troupe.supervisor.activate(user)
            await trio.sleep(100)
            systemic = troupe.supervisor.is_systemic()
            troupe.on_start = lambda _cell: None
            await trio.sleep(30)
            recovered = not troupe.supervisor.is_systemic()

        standings = [cell.standing for cell in troupe.registry]
        assert systemic
        assert recovered
        assert [Standing.RUNNING] * 30 == standings
        assert ["supervisor.systemic", "supervisor.recovered"] == [name for name, _, _ in heard]


async def test_the_silent_leave_when_the_node_is_full(autojump_clock: MockClock) -> None:
    """At the cap the least recently active without a connection leave; attached ones stay."""
    users = [UserId(f"u{number}") for number in range(150)]
    async with playing(cap=100) as troupe:
        for user in users[:100]:
            troupe.supervisor.activate(user).is_attached = user == users[0]
            await trio.sleep(1)
        for user in users[100:]:
            troupe.supervisor.activate(user)
            await trio.sleep(1)
        left = [cell.user for cell in troupe.registry]

        assert 84 <= len(left) <= 101
        assert users[0] in left
        assert users[1] not in left
        assert set(users[80:]) <= set(left)


async def test_waiting_until_nobody_runs() -> None:
    """A drain waits for the last actor; a cancelled wait changes nothing."""
    async with playing() as troupe:
        await troupe.supervisor.wait_none_running()
        troupe.supervisor.activate(ANN)
        with trio.move_on_after(0) as early:
            await troupe.supervisor.wait_none_running()
        troupe.order(ANN, "leave")
        await troupe.supervisor.wait_none_running()

        assert early.cancelled_caught
        assert troupe.supervisor.running == 0


async def test_cancelling_is_no_crash() -> None:
    """When the node stops, actors stop with it, in their turn or in their back-off; cells stay as they were."""
    async with playing() as troupe:
        cell = troupe.order(ANN, "hello")
        broken = troupe.order(BOB, crash())
        await wait_all_tasks_blocked()

    assert (Standing.RUNNING, 0) == (cell.standing, cell.restarts)
    assert (Standing.BACKING_OFF, 1) == (broken.standing, broken.restarts)
    assert troupe.supervisor.running == 0


async def test_a_failure_while_being_cancelled_stays_inside() -> None:
    """An actor whose clean-up fails as the node stops does not turn the stop into a crash."""
    registry = Registry()

    async def untidy(cell: Cell) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                await trio.sleep_forever()
            finally:
                raise crash()

    clock = SystemClock()
    supervisor = Supervisor(
        untidy,
        registry,
        clock=clock,
        entropy=SeededEntropy(1),
        availability=Availability(clock),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: supervisor.run(task_status=task_status))
        supervisor.activate(ANN)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_nobody_is_started_when_it_does_not_run() -> None:
    """Activating before the supervisor runs is a mistake of ours, said at once."""
    with pytest.raises(RuntimeError, match="not running"):
        Troupe().supervisor.activate(ANN)
