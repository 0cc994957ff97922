"""Snapshots (sessiond/core/session/snapshot.py)."""

import contextlib
import json
import struct
import zlib
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sessiond.core.errors import SnapshotCorrupt, SnapshotTooNew
from sessiond.core.session.snapshot import (
    SNAPSHOT_VERSION,
    UPCASTERS,
    Device,
    Snapshot,
    decode_snapshot,
    encode_snapshot,
    rolled_back,
)
from sessiond.testing.strategies import snapshots

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = sorted(int(path.stem.removeprefix("v")) for path in GOLDEN.glob("v*.snapshot"))

# What each golden file holds, as this version sees it. A new version adds a file and an entry; none is changed.
MEANING = {
    1: Snapshot(
        session_id="5e55",
        created_at=1_800_000_000.25,
        data=b'{"deal":42,"name":"Ann"}',
        unread=3,
        left_at=1_800_000_060.0,
        devices={"phone": Device(7, 1_800_000_060.0), "web": Device(9)},
        conversations={"ussd:233": b'{"flow":"order"}'},
        subscriptions={"topic:news": 12},
    )
}


def sealed(body: bytes, version: int = SNAPSHOT_VERSION, codec: bytes = b"J") -> bytes:
    """A snapshot with a right checksum and any body."""
    return struct.pack(">2sBcI", b"SD", version, codec, zlib.crc32(body)) + body


@given(snapshots())
def test_what_was_written_is_read(snapshot: Snapshot) -> None:
    """Nothing is lost or changed by being stored."""
    assert snapshot == decode_snapshot(encode_snapshot(snapshot))


@given(snapshots(), st.randoms(use_true_random=False))
def test_equal_snapshots_are_equal_bytes(snapshot: Snapshot, random: Random) -> None:
    """The order in which devices or conversations came does not show."""
    names = list(snapshot.devices)
    random.shuffle(names)
    same = Snapshot(
        session_id=snapshot.session_id,
        created_at=snapshot.created_at,
        data=snapshot.data,
        unread=snapshot.unread,
        left_at=snapshot.left_at,
        devices={name: snapshot.devices[name] for name in names},
        conversations=snapshot.conversations,
        subscriptions=snapshot.subscriptions,
    )

    assert encode_snapshot(snapshot) == encode_snapshot(same)


def test_every_version_has_its_golden_file() -> None:
    """Each version ever released can be read, and one of its files shows it."""
    assert list(range(1, SNAPSHOT_VERSION + 1)) == VERSIONS == sorted(MEANING)
    assert set(range(1, SNAPSHOT_VERSION)) == set(UPCASTERS)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_snapshot_still_means_the_same(version: int) -> None:
    """What an earlier release wrote is what this one reads."""
    assert MEANING[version] == decode_snapshot((GOLDEN / f"v{version}.snapshot").read_bytes())


def test_the_current_version_is_written_as_its_golden_file_says() -> None:
    """A change of the bytes is a change of the version."""
    golden = (GOLDEN / f"v{SNAPSHOT_VERSION}.snapshot").read_bytes()

    assert golden == encode_snapshot(MEANING[SNAPSHOT_VERSION])


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda raw: b"SD\x01J" + raw))
def test_any_other_bytes_are_corrupt(raw: bytes) -> None:
    """Whatever the store returns, the answer is one kind of error."""
    with pytest.raises((SnapshotCorrupt, SnapshotTooNew)):
        decode_snapshot(raw)


@given(snapshots(), st.data())
def test_a_damaged_snapshot_is_corrupt(snapshot: Snapshot, data: st.DataObject) -> None:
    """A flipped bit or a missing end is noticed; only a version can become a newer one."""
    raw = bytearray(encode_snapshot(snapshot))
    where = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw[where] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del raw[where:]

    with pytest.raises((SnapshotCorrupt, SnapshotTooNew)):
        decode_snapshot(bytes(raw))


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["session_id", "created_at", "data", "devices", "left_at", "other"]),
        st.none() | st.integers() | st.text() | st.lists(st.integers(), max_size=2),
    ).map(lambda plain: json.dumps(plain).encode())
)
def test_a_body_of_another_shape_is_corrupt(body: bytes) -> None:
    """A right checksum over nonsense is still nonsense; what is read has at least what a snapshot must have."""
    with contextlib.suppress(SnapshotCorrupt):
        decode_snapshot(sealed(body))
        assert {"session_id", "created_at"} <= json.loads(body).keys()


