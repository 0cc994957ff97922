"""What is packed is unpacked as it was."""

import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.ids import Digest, UserId
from sessiond.core.records import (
    EMPTY_STREAM,
    DeadLetter,
    Delivery,
    Frame,
    InboxEntry,
    StreamMark,
    Timer,
)
from sessiond.stores.redis import packing

numbers = st.integers(0, 2**53)
times = st.floats(0, 1e11)


@given(st.builds(Frame, numbers.map(lambda n: n + 1), times, st.binary()))
def test_frames(frame: Frame) -> None:
    """Any message, also one with colons, and the exact time."""
    assert packing.unpack_frames([packing.pack_frame(frame)], 0) == (frame,)


def test_frames_are_read_once_each_and_in_order() -> None:
    """A commit that was cut short and repeated may have doubled some."""
    stored = [packing.pack_frame(Frame(n, 0.0, b"%d" % n)) for n in (1, 2, 3, 2, 3, 4)]

    assert [frame.offset for frame in packing.unpack_frames(stored, 1)] == [2, 3, 4]


@given(st.builds(Timer, st.just("n"), numbers, st.none() | times, st.binary()))
def test_timers(timer: Timer) -> None:
    """Dated or not."""
    assert packing.unpack_timer("n", packing.pack_timer(timer)) == timer


@given(st.builds(Delivery, st.just("d"), times, st.binary()))
def test_deliveries(delivery: Delivery) -> None:
    """With any body."""
    assert packing.unpack_delivery("d", packing.pack_delivery(delivery)) == delivery


@given(
    st.builds(
        DeadLetter,
        st.just("x"),
        st.text().map(UserId),
        st.text(),
        st.binary(),
        st.text(),
        times,
        numbers,
    )
)
def test_dead_letters(letter: DeadLetter) -> None:
    """With any text."""
    assert packing.unpack_dead_letter("x", packing.pack_dead_letter(letter)) == letter


def test_record_without_a_stream_or_snapshot() -> None:
    """A first commit may set neither."""
    loaded = packing.unpack_record([b"v", b"1:1:" + bytes(16)], [], [])

    assert (loaded.version, loaded.snapshot, loaded.previous) == (1, b"", None)
    assert loaded.stream == EMPTY_STREAM


@given(st.binary(min_size=16, max_size=16), st.text())
def test_record(commit_id: bytes, epoch: str) -> None:
    """The current snapshot is the one of the slot named; the window is in order of time, accepted ids left out."""
    mark = StreamMark(epoch, head=9, floor=3, lost=2, size=77)
    window = [b"b" * 16, struct.pack(">d", 2.0), b"a" * 16, struct.pack(">d", 1.5)]
    accepted = [b"c" * 16, struct.pack(">d", math.nan)]
    record = [b"v", b"7:0:" + commit_id, b"s0", b"now", b"s1", b"before"]
    loaded = packing.unpack_record(
        [*record, b"m", packing.pack_stream(mark).encode()],
        [*window, *accepted],
        [b"z", b"1::", b"a", b"2:5.5:x"],
    )

    assert (loaded.version, loaded.snapshot, loaded.previous) == (7, b"now", b"before")
    assert loaded.stream == mark
    assert loaded.window == ((Digest(b"a" * 16), 1.5), (Digest(b"b" * 16), 2.0))
    assert loaded.timers == (Timer("a", 2, 5.5, b"x"), Timer("z", 1, None))


def test_stored_replies() -> None:
    """An empty reply is a reply."""
    times_only = bytes(16)

    assert packing.unpack_stored_reply(times_only) is None
    assert packing.unpack_stored_reply(times_only + b"=") == b""
    assert packing.unpack_stored_reply(times_only + b"={}") == b"{}"


def test_inbox_entries() -> None:
    """With and without attempts."""
    fields = [b"u", b"ann", b"d", b"d" * 16, b"k", b"hook:x", b"b", b"body", b"t", b"1.5"]
    entry = InboxEntry(3, UserId("ann"), Digest(b"d" * 16), "hook:x", b"body", 1.5)

    assert packing.unpack_inbox_entry([b"3-0", fields, None]) == entry
    assert packing.unpack_inbox_entry([b"3-0", fields, b"0:2:7:nonce"]).attempts == 2
