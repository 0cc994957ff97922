"""Taking tokens apart (sessiond/edges/auth/signed_token.py)."""

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiond.core.errors import InvalidInput
from sessiond.edges.auth.signed_token import read_json_object, read_token

SECRET = "a shared secret of 32 bytes or so"
GOOD = jwt.encode({"sub": "ama"}, SECRET, headers={"kid": "one"})


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_header(**members: object) -> str:
    header = json.dumps({"alg": "HS256", **members}).encode()
    return f"{encode(header)}.{GOOD.split('.', 1)[1]}"


def test_the_parts_are_those_of_pyjwt() -> None:
    """Algorithm, key id, payload, what was signed and the signature, as PyJWT reads them."""
    parts = read_token(GOOD)
    known = jwt.api_jws.PyJWS().decode_complete(GOOD, SECRET, ["HS256"])

    assert (parts.algorithm, parts.key_id) == ("HS256", "one")
    assert (parts.payload, parts.signature) == (known["payload"], known["signature"])
    assert parts.signed == GOOD.rpartition(".")[0].encode()


def test_a_token_is_not_shown() -> None:
    """No part of it is in the repr."""
    assert repr(read_token(GOOD)) == "SignedToken()"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        f"{GOOD}.",
        f".{GOOD}",
        GOOD.replace(".", "..", 1),
        GOOD + "!",
        GOOD + "==",
        GOOD + "\n",
        GOOD.replace(".", " .", 1),
        GOOD[:-1] + "~",
        f"{encode(b'[]')}.e30.AAAA",
        f"{encode(b'{')}.e30.AAAA",
        f"{encode(b'{' * 5000)}.e30.AAAA",
        f"{encode(bytes([0xFF, 0xFE]))}.e30.AAAA",
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    """Parts that are missing, too many, not base64url or no JSON: one message, which repeats nothing."""
    with pytest.raises(InvalidInput, match=r"^the token is malformed$"):
        read_token(text)


def test_only_the_canonical_text_of_a_signature_will_do() -> None:
    """Unused bits of the last character and the other base64 alphabet would be another text of it."""
    raw = b"\xfb\xff" * 16
    canonical = encode(raw)
    head = GOOD.rpartition(".")[0]
    assert read_token(f"{head}.{canonical}").signature == raw
    assert read_token(f"{head}.{canonical}=").signature == raw
    for other in [canonical[:-1] + chr(ord(canonical[-1]) + 1), canonical.replace("_", "/")]:
        with pytest.raises(InvalidInput):
            read_token(f"{head}.{other}")


@pytest.mark.parametrize(
    "members",
    [
        {"crit": ["exp"]},
        {"crit": ["b64"], "b64": False},
        {"crit": []},
        {"b64": False},
        {"b64": "true"},
        {"kid": 7},
        {"kid": None},
    ],
)
def test_headers_that_change_the_meaning_are_refused(members: dict[str, object]) -> None:
    """A critical extension, an unencoded payload, a key id that is no text."""
    with pytest.raises(InvalidInput):
        read_token(with_header(**members))


def test_an_algorithm_may_be_anything_here() -> None:
    """Whose algorithm is accepted is the verifier's business."""
    assert read_token(with_header(alg=["none"])).algorithm == ["none"]
    assert read_token(with_header(b64=True)).algorithm == "HS256"


@pytest.mark.parametrize("text", [b"", b"[]", b"1", b"{", b"\xff", b'{"a":NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(text: bytes) -> None:
    """Claims and headers are objects."""
    with pytest.raises(InvalidInput):
        read_json_object(text)


@given(st.binary(), st.binary(), st.binary())
def test_any_bytes_come_back(header: bytes, payload: bytes, signature: bytes) -> None:
    """Whatever the payload and the signature are, they are read as they were written."""
    head = encode(json.dumps({"alg": "HS256", "x": header.hex()}).encode())
    parts = read_token(f"{head}.{encode(payload) or 'AA'}.{encode(signature)}")

    assert parts.payload == (payload or b"\0")
    assert parts.signature == signature
