"""JSON of what apps hand over, with errors for their authors."""

import msgspec

from sessiond.core.errors import AppFailed
from sessiond.core.nesting import MAX_NESTING, nests_too_deeply

__all__ = ["encode_json"]


def encode_json(value: object, what: str) -> bytes:
    """Encode *value* as JSON.

    Raises:
      AppFailed: it holds something JSON has no form for, the message lists what is right; or it nests too deeply.

    """
    try:
        text = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
        raise AppFailed(
            f"{what} cannot be sent: {type(error).__name__}; use dict with str keys, list, str, int, float, bool, "
            "None, datetime, UUID, Enum, attrs classes or dataclasses"
        ) from error
    if nests_too_deeply(text):
        raise AppFailed(f"{what} cannot be sent: it is nested deeper than {MAX_NESTING} levels")
    return text
