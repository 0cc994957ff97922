"""Session keys: which conversation an input belongs to.

A key has five parts in a fixed order, ``flow:platform:gateway:url:identifier``. The *boundaries* say which of the
first four are filled in; the others stay empty. The *identifier* says who is talking.

Rules:

- Different facts have different keys. No part can hold a ``:`` and none is left out, so the parts can be read back
  from the key; the address is escaped (url_part.py); the identifier is 128 bits of HMAC-SHA-256 over its kind and
  text. (FlowChat's ids leave parts out, so ``[flow]`` and ``[platform]`` may meet: legacy_keys.py.)
- Nothing of an identifier can be read from a key without the secret, not even of a request id: some gateways make
  theirs from the phone number.
- A missing fact that a boundary or the identifier needs is refused. An empty identifier would put everybody into
  one conversation.
- A changed secret changes all keys: running conversations are not found any more.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, NewType

import attrs
from attrs import field, frozen

from sessiond.core.conversations.legacy_keys import legacy_hash, legacy_key, legacy_url_part
from sessiond.core.conversations.phone import check_region, e164
from sessiond.core.conversations.url_part import url_part
from sessiond.core.errors import InvalidInput
from sessiond.core.structuring import nearest
from sessiond.core.values import Value

__all__ = [
    "MAX_IDENTIFIER",
    "MIN_SECRET",
    "PLATFORM_IDENTIFIERS",
    "Boundary",
    "ChannelFacts",
    "Identifier",
    "KeyMode",
    "OwnIdentifier",
    "SessionKey",
    "SessionKeySettings",
    "SessionKeys",
    "Shorthand",
    "hash_key",
]

SessionKey = NewType("SessionKey", str)

#: Bytes of the secret at least: as many as the hash keeps.
MIN_SECRET: Final = 16

#: Bytes of an identifier: room for every id a platform gives, and no more to hash per message.
MAX_IDENTIFIER: Final = 256

_HASH_BYTES: Final = 16

#: Flows, platforms and gateways: names from code and settings. ``/`` is FlowChat's mark of a namespace.
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,64}")


class Boundary(StrEnum):
    """What separates conversations of one person; the order is that of the parts."""

    FLOW = "flow"
    PLATFORM = "platform"
    GATEWAY = "gateway"
    URL = "url"


class Identifier(StrEnum):
    """Who is talking."""

    REQUEST_ID = "request_id"
    """One dial or request: the conversation ends with it."""
    MSISDN = "msisdn"
    USER_ID = "user_id"
    OWN = "own"
    """What the app's own function says."""


class KeyMode(StrEnum):
    """How keys are made."""

    KEYED = "keyed"
    FLOWCHAT_8 = "flowchat_8"
    """FlowChat until 0.9: eight hex digits. Users meet by chance."""
    FLOWCHAT_32 = "flowchat_32"
    """FlowChat since 0.10."""


class Shorthand(StrEnum):
    """Names for what FlowChat's processors were told in one word."""

    DURABLE = "durable"
    CROSS_GATEWAY = "cross_gateway"
    CROSS_PLATFORM = "cross_platform"
    ISOLATED_BY_URL = "isolated_by_url"


#: Which identifier a platform has when none is set: FlowChat's (0.10), and the user of a token for our own door. Over
#: HTTP it is the number, as in FlowChat 0.8 and ChatterKeep: a request is no dial, the next one goes on. Who has none
#: (a program's own users, WhatsApp's user names) is known by his id.
PLATFORM_IDENTIFIERS: Final[Mapping[str, Identifier]] = MappingProxyType(
    {
        "ussd": Identifier.REQUEST_ID,
        "whatsapp": Identifier.MSISDN,
        "sms": Identifier.MSISDN,
        "telegram": Identifier.USER_ID,
        "http": Identifier.MSISDN,
        "messenger": Identifier.USER_ID,
        "instagram": Identifier.USER_ID,
        "websocket": Identifier.USER_ID,
    }
)


class ChannelFacts(Value, frozen=True, kw_only=True):
    """What is known of an input's way here; empty: not known."""

    PRIVATE = frozenset({"request_id", "msisdn", "user_id", "path"})

    flow: str = ""
    platform: str = ""
    gateway: str = ""
    host: str = ""
    path: str = ""
    request_id: str = ""
    msisdn: str = ""
    user_id: str = ""


OwnIdentifier = Callable[[ChannelFacts], str]


def _known(what: str, kind: type[StrEnum], name: str) -> None:
    known = [member.value for member in kind]
    if name not in known:
        raise InvalidInput(
            f"unknown {what} {name!r} (known: {', '.join(known)}){nearest(name, known)}"
        )


