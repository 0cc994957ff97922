"""Signing and checking webhooks (sessiond/gateways/standard_webhooks.py)."""

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from sessiond.core.codes import ErrorCode
from sessiond.core.errors import InvalidInput, Refused
from sessiond.gateways.standard_webhooks import SignedHeaders, parse_secret, sign, verify

NOW = 1_700_000_000
BODY = b'{"deal": 7}'
TEXT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_TEXT = "whsec_" + base64.b64encode(bytes(32)).decode()
SECRET = parse_secret(TEXT)
OTHER = parse_secret(OTHER_TEXT)


def signed(
    *, message_id: str = "msg_1", at: int = NOW, body: bytes = BODY, secret: str = TEXT
) -> SignedHeaders:
    signature = sign(parse_secret(secret), message_id=message_id, timestamp=at, body=body)
    return SignedHeaders(message_id, str(at), signature)


def refusal(headers: SignedHeaders, body: bytes = BODY, now: float = NOW) -> str:
    with pytest.raises(Refused) as caught:
        verify([SECRET], headers, body, now=now)
    assert caught.value.code is ErrorCode.UNAUTHORIZED
    return caught.value.message


def test_what_was_signed_is_accepted() -> None:
    """A signature of ours is right for the same id, time and bytes, and the id is returned."""
    assert verify([SECRET], signed(), BODY, now=NOW) == "msg_1"


def test_the_published_example_is_accepted() -> None:
    """The vector of the reference libraries' own tests, made by none of our code."""
    secret = parse_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = SignedHeaders(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    )

    assert verify([secret], headers, b'{"test": 2432232314}', now=1_614_265_330)


@given(st.text(min_size=0, max_size=60))
def test_the_reference_library_accepts_what_we_sign(text: str) -> None:
    """The independent implementation verifies our signatures."""
    body, now = text.encode(errors="ignore"), int(time.time())
    headers = {
        "webhook-id": "msg_2",
        "webhook-timestamp": str(now),
        "webhook-signature": sign(SECRET, message_id="msg_2", timestamp=now, body=body),
    }

    Webhook(TEXT).verify(body, headers, json_parse=False)


@given(st.text(min_size=0, max_size=60))
def test_we_accept_what_the_reference_library_signs(text: str) -> None:
    """We verify the independent implementation's signatures."""
    body = text.encode(errors="ignore").decode()
    signature = Webhook(TEXT).sign("msg_3", datetime.fromtimestamp(NOW, tz=UTC), body)

    headers = SignedHeaders("msg_3", str(NOW), signature)
    assert verify([SECRET], headers, body.encode(), now=NOW) == "msg_3"


def test_both_refuse_the_same_forgery() -> None:
    """A signature made with another secret convinces neither implementation."""
    now = int(time.time())
    forged = signed(at=now, secret=OTHER_TEXT)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": forged.signature or "",
    }

    with pytest.raises(WebhookVerificationError):
        Webhook(TEXT).verify(BODY, headers)
    refusal(forged, now=now)


def test_any_active_secret_will_do() -> None:
    """While a secret is being rotated, what the old and the new one signed is accepted."""
    for text in (TEXT, OTHER_TEXT):
        assert verify([SECRET, OTHER], signed(secret=text), BODY, now=NOW)


def test_any_signature_of_several_will_do() -> None:
    """A sender in rotation sends two signatures; unknown versions among them are passed over."""
    ours, theirs = signed().signature, signed(secret=OTHER_TEXT).signature
    headers = SignedHeaders("msg_1", str(NOW), f"v1a,AAAA v1,? v1,AAAA {theirs} v2 {ours}")

    assert verify([SECRET], headers, BODY, now=NOW)


def test_without_a_secret_nothing_is_accepted() -> None:
    """Fail closed: no secret configured means nobody can have signed it."""
    with pytest.raises(Refused, match="no signature"):
        verify([], signed(), BODY, now=NOW)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused(index: int, change: int) -> None:
    """Any single changed byte of the body makes the signature wrong."""
    body = bytearray(BODY)
    body[index] ^= change

    assert "right for these bytes" in refusal(signed(), bytes(body))


@pytest.mark.parametrize("missing", ["message_id", "timestamp", "signature"])
@pytest.mark.parametrize("value", [None, ""])
def test_every_header_is_needed(missing: str, value: str | None) -> None:
    """Without its id, its time or its signature a webhook is refused."""
    parts = {"message_id": "msg_1", "timestamp": str(NOW), "signature": signed().signature}

    assert "are needed" in refusal(SignedHeaders(**(parts | {missing: value})))


@pytest.mark.parametrize(
    ("age", "accepted"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_the_time_may_be_five_minutes_off_both_ways(age: int, accepted: bool) -> None:
    """Replays of yesterday's and postdated messages are refused; a clock a bit off is not."""
    headers = signed(at=NOW - age)
    if accepted:
        assert verify([SECRET], headers, BODY, now=NOW)
    else:
        assert "too far in the" in refusal(headers)


@pytest.mark.parametrize(
    "text", ["soon", "1e9", "-5", "1700000000.5", "١٧٠٠٠٠٠٠٠٠", "9" * 13, " 1"]
)
def test_a_time_is_digits(text: str) -> None:
    """What is not a plain number of seconds is refused, also what Python would read as one."""
    assert "whole number" in refusal(SignedHeaders("msg_1", text, signed().signature))


@pytest.mark.parametrize("message_id", ["a.b", "é", "a\x00b", "x" * 257])
def test_an_ambiguous_id_is_refused(message_id: str) -> None:
    """An id with a full stop could be re-read as id, time and body; no other odd id gets in either."""
    assert "webhook-id has" in refusal(SignedHeaders(message_id, str(NOW), signed().signature))
    with pytest.raises(InvalidInput):
        sign(SECRET, message_id=message_id, timestamp=NOW, body=BODY)


@given(st.text(max_size=80) | st.text(max_size=80).map("v1,{}".format))
def test_garbage_signatures_are_refused(text: str) -> None:
    """Whatever stands in the header, the outcome is a refusal and never another error."""
    refusal(SignedHeaders("msg_1", str(NOW), text))


def test_a_flood_of_signatures_is_cut() -> None:
    """Only the first sixteen signatures are looked at: each costs a comparison."""
    wrong = signed(secret=OTHER_TEXT).signature
    headers = SignedHeaders(
        "msg_1", str(NOW), " ".join([str(wrong)] * 16 + [str(signed().signature)])
    )

    refusal(headers)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("c2VjcmV0", "begins with whsec_"),
        ("whsec_???", "is base64"),
        ("whsec_AAAA", "24 to 64 bytes, not 3"),
        ("whsec_" + "A" * 100, "24 to 64 bytes, not 75"),
        ("whsec_é", "is base64"),
    ],
)
def test_a_secret_that_is_none_is_an_error(text: str, reason: str) -> None:
    """A mistyped secret is found when the settings are read, and is not repeated in the message."""
    with pytest.raises(InvalidInput, match=reason) as caught:
        parse_secret(text)
    assert text.removeprefix("whsec_") not in str(caught.value)


def test_a_secret_may_be_unpadded() -> None:
    """Base64 padding is optional, as in the reference libraries."""
    assert parse_secret(TEXT.rstrip("=")) == SECRET


def test_secrets_and_signatures_are_not_shown() -> None:
    """No repr holds key material."""
    assert repr(SECRET) == "WebhookSecret()"
    assert "v1" not in repr(signed())
