"""The outbox (sessiond/core/session/outbox.py)."""

import msgspec
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sessiond.core.position import RecoveryReason, StreamPosition
from sessiond.core.records import Frame, StreamMark
from sessiond.core.session import outbox
from sessiond.core.session.limits import SessionLimits
from sessiond.testing.strategies import outboxes

PUSH = (b'"deal:new"', b'{"id":1}')
WIDE = SessionLimits()


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"{}", {"_offset": 8}),
        (b'{"a":1}', {"_offset": 8, "a": 1}),
        (b'{"_offset":99}', {"_offset": 99}),
    ],
)
def test_a_push_carries_its_offset(payload: bytes, expected: dict[str, int]) -> None:
    """The payload stays an object and gets ``_offset`` as its first member."""
    _, _, (frame,) = outbox.append(StreamMark("e", 7, 7), (), [(b'"x"', payload)], 1.0, WIDE)

    assert (8, 1.0) == (frame.offset, frame.at)
    assert ["x", expected] == msgspec.json.decode(b"[" + frame.message + b"]")


class Outbox(RuleBasedStateMachine):
    """A stream whose frames are partly in memory, beside a plain list of all that the store keeps."""

    limits = SessionLimits(outbox_frames=5, outbox_bytes=150)

    def __init__(self) -> None:
        super().__init__()
        self.stream = StreamMark("e")
        self.memory: tuple[Frame, ...] = ()
        self.stored: list[Frame] = []
        self.pushed = 0
        self.acknowledged = 0

    @rule(sizes=st.lists(st.integers(0, 60), min_size=1, max_size=4))
    def push(self, sizes: list[int]) -> None:
        """Every push gets the next offset; when a bound is reached the oldest go, and ``lost`` says so."""
        was_whole = outbox.covers(self.stream, self.memory, self.stream.floor)
        pushes = [(b'"e"', b'{"t":"%b"}' % (b"x" * size)) for size in sizes]
        self.stream, self.memory, new = outbox.append(
            self.stream, self.memory, pushes, 0.0, self.limits
        )

        assert [self.pushed + n for n in range(1, len(sizes) + 1)] == [f.offset for f in new]
        self.pushed += len(sizes)
        before, kept = self.stored + list(new), self.stored + list(new)
        while len(kept) > self.limits.outbox_frames or self.size(kept) > self.limits.outbox_bytes:
            kept.pop(0)
        self.stored = [frame for frame in before if frame.offset > self.stream.floor]
        if was_whole:
            assert kept == self.stored
        else:  # what cannot be counted may go early, and only then
            assert self.stored == kept[len(kept) - len(self.stored) :]
            assert self.stored == kept or list(self.memory) == self.stored
        if len(self.stored) < len(before):
            assert self.stream.lost == self.stream.floor

    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """What everybody has goes, without a word about loss."""
        self.acknowledged = data.draw(st.integers(0, self.pushed + 2))
        lost = self.stream.lost
        self.stream, self.memory = outbox.trim(self.stream, self.memory, self.acknowledged)
        self.stored = [frame for frame in self.stored if frame.offset > self.acknowledged]

        assert lost == self.stream.lost

    @rule()
    def detach(self) -> None:
        """With the last connection the memory goes."""
        self.memory = ()

    @rule()
    def fetch(self) -> None:
        """A resume that reaches further back reads all of it from the store."""
        self.memory = tuple(self.stored)

    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """A client gets all it missed, or a reason; when memory is said to suffice, it does."""
        offset = data.draw(st.integers(0, self.pushed + 2))
        reason = outbox.recovery(self.stream, StreamPosition("e", offset), away_too_long=False)
        missed = [frame for frame in self.stored if frame.offset > offset]

        assert (reason is None) == (offset <= self.pushed and len(missed) == self.pushed - offset)
        if reason is None and outbox.covers(self.stream, self.memory, offset):
            assert missed == list(outbox.since(self.memory, offset))

    @staticmethod
    def size(frames: list[Frame]) -> int:
        return sum(len(frame.message) for frame in frames)

    @invariant()
    def the_mark_tells_what_is_stored(self) -> None:
        """``floor + 1 … head`` are the offsets stored, and never more than the bounds allow."""
        stream, offsets = self.stream, [frame.offset for frame in self.stored]

        assert list(range(stream.floor + 1, stream.head + 1)) == offsets
        assert self.pushed == stream.head
        assert stream.lost <= stream.floor <= stream.head
        assert len(offsets) <= self.limits.outbox_frames
        assert self.size(self.stored) <= stream.size <= self.limits.outbox_bytes or not offsets

    @invariant()
    def the_size_is_exact_when_all_is_here(self) -> None:
        """An upper bound while only the store has some; ``trim`` and the bounds make it exact again."""
        if self.stored and self.memory == tuple(self.stored):
            stream, memory = outbox.trim(self.stream, self.memory, self.stream.floor + 1)
            assert self.size(list(memory)) == stream.size

    @invariant()
    def memory_holds_the_end(self) -> None:
        """What is in memory is a suffix of what is stored."""
        count = len(self.memory)

        assert list(self.memory) == self.stored[len(self.stored) - count :]