def _check_boundaries(_: object, __: object, value: tuple[str, ...]) -> None:
    for name in value:
        _known("boundary", Boundary, name)
    if len(set(value)) != len(value):
        raise InvalidInput("a boundary is named twice")


def _check_shorthands(_: object, __: object, value: tuple[str, ...]) -> None:
    for name in value:
        _known("shorthand", Shorthand, name)
    if {Shorthand.CROSS_GATEWAY, Shorthand.CROSS_PLATFORM} <= set(value):
        raise InvalidInput(
            "cross_platform is over all gateways already: leave cross_gateway out, or cross_platform"
        )


@frozen(kw_only=True)
class SessionKeySettings:
    """How conversations are told apart. Unknown names are refused, with the nearest known one.

    Raises:
      InvalidInput: something in it is not known.

    """

    boundaries: tuple[str, ...] = field(
        default=("flow", "gateway", "platform"), validator=_check_boundaries
    )
    """``flow``, ``platform``, ``gateway``, ``url``, in any order; empty: one conversation per identifier."""
    identifier: str | None = field(default=None)
    """``request_id``, ``msisdn``, ``user_id``, ``own`` (a function of the app); absent: the platform's."""
    mode: str = field(default="keyed")
    """``keyed``; ``flowchat_8`` and ``flowchat_32`` make the ids of FlowChat."""
    secret: str = field(default="", repr=False)
    """Keys the hash of identifiers: 16 bytes at least. Whoever knows it can find phone numbers by trying."""
    phone_region: str | None = field(default=None)
    """The region of numbers in local form (``GH``), also on accounts that have no ``region``; absent: local numbers are
    refused."""

    shorthands: tuple[str, ...] = field(default=(), validator=_check_shorthands)
    """What boundaries and identifier are to become: ``durable`` (the conversation goes on at the next dial),
    ``cross_gateway``, ``cross_platform``, ``isolated_by_url``."""

    @identifier.validator
    def _check_identifier(self, _: object, value: str | None) -> None:
        if value is not None:
            _known("identifier", Identifier, value)

    @mode.validator
    def _check_mode(self, _: object, value: str) -> None:
        _known("mode of session keys", KeyMode, value)

    @phone_region.validator
    def _check_region(self, _: object, value: str | None) -> None:
        if value is not None:
            check_region(value)

    def resolved(self) -> "SessionKeySettings":
        """What the shorthands make of boundaries and identifier; an identifier that is set stays."""
        settings = attrs.evolve(self, shorthands=())
        for name in self.shorthands:
            match Shorthand(name):
                case Shorthand.DURABLE:
                    settings = settings.durable(self.identifier or "msisdn")
                case Shorthand.CROSS_PLATFORM:
                    settings = settings.cross_platform(self.identifier or "msisdn")
                case Shorthand.CROSS_GATEWAY:
                    settings = settings.cross_gateway()
                case Shorthand.ISOLATED_BY_URL:
                    settings = settings.isolated_by_url()
        return settings

    def durable(self, identifier: str = "msisdn") -> "SessionKeySettings":
        """The conversation goes on at the next dial: FlowChat's ``use_durable_sessions``."""
        return attrs.evolve(self, identifier=identifier)

    def cross_gateway(self) -> "SessionKeySettings":
        """One conversation over all gateways of a platform."""
        return self._within("flow", "platform")

    def cross_platform(self, identifier: str = "msisdn") -> "SessionKeySettings":
        """One conversation over all platforms.

        Unlike FlowChat's ``use_cross_platform_sessions`` it sets the identifier as well: a request id of one
        platform never is that of another.
        """
        return attrs.evolve(self._within("flow"), identifier=identifier)

    def isolated_by_url(self) -> "SessionKeySettings":
        """Other conversations under each address: FlowChat's ``use_url_isolation``."""
        others = tuple(name for name in self.boundaries if name != Boundary.URL)
        return attrs.evolve(self, boundaries=(*others, "url"))

    def _within(self, *boundaries: str) -> "SessionKeySettings":
        """Tenants stay apart: ``url`` is kept, whatever order the shorthands are called in."""
        kept = ("url",) if Boundary.URL in self.boundaries else ()
        return attrs.evolve(self, boundaries=(*boundaries, *kept))


def hash_key(settings: SessionKeySettings) -> bytes:
    """Make the key of the hash from the secret; empty: there is none, and FlowChat's modes need none.

    Raises:
      InvalidInput: there is no secret, or a short one, in keyed mode.

    """
    secret = settings.secret.encode(errors="surrogatepass")
    if len(secret) < MIN_SECRET and (secret or settings.mode == KeyMode.KEYED):
        raise InvalidInput(f"session keys need a secret of at least {MIN_SECRET} bytes")
    return secret


