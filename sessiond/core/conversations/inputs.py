"""The inputs of conversations: what a person said, and what a function that a flow ran has returned."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from attrs import define, field, frozen

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer, FileDownload
from sessiond.core.flows.faults import RunFailed
from sessiond.core.ids import Digest

__all__ = ["EndConversations", "Said", "Settled"]

#: One for all: a live flow keeps what it was told last.
_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})

_TOO_LARGE: Final = RunFailed("ResultTooLarge", "what comes of it is too large to be kept")


@define
class Said:
    """What a person said: the running flow gets it, or routing says what it does. Never changed.

    Answered with what the conversation shows (core/conversations/shown.py).
    """

    facts: ChannelFacts
    answer: Answer = field(repr=False)
    digest: Digest | None = None
    waits_seconds: float = 0.0
    """How long the door waits for functions that the flow runs; 0: it can be told later, by a push."""
    flow: str = ""
    """Start this flow, whatever is running."""
    language: str = ""
    """What the door says the person speaks: a language tag; anything else counts as nothing."""
    profile: Mapping[str, str] = field(default=_NOBODY, repr=False)
    """What the gateway says of the person."""
    account: str = ""
    """The account of a provider that it came by, if it came by one (core/gateways/accounts.py)."""
    unprompted: bool = False
    """He said nothing: the app begins *flow* with him by itself. Nobody waits for what it shows."""
    opens: bool = False
    """A new dial, without a text of its own: it may go on with what another one began (redials.py)."""
    resume_seconds: float = 0.0
    """How long after the last answer an interrupted dial can be continued by the next one."""
    refusals: tuple[str, ...] = ()
    """What was said each time what came of it was too large to be kept: how large, and what the bound is."""
    reminds: bool = False
    """Nothing was said: show the waiting question again."""

    @property
    def too_large(self) -> str:
        """Why what the flow makes of it is the flow's failure; empty: it may fit."""
        return self.refusals[-1] if self.refusals else ""


@frozen
class EndConversations:
    """An operator ends the conversation of this session key, or (``None``) all of them; nothing is said in them."""

    conversation: str | None = None


@frozen
class Settled:
    """The function that a conversation ran has returned, or failed for good. Stale unless it is waited for."""

    conversation: str
    run_id: str
    result: bytes | RunFailed = field(repr=False)
    waits_seconds: float = 0.0
    """How long a door goes on waiting for what comes of it; 0: none does."""
    digest: Digest | None = None
    """The id of the input that the door waits with: its repeats are answered with what comes of it."""
    phone: str = ""
    """The alias whose phone waits; empty: the user's own, or no phone."""
    downloads: tuple[FileDownload, ...] = ()
    """What it has fetched of what people sent."""
    refusals: tuple[str, ...] = ()
    """As of ``Said``."""

    @property
    def outcome(self) -> bytes | RunFailed:
        """What the flow is told: the result, unless it is too large to be kept."""
        return _TOO_LARGE if self.refusals else self.result

    @property
    def too_large(self) -> str:
        """As of ``Said``; the flow is told first that the result does not fit."""
        return self.refusals[-1] if len(self.refusals) > 1 else ""
