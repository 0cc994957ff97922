"""Everything a session can ask the shell to do, once the turn that asked is durable.

Effects of one user leave in order. None of them blocks; each is performed by one function of runtime/perform.py.
"""

from attrs import define, field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.flows.prompts import RunRequest
from sessiond.core.ids import ConnectionId, Digest, UserId
from sessiond.core.session.inputs import Input

__all__ = [
    "CloseConnection",
    "Effect",
    "HandOn",
    "PushMessage",
    "Reply",
    "ReplyError",
    "StartRun",
    "StopAccount",
]


@define
class Reply:
    """Answer the input of this turn with *payload*, a JSON document. Never changed; not frozen, like ``Outcome``."""

    payload: bytes = field(repr=False)


@frozen
class ReplyError:
    """Answer the input of this turn with an error."""

    code: str
    message: str
    retry_after: float | None = None


@frozen
class PushMessage:
    """Send an encoded tail ``"event",{payload}`` to *connections*."""

    connections: tuple[ConnectionId, ...]
    message: bytes = field(repr=False)


@frozen
class CloseConnection:
    """Close *connections* with *code*."""

    connections: tuple[ConnectionId, ...]
    code: CloseCode
    message: str = ""


@frozen
class StartRun:
    """Call a function for the flow of *conversation*. Whoever waits for the turn's answer waits *waits_seconds* more.

    Then he is told *waiting_text*, and that it is pending. 0: the turn has answered already.
    """

    conversation: str
    flow: str
    request: RunRequest
    waits_seconds: float = 0.0
    waiting_text: str = ""
    digest: Digest | None = None
    """The id of the input with which somebody waits."""
    pending: bytes = field(default=b"", repr=False)
    """What he is told when his time is over, where that is no document of the conversation."""
    phone: str = ""
    """The alias whose phone waits; empty: the user's own, or no phone."""


@frozen
class HandOn:
    """Tell *item* to *user*, who answers whoever waits for this turn."""

    user: UserId
    item: Input = field(repr=False)


@frozen
class StopAccount:
    """Send nothing more on *account*: the provider said, of a message, that it takes nothing from it any more."""

    account: str
    reason: str


Effect = Reply | ReplyError | PushMessage | CloseConnection | StartRun | HandOn | StopAccount