class SessionKeys:
    """Makes the keys of one app.

    *own* is the app's function for ``identifier = "own"``.

    Raises:
      InvalidInput: there is no secret, or a short one, in keyed mode; *own* and the identifier do not fit.

    """

    __slots__ = ("_boundaries", "_keyed", "_own", "_settings")

    def __init__(self, settings: SessionKeySettings, own: OwnIdentifier | None = None) -> None:
        secret = hash_key(settings)
        settings = settings.resolved()
        if (own is not None) != (settings.identifier == Identifier.OWN):
            raise InvalidInput(
                'the identifier "own" and the function for it are given together or not at all'
            )
        self._settings = settings
        self._own = own
        self._boundaries = frozenset(settings.boundaries)
        # Copied for each: 3.0 µs against 4.5 for ``hmac.digest``, which hands the GIL over too (measured).
        self._keyed = hmac.new(secret, digestmod="sha256") if secret else None

    def key(self, facts: ChannelFacts) -> SessionKey:
        """Make the key of the conversation that an input with these facts belongs to.

        Raises:
          InvalidInput: a fact that is needed is missing or malformed. Facts are not repeated.

        """
        kind = self._kind(facts)
        identifier = self._identifier(kind, facts)
        if self._settings.mode == KeyMode.KEYED:
            parts = (self._part(boundary, facts) for boundary in Boundary)
            return SessionKey(":".join((*parts, self.hashed(kind, identifier))))
        if kind in {Identifier.MSISDN, Identifier.USER_ID}:
            digits = 8 if self._settings.mode == KeyMode.FLOWCHAT_8 else 32
            identifier = legacy_hash(identifier, digits)
        wanted = (boundary for boundary in Boundary if boundary in self._boundaries)
        return SessionKey(legacy_key((self._part(b, facts) for b in wanted), identifier))

    def _kind(self, facts: ChannelFacts) -> Identifier:
        """Choose the identifier; who has no number is known by his id, where nobody set anything else."""
        kind = self.identifier_of(facts.platform)
        has_id_only = bool(facts.user_id) and not facts.msisdn
        if kind == Identifier.MSISDN and self._settings.identifier is None and has_id_only:
            return Identifier.USER_ID
        return kind

    def identifier_of(self, platform: str) -> Identifier:
        """Tell which identifier inputs of *platform* are known by."""
        if self._settings.identifier is not None:
            return Identifier(self._settings.identifier)
        return PLATFORM_IDENTIFIERS.get(platform, Identifier.REQUEST_ID)

    def hashed(self, kind: Identifier, identifier: str) -> str:
        """Hash an identifier (phone numbers: in E.164) with the secret: 32 hex digits, different for each kind.

        Raises:
          InvalidInput: there is no secret (FlowChat's modes need none).

        """
        if self._keyed is None:
            raise InvalidInput("session keys have no secret")
        hashing = self._keyed.copy()
        # Kinds hold no NUL, so (kind, identifier) can be read back from what is hashed.
        hashing.update(f"{kind}\0{identifier}".encode())
        return hashing.digest()[:_HASH_BYTES].hex()

    def _identifier(self, kind: Identifier, facts: ChannelFacts) -> str:
        found: Any
        match kind:
            case Identifier.OWN:
                assert self._own is not None
                found = self._own(facts)
            case Identifier.MSISDN:
                found = facts.msisdn and e164(facts.msisdn, self._settings.phone_region)
            case Identifier.USER_ID:
                found = facts.user_id
            case Identifier.REQUEST_ID:
                found = facts.request_id
        if not isinstance(found, str) or not found.strip():
            raise InvalidInput(f'the input has no identifier of the kind "{kind}"')
        try:
            size = len(found.encode())
        except UnicodeEncodeError:
            raise InvalidInput("an identifier is not valid Unicode") from None
        if size > MAX_IDENTIFIER:
            raise InvalidInput(f"an identifier has at most {MAX_IDENTIFIER} bytes")
        return found

    def _part(self, boundary: Boundary, facts: ChannelFacts) -> str:
        if boundary not in self._boundaries:
            return ""
        match boundary:
            case Boundary.FLOW:
                return _name(boundary, facts.flow)
            case Boundary.PLATFORM:
                return _name(boundary, facts.platform)
            case Boundary.GATEWAY:
                return _name(boundary, facts.gateway)
            case Boundary.URL if self._settings.mode == KeyMode.KEYED:
                return url_part(facts.host, facts.path)
            case Boundary.URL:
                return legacy_url_part(facts.host, facts.path)


def _name(boundary: Boundary, text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise InvalidInput(
            f'the boundary "{boundary}" needs a name of 1 to 64 letters, digits and _ . / -'
        )
    return text
