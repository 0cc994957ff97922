"""Telemetry of conversations: what happened, as the events that listeners and metrics know."""

from collections.abc import Iterable, Mapping

from sessiond.core.conversations.happenings import Happening
from sessiond.core.ids import UserId

__all__ = ["signals_of"]


def signals_of(
    happenings: Iterable[Happening], user: UserId
) -> list[tuple[str, Mapping[str, float], Mapping[str, object]]]:
    """Name, measurements and metadata of the events to emit when the turn is released."""
    return []
