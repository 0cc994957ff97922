"""The record of a conversation, as bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.flows.faults import RecordCorrupt, RecordTooNew
from sessiond.core.flows.record import Entry, Record, Waiting, decode_record, encode_record

NAMES = st.text(st.characters(codec="utf-8"), max_size=8)
ENTRIES = st.lists(
    st.builds(
        Entry, NAMES, NAMES, st.integers().map(lambda n: msgspec.Raw(msgspec.json.encode(n)))
    ),
    max_size=5,
).map(tuple)
RECORDS = st.builds(
    Record,
    flow=NAMES,
    id=NAMES,
    entries=ENTRIES,
    kept=ENTRIES,
    waiting=st.none() | st.builds(Waiting, NAMES, NAMES),
    attempt=st.integers(0, 9),
    unattended=st.integers(0, 9),
    spoken=st.booleans(),
    started_by=NAMES,
    platform=NAMES,
    gateway=NAMES,
)

GOLDEN = (
    b'{"flow":"order","id":"c1","entries":[["select","size","l"],["run","reserve",{"ref":7}]],'
    b'"waiting":["ask","town"],"attempt":1,"started_by":"hi","platform":"ussd","gateway":"nalo"}'
)


@given(RECORDS)
def test_a_record_survives_its_bytes(record: Record) -> None:
    """Encoding and decoding changes nothing, and equal records have equal bytes."""
    raw = encode_record(record)

    assert raw == encode_record(decode_record(raw))
    assert decode_record(raw).place == record.place


@given(RECORDS)
def test_a_record_is_json_inside_a_snapshot(record: Record) -> None:
    """Snapshots embed records as they are."""
    assert isinstance(msgspec.json.decode(encode_record(record)), dict)


def test_version_1_is_read_for_ever() -> None:
    """These bytes are in people's stores."""
    record = decode_record(GOLDEN)

    assert ("order", "c1", Waiting("ask", "town")) == (record.flow, record.id, record.waiting)
    assert {"size": "l"} == record.answers()
    assert encode_record(record) == GOLDEN


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"flow":"x"}',
        b'{"flow":1,"id":"c"}',
        b'{"flow":"x","id":"c","surprise":1}',
        b'{"flow":"x","id":"c","entries":[["ask"]]}',
        b'{"flow":"\xff","id":"c"}',
        b'{"version":0,"flow":"x","id":"c"}',
        b"[" * 100_000,
    ],
)
def test_a_damaged_record_is_a_clear_error(raw: bytes) -> None:
    """No damage looks like a conversation, and none crashes differently."""
    with pytest.raises(RecordCorrupt, match="conversation record"):
        decode_record(raw)

    assert issubclass(RecordCorrupt, SnapshotCorrupt)


def test_the_error_does_not_repeat_answers() -> None:
    """What a person said stays out of errors, also when the record is damaged."""
    with pytest.raises(RecordCorrupt) as caught:
        decode_record(b'{"flow":"x","id":"c","entries":[["ask","pin",1234],["ask"]]}')

    assert "1234" not in str(caught.value)


def test_a_newer_record_is_refused_not_guessed() -> None:
    """An older server during a deploy leaves newer records alone."""
    with pytest.raises(RecordTooNew, match="version 2"):
        decode_record(b'{"version":2,"flow":"x","something":"else"}')


def test_places_are_unique_over_detours() -> None:
    """After going back the same question is another place: its screens and runs have other names."""
    record = Record(flow="x", id="c1").told("ask", "a", b"1")
    back = record.back_to(0)

    assert ["c1:0:1", "c1:1:0"] == [record.place, back.place]
    assert back.told("ask", "a", b"1").place != record.place


def test_records_do_not_show_answers() -> None:
    """Records reach logs by accident; their content must not."""
    record = Record(flow="x", id="c1", started_by="secret").told("ask", "pin", b'"secret"')

    assert "secret" not in repr(record)
    assert "secret" not in repr(record.entries)
