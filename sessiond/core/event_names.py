"""Names that an app or an operator may give to pushes, handlers and timers."""

from typing import Final

from sessiond.core.errors import InvalidInput

__all__ = ["MAX_EVENT_NAME", "check_event_name"]

#: Longer than any name people write, short enough to be a key of an index and a label of a log line.
MAX_EVENT_NAME: Final = 128

_RESERVED_PREFIXES: Final = ("phx_", "token:", "presence_", "flow:", "$")
_RESERVED_EVENTS: Final = frozenset({"ack", "heartbeat"})


def check_event_name(event: object) -> str:
    """Check that *event* may name a push, a handler or a timer, and return it.

    Raises:
      InvalidInput: it is no string, empty, too long, reserved, or has no UTF-8 (half a character in it).

    """
    if not isinstance(event, str) or not 0 < len(event) <= MAX_EVENT_NAME:
        raise InvalidInput(f"an event name is a string of 1 to {MAX_EVENT_NAME} characters")
    try:
        event.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the event name is not valid Unicode") from None
    if event in _RESERVED_EVENTS or event.startswith(_RESERVED_PREFIXES):
        raise InvalidInput(
            f"the event name {event!r} is reserved: phx_*, ack, heartbeat, token:*, presence_*, flow:*, $*"
        )
    return event
