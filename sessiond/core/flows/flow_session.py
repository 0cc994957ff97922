"""What a flow remembers beside its answers: FlowChat's session store, as a value inside the user's own state.

``FlowSession`` is made for one turn from what is stored, with the turn's time; afterwards ``record`` is what is to be
stored. It does nothing by itself: a turn that fails is forgotten with it, and two turns never meet in it, because
a user has one actor. (FlowChat read, changed and wrote the whole session for every key.)

Rules:

- Every value is a value, ``None``, ``False`` and ``""`` too; a missing one gives the default.
- A value is encoded when it is set and decoded whenever it is got: nobody changes what is stored by accident, and
  what cannot be stored is an error at once.
- The time to live is the platform's and starts anew with each write, not with reads; what has expired is not there.
- ``clear`` forgets the values, ``destroy`` the session as well: the next write makes a new one.
- The person's language is beside the values: ``clear`` leaves it, and it is there when the next flow begins.

A flow does not meet this object: what it reads must be the same when it is rebuilt (core/flows/recorded_session.py).
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar, overload

import msgspec
from attrs import field, frozen
from attrs.validators import gt, le
from msgspec.structs import replace
from typing_extensions import override

from sessiond.core.errors import AppFailed, InvalidInput, SnapshotCorrupt
from sessiond.core.flows.languages import language_tag
from sessiond.core.linking import LinkRequest
from sessiond.core.values import Value

__all__ = [
    "MAX_KEY",
    "DataKey",
    "FlowSession",
    "FlowSessionLimits",
    "SessionRecord",
    "decode_record",
    "encode_record",
    "name_of",
]

T = TypeVar("T")
D = TypeVar("D")

#: Characters of a key: names that people write.
MAX_KEY: Final = 128

#: Deeper values are a mistake; encoder and decoder have their own, higher limits.
_MAX_DEPTH: Final = 32

#: Seconds: ten years. What is longer is meant for the app's own database.
_LONGEST_TTL: Final = 10 * 365 * 86400

_WEEK: Final = 7 * 86400.0

#: A dial is short, a chat goes on for days. FlowChat's, but that it gives all others a day: who comes back after a
#: weekend goes on where he was.
_TTL: Final[Mapping[str, float]] = MappingProxyType({"ussd": 3600.0, "whatsapp": _WEEK})


@frozen
class DataKey(Generic[T]):
    """A key whose values have a type: what msgspec can encode and decode (attrs classes, dates, lists of them …).

    Raises:
      InvalidInput: the name is empty or too long.

    """

    name: str = field()
    kind: type[T]

    @name.validator
    def _check_name(self, _: object, value: object) -> None:
        _checked_name(value)


def _all_bounded(_: object, __: object, value: Mapping[str, float]) -> None:
    for seconds in value.values():
        if not 0 < seconds <= _LONGEST_TTL:
            raise InvalidInput(f"must be more than 0 and at most {_LONGEST_TTL}")


@frozen(kw_only=True)
class FlowSessionLimits:
    """How long and how much a flow may remember.

    Raises:
      ValueError: a limit is not positive, or a time above ten years.

    """

    ttl_seconds: Mapping[str, float] = field(default=_TTL, validator=_all_bounded)
    """How long after its last write a session is kept, by platform: ``ussd`` one hour, ``whatsapp`` seven days. A table
    of one's own takes the place of both."""
    default_ttl_seconds: float = field(default=_WEEK, validator=[gt(0), le(_LONGEST_TTL)])
    """How long on a platform that the table does not name."""
    max_bytes: int = field(default=32 * 1024, validator=gt(0))
    """Keys and encoded values of one session; a snapshot of all that a user has holds 256 KiB."""

    def ttl(self, platform: str) -> float:
        """Tell how many seconds a session on *platform* lives after a write."""
        return self.ttl_seconds.get(platform, self.default_ttl_seconds)


class SessionRecord(Value, frozen=True, kw_only=True):
    """A stored session: encoded values by key, and its times (seconds since the Unix epoch)."""

    PRIVATE = frozenset({"values"})

    values: Mapping[str, bytes]
    created_at: float
    expires_at: float
    language: str = ""
    """A language tag; empty: nobody has said."""


