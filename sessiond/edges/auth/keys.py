"""Keys, each pinned to the one algorithm its type stands for.

The token's header only *selects* among keys; it never decides how one is used. So an RSA public
key cannot be mistaken for an HMAC secret (the confusion attack of RFC 8725, 2.1), and ``none`` is
no algorithm of any key.
"""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

import jwt
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sessiond.core.errors import InvalidInput

__all__ = ["Algorithm", "Key", "parse_jwks", "read_jwks_file", "read_pem_file", "shared_secret"]

#: RFC 7518, 3.2: a key of at least the size of the hash.
MIN_SECRET_BYTES: Final = 32

#: RFC 7518, 3.3.
MIN_RSA_BITS: Final = 2048

#: A token without a key id is tried with every key of its algorithm, so there must be few.
MAX_KEYS: Final = 32

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Algorithm(StrEnum):
    """The signature algorithms there are, by their JOSE names."""

    HS256 = "HS256"
    RS256 = "RS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


@frozen
class Key:
    """A key that verifies with *algorithm* and nothing else; its material is never shown."""

    algorithm: Algorithm
    verifying: PublicKey | bytes = field(repr=False)
    signing: PrivateKey | bytes | None = field(default=None, repr=False)
    """``None``: it can only verify."""
    key_id: str | None = None

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Whether *signature* is of *signed*, by this key."""
        return _ALGORITHMS[self.algorithm].verify(signed, self.verifying, signature)


#: PyJWT's implementations; ours are pinned to keys.
_ALGORITHMS: Final = {name: jwt.get_algorithm_by_name(name.value) for name in Algorithm}


def shared_secret(secret: bytes, key_id: str | None = None) -> Key:
    """Make the HS256 key of *secret*.

    Raises:
      InvalidInput: the secret is shorter than 32 bytes, or is a public key, a certificate.

    """
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidInput(f"a token secret has at least {MIN_SECRET_BYTES} bytes")
    try:
        _ALGORITHMS[Algorithm.HS256].prepare_key(secret)
    except jwt.InvalidKeyError:
        raise InvalidInput(
            "a token secret is not a key of another kind: those are public"
        ) from None
    return Key(Algorithm.HS256, secret, secret, key_id)


def read_pem_file(path: str) -> Key:
    """Read the public or private key in the PEM file at *path*; blocks shortly.

    Raises:
      InvalidInput: it cannot be read, is encrypted, holds no key, or one of another type or size.

    """
    pem = _read(path)
    try:
        if b"PRIVATE KEY" in pem:
            return _asymmetric(serialization.load_pem_private_key(pem, password=None))
        return _asymmetric(serialization.load_pem_public_key(pem))
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput(f"{path}: not an unencrypted PEM key") from None


def read_jwks_file(path: str) -> tuple[Key, ...]:
    """Read the key set in the file at *path*; blocks shortly. ``oct`` keys are secrets for HS256.

    Raises:
      InvalidInput: it cannot be read, or holds no usable key.

    """
    try:
        return parse_jwks(_read(path), are_secrets_allowed=True)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error}") from None


def parse_jwks(document: bytes, *, are_secrets_allowed: bool = False) -> tuple[Key, ...]:
    """Read a JSON Web Key Set (RFC 7517, 5), passing over keys that are not for our signatures.

    Raises:
      InvalidInput: it is no key set, holds more than 32 keys, or none that is usable.

    """
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError):
        parsed = None
    members = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(members, list):
        raise InvalidInput("not a JSON Web Key Set")
    if len(members) > MAX_KEYS:
        raise InvalidInput(f"a key set has at most {MAX_KEYS} keys")
    keys = tuple(_usable(members, are_secrets_allowed=are_secrets_allowed))
    if not keys:
        raise InvalidInput("the key set holds no key for RS256, ES256, EdDSA or HS256 signatures")
    return keys


def _usable(members: Iterable[object], *, are_secrets_allowed: bool) -> Iterator[Key]:
    for jwk in members:
        if not isinstance(jwk, dict) or not _is_for_signatures(jwk):
            continue
        try:
            key = _from_jwk(jwk)
        except (InvalidInput, jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
            continue
        is_allowed = are_secrets_allowed or key.algorithm is not Algorithm.HS256
        if is_allowed and jwk.get("alg", key.algorithm.value) == key.algorithm.value:
            yield key


def _is_for_signatures(jwk: dict[str, object]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )


def _from_jwk(jwk: dict[str, object]) -> Key:
    key_id = jwk.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise InvalidInput("kid is a string")
    # The algorithm is left to the key's type: "alg" is compared afterwards.
    parsed = jwt.PyJWK({name: value for name, value in jwk.items() if name != "alg"}).key
    if isinstance(parsed, bytes):
        return shared_secret(parsed, key_id)
    return _asymmetric(parsed, key_id)


def _asymmetric(key: object, key_id: str | None = None) -> Key:
    """Pin the algorithm of a public or private *key*."""
    if isinstance(key, PrivateKey):
        public, signing = key.public_key(), key
    elif isinstance(key, PublicKey):
        public, signing = key, None
    else:
        raise InvalidInput("a key is RSA, EC on P-256, or Ed25519")
    return Key(_algorithm_of(public), public, signing, key_id)


def _algorithm_of(public: PublicKey) -> Algorithm:
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < MIN_RSA_BITS:
            raise InvalidInput(f"an RSA key has at least {MIN_RSA_BITS} bits")
        return Algorithm.RS256
    if isinstance(public, ec.EllipticCurvePublicKey):
        if not isinstance(public.curve, ec.SECP256R1):
            raise InvalidInput("an EC key is on P-256")
        return Algorithm.ES256
    return Algorithm.EDDSA


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from None
