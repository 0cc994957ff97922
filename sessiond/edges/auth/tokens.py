"""From a token to who its bearer is, and the reverse for operators and ``sessiond dev``.

Signatures are PyJWT's business; times are compared here, on the server's own clock, because
websockets compare the same expiry later. No message holds any part of a token.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import jwt
from attrs import field, frozen

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import UserId, parse_user_id
from sessiond.core.ports import Clock
from sessiond.edges.auth.key_url import KeysAway, KeyUrl
from sessiond.edges.auth.keys import Algorithm, Key, read_jwks_file, read_pem_file, shared_secret
from sessiond.edges.auth.settings import AuthSettings
from sessiond.edges.auth.signed_token import SignedToken, read_json_object, read_token

__all__ = ["Identity", "TokenVerifier", "issue_token", "signing_key"]

#: What fits into a request head beside everything else; real tokens have 300 to 2000 bytes.
MAX_TOKEN_BYTES: Final = 8 * 1024

_MEANT_FOR_OTHERS: Final = "the token is meant for somebody else"
_ALGORITHMS: Final = frozenset(algorithm.value for algorithm in Algorithm)


@frozen
class Identity:
    """Whom a token speaks for; its repr shows no claims."""

    user: UserId
    expires_at: float | None = None
    """Wall-clock time from which the token is no longer accepted, leeway included."""
    claims: Mapping[str, object] = field(factory=dict, repr=False)


class TokenVerifier:
    """Verifies tokens with the keys of *settings*; reads key files once, so it blocks shortly.

    Raises:
      InvalidInput: a secret, file or URL of the settings is unusable; says which.

    """

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keys = _local_keys(settings)
        url = settings.jwks_url
        self._key_url = None if url is None else KeyUrl(url, settings, clock)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What an operator should be told at start."""
        if self._keys or self._key_url is not None:
            return ()
        return ("no token key is configured: every token will be refused",)

    async def verify(self, token: str) -> Identity:
        """Tell who the bearer of *token* is. Waits for the network only when keys must be fetched.

        Raises:
          Refused: ``unauthorized``; ``token_expired``; ``unavailable`` with a time to come back
            when the key may be one that cannot be fetched now.

        """
        parts = _take_apart(token)
        _check_signature(parts, await self._candidates(parts.algorithm, parts.key_id))
        claims = self._read_claims(parts.payload)
        expires_at = self._check_times(claims)
        return Identity(_user(claims), expires_at, MappingProxyType(claims))

    async def _candidates(self, algorithm: object, key_id: str | None) -> list[Key]:
        def select(keys: tuple[Key, ...]) -> list[Key]:
            return [key for key in keys if _fits(key, algorithm, key_id)]

        found = select(self._keys)
        is_settled = any(key.key_id is not None and key.key_id == key_id for key in found)
        if self._key_url is None or is_settled or algorithm == Algorithm.HS256:
            return found  # a URL serves no secrets
        try:
            return found + await self._key_url.find(select)
        except KeysAway:
            if found:
                return found
            raise Refused(
                ErrorCode.UNAVAILABLE,
                "tokens cannot be checked at the moment",
                retry_after=self._settings.jwks_min_interval_seconds,
            ) from None

    def _read_claims(self, payload: bytes) -> dict[str, object]:
        """Return the claims of a verified token that is meant for us and has what is required."""
        try:
            claims = read_json_object(payload)
        except InvalidInput as error:
            raise _refused(str(error)) from None
        settings = self._settings
        _require(claims, "sub")
        if settings.require_expiry:
            _require(claims, "exp")
        if settings.issuer is not None and _require(claims, "iss") != settings.issuer:
            raise _refused(_MEANT_FOR_OTHERS)
        if settings.audience is not None:
            audience = _require(claims, "aud")
            named = audience if isinstance(audience, list) else [audience]
            if settings.audience not in named:
                raise _refused(_MEANT_FOR_OTHERS)
        return claims

    def _check_times(self, claims: Mapping[str, object]) -> float | None:
        now, leeway = self._clock.now(), self._settings.leeway_seconds
        expires_at, valid_from = _time(claims, "exp"), _time(claims, "nbf")
        if valid_from is not None and valid_from - leeway > now:
            raise _refused("the token is not valid yet")
        if expires_at is None:
            return None
        if expires_at + leeway <= now:
            raise Refused(ErrorCode.TOKEN_EXPIRED, "the token has expired")
        return expires_at + leeway


