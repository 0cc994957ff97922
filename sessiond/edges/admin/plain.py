"""Values for operators: attrs classes to plain data, and plain data with what may be personal or secret left out.

Redacted, a value becomes its type and size (``text(12)``), tables keep their keys unless a key looks like a number
somebody can be called by. What is left out by default is seen with ``reveal``, which is audited.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

import attrs

__all__ = ["redacted", "to_plain"]

#: Deeper than this only the type is shown.
_MAX_DEPTH: Final = 8

_LOOKS_PERSONAL: Final = re.compile(r"(\d\D{0,2}){6,}|@")


def to_plain(value: Any) -> Any:
    """Turn attrs classes, enums, mappings and tuples into what JSON can say; bytes become their size."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float):
        return value
    if attrs.has(type(value)):
        return {
            field.name: to_plain(getattr(value, field.name)) for field in attrs.fields(type(value))
        }
    if isinstance(value, Mapping):
        return {str(to_plain(key)): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    return redacted(value)


def redacted(value: object, depth: int = 0) -> Any:
    """Show types and sizes in place of values."""
    match value:
        case None:
            return None
        case bool():
            return "true or false"
        case int() | float():
            return "number"
        case str():
            return f"text({len(value)})"
        case bytes():
            return f"bytes({len(value)})"
        case Mapping() if depth < _MAX_DEPTH:
            return {
                _redacted_key(str(key), number): redacted(item, depth + 1)
                for number, (key, item) in enumerate(value.items())
            }
        case Mapping():
            return f"table({len(value)})"
        case list() | tuple():
            return f"list({len(value)})"
        case _:
            return type(value).__name__


def _redacted_key(key: str, number: int) -> str:
    return f"text({len(key)})#{number}" if len(key) > 64 or _LOOKS_PERSONAL.search(key) else key