def test_an_error_does_not_repeat_the_state() -> None:
    """What could not be read may be anybody's data: the message and its cause hold none of it."""
    with pytest.raises(SnapshotCorrupt, match="version 1 has the wrong shape") as caught:
        decode_snapshot(sealed(b'{"session_id":"5e55","created_at":"0244123456"}'))

    assert "0244" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_body_that_nests_without_end_is_corrupt() -> None:
    """A parser that gives up is no reason to crash."""
    with pytest.raises(SnapshotCorrupt, match="RecursionError"):
        decode_snapshot(sealed(b'{"session_id":"","created_at":1,"data":' + b"[" * 1_000_000))


@pytest.mark.parametrize("codec", [b"J", b"M"])
def test_a_newer_version_is_refused(codec: bytes) -> None:
    """A newer release's snapshot is not damaged: the error says to update, whatever its codec and body."""
    newer = sealed(b"anything", SNAPSHOT_VERSION + 1, codec)

    with pytest.raises(SnapshotTooNew, match=f"version {SNAPSHOT_VERSION + 1}"):
        decode_snapshot(newer)


def test_an_unknown_codec_is_corrupt() -> None:
    """This version writes JSON only."""
    with pytest.raises(SnapshotCorrupt, match="codec"):
        decode_snapshot(sealed(b"{}", codec=b"M"))


def lift(plain: dict[str, object]) -> dict[str, object]:
    """An upcaster of a made-up version 0, which called the session's id differently."""
    return {"session_id": plain.pop("id"), **plain}


def test_an_older_version_is_lifted() -> None:
    """Each step takes plain data to the next version's plain data; the last is read as usual."""
    old = sealed(b'{"id":"5e55","created_at":1.0,"data":{"a":[1]}}', 0)

    assert Snapshot(session_id="5e55", created_at=1.0, data=b'{"a":[1]}') == decode_snapshot(
        old, {**UPCASTERS, 0: lift}
    )


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id":[]}', b"nonsense"])
def test_an_older_version_of_another_shape_is_corrupt(body: bytes) -> None:
    """An upcaster may rely on the shape it was written for: what it raises means corrupt."""
    with pytest.raises(SnapshotCorrupt, match="version 0"):
        decode_snapshot(sealed(body, 0), {0: lift})


def test_a_version_without_an_upcaster_is_corrupt() -> None:
    """Version 0 was never released."""
    with pytest.raises(SnapshotCorrupt, match="version 0"):
        decode_snapshot(sealed(b"{}", 0))


def test_a_state_is_not_shown() -> None:
    """Neither data nor conversations, nor the names of devices, are in a repr."""
    shown = repr(MEANING[1])

    assert [] == [secret for secret in ("Ann", "233", "phone") if secret in shown]


def test_the_body_is_plain_json() -> None:
    """An operator with `jq` can read what was rolled back to."""
    raw = (GOLDEN / "v1.snapshot").read_bytes()

    assert {"deal": 42, "name": "Ann"} == msgspec.json.decode(raw[8:])["data"]


def test_what_others_rely_on_is_not_rolled_back() -> None:
    """Who the user is, where he is reached, and the numbers of his messages; the rest is as it was."""
    earlier = Snapshot(session_id="s", created_at=1.0, data=b'{"a":1}', sent=3)
    now = replace(
        earlier, data=b"{}", sent=5, lines={"shop": b"{}"}, linked_to="ann", aliases=("eve",), link_tries=(1.0,)
    )  # fmt: skip

    assert replace(now, data=earlier.data) == rolled_back(earlier, now)
    assert rolled_back(earlier, None).sent > 1000
