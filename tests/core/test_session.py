"""A whole session (sessiond/core/session): any life of it, beside a naive model.

Several clients of one user come, resume, acknowledge, vanish; the app pushes; the owner dies and another loads what
is stored. The model keeps everything that was ever pushed and asks: did each client get all of it, in order, once,
or was it told why not?
"""

from collections.abc import Callable
from functools import partial

import msgspec
import trio
from attrs import define, evolve, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from msgspec.structs import replace

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId, Digest, NodeId, UserId, partition_of
from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import WINDOW_TIMER, Consumed, Frame, Loaded, VerdictStatus
from sessiond.core.session import machine
from sessiond.core.session.changes import Change, merge_commit
from sessiond.core.session.effects import CloseConnection, PushMessage, Reply
from sessiond.core.session.limits import SessionLimits
from sessiond.core.session.outcome import Outcome, PushRequest, TimerRequest
from sessiond.core.session.phases import Phase
from sessiond.core.session.snapshot import encode_snapshot
from sessiond.core.session.state import RETENTION_TIMER, SessionState, fresh_state, restore_state
from sessiond.core.session.step import Step
from sessiond.core.session.transitions import IllegalTransition
from sessiond.stores.memory import MemoryStore

USER = UserId("ann")
PARTITION = partition_of(USER)
LIMITS = SessionLimits(
    window_seconds=10.0,
    outbox_keep_seconds=30.0,
    outbox_frames=6,
    outbox_bytes=100_000,  # bytes have their own test: test_outbox.py
    window_ids=4,
    devices=4,
    retention_seconds=1000.0,
)


@define(eq=False)
class Client:
    """A well-behaved client: it knows how far it has seen and checks each push against that."""

    device: str
    connection: ConnectionId | None = None
    epoch: str = ""
    offset: int = 0
    cursor: int = 0
    left_at: float | None = None
    inbox: list[tuple[int, bytes]] = field(factory=list)

    def take(self, message: bytes) -> None:
        """Live or replayed: the next offset, or something is missing or doubled."""
        payload = msgspec.json.decode(b"[" + message + b"]")[1]
        if "_offset" in payload:
            assert self.offset + 1 == payload["_offset"]
            self.offset += 1
            self.inbox.append((self.offset, message))