class FlowSession:
    """The six verbs, for one turn at *now*; *record* is what was stored (``None``: nothing)."""

    __slots__ = ("_limits", "_now", "_record", "_ttl", "created", "destroyed", "expired", "links")

    def __init__(
        self,
        record: SessionRecord | None,
        *,
        now: float,
        platform: str,
        limits: FlowSessionLimits = FlowSessionLimits(),
    ) -> None:
        self._now = now
        self._limits = limits
        self._ttl = limits.ttl(platform)
        self.expired = record is not None and record.expires_at <= now
        """Whether there was a session, and its time was over."""
        self._record = None if self.expired else record
        self.created = False
        """Whether this turn's writes made a session that was not there: exactly then ``session.created``."""
        self.destroyed = False
        """Whether this turn took a session away that was there before."""
        self.links: tuple[LinkRequest, ...] = ()
        """What the flow asked of links in this turn: beside what is stored, forgotten with a turn that fails."""

    @property
    def record(self) -> SessionRecord | None:
        """What is to be stored now; the object that came in, when nothing was written."""
        return self._record

    @property
    def language(self) -> str:
        """The person's language, as a tag; empty: nobody has said."""
        return "" if self._record is None else self._record.language

    def use_language(self, tag: str) -> None:
        """Note the person's language; nothing is written when it was this one.

        Raises:
          InvalidInput: it is no language tag.

        """
        language = language_tag(tag)
        if language != self.language:
            self._write(self._values, language)

    @overload
    def get(self, key: DataKey[T]) -> T | None: ...
    @overload
    def get(self, key: DataKey[T], default: D) -> T | D: ...
    @overload
    def get(self, key: str, default: Any = None) -> Any: ...
    def get(self, key: Any, default: Any = None) -> Any:
        """Read a value, *default* when there is none.

        Raises:
          AppFailed: what is stored does not fit the type of the key (any more).
          InvalidInput: the key is no text, empty or too long.

        """
        raw = self._values.get(name_of(key))
        if raw is None:
            return default
        if not isinstance(key, DataKey):
            return msgspec.json.decode(raw)
        try:
            return msgspec.json.decode(raw, type=key.kind)
        except (msgspec.MsgspecError, TypeError, ValueError):
            raise AppFailed(
                f"the session's value {key.name!r} does not fit the type of its key"
            ) from None

    def set(self, key: "str | DataKey[T]", value: T) -> T:
        """Store a value and return it; the time to live starts anew.

        Raises:
          AppFailed: the value cannot be stored as JSON, does not fit the type of the key, or is too much.
          InvalidInput: the key is no text, empty or too long.

        """
        name = name_of(key)
        raw = _encoded(name, value, key.kind if isinstance(key, DataKey) else None)
        values = {**self._values, name: raw}
        size = sum(len(key.encode()) + len(raw) for key, raw in values.items())
        if size > self._limits.max_bytes:
            raise AppFailed(
                f"the session would hold {size} bytes with {name!r}; it may hold {self._limits.max_bytes}"
            )
        self._write(values)
        return value

    def delete(self, key: "str | DataKey[Any]") -> bool:
        """Forget one value: whether there was one. When there was none, nothing is written."""
        name = name_of(key)
        if name not in self._values:
            return False
        self._write({other: raw for other, raw in self._values.items() if other != name})
        return True

    def clear(self) -> None:
        """Forget all values. A session that is there stays, with its time to live anew."""
        if self._record is not None:
            self._write({})

    def destroy(self) -> None:
        """Take the session away, with everything in it."""
        if self._record is not None and not self.created:
            self.destroyed = True
        self._record = None
        self.created = False

    def exists(self) -> bool:
        """Whether any value is stored."""
        return bool(self._values)

    def names(self) -> tuple[str, ...]:
        """List the keys that have a value, in the order they were first set."""
        return tuple(self._values)

    def __contains__(self, key: object) -> bool:
        return name_of(key) in self._values

    @override
    def __repr__(self) -> str:
        return f"<FlowSession with {len(self._values)} values>"

    @property
    def _values(self) -> Mapping[str, bytes]:
        return {} if self._record is None else self._record.values

    def _write(self, values: Mapping[str, bytes], language: str | None = None) -> None:
        before = self._record
        if before is None:
            self.created = True
            before = SessionRecord(values={}, created_at=self._now, expires_at=self._now)
        self._record = replace(
            before,
            values=values,
            expires_at=self._now + self._ttl,
            language=before.language if language is None else language,
        )


class _Body(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    created_at: float
    expires_at: float
    values: dict[str, msgspec.Raw]
    language: str = ""


def encode_record(record: SessionRecord) -> bytes:
    """Encode for the snapshot: one JSON object."""
    values = {name: msgspec.Raw(raw) for name, raw in record.values.items()}
    return msgspec.json.encode(_Body(record.created_at, record.expires_at, values, record.language))


def decode_record(raw: bytes) -> SessionRecord:
    """Decode what ``encode_record`` made.

    Raises:
      SnapshotCorrupt: it did not make this.

    """
    try:
        body = msgspec.json.decode(raw, type=_Body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SnapshotCorrupt("not the record of a flow's session") from None
    # Copies: a Raw keeps the whole message it was found in alive.
    values = {name: bytes(value) for name, value in body.values.items()}
    return SessionRecord(
        values=values,
        created_at=body.created_at,
        expires_at=body.expires_at,
        language=body.language,
    )


def name_of(key: object) -> str:
    """Tell the name of a key in either of its forms.

    Raises:
      InvalidInput: it is no text, empty or too long.

    """
    return key.name if isinstance(key, DataKey) else _checked_name(key)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= MAX_KEY:
        raise InvalidInput(f"a session key is a text of 1 to {MAX_KEY} characters or a DataKey")
    if any("\ud800" <= c <= "\udfff" for c in name):
        raise InvalidInput("a session key is not valid Unicode")
    return name


def _encoded(name: str, value: object, kind: Any) -> bytes:
    try:
        plain = value if kind is None else msgspec.to_builtins(value)
        _check_plain(plain, _MAX_DEPTH)
        raw = msgspec.json.encode(plain)
        if kind is not None:
            msgspec.json.decode(raw, type=kind)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        wanted = "a value of the type of its key" if kind is not None else "plain data"
        raise AppFailed(
            f"the session's value {name!r} must be {wanted}: dict with str keys, list, str, int, finite float, bool, "
            f"None ({type(error).__name__})"
        ) from None
    return raw


def _check_plain(value: object, depth: int) -> None:
    """Refuse what the encoder would change silently: NaN (to null), keys that are no texts, dates, sets."""
    if depth == 0:
        raise ValueError("too deep")
    match value:
        case None | bool() | str() | int():
            pass
        case float() if math.isfinite(value):
            pass
        case list() | tuple():
            for item in value:
                _check_plain(item, depth - 1)
        case dict() if all(isinstance(key, str) for key in value):
            for item in value.values():
                _check_plain(item, depth - 1)
        case _:
            raise TypeError("not plain")
