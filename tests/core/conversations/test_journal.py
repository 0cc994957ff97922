"""Entries of a user's journal (sessiond/core/conversations/journal.py)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.conversations.journal import (
    MAX_ENTRY,
    MAX_TURN_ENTRIES,
    Channel,
    JournalEntry,
    JournalSettings,
    TurnJournal,
    channel_of,
    decode_entry,
    encode_entry,
)
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.errors import SnapshotCorrupt
from sessiond.core.structuring import InvalidShape, structure

NUMBER = "+233244123456"
COUNTED = JournalSettings()
TEXTS = JournalSettings(keep_texts=True)


def told(settings: JournalSettings = COUNTED, **facts: Any) -> JournalEntry:
    journal = TurnJournal(1000.5, Channel("ussd", "nalo", "[number …56]"), settings)
    journal.add(facts.pop("event", "step_start"), **facts)
    (raw,) = journal.encoded()
    return decode_entry(raw)


def test_an_entry_comes_back() -> None:
    """With its place in the flow, its way and its status."""
    entry = told(
        event=JournalEvent.TRANSITION,
        status=JournalStatus.FAILURE,
        flow="order",
        conversation="order:ussd:nalo::00ff",
        step="size",
        to_step="count",
        error="Not on the menu.",
        facts={"tries": 2, "media": None, "kind": "text", "last": True, "seconds": 0.5},
    )

    assert entry == JournalEntry(
        at=1000.5,
        event="transition",
        status=JournalStatus.FAILURE,
        flow="order",
        conversation="order:ussd:nalo::00ff",
        step="size",
        to_step="count",
        channel=Channel("ussd", "nalo", "[number …56]"),
        error="Not on the menu.",
        facts={"tries": 2, "media": None, "kind": "text", "last": True, "seconds": 0.5},
    )


def test_what_is_stored_never_changes() -> None:
    """Journals are read by later versions: the fields have these names, and empty ones are left out."""
    entry = JournalEntry(at=1.5, n=2, event="complete", flow="order")

    assert b'{"at":1.5,"n":2,"event":"complete","flow":"order"}' == encode_entry(entry)
    assert b'{"at":1.5,"event":"x","channel":{"platform":"ussd"}}' == encode_entry(
        JournalEntry(at=1.5, event="x", channel=Channel("ussd"))
    )


def test_texts_are_only_counted() -> None:
    """What a person wrote is not kept, unless the settings say so."""
    assert (None, 6) == (told(text="secret").text, told(text="secret").size)
    assert "secret" == told(TEXTS, text="secret").text
    assert "" == told(TEXTS, text="").text


def test_long_texts_are_cut() -> None:
    """To the settings' length; the length they had stays known."""
    entry = told(JournalSettings(keep_texts=True, max_text=10), text="x" * 1_000_000)

    assert ("x" * 9 + "…", 1_000_000) == (entry.text, entry.size)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": f"call me at {NUMBER}"},
        {"text": NUMBER[1:]},
        {"text": "0244123456"},
        {"error": f"{NUMBER} is not known"},
        {"facts": {"from": NUMBER}},
        {"facts": {"msisdn": "12"}},
        {"facts": {"number": 233244123456}},
        {"facts": {NUMBER: 1}},
        {"facts": {"list": [NUMBER]}},
        {"conversation": f"order:ussd:nalo:{NUMBER}"},
        {"step": NUMBER, "to_step": NUMBER, "flow": f"offer_{NUMBER}", "event": NUMBER},
    ],
    ids=str,
)
def test_no_field_holds_a_phone_number(fields: dict[str, Any]) -> None:
    """Whoever put it there, and under whatever name."""
    journal = TurnJournal(1.0, Channel("ussd", "nalo", NUMBER), TEXTS)
    journal.add(fields.pop("event", "message.received"), **fields)
    (raw,) = journal.encoded()

    assert b"244123456" not in raw
    assert b"24412345" not in raw


