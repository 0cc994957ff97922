"""What Meta says became of our messages (Cloud API reference, "Status messages")."""

from typing import Final

from msgspec import Struct

from sessiond.core.gateways.arrivals import Arrived, Notice, StatusUpdate
from sessiond.core.gateways.pieces import (
    decoded,
    json_of,
    malformed,
    name_of,
    person_of,
    seconds_of,
)

__all__ = ["read_status"]

_STATES: Final = frozenset({"sent", "delivered", "read", "failed"})
_MAX_ERROR: Final = 500


class _ErrorData(Struct):
    details: str | None = None


class _Error(Struct):
    code: int | None = None
    title: str | None = None
    message: str | None = None
    error_data: _ErrorData | None = None

    @property
    def told(self) -> str:
        details = self.error_data.details if self.error_data else None
        return (details or self.message or self.title or "")[:_MAX_ERROR]


class _Status(Struct):
    id: str
    status: str
    timestamp: str | int | None = None
    recipient_id: str | None = None
    recipient_user_id: str | None = None
    biz_opaque_callback_data: str | None = None
    errors: list[_Error] | None = None


def read_status(raw: bytes) -> tuple[float | None, Arrived]:
    """Read one of ``statuses[]``, with its time; states that we do not know are notices."""
    status = decoded(raw, _Status)
    if status is None or not status.id:
        return None, malformed(raw)
    at = seconds_of(status.timestamp)
    recipient = person_of(status.recipient_id, status.recipient_user_id)
    if status.status not in _STATES:
        kind = f"status_{name_of(status.status)}"
        return at, Notice(kind=kind, body=json_of(raw), id=status.id, about=recipient)
    error = status.errors[0] if status.errors else None
    return at, StatusUpdate(
        id=status.id,
        state=status.status,
        recipient=recipient,
        at=at,
        error_code=error.code if error else None,
        error=error.told if error else "",
        reference=status.biz_opaque_callback_data or "",
    )
