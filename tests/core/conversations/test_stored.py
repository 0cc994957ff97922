"""Stored conversations (sessiond/core/conversations/stored.py)."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.conversations import MAX_CONVERSATIONS
from sessiond.core.conversations.journal import Channel
from sessiond.core.conversations.session_keys import SessionKeySettings
from sessiond.core.conversations.stored import (
    CONVERSATION_VERSION,
    MAX_KEPT_BYTES,
    MAX_KEPT_MESSAGES,
    NO_RAW,
    Pushed,
    StoredConversation,
    decode_conversation,
    encode_conversation,
    latest,
    pushed_with,
    raw_record,
    without_flow,
)
from sessiond.core.errors import SnapshotCorrupt, SnapshotTooNew
from sessiond.core.flows.answers import Answer
from sessiond.core.flows.conversation import Conversation
from sessiond.core.flows.flow_session import SessionRecord, encode_record
from sessiond.core.flows.prompts import AttachmentKind, End, Media, Message, Output
from sessiond.core.flows.record import Record
from tests.core.conversations.talking import Person

RECORD = Record(flow="order", id="c1").told("ask", "name", b'"Ama"')
SESSION = msgspec.Raw(
    encode_record(SessionRecord(values={"a": b"1"}, created_at=1.0, expires_at=50.0))
)
FULL = StoredConversation(
    touched_at=1.5,
    expires_at=9.5,
    record=raw_record(RECORD),
    channel=Channel("ussd", "nalo", "[number …56]"),
    account="shop",
    session=SESSION,
    unseen=(Message("Hello."),),
    is_unasked=True,
    pushed=Pushed(
        flow="order",
        messages=(Message("See.", Media(kind=AttachmentKind.IMAGE, url="https://example.com/a")),),
        end=End.RETURNED,
        result=msgspec.Raw(b"7"),
    ),
    began_at=1.0,
    ended="order",
    is_resuming=True,
    is_redialled=True,
    queued=(Answer(text="3"), Answer(choice="s", screen="c1:0:1")),
)

GOLDEN = Path(__file__).parent / "golden"

# What each golden file holds, as this version sees it. A new version adds a file and an entry; none is changed.
MEANING = {1: FULL}


async def asks(c: Conversation) -> None:
    await c.ask("x", "X?")


def test_what_was_encoded_comes_back() -> None:
    """With its record, and as the same bytes again."""
    raw = encode_conversation(FULL)
    back = decode_conversation(raw)

    assert RECORD == back.flow_record
    assert (FULL.unseen, FULL.queued, FULL.channel) == (back.unseen, back.queued, back.channel)
    assert raw == encode_conversation(back)


def test_every_version_is_read_for_ever() -> None:
    """Each has its file, of bytes that are in people's stores; the current one is written like that."""
    files = {int(file.stem[1:]): file.read_bytes().rstrip() for file in GOLDEN.glob("v*.json")}

    assert set(range(1, CONVERSATION_VERSION + 1)) == files.keys() == MEANING.keys()
    for version, raw in files.items():
        assert encode_conversation(MEANING[version]) == encode_conversation(
            decode_conversation(raw)
        )
    assert encode_conversation(MEANING[CONVERSATION_VERSION]) == files[CONVERSATION_VERSION]


@pytest.mark.parametrize(
    "rest", [b'"touched_at":1,"expires_at":2', b'"something":"else"', b'"touched_at":"soon"']
)
def test_a_newer_conversation_is_refused_not_guessed(rest: bytes) -> None:
    """Whatever is in it; an older one than the first is none."""
    with pytest.raises(
        SnapshotTooNew, match="stored conversation of version 2; this server reads up to 1"
    ):
        decode_conversation(b'{"version":2,' + rest + b"}")
    with pytest.raises(SnapshotCorrupt, match="not a stored conversation"):
        decode_conversation(b'{"version":0,' + rest + b"}")


def test_the_last_messages_are_kept() -> None:
    """So many, of so many bytes together; the very last whatever its size."""
    short = tuple(Message(str(number)) for number in range(MAX_KEPT_MESSAGES + 3))
    long = tuple(Message("é" * (MAX_KEPT_BYTES // 5)) for _ in range(4))

    assert short[3:] == latest(short)
    assert short[:2] == latest(short[:2])
    assert long[2:] == latest(long)
    assert (Message("x" * MAX_KEPT_BYTES),) == latest((*short, Message("x" * MAX_KEPT_BYTES)))
    assert () == latest(())


def test_what_is_pushed_is_added() -> None:
    """Messages, and how the flow ended; not questions, which the record has, and no result that is too large."""
    first = pushed_with(None, "order", Output(messages=(Message("a"),)))
    both = pushed_with(
        first, "order", Output(messages=(Message("b"),), end=End.RETURNED, result=b"1")
    )
    large = pushed_with(None, "order", Output(end=End.ENDED, result=b"1" * (MAX_KEPT_BYTES + 1)))

    assert Pushed(flow="order", messages=(Message("a"),)) == first
    assert first == pushed_with(first, "order", Output())
    assert pushed_with(None, "order", Output()) is None
    assert both is not None
    assert ("ab", End.RETURNED, b"1") == (
        "".join(message.text for message in both.messages),
        both.end,
        bytes(both.result),
    )
    assert Pushed(flow="order", end=End.ENDED, result=NO_RAW) == large


def test_what_says_nothing_is_left_out() -> None:
    """A conversation is as small as its record allows."""
    bare = StoredConversation(touched_at=1.0, expires_at=2.0)

    assert b'{"touched_at":1.0,"expires_at":2.0}' == encode_conversation(bare)
    assert (None, False, False) == (bare.flow_record, bare.has_record, bare.is_live)


def test_what_is_more_than_a_memory() -> None:
    """A flow that runs, or something that was not seen, perhaps."""
    assert FULL.is_live
    assert StoredConversation(touched_at=1, expires_at=2, pushed=Pushed(flow="x")).is_live
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


def test_nothing_overwrites_a_newer_conversation() -> None:
    """Words, resets, starts, reminders, time and crowds leave it; a newer server goes on with it."""
    person = Person(
        asks, keys=SessionKeySettings(boundaries=(), identifier="request_id", secret="s" * 16)
    )
    person.say("asks", request_id="newer")
    ((key, raw),) = person.stored.items()
    newer = raw.replace(b"{", b'{"version":2,', 1)
    person.stored = {key: newer}
    for text in ("x", "cancel", "asks"):
        person.say(text, request_id="newer")
        assert isinstance(person.taken.error, SnapshotTooNew)
        assert {key: newer} == person.stored
    person.say("", request_id="newer", flow="asks")
    person.said(Answer(), request_id="newer", reminds=True)
    person.pass_time(10 * 365 * 86_400.0)
    for number in range(MAX_CONVERSATIONS + 3):
        person.say("asks", request_id=f"r{number}")

    assert newer == person.stored[key]
    assert MAX_CONVERSATIONS == len(person.stored)
