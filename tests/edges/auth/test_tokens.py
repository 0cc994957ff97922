"""From tokens to identities (sessiond/edges/auth/tokens.py)."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from attrs import define
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.core.ids import UserId
from sessiond.edges.auth.keys import PrivateKey, read_pem_file, shared_secret
from sessiond.edges.auth.settings import AuthSettings
from sessiond.edges.auth.tokens import TokenVerifier, issue_token, signing_key

NOW = 1_700_000_000.0
SECRET = "a shared secret of 32 bytes or so"
HS256 = AuthSettings(secret=SECRET)
USER = UserId("ama")
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)


@define
class StoppedClock:
    """A clock that stands still until somebody sets it."""

    at: float = NOW

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def verifier(settings: AuthSettings = HS256) -> TokenVerifier:
    return TokenVerifier(settings, StoppedClock())


def token(
    key: Any = SECRET, algorithm: str = "HS256", headers: Any = None, /, **claims: object
) -> str:
    payload = {"sub": "ama", "exp": int(NOW) + 60} | claims
    kept = {name: value for name, value in payload.items() if value is not ...}
    return jwt.encode(kept, key, algorithm=algorithm, headers=headers)


def encode(part: object) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


async def refusal(text: str, settings: AuthSettings = HS256) -> Refused:
    """What *text* is refused with; no refusal repeats any part of the token."""
    with pytest.raises(Refused) as caught:
        await verifier(settings).verify(text)
    assert not [part for part in text.split(".") if len(part) > 8 and part in str(caught.value)]
    return caught.value


async def test_a_good_token_tells_who_it_is() -> None:
    """User, expiry (leeway included) and all claims come out of a verified token."""
    identity = await verifier().verify(token(role="admin"))

    assert identity.user == "ama"
    assert identity.expires_at == NOW + 60 + 30
    assert identity.claims["role"] == "admin"


async def test_an_identity_hides_its_claims() -> None:
    """Claims may be personal: a repr shows none."""
    assert "hush" not in repr(await verifier().verify(token(email="hush")))


@pytest.mark.parametrize(
    "key", [RSA, ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()]
)
async def test_every_key_type_issues_and_verifies(key: PrivateKey, tmp_path: Path) -> None:
    """A token issued with a private key is accepted by who has only the public one."""
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    private.write_bytes(pem(key))
    public.write_bytes(public_pem(key))
    text = issue_token(
        signing_key(AuthSettings(key_file=str(private))), USER, now=NOW, lifetime_seconds=9
    )

    assert (await verifier(AuthSettings(key_file=str(public))).verify(text)).user == "ama"


def pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


async def test_no_token_is_refused() -> None:
    """An empty token is not a token."""
    assert (await refusal("")).message == "a token is needed"


async def test_a_bad_signature_is_refused() -> None:
    """A token signed with another secret, or changed after it was signed."""
    head, _, signature = token().split(".")
    changed = ".".join((head, encode({"sub": "kofi", "exp": NOW + 60}), signature))

    for text in (token("another secret that is long enough"), changed):
        assert (await refusal(text)).message == "the token's signature is wrong"


@pytest.mark.parametrize("algorithm", ["none", "NONE", "HS384", "HS512", "", None, 7, ["HS256"]])
async def test_a_wrong_algorithm_is_refused(algorithm: object) -> None:
    """``none``, other HMACs and nonsense are no algorithms here, whatever the signature is."""
    header = encode({"alg": algorithm, "typ": "JWT"})
    _, payload, signature = token().split(".")

    for last in ("", signature):
        refused = await refusal(f"{header}.{payload}.{last}")
        assert refused.code is ErrorCode.UNAUTHORIZED


async def test_a_public_key_is_never_a_secret(tmp_path: Path) -> None:
    """The confusion attack: HS256 with the bytes of the RSA public key as secret verifies nowhere."""
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(RSA))
    settings = AuthSettings(key_file=str(path))
    signed = encode({"alg": "HS256"}) + "." + encode({"sub": "ama", "exp": NOW + 60})
    forged = hmac.digest(path.read_bytes(), signed.encode(), hashlib.sha256)

    assert (await refusal(f"{signed}.{encode(forged)}", settings)).message == (
        "no key is known for this token"
    )
    assert (await verifier(settings).verify(token(RSA, "RS256"))).user == "ama"


async def test_an_rs256_key_verifies_no_other_rsa_signature(tmp_path: Path) -> None:
    """The same key with another algorithm is another key."""
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(RSA))

    for algorithm in ("RS384", "RS512", "PS256"):
        refused = await refusal(token(RSA, algorithm), AuthSettings(key_file=str(path)))
        assert "algorithm is not accepted" in refused.message


async def test_an_expired_token_says_so() -> None:
    """Expiry has its own code, so that a client fetches a new token instead of giving up."""
    assert (await refusal(token(exp=NOW - 30))).code is ErrorCode.TOKEN_EXPIRED


async def test_clocks_may_differ_by_the_leeway() -> None:
    """Just expired and not quite valid yet are accepted within the leeway."""
    identity = await verifier().verify(token(exp=NOW - 29, nbf=NOW + 29))

    assert identity.expires_at == NOW + 1


async def test_a_token_not_yet_valid_is_refused() -> None:
    """``nbf`` in the future."""
    assert (await refusal(token(nbf=NOW + 31))).message == "the token is not valid yet"


@pytest.mark.parametrize("claim", ["sub", "exp"])
async def test_a_required_claim_is_missed(claim: str) -> None:
    """No ``sub``, or no ``exp``: the message names it."""
    assert (await refusal(token(**{claim: ...}))).message == f"the token has no {claim}"


async def test_expiry_may_be_optional() -> None:
    """Where settings allow it a token holds for ever."""
    settings = AuthSettings(secret=SECRET, require_expiry=False)

    assert (await verifier(settings).verify(token(exp=...))).expires_at is None
    assert (await refusal(token(exp=NOW - 31), settings)).code is ErrorCode.TOKEN_EXPIRED


@pytest.mark.parametrize("value", ["soon", True, [1], float("inf"), 10**400])
@pytest.mark.parametrize("claim", ["exp", "nbf"])
async def test_a_time_that_is_none_is_refused(claim: str, value: object) -> None:
    """A claim that should be a time and is not."""
    refused = await refusal(token(**{claim: value}))
    assert refused.message in {f"the token's {claim} is not a time", "the token is malformed"}


@pytest.mark.parametrize("subject", [7, "", "x" * 129, "a\nb", ["ama"], {"id": 1}])
async def test_a_sub_that_names_nobody_is_refused(subject: object) -> None:
    """An empty, over-long or odd ``sub`` is no user id."""
    head = {"alg": "HS256", "typ": "JWT"}
    signed = encode(head) + "." + encode({"sub": subject, "exp": NOW + 60})
    signature = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)

    assert "the token's sub" in (await refusal(f"{signed}.{encode(signature)}")).message


@pytest.mark.parametrize(("asked", "claim"), [("audience", "aud"), ("issuer", "iss")])
async def test_a_token_for_somebody_else_is_refused(asked: str, claim: str) -> None:
    """Audience and issuer are compared when the settings ask for them, and must be there."""
    settings = AuthSettings(secret=SECRET, **{asked: "shop"})  # type: ignore[arg-type]

    assert (await verifier(settings).verify(token(**{claim: "shop"}))).user == "ama"
    assert "somebody else" in (await refusal(token(**{claim: "bank"}), settings)).message
    assert (await refusal(token(), settings)).message == f"the token has no {claim}"


async def test_an_audience_nobody_asked_for_does_not_matter() -> None:
    """Without the setting a token with ``aud`` is accepted."""
    assert (await verifier().verify(token(aud=["bank", "shop"]))).user == "ama"


@pytest.mark.parametrize(
    "text",
    [
        "a.b",
        "..",
        "a.b.c.d",
        "é.é.é",
        "\ud800",
        "x" * 9000,
        encode(b'{"alg":' + b"[" * 5000) + ".e30.c",
        encode([1]) + ".e30.c",
        token()[:-20],
        token().replace(".", ""),
    ],
)
async def test_garbage_is_refused(text: str) -> None:
    """Malformed, truncated, over-long, deeply nested: one refusal, never another error."""
    assert (await refusal(text)).code is ErrorCode.UNAUTHORIZED


async def test_a_signed_payload_may_still_be_garbage() -> None:
    """A right signature over something that is no object of claims."""
    for payload in (b"[1]", b"\xff", b"7", b'{"sub":' + b"[" * 4000):
        signed = encode({"alg": "HS256"}) + "." + encode(payload)
        signature = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
        assert (await refusal(f"{signed}.{encode(signature)}")).message == "the token is malformed"


@given(st.text(max_size=80) | st.lists(st.binary(max_size=30), min_size=3, max_size=3))
async def test_no_text_breaks_the_verifier(text: str | list[bytes]) -> None:
    """Random texts, and random bytes in the shape of a token, are refused."""
    await refusal(text if isinstance(text, str) else ".".join(encode(part) for part in text))


async def test_an_unknown_key_id_is_refused(tmp_path: Path) -> None:
    """A key of a set verifies only tokens that name it, or name none."""
    path = tmp_path / "keys.json"
    jwk = json.loads(RSAAlgorithm.to_jwk(RSA.public_key())) | {"kid": "one"}
    path.write_text(json.dumps({"keys": [jwk]}))
    settings = AuthSettings(jwks_file=str(path))

    for headers in ({"kid": "one"}, None):
        assert (await verifier(settings).verify(token(RSA, "RS256", headers))).user == "ama"
    refused = await refusal(token(RSA, "RS256", {"kid": "two"}), settings)
    assert refused.message == "no key is known for this token"


async def test_any_of_several_keys_without_ids_will_do(tmp_path: Path) -> None:
    """During a rotation two keys of one type are tried in turn; a third one is refused."""
    path = tmp_path / "keys.json"
    jwks = [json.loads(RSAAlgorithm.to_jwk(key.public_key())) for key in (OTHER_RSA, RSA)]
    path.write_text(json.dumps({"keys": jwks}))
    settings = AuthSettings(jwks_file=str(path), secret=SECRET)

    for text in (token(RSA, "RS256"), token(OTHER_RSA, "RS256"), token()):
        assert (await verifier(settings).verify(text)).user == "ama"
    third = rsa.generate_private_key(65537, 2048)
    assert "signature is wrong" in (await refusal(token(third, "RS256"), settings)).message


async def test_without_keys_every_token_is_refused() -> None:
    """Fail closed: nothing configured means nothing accepted, and a warning at start."""
    settings = AuthSettings()

    assert (await refusal(token(), settings)).message == "no key is known for this token"
    assert verifier(settings).warnings
    assert not verifier().warnings


def test_unusable_settings_are_found_at_start() -> None:
    """A short secret, a missing file or a bad URL is an error before the first token."""
    for settings in (
        AuthSettings(secret="short"),
        AuthSettings(key_file="/nowhere"),
        AuthSettings(jwks_file="/nowhere"),
        AuthSettings(jwks_url="http://keys.example"),
    ):
        with pytest.raises(InvalidInput):
            verifier(settings)


def test_settings_do_not_show_the_secret() -> None:
    """A repr of the settings has no secret in it."""
    assert SECRET not in repr(HS256)


async def test_an_issued_token_is_accepted() -> None:
    """What ``sessiond token`` prints opens the door it was made for; claims cannot change whose."""
    settings = AuthSettings(secret=SECRET, audience="shop", issuer="sessiond")
    text = issue_token(
        signing_key(settings),
        USER,
        now=NOW,
        lifetime_seconds=60,
        settings=settings,
        claims={"role": "admin", "sub": "kofi", "aud": "bank"},
    )
    identity = await verifier(settings).verify(text)

    assert (identity.user, identity.claims["role"]) == ("ama", "admin")
    assert (await refusal(text, AuthSettings(secret=SECRET, audience="bank"))).code


def test_who_cannot_sign_issues_nothing(tmp_path: Path) -> None:
    """A public key, no key, and a lifetime of nothing are errors."""
    path = tmp_path / "public.pem"
    path.write_bytes(public_pem(RSA))
    for settings in (AuthSettings(), AuthSettings(key_file=str(path))):
        with pytest.raises(InvalidInput, match="private key"):
            signing_key(settings)
    with pytest.raises(InvalidInput, match="public key"):
        issue_token(read_pem_file(str(path)), USER, now=NOW, lifetime_seconds=1)
    with pytest.raises(InvalidInput, match="more than 0"):
        issue_token(shared_secret(SECRET.encode()), USER, now=NOW, lifetime_seconds=0)


def test_a_named_key_is_named_in_what_it_signs() -> None:
    """A token carries the id of the key that signed it."""
    text = issue_token(shared_secret(SECRET.encode(), "one"), USER, now=NOW, lifetime_seconds=1)

    assert jwt.get_unverified_header(text)["kid"] == "one"
