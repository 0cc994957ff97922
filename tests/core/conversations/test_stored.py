"""Stored conversations (sessiond/core/conversations/stored.py)."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.journal import Channel
from sessiond.core.conversations.stored import (
    StoredConversation,
    decode_conversation,
    encode_conversation,
    raw_record,
    without_flow,
)
from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.flow_session import SessionRecord, encode_record
from sessiond.core.flows.prompts import Message
from sessiond.core.flows.record import Record

RECORD = Record(flow="order", id="c1").told("ask", "name", b'"Ama"')
SESSION = msgspec.Raw(
    encode_record(SessionRecord(values={"a": b"1"}, created_at=1.0, expires_at=50.0))
)
FULL = StoredConversation(
    touched_at=1.5,
    expires_at=9.5,
    record=raw_record(RECORD),
    channel=Channel("ussd", "nalo", "[number …56]"),
    session=SESSION,
    unseen=(Message("Hello."),),
    queued=(Answer(text="3"), Answer(choice="s", screen="c1:0:1")),
)


def test_what_was_encoded_comes_back() -> None:
    """With its record, and as the same bytes again."""
    raw = encode_conversation(FULL)
    back = decode_conversation(raw)

    assert RECORD == back.flow_record
    assert (FULL.unseen, FULL.queued, FULL.channel) == (back.unseen, back.queued, back.channel)
    assert raw == encode_conversation(back)


def test_what_says_nothing_is_left_out() -> None:
    """A conversation is as small as its record allows."""
    bare = StoredConversation(touched_at=1.0, expires_at=2.0)

    assert b'{"touched_at":1.0,"expires_at":2.0}' == encode_conversation(bare)
    assert (None, False, False) == (bare.flow_record, bare.has_record, bare.is_live)


def test_what_is_more_than_a_memory() -> None:
    """A flow that runs, or something that was not seen."""
    assert FULL.is_live
    assert StoredConversation(touched_at=1, expires_at=2, unseen=(Message("x"),)).is_live
    assert not StoredConversation(touched_at=1, expires_at=2, session=SESSION).is_live


def test_what_flows_remember_stays_when_a_flow_ends() -> None:
    """Until its own time is over, and nothing else with it."""
    kept = without_flow(FULL, 10.0)
    assert kept is not None
    assert (50.0, SESSION, False, ()) == (
        kept.expires_at,
        kept.session,
        kept.has_record,
        kept.queued,
    )
    assert without_flow(FULL, 50.0) is None
    assert without_flow(StoredConversation(touched_at=1, expires_at=2), 0.0) is None
    broken = msgspec.structs.replace(FULL, session=msgspec.Raw(b"1"))
    assert without_flow(broken, 0.0) is None


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'"x"', b'{"touched_at":1}', b'{"touched_at":1,"expires_at":2,"x":3}']
)
def test_what_is_no_conversation(raw: bytes) -> None:
    """It is refused without repeating what is in it."""
    with pytest.raises(SnapshotCorrupt, match="not a stored conversation"):
        decode_conversation(raw)


@given(st.binary(max_size=200))
def test_garbage_is_refused(raw: bytes) -> None:
    """By one error, whatever it is."""
    with pytest.raises(SnapshotCorrupt):
        decode_conversation(raw)


def test_nothing_said_is_in_a_repr() -> None:
    """Neither answers nor messages."""
    assert "Ama" not in repr(FULL)
    assert "Hello" not in repr(FULL)
    assert "queued" not in repr(FULL)
