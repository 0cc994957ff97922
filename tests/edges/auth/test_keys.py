"""Keys and the algorithms they are pinned to (sessiond/edges/auth/keys.py)."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from sessiond.core.errors import InvalidInput
from sessiond.edges.auth.keys import (
    Algorithm,
    PrivateKey,
    parse_jwks,
    read_jwks_file,
    read_pem_file,
    shared_secret,
)

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
OCT = {"kty": "oct", "k": base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()}
RSA_JWK = {"kid": "r", **json.loads(RSAAlgorithm.to_jwk(RSA.public_key()))}
EC_JWK = {"kid": "e", **json.loads(ECAlgorithm.to_jwk(EC.public_key()))}
ED_JWK = {"kid": "d", **json.loads(OKPAlgorithm.to_jwk(ED.public_key()))}


def document(*members: object) -> bytes:
    return json.dumps({"keys": members}).encode()


def public_pem(key: PrivateKey | ed448.Ed448PrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key: PrivateKey, password: bytes | None = None) -> bytes:
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, Algorithm.RS256), (EC, Algorithm.ES256), (ED, Algorithm.EDDSA)]
)
def test_the_type_of_a_pem_key_decides_its_algorithm(
    key: PrivateKey, algorithm: Algorithm, tmp_path: Path
) -> None:
    """RSA is RS256, P-256 is ES256, Ed25519 is EdDSA; only a private key can sign."""
    path = tmp_path / "key.pem"
    path.write_bytes(public_pem(key))
    public = read_pem_file(str(path))
    path.write_bytes(private_pem(key))
    private = read_pem_file(str(path))

    assert (public.algorithm, public.signing) == (algorithm, None)
    assert (private.algorithm, private.signing is None) == (algorithm, False)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an unencrypted PEM key"),
        (b"garbage", "not an unencrypted PEM key"),
        (private_pem(RSA, b"password"), "not an unencrypted PEM key"),
        (public_pem(RSA)[:-80], "not an unencrypted PEM key"),
        (public_pem(rsa.generate_private_key(65537, 1024)), "at least 2048 bits"),
        (public_pem(ec.generate_private_key(ec.SECP384R1())), "on P-256"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "RSA, EC on P-256, or Ed25519"),
    ],
)
def test_an_unusable_pem_file_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    """A key file that cannot be used is an error that names the file and says what is wrong."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)

    with pytest.raises(InvalidInput, match=reason) as caught:
        read_pem_file(str(path))
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is an error that names it."""
    for read in (read_pem_file, read_jwks_file):
        with pytest.raises(InvalidInput, match="nowhere: No such file"):
            read(str(tmp_path / "nowhere"))


def test_a_short_secret_is_refused() -> None:
    """HS256 needs 32 bytes; the message does not repeat the secret."""
    with pytest.raises(InvalidInput, match="at least 32 bytes") as caught:
        shared_secret(b"hush" * 7)
    assert "hush" not in str(caught.value)


def test_a_public_key_is_no_secret() -> None:
    """Text everybody may have, put where the secret belongs by mistake, would let everybody in."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with pytest.raises(InvalidInput, match="another kind"):
        shared_secret(pem)


def test_a_key_set_may_mix_types() -> None:
    """Each member is pinned by its own type."""
    keys = parse_jwks(document(RSA_JWK, EC_JWK, ED_JWK))

    assert [(key.key_id, key.algorithm.value) for key in keys] == [
        ("r", "RS256"),
        ("e", "ES256"),
        ("d", "EdDSA"),
    ]


@pytest.mark.parametrize(
    "member",
    [
        RSA_JWK | {"use": "enc"},
        RSA_JWK | {"key_ops": ["encrypt"]},
        RSA_JWK | {"key_ops": 7},
        RSA_JWK | {"alg": "RS512"},
        RSA_JWK | {"alg": "HS256"},
        RSA_JWK | {"kid": 7},
        RSA_JWK | {"n": "!!"},
        EC_JWK | {"crv": "P-384"},
        OCT | {"k": "c2hvcnQ"},
        {"kty": "unheard-of"},
        {},
        "text",
        None,
    ],
)
def test_members_that_are_not_for_us_are_passed_over(member: object) -> None:
    """One odd member of a key set does not cost the others."""
    assert len(parse_jwks(document(member, EC_JWK), are_secrets_allowed=True)) == 1


def test_a_secret_counts_only_where_secrets_may_be() -> None:
    """A file may hold HS256 secrets; what is served at a URL is not secret."""
    assert len(parse_jwks(document(OCT), are_secrets_allowed=True)) == 1
    with pytest.raises(InvalidInput, match="holds no key"):
        parse_jwks(document(OCT))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000])
def test_what_is_no_key_set_is_an_error(text: bytes) -> None:
    """Garbage is an error of ours, whatever its shape."""
    with pytest.raises(InvalidInput, match="not a JSON Web Key Set"):
        parse_jwks(text)


def test_a_huge_key_set_is_an_error() -> None:
    """Each key may cost a signature check, so there are at most 32."""
    with pytest.raises(InvalidInput, match="at most 32"):
        parse_jwks(document(*[EC_JWK] * 33))


def test_a_key_set_file_is_named_in_its_error(tmp_path: Path) -> None:
    """A file that holds no key set is an error that names it; one that does is read."""
    path = tmp_path / "keys.json"
    path.write_bytes(b"{}")
    with pytest.raises(InvalidInput, match=r"keys\.json: not a JSON Web Key Set"):
        read_jwks_file(str(path))
    path.write_bytes(document(OCT))

    assert read_jwks_file(str(path))[0].algorithm is Algorithm.HS256


@given(st.binary(max_size=60))
def test_no_bytes_break_the_parser(text: bytes) -> None:
    """Random bytes are refused, never another error."""
    with pytest.raises(InvalidInput):
        parse_jwks(text)


def test_no_repr_shows_key_material() -> None:
    """Neither a secret nor a key is shown."""
    assert repr(shared_secret(b"hush" * 8)) == (
        "Key(algorithm=<Algorithm.HS256: 'HS256'>, key_id=None)"
    )


@pytest.mark.parametrize("member", [OCT, RSA_JWK, EC_JWK, ED_JWK])
@given(signed=st.binary(), signature=st.binary() | st.binary(min_size=64, max_size=64))
def test_what_is_no_signature_verifies_nothing(
    member: dict[str, str], signed: bytes, signature: bytes
) -> None:
    """Bytes of any length are refused, not stumbled over."""
    (key,) = parse_jwks(document(member), are_secrets_allowed=True)
    assert not key.verifies(signed, signature)