@pytest.mark.parametrize(
    "fields",
    [
        {"facts": {"access_token": "hunter2"}},
        {"error": "Authorization: Bearer hunter2"},
        {"text": "https://x/?token=hunter2"},
    ],
    ids=str,
)
def test_no_field_holds_a_secret(fields: dict[str, Any]) -> None:
    """Known by its name or by its look."""
    assert "hunter2" not in encode_entry(told(TEXTS, **fields)).decode()


def test_nothing_of_a_person_is_printed() -> None:
    """Texts, errors and facts are in no repr."""
    entry = told(TEXTS, text="secret", error="secret", facts={"k": "secret"})

    assert "secret" not in repr(entry)


@pytest.mark.parametrize(
    ("facts", "member"),
    [
        (ChannelFacts(msisdn=NUMBER, user_id="ada"), "[number …56]"),
        (ChannelFacts(user_id="12345678"), "[id …78]"),
        (ChannelFacts(user_id="ada"), "[id]"),
        (ChannelFacts(request_id=NUMBER), ""),
    ],
)
def test_a_member_is_masked(facts: ChannelFacts, member: str) -> None:
    """Two characters are enough to find a conversation together with somebody who calls."""
    assert member == channel_of(facts).member


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.text(max_size=300).map(lambda text: text * 9),
    st.text(max_size=300),
    st.dictionaries(st.text(max_size=30) | st.integers(), ANYTHING, max_size=30),
)
def test_telling_never_fails(long: str, text: str, facts: dict[Any, Any]) -> None:
    """Whatever is told, an entry of at most 2 KiB comes of it."""
    journal = TurnJournal(1.0, Channel(text, long, text), TEXTS)
    journal.add(
        long,
        flow=long,
        conversation=long,
        step=text,
        to_step=long,
        text=long,
        error=long,
        facts=facts,
    )
    (raw,) = journal.encoded()

    assert len(raw) <= MAX_ENTRY
    assert 1.0 == decode_entry(raw).at


def test_what_does_not_fit_is_left_out() -> None:
    """The entry says that it was cut; first its facts and its text go, then its names."""
    wide = "\U0001f600" * 400
    some = told(TEXTS, flow="order", text=wide, error=wide)
    more = told(TEXTS, flow=wide, step=wide, to_step=wide, conversation=wide, error=wide)

    assert (True, None, "order") == (some.cut, some.text, some.flow)
    assert (True, "step_start", "") == (more.cut, more.event, more.flow)
    assert told(facts={str(i): i for i in range(17)}).cut


def test_a_turn_is_bounded() -> None:
    """Beyond two hundred entries a turn only counts, and says so."""
    journal = TurnJournal(1.0)
    for _ in range(MAX_TURN_ENTRIES + 5):
        journal.add("step_start")
    entries = [decode_entry(raw) for raw in journal.encoded()]

    assert MAX_TURN_ENTRIES + 1 == len(entries)
    assert ("journal.cut", {"dropped": 5}) == (entries[-1].event, entries[-1].facts)
    assert list(range(MAX_TURN_ENTRIES + 1)) == [entry.n for entry in entries]


def test_other_systems_names_become_ours() -> None:
    """One happening has one name in the journal."""
    assert "flow.execution.end" == told(event="complete").event


def test_fields_of_later_versions_are_skipped() -> None:
    """A node that is not yet updated reads what a newer one wrote."""
    raw = json.dumps({"at": 1.0, "event": "x", "colour": "red"}).encode()

    assert JournalEntry(at=1.0, event="x") == decode_entry(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"\xff", b'{"at":"now","event":"x"}', b"[" * 9999]
)
def test_what_is_no_entry_is_refused(raw: bytes) -> None:
    """Damaged or somebody else's."""
    with pytest.raises(SnapshotCorrupt):
        decode_entry(raw)


@pytest.mark.parametrize("table", [{"max_text": 0}, {"max_text": 2000}, {"entries": 0}])
def test_settings_are_bounded(table: dict[str, object]) -> None:
    """An entry has room for a thousand characters of text, a journal for something."""
    with pytest.raises(InvalidShape, match=r"must be [<>]= 1"):
        structure(table, JournalSettings)
