"""What decides which tokens are accepted."""

from attrs import field, frozen
from attrs.validators import ge, gt

__all__ = ["AuthSettings"]


@frozen(kw_only=True)
class AuthSettings:
    """Where keys come from and which claims are asked for.

    Several sources may be set; a token is accepted when a key of any of them verifies it. With none
    set every token is refused.
    """

    secret: str | None = field(default=None, repr=False)
    """A shared secret, at least 32 bytes of UTF-8: tokens signed with HS256."""
    key_file: str | None = None
    """A PEM file with one key. Its type decides the one algorithm: RSA of at least 2048 bits is
    RS256, EC on P-256 is ES256, Ed25519 is EdDSA. A private key also issues (``sessiond token``)."""
    jwks_file: str | None = None
    """A JSON Web Key Set; keys of other types than those above and ``oct`` (HS256) are passed over."""
    jwks_url: str | None = None
    """Where a key set is fetched: ``https://``, or ``http://`` on loopback. Public keys only."""
    audience: str | None = None
    """What ``aud`` must be or hold. ``None``: a token that has an ``aud`` is still accepted."""
    issuer: str | None = None
    """What ``iss`` must be. ``None``: anything."""
    require_expiry: bool = True
    """Whether a token without ``exp`` is refused."""
    leeway_seconds: float = field(default=30.0, validator=ge(0))
    """How far other people's clocks may be off, for ``exp`` and ``nbf``."""
    jwks_refresh_seconds: float = field(default=300.0, validator=gt(0))
    """How old a fetched key set may get: how soon a key that was taken out stops to count."""
    jwks_min_interval_seconds: float = field(default=10.0, validator=gt(0))
    """How often the key set is fetched at most, whatever unknown key ids arrive."""
    jwks_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """How long one fetch may take, from connecting to the last byte."""
