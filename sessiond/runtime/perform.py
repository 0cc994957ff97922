"""Perform effects: one function per effect, the only interpreter of them. Nothing here blocks or raises."""

from collections.abc import Callable, Iterator, Mapping
from typing import assert_never

from sessiond.core.ids import ConnectionId
from sessiond.core.ports import Connection, ReplyTo
from sessiond.core.session.effects import (
    CloseConnection,
    Effect,
    HandOn,
    PushMessage,
    Reply,
    ReplyError,
    StartRun,
    StopAccount,
)

__all__ = ["perform"]


def perform(
    effects: tuple[Effect, ...],
    connections: Mapping[ConnectionId, Connection],
    reply_to: ReplyTo | None,
    start_run: Callable[[StartRun, ReplyTo | None], None],
    hand_on: Callable[[HandOn, ReplyTo | None], None],
    stop_account: Callable[[StopAccount], None],
) -> None:
    """Carry out *effects* in order; those for connections that are gone, or for nobody, have no effect."""
    for effect in effects:
        match effect:
            case Reply() | ReplyError():
                _answer(effect, reply_to)
            case PushMessage(targets, message):
                for connection in _here(targets, connections):
                    connection.push(message)
            case CloseConnection(targets, close_code, text):
                for connection in _here(targets, connections):
                    connection.close(close_code, text)
            case StartRun():
                start_run(effect, reply_to if effect.waits_seconds else None)
            case HandOn():
                hand_on(effect, reply_to)
            case StopAccount():
                stop_account(effect)
            case _:
                assert_never(effect)


def _answer(effect: Reply | ReplyError, reply_to: ReplyTo | None) -> None:
    if reply_to is None:
        return
    if isinstance(effect, Reply):
        reply_to.ok(effect.payload)
    else:
        reply_to.error(effect.code, effect.message, effect.retry_after)


def _here(
    targets: tuple[ConnectionId, ...], connections: Mapping[ConnectionId, Connection]
) -> Iterator[Connection]:
    for target in targets:
        if (connection := connections.get(target)) is not None:
            yield connection
