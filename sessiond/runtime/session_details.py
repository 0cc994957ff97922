"""What operators see of one session: its state, or its record, as plain values."""

from collections.abc import Mapping

import msgspec
from attrs import evolve

from sessiond.core.conversations.details import conversation_details
from sessiond.core.errors import SnapshotError
from sessiond.core.gateways.lines import decode_line
from sessiond.core.ids import ConnectionId
from sessiond.core.operations import (
    ConnectionDetail,
    LineDetail,
    SessionDetail,
    StreamDetail,
    TimerDetail,
)
from sessiond.core.ports import Connection
from sessiond.core.records import Loaded
from sessiond.core.session.snapshot import encode_snapshot
from sessiond.core.session.state import SessionState, restore_state
from sessiond.core.session_listing import SessionRow

__all__ = ["connections", "describe", "describe_line", "describe_stored"]


def connections(
    state: SessionState, lines: Mapping[ConnectionId, Connection]
) -> tuple[ConnectionDetail, ...]:
    """List the connections of a live session; *lines* are those that this node has."""
    return tuple(
        ConnectionDetail(
            id=one.connection,
            device=one.device,
            connected_at=one.since,
            meta=one.meta,
            buffered_bytes=lines[one.connection].unsent_bytes if one.connection in lines else 0,
        )
        for one in state.attachments
    )


def describe_stored(row: SessionRow, loaded: Loaded) -> SessionDetail:
    """Describe what the record says; of one that cannot be read, only the row."""
    try:
        state = restore_state(row.user, loaded)
    except SnapshotError:
        return SessionDetail(row=row)
    return describe(state, evolve(row, phase=state.phase))


def describe(state: SessionState, row: SessionRow) -> SessionDetail:
    """Describe what a session's state says."""
    stream = state.stream
    data = msgspec.json.decode(state.snapshot.data)
    return SessionDetail(
        row=row,
        snapshot_bytes=len(encode_snapshot(state.snapshot)),
        data=data if isinstance(data, dict) else {"": data},
        stream=StreamDetail(
            epoch=stream.epoch,
            head=stream.head,
            floor=stream.floor,
            lost=stream.lost,
            bytes=stream.size,
        ),
        window_ids=len(state.window),
        timers=tuple(
            TimerDetail(name=t.name, generation=t.generation, due=t.due)
            for t in state.timers.values()
        ),
        conversations=conversation_details(state.snapshot.conversations),
        lines=tuple(describe_line(name, raw) for name, raw in state.snapshot.lines.items()),
        linked_to=state.snapshot.linked_to,
        aliases=state.snapshot.aliases,
    )


def describe_line(account: str, raw: bytes) -> LineDetail:
    """Describe the line of *account*, but for where it leads."""
    try:
        line = decode_line(raw)
    except SnapshotError as error:
        return LineDetail(account=account, unreadable=str(error))
    return LineDetail(
        account=account,
        heard_at=line.heard_at or None,
        answers_only=line.last is not None,
        held=len(line.held),
    )
