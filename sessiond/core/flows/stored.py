"""Recorded values: encoded when they are recorded, and the flow goes on with the *decoded* value.

So a flow that lives and one that was rebuilt never see different things. Plain JSON values come back as they were
(a tuple as a list); anything else needs the type to decode it as, and must come back equal, or it is an error at
once and not after the next restart.
"""

import math
from typing import Any, Final

import msgspec

from sessiond.core.flows.faults import NotStorable
from sessiond.core.nesting import MAX_NESTING, nests_too_deeply

__all__ = ["decode_value", "encode_value"]

_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder().decode
_SAME: Final = frozenset({int, bool, type(None)})
_HINT: Final = "use str, int, float, bool, None, list or dict with str keys, or say as_type=…"


def encode_value(value: object, what: str, as_type: Any = None) -> tuple[bytes, Any]:
    """Encode *value*; returns the JSON and what the flow gets.

    Raises:
      NotStorable: JSON has no form for it, it nests too deeply, or it would come back as something else. *what*
        names it.

    """
    try:
        if as_type is None:
            kind = type(value)
            if kind is str or kind in _SAME:
                return _ENCODE(value), value
            _check_plain(value, what)
            raw = _encoded(value, what)
            return raw, _DECODE(raw)
        raw = _encoded(value, what)
        back = msgspec.json.decode(raw, type=as_type)
        is_same = bool(back == value)
    except NotStorable:
        raise
    except Exception as error:  # noqa: BLE001 -- the author's own classes are encoded, made and compared
        raise NotStorable(f"{what} cannot be recorded ({type(error).__name__}): {_HINT}") from None
    if not is_same:
        name = getattr(as_type, "__name__", str(as_type))
        raise NotStorable(
            f"{what} is of type {type(value).__name__} and comes back changed as {name}"
        )
    return raw, back


def _encoded(value: object, what: str) -> bytes:
    raw = _ENCODE(value)
    if nests_too_deeply(raw):
        raise NotStorable(f"{what} is nested deeper than {MAX_NESTING} levels")
    return raw


def decode_value(raw: msgspec.Raw | bytes, as_type: Any = None) -> Any:
    """Decode a recorded value.

    Raises:
      msgspec.MsgspecError: it does not fit *as_type* any more.

    """
    return _DECODE(raw) if as_type is None else msgspec.json.decode(raw, type=as_type)


def _check_plain(value: object, what: str) -> None:
    """Refuse what the encoder would turn into something else: bytes, dates, enums, NaN, attrs classes."""
    kind = type(value)
    if kind is str or kind in _SAME:
        return
    if kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise NotStorable(f"{what} is not a finite number")
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            _check_plain(item, what)
    elif kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise NotStorable(f"{what} has a key of type {type(key).__name__}: {_HINT}")
            _check_plain(item, what)
    else:
        raise NotStorable(f"{what} is of type {kind.__name__}: {_HINT}")
