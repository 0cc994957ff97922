"""Everything a session can ask the shell to do, once the turn that asked is durable.

Effects of one user leave in order. None of them blocks; each is performed by one function of runtime/perform.py.
"""

from attrs import define, field, frozen

from sessiond.core.codes import CloseCode
from sessiond.core.ids import ConnectionId

__all__ = ["CloseConnection", "Effect", "PushMessage", "Reply", "ReplyError"]


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


Effect = Reply | ReplyError | PushMessage | CloseConnection
