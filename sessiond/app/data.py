"""The data codec: ``session.data`` ↔ JSON, as a plain dict or as an attrs class."""

from typing import Any

import attrs
import cattrs
import msgspec
from cattrs.preconf.msgspec import make_converter

from sessiond.core.errors import AppFailed, InvalidInput, SnapshotCorrupt

__all__ = ["DataCodec"]


class DataCodec:
    """Encodes and decodes the data of one app; equal data give equal bytes.

    Raises:
      InvalidInput: *model* is neither ``dict`` nor an attrs class that can be made without arguments.

    """

    __slots__ = ("_converter", "_model")

    def __init__(self, model: type = dict) -> None:
        if model is not dict:
            if not attrs.has(model):
                raise InvalidInput("data is dict or an attrs class")
            missing = [
                field.name
                for field in attrs.fields(model)
                if field.default is attrs.NOTHING and field.init
            ]
            if missing:
                raise InvalidInput(f"{model.__name__} needs a default for: {', '.join(missing)}")
        self._model = model
        self._converter = make_converter()

    def decode(self, raw: bytes) -> Any:
        """Decode stored data.

        Raises:
          SnapshotCorrupt: the stored data does not fit the model any more.

        """
        plain = msgspec.json.decode(raw)
        if self._model is dict:
            return plain
        try:
            return self._converter.structure(plain, self._model)
        except (cattrs.BaseValidationError, KeyError, TypeError, ValueError) as error:
            raise SnapshotCorrupt(
                f"stored data does not fit {self._model.__name__} ({type(error).__name__})"
            ) from None

    def encode(self, data: Any) -> bytes:
        """Encode the data that a handler leaves behind.

        Raises:
          AppFailed: it is of another type than the app's model, or holds what JSON has no form for.

        """
        if not isinstance(data, self._model):
            raise AppFailed(
                f"session.data must be {self._model.__name__}, not {type(data).__name__}"
            )
        try:
            plain = data if self._model is dict else self._converter.unstructure(data)
            # A copy: the encoder hands out half as much again as it filled, and this is kept (measured).
            return bytes(memoryview(msgspec.json.encode(plain)))
        except (TypeError, ValueError, RecursionError, UnicodeEncodeError) as error:
            raise AppFailed(
                f"session.data cannot be stored: {type(error).__name__}; use dict with str keys, list, str, int, "
                "float, bool, None"
            ) from error
