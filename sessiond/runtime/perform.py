"""Perform effects: one function per effect, the only interpreter of them. Nothing here blocks or raises."""

from collections.abc import Mapping
from typing import assert_never

from sessiond.core.ids import ConnectionId
from sessiond.core.ports import Connection, ReplyTo
from sessiond.core.session.effects import CloseConnection, Effect, PushMessage, Reply, ReplyError

__all__ = ["perform"]


def perform(
    effects: tuple[Effect, ...],
    connections: Mapping[ConnectionId, Connection],
    reply_to: ReplyTo | None,
) -> None:
    """Carry out *effects* in order; those for connections that are gone, or for nobody, have no effect."""
    for effect in effects:
        match effect:
            case Reply(payload):
                if reply_to is not None:
                    reply_to.ok(payload)
            case ReplyError(code, message, retry_after):
                if reply_to is not None:
                    reply_to.error(code, message, retry_after)
            case PushMessage(targets, message):
                for target in targets:
                    if (connection := connections.get(target)) is not None:
                        connection.push(message)
            case CloseConnection(targets, close_code, text):
                for target in targets:
                    if (connection := connections.get(target)) is not None:
                        connection.close(close_code, text)
            case _:
                assert_never(effect)
