"""What a turn of a conversation tells: once, for the journal of the user and for telemetry."""

from collections.abc import Mapping

from sessiond.core.conversations.journal import Channel, JournalSettings, Plain, TurnJournal
from sessiond.core.conversations.journal_events import JournalEvent, JournalStatus
from sessiond.core.values import Value

__all__ = ["Happening", "Teller"]


class Happening(Value, frozen=True):
    """One thing that happened, without what anybody said."""

    event: JournalEvent
    status: JournalStatus
    flow: str
    channel: Channel
    facts: Mapping[str, Plain]
    size: int = 0
    """Characters of what was said or shown."""


class Teller:
    """Collects what one turn at *at* tells of one conversation; *flow* and *key* may be filled in as they are known."""

    __slots__ = ("_journal", "channel", "flow", "happenings", "key")

    def __init__(self, at: float, channel: Channel, settings: JournalSettings) -> None:
        self._journal = TurnJournal(at, channel, settings)
        self.channel = channel
        self.happenings: list[Happening] = []
        self.key = ""
        self.flow = ""

    def tell(
        self,
        event: JournalEvent,
        status: JournalStatus = JournalStatus.SUCCESS,
        *,
        step: str = "",
        to_step: str = "",
        text: str | None = None,
        error: str = "",
        facts: Mapping[str, Plain] = {},
    ) -> None:
        """Tell one happening; never raises."""
        self._journal.add(
            event,
            status=status,
            flow=self.flow,
            conversation=self.key,
            step=step,
            to_step=to_step,
            text=text,
            error=error,
            facts=facts,
        )
        size = 0 if text is None else len(text)
        self.happenings.append(Happening(event, status, self.flow, self.channel, facts, size))

    def encoded(self) -> tuple[bytes, ...]:
        """Give the journal's entries, oldest first."""
        return self._journal.encoded()