def signing_key(settings: AuthSettings) -> Key:
    """Return the key that ``sessiond token`` signs with: the secret, or the private ``key_file``.

    Raises:
      InvalidInput: the settings hold only public keys, none, or an unusable one.

    """
    if settings.secret is not None:
        return shared_secret(settings.secret.encode())
    if settings.key_file is not None:
        key = read_pem_file(settings.key_file)
        if key.signing is not None:
            return key
    raise InvalidInput("issuing a token needs auth.secret, or a private key in auth.key_file")


def issue_token(
    key: Key,
    user: UserId,
    *,
    now: float,
    lifetime_seconds: float,
    settings: AuthSettings | None = None,
    claims: Mapping[str, object] | None = None,
) -> str:
    """Make a token for *user* that holds from *now* (wall clock) for *lifetime_seconds*.

    ``aud`` and ``iss`` are set to what *settings* ask for; *claims* are added and cannot replace
    the registered ones.

    Raises:
      InvalidInput: *key* can only verify, or the lifetime is not positive.

    """
    if key.signing is None:
        raise InvalidInput("a public key cannot issue tokens")
    if not lifetime_seconds > 0:
        raise InvalidInput("a token's lifetime is more than 0 seconds")
    payload = dict(claims or {})
    if settings is not None and settings.audience is not None:
        payload["aud"] = settings.audience
    if settings is not None and settings.issuer is not None:
        payload["iss"] = settings.issuer
    payload |= {"sub": user, "iat": int(now), "exp": math.ceil(now + lifetime_seconds)}
    headers = None if key.key_id is None else {"kid": key.key_id}
    return jwt.encode(payload, key.signing, algorithm=key.algorithm.value, headers=headers)


def _local_keys(settings: AuthSettings) -> tuple[Key, ...]:
    keys: list[Key] = []
    if settings.secret is not None:
        keys.append(shared_secret(settings.secret.encode()))
    if settings.key_file is not None:
        keys.append(read_pem_file(settings.key_file))
    if settings.jwks_file is not None:
        keys.extend(read_jwks_file(settings.jwks_file))
    return tuple(keys)


def _take_apart(token: str) -> SignedToken:
    """Read what keys are selected by, among the rest; nothing in it is trusted."""
    if not token:
        raise _refused("a token is needed")
    if len(token) > MAX_TOKEN_BYTES or not token.isascii():
        raise _refused("the token is malformed")
    try:
        parts = read_token(token)
    except InvalidInput as error:
        raise _refused(str(error)) from None
    if not isinstance(parts.algorithm, str) or parts.algorithm not in _ALGORITHMS:
        raise _refused("the token's algorithm is not accepted")
    return parts


def _check_signature(parts: SignedToken, keys: list[Key]) -> None:
    """Return when one of *keys*, each with its own algorithm, verifies the token."""
    if not keys:
        raise _refused("no key is known for this token")
    if not any(key.verifies(parts.signed, parts.signature) for key in keys):
        raise _refused("the token's signature is wrong")


def _require(claims: Mapping[str, object], name: str) -> object:
    value = claims.get(name)
    if value is None:
        raise _refused(f"the token has no {name}")
    return value


def _fits(key: Key, algorithm: object, key_id: str | None) -> bool:
    """Whether *key* may have signed: a key or token without an id fits every id of its algorithm."""
    is_named = key_id is None or key.key_id is None or key.key_id == key_id
    return is_named and key.algorithm.value == algorithm


def _time(claims: Mapping[str, object], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    try:
        seconds = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:
        seconds = math.inf
    if isinstance(value, bool) or not math.isfinite(seconds):
        raise _refused(f"the token's {name} is not a time")
    return seconds


def _user(claims: Mapping[str, object]) -> UserId:
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise _refused("the token's sub is not a string")
    try:
        return parse_user_id(subject)
    except InvalidInput as error:
        raise _refused(f"the token's sub cannot be used: {error}") from None


def _refused(message: str) -> Refused:
    return Refused(ErrorCode.UNAUTHORIZED, message)