class Session(RuleBasedStateMachine):
    """One user, four clients (two of them call themselves the same device), and the app."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.connections = 0
        self.epochs = 0
        self.version = 0
        self.state: SessionState = fresh_state(USER, session_id="s", now=self.now)
        self.clients = [Client(device) for device in ("", "", "phone", "phone")]
        self.log: dict[str, list[bytes]] = {}
        self.changes: list[Change] = []
        self.stored: dict[int, Frame] = {}
        self.floor = 0
        """What no client can count on any more, as the bounds allow."""
        self.lost = 0
        """What was dropped by a bound before every device had it."""

    # The shell

    def new_epoch(self) -> str:
        self.epochs += 1
        return f"epoch-{self.epochs}"

    def commit(
        self, step: Step, consumed: tuple[Consumed, ...] = (), forgotten: tuple[Digest, ...] = ()
    ) -> None:
        """Make a step the state, durable, and its effects seen."""
        before, self.state = self.state, step.state
        change = Change(
            before=before,
            after=step.state,
            frames=step.frames,
            consumed=consumed,
            forgotten=forgotten,
        )
        if not change.is_empty:
            self.changes.append(change)
        if before.stream.epoch != step.state.stream.epoch:
            self.stored, self.floor, self.lost = {}, 0, 0
            self.log[step.state.stream.epoch] = []
        self.stored |= {frame.offset: frame for frame in step.frames}
        floor = step.state.stream.floor
        self.stored = {offset: f for offset, f in self.stored.items() if offset > floor}
        self.log.setdefault(step.state.stream.epoch, []).extend(f.message for f in step.frames)
        for effect in step.effects:
            self.perform(effect)

    def perform(self, effect: object) -> None:
        match effect:
            case PushMessage(connections, message):
                assert connections
                for client in self.clients:
                    if client.connection in connections:
                        client.take(message)
            case CloseConnection(connections, code):
                for client in self.clients:
                    if client.connection is not None and client.connection in connections:
                        gone, client.connection = client.connection, None
                        client.left_at = None  # replaced or ended: nobody waits for its return
                        if code is CloseCode.RESTARTED:  # the door tells, as for any lost socket
                            client.left_at = self.now
                            self.commit(machine.leave(self.state, gone, self.now, LIMITS))
            case Reply():
                pass
            case _:
                raise AssertionError(effect)

    def attached(self) -> list[Client]:
        return [client for client in self.clients if client.connection is not None]

    # Joining

    def join(self, client: Client, resume: StreamPosition | None) -> dict[str, object]:
        if client.connection is None:
            self.connections += 1
        connection = client.connection or ConnectionId(self.connections)
        request = machine.JoinRequest(
            connection=connection, epoch=self.new_epoch(), device=client.device, resume=resume
        )
        if machine.needs_frames(self.state, resume):
            frames = tuple(self.stored[offset] for offset in sorted(self.stored))
            self.state = replace(self.state, outbox=frames)
        self.expire()
        step = machine.join(self.state, request, self.now, LIMITS)
        reply = next(effect for effect in step.effects if isinstance(effect, Reply))
        assert reply is step.effects[0]
        welcome: dict[str, object] = msgspec.json.decode(reply.payload)
        for other in self.clients:
            if other is not client and client.device and other.device == client.device:
                other.left_at = None  # one device, one record: the newer connection's
        client.connection, client.left_at = connection, None
        if not welcome["recovered"]:
            client.epoch, client.offset = str(welcome["epoch"]), int(str(welcome["offset"]))
            client.inbox.clear()
        client.cursor = client.offset
        self.commit(step)
        return welcome

    def expire(self) -> None:
        """Nobody was there for longer than missed pushes are kept."""
        if self.is_expired():
            self.floor = self.state.stream.head

    def is_expired(self) -> bool:
        left_at = self.state.snapshot.left_at
        return not self.attached() and left_at is not None and self.now - left_at > 30

    @rule(who=st.integers(0, 3))
    def resume(self, who: int) -> None:
        """A client that resumes gets exactly what it missed, or a reason that is true."""
        client = self.clients[who]
        epoch, offset, head = client.epoch, client.offset, self.state.stream.head
        expired, began, lost = self.is_expired(), self.state.stream.epoch, self.lost
        count = len(client.inbox)
        welcome = self.join(client, StreamPosition(epoch, offset))
        got = [message for _, message in client.inbox[count:]]

        if welcome["recovered"]:
            assert "reason" not in welcome
            assert (began, head) == (epoch, client.offset)
            assert self.log[epoch][offset:] == got
            return
        assert got == []
        reason = RecoveryReason(str(welcome["reason"]))
        if not began:
            assert reason is RecoveryReason.NEW
        elif began != epoch:
            assert reason is RecoveryReason.EPOCH
        else:
            assert reason not in {RecoveryReason.NEW, RecoveryReason.EPOCH, RecoveryReason.AHEAD}
            assert offset < self.floor
            assert expired == (reason is RecoveryReason.EXPIRED)
            assert expired or (offset < lost) == (reason is RecoveryReason.OVERFLOW)

    @rule(who=st.integers(0, 3))
    def join_anew(self, who: int) -> None:
        """A join without a position replays nothing and gives no reason."""
        client = self.clients[who]
        client.inbox.clear()
        welcome = self.join(client, None)

        assert not client.inbox
        assert (False, False) == (welcome["recovered"], "reason" in welcome)
        assert (self.state.stream.epoch, self.state.stream.head) == (client.epoch, client.offset)

    @precondition(lambda self: self.state.stream.epoch)
    @rule(who=st.integers(0, 3), far=st.integers(1, 9), luck=st.integers(0, 2))
    def resume_from_beyond_the_head(self, who: int, far: int, luck: int) -> None:
        """Who claims to have seen what was never sent begins a new epoch; the others come back too."""
        if luck:
            return
        before = self.state.stream
        welcome = self.join(self.clients[who], StreamPosition(before.epoch, before.head + far))

        assert (False, "ahead", 0) == tuple(welcome[k] for k in ("recovered", "reason", "offset"))
        assert welcome["epoch"] != before.epoch
        assert [self.clients[who]] == self.attached()

    # Living

    @precondition(lambda self: self.attached())
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """A client goes, or is lost; a second word about it changes nothing."""
        client = data.draw(st.sampled_from(self.attached()), label="client")
        connection, client.connection, client.left_at = client.connection, None, self.now
        assert connection is not None
        self.commit(machine.leave(self.state, connection, self.now, LIMITS))

        assert self.state is machine.leave(self.state, connection, self.now, LIMITS).state

    @precondition(lambda self: self.attached())
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Only what everybody has, or had a window's time to come back for, is forgotten."""
        client = data.draw(st.sampled_from(self.attached()), label="client")
        offset = data.draw(st.integers(0, client.offset), label="offset")
        assert client.connection is not None
        after = machine.acknowledge(self.state, client.connection, offset, self.now, LIMITS)
        if offset > client.cursor:
            client.cursor = offset
            waiting = [
                c.cursor
                for c in self.clients
                if c.epoch == self.state.stream.epoch
                and (c.connection is not None or (c.left_at or 0) + 10 >= self.now)
            ]
            self.floor = max(self.floor, min(waiting))
        self.commit(Step(after))

    @rule(
        durable=st.lists(st.booleans(), min_size=1, max_size=4),
        data=st.none() | st.integers(0, 3),
        timer=st.sampled_from(["", "set", "cancel"]),
        digest=st.none() | st.integers(0, 9),
    )
    def turn(self, durable: list[bool], data: int | None, timer: str, digest: int | None) -> None:
        """A handler runs: pushes go to everybody in order, durable ones are counted."""
        outcome = Outcome(
            data=None if data is None else b'{"n":%d}' % data,
            pushes=tuple(PushRequest(b'"e"', b'{"x":1}', durable=one) for one in durable),
            timers=(TimerRequest("t", self.now + 5 if timer == "set" else None),) if timer else (),
            reply=b"{}",
        )
        received = machine.receive(self.state)
        step = machine.apply(received, outcome, self.now, self.new_epoch(), LIMITS)
        consumed: tuple[Consumed, ...] = ()
        forgotten: tuple[Digest, ...] = ()
        name = Digest(bytes([digest or 0] * 16))
        if digest is not None and name not in step.state.window:
            window, forgotten = step.state.window.add(
                name, self.now, limit=LIMITS.window_ids, keep_seconds=LIMITS.window_ids_seconds
            )
            step = replace(step, state=replace(step.state, window=window))
            consumed = (Consumed(name, self.now, b"{}"),)
        floor = self.state.stream.floor
        self.commit(step, consumed, forgotten)
        if self.state.stream.head - LIMITS.outbox_frames > floor:
            self.lost = self.state.stream.head - LIMITS.outbox_frames
        self.floor = max(self.floor, self.state.stream.head - LIMITS.outbox_frames)

    @rule(seconds=st.sampled_from([0.1, 3.0, 11.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def timers_fire(self) -> None:
        """Every timer that is due and current is taken once."""
        for timer in list(self.state.timers.values()):
            if timer.due is None or timer.due > self.now or timer.name == RETENTION_TIMER:
                continue
            assert machine.is_current(self.state, timer)
            if timer.name == WINDOW_TIMER:
                assert not self.attached()
                self.commit(machine.window_expired(self.state))
            else:
                self.commit(Step(machine.fire(self.state, timer)))
            assert not machine.is_current(self.state, timer)

    @precondition(lambda self: self.state.phase is Phase.AWAKE)
    @rule()
    def linger(self) -> None:
        """Nothing has to be written for being put away."""
        self.commit(machine.linger_expired(self.state))

    @rule(luck=st.integers(0, 4))
    def end(self, luck: int) -> None:
        """Everybody is sent away, no timer is left but the one that removes the record."""
        if luck:  # else nobody would live long enough to see anything
            return
        self.commit(machine.end(self.state, "done", CloseCode.ENDED, self.now, LIMITS))

        assert (Phase.ENDED, {RETENTION_TIMER}) == (self.state.phase, {*self.state.timers})
        assert not self.attached()
        self.load()

    # Owners come and go

    @precondition(lambda self: self.changes and not self.state.attachments)
    @rule()
    def passivate(self) -> None:
        """What is loaded again is what was put away."""
        before = self.state
        self.load()

        assert before.snapshot == self.state.snapshot
        assert (before.stream, before.timers) == (self.state.stream, self.state.timers)
        assert before.window == self.state.window

    @precondition(lambda self: self.changes)
    @rule(is_dated=st.booleans(), luck=st.integers(0, 2))
    def owner_dies(self, is_dated: bool, luck: int) -> None:
        """The next one finds the window open and gives every device the time to come back."""
        if luck:
            return
        had = bool(self.attached())
        for client in self.attached():
            client.connection, client.left_at = None, self.now
        window = self.state.timers.get(WINDOW_TIMER)
        if is_dated and window is not None and window.due is None:  # Store.acquire does it
            timers = {**self.state.timers, WINDOW_TIMER: evolve(window, due=self.now + 10)}
            self.changes.append(Change(before=self.state, after=replace(self.state, timers=timers)))
            self.state = replace(self.state, timers=timers)
        self.load()

        assert had == machine.has_orphaned_window(self.state)
        if had:
            self.commit(Step(machine.open_window(self.state, self.now, LIMITS)))
            assert Phase.DETACHED is self.state.phase
            assert self.now == self.state.snapshot.left_at
        assert not machine.has_orphaned_window(self.state)

    def load(self) -> None:
        state = self.state
        self.state = restore_state(
            USER,
            Loaded(
                version=1,
                snapshot=encode_snapshot(state.snapshot),
                previous=None,
                stream=state.stream,
                window=tuple(state.window),
                timers=tuple(state.timers.values()),
            ),
        )

    # What is always true

    @invariant()
    def phases_say_who_is_there(self) -> None:
        state = self.state
        window = state.timers.get(WINDOW_TIMER)

        assert (state.phase is Phase.ATTACHED) == bool(state.attachments)
        assert {a.connection for a in state.attachments} == {c.connection for c in self.attached()}
        assert (window is not None) == (state.phase in {Phase.ATTACHED, Phase.DETACHED})
        assert window is None or (window.due is None) == (state.phase is Phase.ATTACHED)
        assert RETENTION_TIMER not in state.timers or state.phase is Phase.PASSIVE
        assert state.attachments or all(d.left_at is not None for d in state.devices.values())

    @invariant()
    def the_stream_is_what_the_store_has(self) -> None:
        state = self.state
        offsets = [frame.offset for frame in state.outbox]

        assert list(range(state.stream.floor + 1, state.stream.head + 1)) == sorted(self.stored)
        assert list(self.stored)[len(self.stored) - len(offsets) :] == offsets
        assert state.attachments or not state.outbox
        assert len(self.stored) <= LIMITS.outbox_frames
        assert state.stream.floor <= self.floor

    @invariant()
    def who_is_there_has_seen_everything(self) -> None:
        for client in self.attached():
            assert (self.state.stream.epoch, self.state.stream.head) == (
                client.epoch,
                client.offset,
            )
        for attachment in self.state.attachments:
            assert 0 <= attachment.cursor <= self.state.stream.head

    @invariant()
    def only_the_table_leads_out_of_a_phase(self) -> None:
        """What the table does not know raises, and the state is a value: nothing has changed."""
        if self.state.phase is not Phase.DETACHED:
            raises_illegal(partial(machine.window_expired, self.state))
        if self.state.phase is not Phase.AWAKE:
            raises_illegal(partial(machine.linger_expired, self.state))

    # In the store

    @initialize(cuts=st.lists(st.integers(1, 4), min_size=1, max_size=5))
    def choose_how_turns_merge(self, cuts: list[int]) -> None:
        self.cuts = cuts

    def teardown(self) -> None:
        """However turns merge into commits, the store ends up with the same record, and with what memory says."""
        if self.changes:
            trio.run(self.compare_stores)

    async def compare_stores(self) -> None:
        single, merged = MemoryStore(), MemoryStore()
        one_by_one = [[change] for change in self.changes]
        batches, at, turn = [], 0, 0
        while at < len(self.changes):
            count = self.cuts[turn % len(self.cuts)]
            batches.append(self.changes[at : at + count])
            at, turn = at + count, turn + 1
        await write(single, one_by_one)
        await write(merged, batches)
        expected, loaded = await single.load(USER, PARTITION), await merged.load(USER, PARTITION)
        frames = await single.frames(USER, PARTITION, 0)

        assert expected is not None
        assert loaded is not None
        assert comparable(expected) == comparable(loaded)
        assert frames == await merged.frames(USER, PARTITION, 0)
        assert tuple(self.stored.values()) == frames
        stored = restore_state(USER, loaded)
        assert self.state.snapshot == stored.snapshot
        assert (self.state.stream, self.state.timers) == (stored.stream, stored.timers)
        assert sorted(self.state.window) == sorted(stored.window)


def comparable(loaded: Loaded) -> Loaded:
    """Without what depends on the number of commits: versions, and the order of ids of one instant."""
    window = tuple(sorted(loaded.window, key=lambda item: (item[1], item[0])))
    return evolve(loaded, version=0, previous=None, window=window)


async def write(store: MemoryStore, batches: list[list[Change]]) -> None:
    (acquired,) = await store.acquire(
        NodeId("n"), "1", (PARTITION,), now=0.0, window_seconds=1.0, lease_seconds=1.0
    )
    version = 0
    for number, batch in enumerate(batches):
        commit = merge_commit(
            batch, partition=PARTITION, version=version, commit_id=number.to_bytes(16)
        )
        (verdict,) = await store.commit([commit], {PARTITION: acquired.fence})
        assert verdict.status is VerdictStatus.APPLIED
        version = verdict.version


def raises_illegal(call: Callable[[], object]) -> None:
    try:
        call()
    except IllegalTransition:
        return
    raise AssertionError("the table has no such row")


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