TestOutbox = Outbox.TestCase


@given(outboxes(), st.integers(0, 20))
def test_what_memory_covers_is_whole(
    drawn: tuple[StreamMark, tuple[Frame, ...]], in_memory: int
) -> None:
    """Memory covers an offset exactly when it holds every frame above it."""
    stream, frames = drawn
    memory = frames[len(frames) - min(in_memory, len(frames)) :]

    for offset in range(stream.floor, stream.head + 1):
        whole = len(outbox.since(memory, offset)) == stream.head - offset
        assert whole == outbox.covers(stream, memory, offset)


@pytest.mark.parametrize(
    ("position", "away", "reason"),
    [
        (StreamPosition("other", 9), False, RecoveryReason.EPOCH),
        (StreamPosition("e", 11), False, RecoveryReason.AHEAD),
        (StreamPosition("e", 11), True, RecoveryReason.AHEAD),
        (StreamPosition("e", 10), True, None),
        (StreamPosition("e", 9), True, RecoveryReason.EXPIRED),
        (StreamPosition("e", 9), False, None),
        (StreamPosition("e", 6), False, None),
        (StreamPosition("e", 5), False, RecoveryReason.GAP),
        (StreamPosition("e", 4), False, RecoveryReason.GAP),
        (StreamPosition("e", 3), False, RecoveryReason.OVERFLOW),
    ],
)
def test_why_a_client_cannot_resume(
    position: StreamPosition, away: bool, reason: RecoveryReason | None
) -> None:
    """Head 10, six and below gone, four and below by a bound; who missed nothing always resumes."""
    stream = StreamMark("e", head=10, floor=6, lost=4)

    assert reason is outbox.recovery(stream, position, away_too_long=away)


def test_there_is_nothing_to_resume_before_the_first_push() -> None:
    """A stream without an epoch is new to everybody."""
    position = StreamPosition("e", 0)

    assert RecoveryReason.NEW is outbox.recovery(StreamMark(""), position, away_too_long=False)


def test_a_push_larger_than_the_outbox_is_not_kept() -> None:
    """It goes out live; whoever was away is told of an overflow, not given a hole."""
    limits = evolve(WIDE, outbox_bytes=10)
    stream, kept, new = outbox.append(StreamMark("e"), (), [PUSH, PUSH], 0.0, limits)

    assert ((), [1, 2]) == (kept, [frame.offset for frame in new])
    assert StreamMark("e", head=2, floor=2, lost=2, size=0) == stream


def test_a_detached_user_loses_nothing_early_by_number() -> None:
    """Frames that only the store has are counted exactly by number."""
    limits = evolve(WIDE, outbox_frames=3)
    stream = StreamMark("e")
    for _ in range(5):
        stream, _, _ = outbox.append(stream, (), [PUSH], 0.0, limits)

    assert (2, 2, 5) == (stream.floor, stream.lost, stream.head)


def test_a_size_that_was_estimated_drops_nothing_once_all_is_here() -> None:
    """Pushes to a user who is away leave an upper bound; back in memory, the true size decides."""
    limits = SessionLimits(outbox_frames=2, outbox_bytes=200)
    stream, frames = StreamMark("e"), list[Frame]()
    while stream.size + 70 <= limits.outbox_bytes:
        stream, _, new = outbox.append(
            stream, (), [(b'"e"', b'{"t":"%b"}' % (b"x" * 20))], 0, limits
        )
        frames += new
    frames = frames[-2:]
    assert sum(len(frame.message) for frame in frames) < stream.size

    _, kept, _ = outbox.append(
        stream, tuple(frames), [(b'"e"', b'{"t":"%b"}' % (b"x" * 60))], 0, limits
    )

    assert [*(f.offset for f in frames[1:]), stream.head + 1] == [f.offset for f in kept]
