"""What a turn tells (sessiond/core/conversations/happenings.py)."""

from sessiond.core.conversations.happenings import Teller
from sessiond.core.conversations.journal import Channel, JournalSettings, decode_entry
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus

CHANNEL = Channel("ussd", "nalo", "[number …56]")


def test_one_telling_is_for_the_journal_and_for_telemetry() -> None:
    """Telemetry gets no text and no error; the journal what its settings keep."""
    teller = Teller(5.0, CHANNEL, JournalSettings(keep_texts=True))
    teller.tell(JournalEvent.MESSAGE_RECEIVED, text="Ama", facts={"type": "text"})
    teller.flow, teller.key = "order", "k"
    teller.tell(JournalEvent.FLOW_ERROR, JournalStatus.FAILURE, error="a.py:1: broke")

    assert [("", {"type": "text"}), ("order", {})] == [
        (one.flow, one.facts) for one in teller.happenings
    ]
    assert {CHANNEL} == {one.channel for one in teller.happenings}
    assert "Ama" not in repr(teller.happenings)
    first, second = map(decode_entry, teller.encoded())
    assert ("Ama", "", "") == (first.text, first.flow, first.conversation)
    assert ("order", "k", "a.py:1: broke") == (second.flow, second.conversation, second.error)
    assert [(5.0, 0), (5.0, 1)] == [(one.at, one.n) for one in (first, second)]
