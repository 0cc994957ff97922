"""Everything that can be told to a user's actor: one frozen value per kind, the content of a mailbox envelope.

Doors make them; the runtime turns each into one turn. Who waits for an answer is not part of the input
(runtime/mailbox.py: the envelope carries the reply slot).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.conversations.inputs import EndConversations, Said, Settled
from sessiond.core.gateways.inputs import DeliverySettled, Incoming, Unseen
from sessiond.core.ids import ConnectionId, Digest
from sessiond.core.records import InboxEntry, Timer
from sessiond.core.values import Value

if TYPE_CHECKING:
    from sessiond.core.ports import Connection
    from sessiond.core.position import StreamPosition

__all__ = [
    "Accepted",
    "Ack",
    "ClientMessage",
    "DeliverySettled",
    "EndConversations",
    "Fired",
    "HookCall",
    "Incoming",
    "Input",
    "Join",
    "Leave",
    "RollBack",
    "Said",
    "Send",
    "Settled",
    "Stop",
    "Unseen",
    "kind_of",
]


@frozen
class Join:
    """A connection joins ``user:<id>``; answered with the join reply, then the replay."""

    connection: "Connection"
    device: str = ""
    """Names the client across connections; empty: this connection only."""
    meta: "Mapping[str, object]" = field(factory=dict, repr=False)
    resume: "StreamPosition | None" = None


@frozen
class Leave:
    """A connection left the topic or was lost."""

    connection: ConnectionId


@define
class ClientMessage:
    """A push of a client. *payload* is decoded JSON, or bytes of a binary push; ``_id`` is stripped into *digest*.

    Never changed; not frozen, like ``Outcome``.
    """

    connection: ConnectionId
    event: str
    payload: object = field(repr=False)
    digest: Digest | None = None


@frozen
class Ack:
    """The client has processed every durable push up to *offset*."""

    connection: ConnectionId
    offset: int


@frozen
class HookCall:
    """A webhook whose sender waits for the handler's own answer."""

    hook: str
    payload: object = field(repr=False)
    digest: Digest | None = None


class Accepted(Value, frozen=True):
    """An input that was accepted into the inbox before it was told (``202`` doors); nobody waits."""

    entry: InboxEntry


@frozen
class Fired:
    """A durable timer is due. Stale unless the user's timer of that name still has this generation."""

    timer: Timer


@frozen
class Send:
    """Push *event* to the user's connections (operators, other users' handlers)."""

    event: str
    payload: object = field(repr=False)
    durable: bool = True


@frozen
class Stop:
    """End the session: run the end hook, close the connections with *code*, remove or keep the record."""

    reason: str
    code: CloseCode = CloseCode.ENDED
    erase: bool = False
    """Remove the user's record too."""


@frozen
class RollBack:
    """Put the snapshot before the current one back, under a new epoch; connections have to come back."""


Input = (
    Join
    | Leave
    | ClientMessage
    | Ack
    | HookCall
    | Said
    | Settled
    | EndConversations
    | Incoming
    | Unseen
    | DeliverySettled
    | Accepted
    | Fired
    | Send
    | Stop
    | RollBack
)

_KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        Join: "join",
        Leave: "leave",
        ClientMessage: "message",
        Ack: "ack",
        HookCall: "hook",
        Said: "said",
        Settled: "settled",
        EndConversations: "end_conversations",
        Incoming: "incoming",
        Unseen: "unseen",
        DeliverySettled: "delivery_settled",
        Accepted: "accepted",
        Fired: "timer",
        Send: "send",
        Stop: "stop",
        RollBack: "roll_back",
    }
)


def kind_of(item: Input) -> str:
    """Name the kind of an input, as telemetry and logs do."""
    return _KINDS[type(item)]
