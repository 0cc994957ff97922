"""What a turn of a conversation tells."""

import pytest

from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.journal import (
    MAX_TURN_ENTRIES,
    NO_CHANNEL,
    Channel,
    JournalSettings,
    channel_of,
    decode_entry,
)
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.conversations.session_keys import ChannelFacts

#: One number as people, gateways and clipboards write it.
SPELLINGS = (
    "+233244123456",
    "233244123456",
    "00233244123456",
    "0244123456",
    "+233 24 412 3456",
    "+233-24-412-3456",
    "+233 (24) 412-3456",
    "024 412 3456",
    "(024) 412-3456",
    "٠٢٤٤١٢٣٤٥٦",
)


def test_one_happening_is_told_to_the_journal_and_to_telemetry() -> None:
    """Both have event, status, flow, way and facts; the journal alone has the conversation and its steps."""
    way = Channel("ussd", "nalo", "[number …56]")
    teller = Teller(7.0, way, JournalSettings())
    teller.key, teller.flow = "order:1", "order"
    teller.tell(
        JournalEvent.VALIDATION_ERROR, JournalStatus.FAILURE, step="size", facts={"type": "text"}
    )

    (entry,) = map(decode_entry, teller.encoded())
    (told,) = teller.happenings
    assert (entry.event, entry.status, entry.flow, entry.channel, entry.facts) == (
        told.event,
        told.status,
        told.flow,
        told.channel,
        told.facts,
    )
    assert (entry.at, entry.conversation, entry.step) == (7.0, "order:1", "size")


@pytest.mark.parametrize("keeps", [False, True])
def test_a_text_is_told_by_its_length(keeps: bool) -> None:
    """A happening has room for nothing else of it, also where the journal keeps texts."""
    teller = Teller(0.0, NO_CHANNEL, JournalSettings(keep_texts=keeps))
    teller.tell(JournalEvent.MESSAGE_SENT, text="Ama owes 90")

    (told,) = teller.happenings
    (entry,) = map(decode_entry, teller.encoded())
    assert told.size == entry.size == len("Ama owes 90")
    assert "Ama" not in repr(told)
    assert entry.text == ("Ama owes 90" if keeps else None)


@pytest.mark.parametrize("number", SPELLINGS)
def test_a_number_is_masked_wherever_it_is_told(number: str) -> None:
    """In the text, the error, a fact, a step, the conversation's key and the way, however it is written."""
    facts = ChannelFacts(platform="ussd", gateway="nalo", msisdn=number)
    teller = Teller(0.0, channel_of(facts), JournalSettings(keep_texts=True))
    teller.key = f"order:ussd:{number}"
    teller.tell(
        JournalEvent.FLOW_ERROR,
        text=f"call {number}.",
        error=f"no order of {number}",
        step=f"offer {number}",
        facts={"of": number},
    )

    (raw,) = teller.encoded()
    entry = decode_entry(raw)
    assert number not in raw.decode()
    for told in (entry.text, entry.error, entry.step, entry.conversation, entry.facts["of"]):
        assert "[number …56]" in str(told)
        assert "3456" not in str(told)
    assert entry.channel.member in {"[number …56]", "[number …٥٦]"}


def test_a_token_is_masked() -> None:
    """By its look, and by the name it stands under."""
    teller = Teller(0.0, NO_CHANNEL, JournalSettings(keep_texts=True))
    teller.tell(
        JournalEvent.MESSAGE_RECEIVED,
        text="my token=hunter2, and Bearer abc.def",
        facts={"verify_token": "x"},
    )

    (raw,) = teller.encoded()
    assert b"hunter2" not in raw
    assert b"abc.def" not in raw
    assert decode_entry(raw).facts == {"verify_token": "[hidden]"}


def test_a_turn_that_tells_too_much_is_counted_whole_and_kept_in_part() -> None:
    """Telemetry has every happening; the journal says how many it left out."""
    teller = Teller(0.0, NO_CHANNEL, JournalSettings())
    for _ in range(MAX_TURN_ENTRIES + 5):
        teller.tell(JournalEvent.STEP_START)

    last = decode_entry(teller.encoded()[-1])
    assert len(teller.happenings) == MAX_TURN_ENTRIES + 5
    assert (last.event, last.facts) == (JournalEvent.CUT, {"dropped": 5})
