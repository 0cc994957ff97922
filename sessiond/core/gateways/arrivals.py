"""What a provider's request holds, read: messages of people, what became of our messages, and everything else."""

from collections.abc import Mapping

from sessiond.core.conversations.session_keys import ChannelFacts
from sessiond.core.flows.answers import Answer
from sessiond.core.values import Value

__all__ = ["Arrived", "Heard", "Notice", "StatusUpdate"]


class Heard(Value, frozen=True, kw_only=True, tag="heard"):
    """One message of a person."""

    PRIVATE = frozenset({"answer", "profile", "dialled", "so_far", "sender"})

    facts: ChannelFacts
    answer: Answer
    id: str = ""
    """The provider's id of the message, the same when it is sent again; empty: it has none."""
    sent_at: float | None = None
    """When the person sent it, as the provider says; seconds since the Unix epoch."""
    profile: Mapping[str, str] = {}
    """``name`` and what else the provider says of the person."""
    language: str = ""
    replies_to: str = ""
    """The provider's id of the message that it answers (quotes)."""
    account: str = ""
    """Ours at the provider, where it names it and wants it back."""
    begins: bool = False
    """A dial: a session of the provider begins with it. Where the provider does not say so, ``inputs_of`` finds out."""
    goes_on: bool = False
    """The provider says that its session began before: a screen is answered."""
    dialled: str = ""
    """What was dialled (``*920*44#``), where it is known; it is no answer."""
    so_far: str | None = None
    """Everything typed in the provider's session, where each request repeats it; ``inputs_of`` says what is new."""
    sender: str = ""
    """Where answers to it go at the provider; set by the door. Empty: to the number."""
    alias: str = ""
    """Who said it, where he is another user now (core/linking.py); then ``facts`` name that one."""
    hangs_up: bool = False
    """The person or the network ended the provider's session; there is nobody to answer."""


class StatusUpdate(Value, frozen=True, kw_only=True, tag="status"):
    """What the provider says became of a message of ours."""

    PRIVATE = frozenset({"recipient", "error"})

    id: str
    """The provider's id of the message."""
    state: str
    """``sent``, ``delivered``, ``read`` or ``failed``."""
    recipient: str
    at: float | None = None
    error_code: int | str | None = None
    error: str = ""
    reference: str = ""
    """What our call named it by (``CallingGateway.calls``), where the provider tells it."""


class Notice(Value, frozen=True, kw_only=True, tag="notice"):
    """Anything else: recorded, handed on to whoever listens, never run."""

    PRIVATE = frozenset({"body", "about"})

    kind: str
    """The provider's name for it."""
    body: bytes
    """JSON."""
    id: str = ""
    about: str = ""
    """The recipient or sender it is about, if it says so."""


Arrived = Heard | StatusUpdate | Notice
