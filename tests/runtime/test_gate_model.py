"""The output gate and a store that refuses at any moment: any interleaving, beside what was told.

Single cases are in test_gate.py.
"""

from collections import deque
from typing import Final

import msgspec
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sessiond.core.ids import ConnectionId, NodeId, UserId, partition_of
from sessiond.core.records import Fence, UserCommit, Verdict, VerdictStatus
from sessiond.core.session import machine
from sessiond.core.session.changes import Change
from sessiond.core.session.effects import Reply
from sessiond.core.session.inputs import Ack
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import Outcome, PushRequest
from sessiond.core.session.snapshot import decode_snapshot
from sessiond.core.session.state import SessionState, fresh_state
from sessiond.runtime.gate import DEPTH, Gate, Turn
from sessiond.runtime.mailbox import Envelope
from sessiond.stores.memory import MemoryStore

USER: Final = UserId("ann")
PARTITION: Final = partition_of(USER)
LIMITS: Final = SessionLimits()


class Actor:
    """What an actor does with its gate, and nothing else: numbered inputs whose traces the data keeps."""

    def __init__(self) -> None:
        self.state: SessionState = fresh_state(USER, session_id="s", now=0.0)
        self.released: list[int] = []
        self.failures = 0
        self.commits = 0
        self.gate = Gate(
            USER,
            PARTITION,
            perform=self.perform,
            on_failure=self.failed,
            commit_ids=self.commit_id,
        )

    def commit_id(self) -> bytes:
        self.commits += 1
        return self.commits.to_bytes(16)

    def perform(self, turn: Turn) -> None:
        for effect in turn.effects:
            assert isinstance(effect, Reply)
            self.released.append(int(effect.payload))

    def failed(self) -> None:
        self.failures += 1

    def turn(self, kind: str, number: int) -> bool:
        """Compute and enter the turn of input *number*."""
        before, change = self.state, None
        if kind != "unchanged":
            data = msgspec.json.decode(before.snapshot.data) or []
            push = PushRequest(b'"n"', b'{"n":%d}' % number)
            outcome = (  # each leaves its trace in one place only
                Outcome(pushes=(push,))
                if kind == "durable"
                else Outcome(data=msgspec.json.encode([*data, number]))
            )
            step = machine.apply(machine.receive(before), outcome, 0.0, "epoch", LIMITS)
            self.state = step.state
            change = Change(before=before, after=step.state, frames=step.frames)
        envelope = Envelope(Ack(ConnectionId(0), number))
        effects = (Reply(b"%d" % number),)
        turn = Turn(before, envelope, change, effects)
        return self.gate.enter(turn, relaxed=kind == "relaxed")

    def take(self) -> UserCommit:
        commit = self.gate.take()
        assert commit is not None
        return commit


def numbers(turns: tuple[Turn, ...]) -> list[int]:
    """The inputs of *turns*."""
    envelopes = [turn.envelope for turn in turns if turn.envelope is not None]
    return [envelope.item.offset for envelope in envelopes if isinstance(envelope.item, Ack)]


class Gates(RuleBasedStateMachine):
    """An actor, its gate and a store that refuses, and whose answers get lost, at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.actor = Actor()
        self.store = MemoryStore()
        self.told: list[tuple[str, int]] = []
        self.mailbox: deque[tuple[str, int]] = deque()
        self.in_flight: UserCommit | None = None
        self.kinds: dict[int, str] = {}

    @initialize()
    def own(self) -> None:
        self.fences = {PARTITION: trio.run(self._acquire)}

    async def _acquire(self) -> Fence:
        (acquired,) = await self.store.acquire(
            NodeId("n"), "1", (PARTITION,), now=0.0, window_seconds=1.0, lease_seconds=1.0
        )
        return acquired.fence

    async def _commit(self) -> Verdict:
        assert self.in_flight is not None
        (verdict,) = await self.store.commit([self.in_flight], self.fences)
        return verdict

    @rule(kind=st.sampled_from(["durable", "changing", "relaxed", "unchanged"]))
    def tell(self, kind: str) -> None:
        """An input comes; its turn is computed when the gate has room."""
        number = len(self.told) + 1
        self.told.append((kind, number))
        self.mailbox.append((kind, number))
        self.work()

    def work(self) -> None:
        while self.mailbox and not self.actor.gate.is_full and self.actor.gate.failure is None:
            kind, number = self.mailbox.popleft()
            if number == 1 and kind == "relaxed":
                kind = "changing"  # the first turn makes the record (runtime/turns.py)
            self.kinds[number] = kind
            self.actor.turn(kind, number)

    @rule()
    def flush(self) -> None:
        """The relaxed second is over."""
        if self.actor.gate.failure is None:
            self.actor.gate.flush(self.actor.state)

    @precondition(lambda self: self.in_flight is None and self.actor.gate.has_pending())
    @rule(separately=st.sampled_from([0, 0, 2]))
    def take(self, separately: int) -> None:
        """The committer takes what waits."""
        self.actor.gate.separately = separately
        self.in_flight = self.actor.take()

    @precondition(lambda self: self.in_flight is not None)
    @rule(is_lost=st.booleans())
    def answer(self, is_lost: bool) -> None:
        """The store applies it; after a lost answer the same commit is sent again."""
        if is_lost:
            trio.run(self._commit)
        verdict = trio.run(self._commit)
        assert verdict.status is VerdictStatus.APPLIED
        self.in_flight = None
        self.actor.gate.decided(verdict)
        self.work()

    @precondition(lambda self: self.in_flight is not None)
    @rule(status=st.sampled_from([VerdictStatus.CONFLICT, VerdictStatus.TOO_LARGE]))
    def refuse(self, status: VerdictStatus) -> None:
        """The store refuses: nothing of it is written."""
        self.in_flight = None
        self.actor.gate.decided(Verdict(status, self.actor.gate.version))

    @precondition(lambda self: self.actor.gate.failure is not None)
    @rule()
    def recover(self) -> None:
        """The actor goes back to before the first void turn and takes its inputs again."""
        _, turns = self.actor.gate.fail()
        self.actor.state = turns[0].before
        again = numbers(turns)
        self.mailbox.extendleft((self.told[n - 1][0], n) for n in reversed(again))
        self.work()

    @invariant()
    def effects_leave_in_order_once(self) -> None:
        """What has left is a beginning of what was told: nothing is missing, doubled or early."""
        released = self.actor.released

        assert self.in_flight is None or self.actor.gate.take() is None
        assert [number for _, number in self.told][: len(released)] == released
        assert len(self.actor.gate.turns) <= DEPTH + 2  # flushes are turns of their own

    @invariant()
    def what_left_is_durable(self) -> None:
        """A turn that changed something left after its commit; a relaxed one may have left before."""
        stored = self.stored()

        for number in self.actor.released:
            if self.kinds[number] in {"durable", "changing"}:
                assert number in stored

    def stored(self) -> list[int]:
        """The inputs whose traces the store has: in the data, and in the frames."""
        person = self.store._people.get(USER)
        if person is None or person.record is None or person.record.snapshot is None:
            return []
        snapshot = decode_snapshot(person.record.snapshot)
        found: list[int] = msgspec.json.decode(snapshot.data) or []
        assert sorted(found) == found
        found.extend(
            msgspec.json.decode(b"[" + frame.message + b"]")[1]["n"]
            for frame in person.record.frames.values()
        )
        return sorted(found)

    def teardown(self) -> None:
        """Once the store takes everything, every input has been applied once, in order, and answered."""
        if not hasattr(self, "fences"):
            return
        while self.mailbox or not self.actor.gate.is_open or self.actor.gate.lazy:
            if self.actor.gate.failure is not None:
                self.recover()
            self.flush()
            if self.in_flight is None and self.actor.gate.has_pending():
                self.in_flight = self.actor.take()
            if self.in_flight is not None:
                self.answer(is_lost=False)

        changed = [number for _, number in self.told if self.kinds[number] != "unchanged"]
        assert [number for _, number in self.told] == self.actor.released
        assert changed == self.stored()


TestGates = Gates.TestCase
TestGates.settings = settings(stateful_step_count=30, deadline=None, max_examples=60)
